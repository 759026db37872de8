"""The network of every diffusion generator: D(x; sigma, y), the mean clean picture.

A U-Net of diffusers inside the scales of `_noise_levels`, which draws what the mean picture of a
layout leaves (`_mean_picture`). It is told the level, a y vector (class and conditions) and, as
planes beside the noisy picture, what has a place: layers of y, or another picture. Told nothing it
is D(x; sigma), which guidance needs (Ho and Salimans 2022). Squares of `patch` pixels are put
behind each other first, after Hoogeboom, Heek, Salimans 2023 (section 3.2): most of the time goes
where pictures are large.

Nothing in the loss holds the size of what passes between the blocks, as each normalises what it
reads: there it grew until numbers of 1e11 went through the network, in which all that was told was
lost. So, after Karras et al. 2024 (EDM2), every block gives back unit size, filters are no longer
than 1, and have no biases: at unit size these made the smallest layers say the same of every
picture, as attention did too, which is left to be asked for. What is told still scales and shifts.

Legend: N = batch, C = channels of a picture, B = of what stands beside it, H, W = pixels, Y =
entries of a y vector, E = of the embedding.
"""

from typing import Any, NamedTuple

import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from parhelion.generators._bands import joined, split
from parhelion.generators._mean_picture import MeanPicture
from parhelion.generators._noise_levels import SIGMA_DATA, Scales, scales
from parhelion.generators._read_y import ReadY
from parhelion.generators._refine import Refine

GROUPS = 8  # of channels, each normalised by itself
HEAD = 8  # channels of a head of attention
READ = 4  # channels that what stands beside a pixel is read into
SAID = 5  # channels in which squares speak of a pixel, besides those of the picture
FINE = 24  # channels at full size
FREE = ("conv_out.weight", "refine.draw.weight", "refine.tell.weight")  # filters of any norm
STREAM = (Downsample2D, Upsample2D, ResnetBlock2D, Attention)  # what a U-Net is a chain of
TINY = 1e-4  # beside a norm that is divided by


class Told(NamedTuple):
    """What a denoiser is told about N pictures."""

    vector: Tensor  # (N, Y)
    beside: Tensor  # (N, B, H, W); B may be 0
    heard: Tensor  # (N,) 1, or 0 where the vector is not told
    seen: Tensor  # (N,) 1, or 0 where what stands beside is not told

    def unheard(self, where: Tensor) -> "Told":
        """Without the vector where `where` (N,) is true."""
        return self._replace(heard=self.heard * (~where).float())

    def silenced(self, where: Tensor) -> "Told":
        """Nothing told where `where` (N,) is true."""
        return self.unheard(where)._replace(seen=self.seen * (~where).float())

    def to(self, device: torch.device) -> "Told":
        """On a device, what has a place with channels last."""
        beside = self.beside.to(device, memory_format=torch.channels_last)
        return Told(self.vector.to(device), beside, self.heard.to(device), self.seen.to(device))


def told(vector: Tensor, beside: Tensor) -> Told:
    """All of it told."""
    return Told(vector, beside, torch.ones(len(vector)), torch.ones(len(vector)))


class Denoiser(nn.Module):
    """D of equation 7 (Karras et al. 2022), about the mean m: untrained, m + c_skip (x - m)."""

    spreads: Tensor  # (2, K) of the bands of pictures, and of what the mean leaves of them

    def __init__(
        self,
        *,
        channels: int,
        beside: int,
        y_size: int,
        patch: int,
        width: int,
        multiples: tuple[int, ...],
        depth: int,
        attention: bool,
    ) -> None:
        super().__init__()
        self.worse: Denoiser | None = None  # itself, trained less: what it is guided away from
        self.channels, self.patch = channels, patch
        self.stride = patch * 2 ** (len(multiples) - 1)
        squared = patch**2
        embedding = 4 * width
        bands = (self.stride & -self.stride).bit_length()  # as often as it halves, and means
        self.register_buffer("spreads", torch.full((2, bands), SIGMA_DATA / bands**0.5))
        self.read_y = ReadY(y_size)
        self.embed = nn.Sequential(
            nn.Linear(y_size + 1, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        read = READ * squared if beside else 0
        self.read_beside = nn.Conv2d(beside * squared, read, 3, padding=1) if beside else None
        self.mean = MeanPicture(channels, beside, y_size + 1) if beside else None
        if self.mean is not None:
            self.mean.requires_grad_(False)  # learnt before all else
        attends = [False] * (len(multiples) - 1) + [attention]  # at the smallest size only
        unet: Any = UNet2DModel  # untyped
        self.unet: nn.Module = unet(
            in_channels=channels * squared + read,
            out_channels=(channels + SAID) * squared,
            block_out_channels=tuple(width * multiple for multiple in multiples),
            down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends),
            up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in attends[::-1]),
            layers_per_block=depth,
            attention_head_dim=HEAD,
            norm_num_groups=GROUPS,
            add_attention=attention,
            resnet_time_scale_shift="scale_shift",
            class_embed_type="identity",
        )
        held_in_size(self.unet)
        for parameter in self.unet.get_submodule("conv_out").parameters():
            nn.init.zeros_(parameter)
        self.refine = Refine(channels, channels + SAID, FINE)

    @torch.no_grad()
    def shorten(self) -> None:
        """Shortens filters whose norm is above 1; after every update. Those that draw stay free,
        and the mean, which learns no more.
        """
        for name, parameter in self.named_parameters():
            if parameter.requires_grad and parameter.ndim > 1 and not name.endswith(FREE):
                norm = parameter.flatten(1).norm(dim=1).clamp(min=1)
                parameter.div_(norm.view(-1, *[1] * (parameter.ndim - 1)))

    def forward(self, x: Tensor, sigma: Tensor, told: Told) -> Tensor:
        """Clean pictures (N, C, H, W) float32 of noisy ones at levels (N,).

        H and W are multiples of `stride`.
        """
        c = self.scales(sigma, told)
        mean = self.mean_of(told)
        bands = split(x - mean, self.spreads.shape[1])
        noisy = joined(bands, c.into)
        seen = pixel_unshuffle(noisy, self.patch)
        if self.read_beside is not None:
            beside = pixel_unshuffle(told.beside * _over(told.seen), self.patch)
            seen = torch.cat([seen, self.read_beside(beside)], dim=1)
        embedded = self.embed(self.heard(told))
        said = pixel_shuffle(self.unet(seen, c.noise, class_labels=embedded).sample, self.patch)
        F = said[:, : self.channels] + self.refine(noisy, said, c.noise)
        drawn: Tensor = mean + joined(bands, c.skip) + _over(c.out) * F.float()
        return drawn

    def heard(self, told: Told) -> Tensor:
        """(N, Y + 1): the vector in units of its spread, and whether it is told."""
        vector = self.read_y(told.vector) * told.heard[:, None]
        return torch.cat([vector, told.heard[:, None]], dim=1)

    def mean_of(self, told: Told) -> Tensor:
        """The mean picture (N, C, H, W) of what stands beside; nought where nothing does."""
        if self.mean is None:
            return told.beside.new_zeros(len(told.seen), self.channels, 1, 1)
        mean: Tensor = self.mean(told.beside, self.heard(told)).float()
        return mean * _over(told.seen)

    def scales(self, sigma: Tensor, told: Told) -> Scales:
        """Those of what the mean leaves of pictures of which so much is told."""
        return scales(sigma, self.spreads[told.seen.long()])


def held_in_size(unet: nn.Module) -> None:
    """Takes constants from the convolutions and norms of a U-Net but from its end, and lets every
    block give back unit size.
    """
    for name, module in unet.named_modules():
        if isinstance(module, STREAM):
            module.register_forward_hook(at_unit_size)
        if isinstance(module, nn.Conv2d) and name != "conv_out":
            module.register_parameter("bias", None)
        if isinstance(module, nn.GroupNorm) and name != "conv_norm_out":
            module.register_parameter("weight", None)
            module.register_parameter("bias", None)


def at_unit_size(module: nn.Module, inputs: object, x: Tensor) -> Tensor:
    """X (N, C, h, w) with a root mean square of 1 in every picture; a forward hook."""
    norm = torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True, dtype=torch.float32)
    at_size: Tensor = x * (x[0].numel() ** 0.5 / (norm + TINY)).to(x.dtype)
    return at_size


def _over(c: Tensor) -> Tensor:
    return c[:, None, None, None]
