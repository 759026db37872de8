"""One step of the training of `superres`: noise is taken off the detail of crops.

Detail is what a crop's small picture lacks when it is enlarged by bicubic interpolation (the
residual of Li et al. 2022, SRDiff). It is divided by its spread in the training crops over
SIGMA_DATA, so that the levels and scales of `_noise_levels` fit it as they fit pictures.
"""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from parhelion.generators._annotated_crops import AnnotatedCrops, Crops
from parhelion.generators._ddpm_step import DdpmStep
from parhelion.generators._denoiser import Told
from parhelion.generators._health import Probe
from parhelion.generators._noise_levels import SIGMA_DATA
from parhelion.generators._superres_draw import with_picture
from parhelion.generators._superres_scale import coarsened, enlarged, root_mean_square, small_of
from parhelion.generators._superres_settings import SHOWN, SuperresConfig
from parhelion.generators._trained import Seen
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.seeds import rng

MEASURED = 64  # crops whose detail is measured
LEAST = 1 / 255  # of -1..1: a spread that is divided by


class SuperresStep(DdpmStep):
    """The denoiser of detail."""

    shown: ClassVar[int] = SHOWN
    draws_classes: ClassVar[bool] = False
    config: SuperresConfig

    def __init__(
        self, config: SuperresConfig, data: TrainingData, seed: int, device: torch.device
    ) -> None:
        super().__init__(config, data, seed, device)
        self.spread = 1.0
        measured = self.target(self.crops.batch(MEASURED, rng("superres.spread", seed)))
        self.spread = max(root_mean_square(measured), LEAST) / SIGMA_DATA

    def crops_of(self, data: TrainingData, read: frozenset[str]) -> "CoarseCrops":
        """Crops whose layers are now and then as coarse as an enlarged parent's."""
        return CoarseCrops(self.config, data, read)

    def target(self, crops: Crops) -> Tensor:
        """The detail of crops (N, C, H, W), of spread SIGMA_DATA."""
        return (crops.x - self._base(crops)) / self.spread

    def picture(self, drawn: Tensor, crops: Crops) -> Tensor:
        """Detail (N, C, H, W) on what it is the detail of."""
        return self._base(crops).to(drawn) + self.spread * drawn

    def told(self, crops: Crops) -> Told:
        """Also the small pictures of crops, enlarged."""
        return with_picture(super().told(crops), self._base(crops))

    def probe(self) -> Probe:
        """How much detail there is and where: its sign has no mean that could be compared."""
        drawn, real = super().probe()
        return Probe(drawn.abs(), real.abs())

    def seen(self, seen: Seen) -> Seen:
        """Also the spread of detail."""
        return super().seen(seen).model_copy(update={"spread": self.spread})

    def _base(self, crops: Crops) -> Tensor:
        return enlarged(small_of(crops.x, self.config.scale), self.config.scale)


class CoarseCrops(AnnotatedCrops):
    """Draws batches in which a share of the crops has layers as coarse as an enlarged parent's."""

    def __init__(self, config: SuperresConfig, data: TrainingData, read: frozenset[str]) -> None:
        super().__init__(config, data, read)
        self.coarse_share, self.scale = config.coarse_share, config.scale

    def batch(self, n: int, random: np.random.Generator) -> Crops:
        """N crops, of which some are coarse."""
        crops = super().batch(n, random)
        coarse = torch.from_numpy(random.random(n) < self.coarse_share)
        return crops._replace(planes=coarsened(crops.planes, coarse, self.scale))
