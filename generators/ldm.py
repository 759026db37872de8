"""ldm: latent diffusion, p(x | y), for frames wider than about 256 pixels.

Rombach, Blattmann, Lorenz, Esser, Ommer 2022, "High-Resolution Image Synthesis with Latent
Diffusion Models": an autoencoder takes pictures to latents of a few channels, 4 or 8 times as
small either way; the denoiser of `ddpm` works on these, and the autoencoder draws the picture. The
autoencoder is trained first, in the same fit (`_ldm_step.py`), or comes from a folder.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import JsonValue, model_validator

from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._settings import AboveZero, Positive, Weight
from parhelion.generators._trained import Fitted, Learner, Seen, TrainedConfig
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.contracts import CannotHonour, Likelihood, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Frame, Image

if TYPE_CHECKING:
    import torch
    from torch import nn

    from parhelion.generators._ddpm_draw import Size
    from parhelion.generators._denoiser import Told


# Settings of an autoencoder that is trained here.
TRAINS = (
    *("latent_channels", "autoencoder_width", "autoencoder_depth", "autoencoder_steps"),
    *("autoencoder_rate", "kl_weight"),
)


class LdmConfig(DdpmConfig):
    """The autoencoder, and the settings of the denoiser of its latents.

    `crop` is in pixels of the picture, and a multiple of `factor` times the network's stride. On a
    GPU think of autoencoder_width 64, autoencoder_depth 2 and 100,000 autoencoder_steps.
    """

    # Autoencoder
    factor: Literal[4, 8] = 4  # pixels of the picture to one of its latents, either way
    autoencoder: str = ""  # a folder with an AutoencoderKL of diffusers; none: one is trained here
    latent_channels: Positive = 4
    autoencoder_width: Positive = 16  # channels at full size, up to 4 times below; multiples of 8
    autoencoder_depth: Positive = 1  # residual blocks at every size
    autoencoder_steps: Positive = 2000  # before the denoiser's; none with one from a folder
    autoencoder_batch: Positive = 8  # crops
    autoencoder_rate: AboveZero = 1e-3  # Adam
    kl_weight: Weight = 1e-6  # of the pull of latents towards N(0, 1)

    # Denoiser
    patch: Positive = 1  # latents are small already
    log_sigma_mean: float = -0.4  # as Karras et al. 2024 (EDM2) train on latents

    elsewhere: ClassVar[frozenset[str]] = DdpmConfig.elsewhere | {
        "autoencoder"
    }  # its weights count

    @model_validator(mode="after")
    def _codes(self) -> "LdmConfig":
        if self.autoencoder_width % 8:
            raise ValueError(
                f"autoencoder_width must be a multiple of 8, got {self.autoencoder_width}"
            )
        if unheeded := self._unheeded():
            raise ValueError(
                f"the autoencoder in {self.autoencoder} is trained already, got "
                f"{', '.join(unheeded)}, which would change nothing: drop that"
            )
        if self.crop and any(side % self.divisor for side in self.crop):
            raise ValueError(
                f"crop must be multiples of {self.divisor} (factor times patch times the "
                f"halvings), got {self.crop}"
            )
        return self

    def _unheeded(self) -> list[str]:
        """What was set, to another value than its default, and is nothing to an autoencoder from a
        folder.
        """
        fields = type(self).model_fields
        return [n for n in TRAINS if self.autoencoder and getattr(self, n) != fields[n].default]

    @property
    def divisor(self) -> int:
        """Pixels of a picture to one pixel of the denoiser at its smallest size, either way."""
        return int(self.factor * self.patch * 2 ** (len(self.multiples) - 1))


class SeenLatents(SeenFrames):
    """What is known about the training frames, and the autoencoder that coded them."""

    architecture: dict[str, JsonValue] = {}  # of the autoencoder, as AutoencoderKL takes it


class Ldm(Ddpm):
    """Draws frames of any layout, class and conditions of its training frames, by their latents.

    It learns the frames of `target`, or of `source` where there is none. What is saved draws
    without the folder of `autoencoder`.
    """

    NAME: ClassVar[str] = "ldm"
    VERSION: ClassVar[str] = "8"
    Config: ClassVar[type[TrainedConfig]] = LdmConfig
    seen_as: ClassVar[type[Seen]] = SeenLatents

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._ldm_step import LdmStep

        return LdmStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "nn.Module":
        from parhelion.generators._ldm_draw import latent_denoiser_of

        return latent_denoiser_of(self.config, seen)

    def rests_on(self) -> tuple[str, ...]:
        """Also the autoencoder that was trained elsewhere, wherever it lies."""
        from parhelion.generators._ldm_autoencoder import digests

        folder = self.config.autoencoder
        return (*super().rests_on(), *(digests(folder) if folder else ()))

    def unready(self) -> str | None:
        """Also names the folder of the autoencoder where it is missing, or is another's."""
        if (lacks := super().unready()) or not self.config.autoencoder:
            return lacks
        from parhelion.generators._ldm_autoencoder import lacking

        return lacking(self.config)

    def pictures(
        self, fitted: Fitted, requests: Sequence[Request], layouts: Sequence[Annotation]
    ) -> list[Image]:
        """One for each request and its y, out of its latents."""
        from parhelion.generators._ldm_draw import pictures

        return pictures(self, fitted, requests, layouts, self.config.draw_batch)

    def told(
        self, requests: Sequence[Request], layouts: Sequence[Annotation], size: "Size"
    ) -> "Told":
        """Class, conditions and layout of each, the layout at the size of latents."""
        from parhelion.generators._ldm_draw import shrunk

        known = super().told(requests, layouts, size)
        return known._replace(beside=shrunk(known.beside, self.config.factor))

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Raises CannotHonour: a density of latents bounds none of pictures."""
        raise CannotHonour(
            f"{self.NAME} knows how likely latents are, which says nothing of grey levels: ask "
            "ddpm, vae or pca for their likelihood"
        )


PART = Ldm
