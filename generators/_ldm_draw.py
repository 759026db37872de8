"""What `ldm` is made of once it is fitted, and how its latents become pictures.

Latents are drawn as `ddpm` draws pictures, in windows where a frame is larger than the crops that
were learnt, and then decoded as a whole: windows leave no seam that the decoder could show.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._ddpm_draw import Drawing, Size, by_size, denoiser_of, sampled
from parhelion.generators._denoiser import Denoiser
from parhelion.generators._ldm_autoencoder import Autoencoder, built
from parhelion.generators._superres_scale import area_mean
from parhelion.generators._whole_images import to_image
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Annotation, Image

if TYPE_CHECKING:
    from parhelion.generators._denoiser_config import SeenFrames
    from parhelion.generators._trained import Fitted
    from parhelion.generators.ldm import LdmConfig, SeenLatents


class LatentDenoiser(nn.Module):
    """What draws latents, and what takes them to pictures, in one file of weights."""

    def __init__(self, denoiser: Denoiser, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.denoiser, self.autoencoder = denoiser, autoencoder


def latent_denoiser_of(config: "LdmConfig", seen: "SeenLatents") -> LatentDenoiser:
    """The networks that were fitted, with torch's current random state."""
    autoencoder = built(seen.architecture, seen.channels)
    denoiser = denoiser_over(autoencoder, config, seen)
    denoiser.worse = denoiser_over(autoencoder, config, seen)
    return LatentDenoiser(denoiser, autoencoder)


def denoiser_over(
    autoencoder: Autoencoder, config: "LdmConfig", seen: "SeenFrames", shown: int = 0
) -> Denoiser:
    """The denoiser of its latents, with torch's current random state; `shown` as in `ddpm`."""
    channels = {"channels": autoencoder.latent_channels}
    return denoiser_of(config, seen.model_copy(update=channels), shown)


def latent_size(size: Size, factor: int) -> Size:
    """(h, w) of the latents that cover a picture of `size` (H, W)."""
    return -(-size[0] // factor), -(-size[1] // factor)


def shrunk(planes: Tensor, factor: int) -> Tensor:
    """Planes of y (N, P, H, W) at the size of latents, by area means: of a class, its share.

    They are continued by their last row and column first, as pictures are.
    """
    height, width = planes.shape[2:]
    if not planes.shape[1]:
        return planes.new_zeros(len(planes), 0, *latent_size((height, width), factor))
    right, below = -width % factor, -height % factor
    return area_mean(functional.pad(planes, (0, right, 0, below), "replicate"), factor)


def pictures(
    drawing: Drawing,
    fitted: "Fitted",
    requests: Sequence[Request],
    layouts: Sequence[Annotation],
    batch: int,
) -> list[Image]:
    """One picture for each request and its y; latents of one size are drawn together."""

    def drawn(some: Sequence[Request], theirs: Sequence[Annotation], size: Size) -> Tensor:
        return latents(drawing, fitted, some, theirs, size)

    def shown(z: Tensor, size: Size) -> Image:
        return decoded(fitted.network, z, size)

    return by_size(drawing, requests, layouts, batch, drawn, shown)


def latents(
    drawing: Drawing,
    fitted: "Fitted",
    requests: Sequence[Request],
    layouts: Sequence[Annotation],
    size: Size,
) -> Tensor:
    """Latents (N, L, h, w) of pictures of one size (H, W), drawn together."""
    network, factor = fitted.network.denoiser, fitted.network.autoencoder.factor
    return sampled(
        network,
        drawing.told(requests, layouts, size),
        latent_size(size, factor),
        latent_size(fitted.seen.size, factor),
        [request.seed for request in requests],
        drawing.mix(),
        drawing.walk(requests, network),
        drawing.precision(),
    )


@torch.inference_mode()
def decoded(network: LatentDenoiser, z: Tensor, size: Size) -> Image:
    """The picture of latents (L, h, w), alone: large ones take a decoder's memory one by one."""
    return to_image(network.autoencoder.decode(z[None])[0, :, : size[0], : size[1]])
