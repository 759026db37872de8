"""Settings of `superres`, and what it knows about its training frames; light to import."""

from typing import ClassVar, Literal

from pydantic import model_validator

from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._settings import AboveZero, Positive, Share
from parhelion.generators.ddpm import DdpmConfig

SHOWN = 3  # planes of the enlarged picture beside the noise, whether it is grey or not


class SuperresConfig(DdpmConfig):
    """How much larger, and the settings of the denoiser that draws the detail.

    `crop` is in pixels of the large picture.
    """

    scale: Literal[2, 4] = 4  # pixels of the drawn picture to one of the parent, either way
    coarse_share: Share = 0.5  # of crops whose layers are as coarse as an enlarged parent's
    calls: Positive = 5  # the parent has settled most of the picture
    sigma_min: AboveZero = 0.2  # from lower noise walls came out mottled
    start: AboveZero = 1.0  # noise level where walks begin, twice the spread of detail; more: grain
    unconditional_share: Share = 0.0  # the parent's picture is always there to be told of

    drawing: ClassVar[frozenset[str]] = DdpmConfig.drawing | {"start"}

    @model_validator(mode="after")
    def _enlarges(self) -> "SuperresConfig":
        if self.stride % self.scale:
            raise ValueError(
                f"patch times the halvings must be a multiple of scale = {self.scale}, got "
                f"{self.stride}: in larger pictures windows would start within a parent's pixel"
            )
        return self


class SeenDetail(SeenFrames):
    """What is known about the training frames, and the scale of their detail."""

    spread: float = 1.0  # of -1..1, that one unit of what the network draws stands for
