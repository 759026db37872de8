"""What generators over a trained `ddpm` share: they train one, or take one up from its folder."""

from pathlib import Path
from typing import ClassVar

from parhelion.generators._denoiser_config import DenoiserConfig
from parhelion.generators._trained import TrainedConfig
from parhelion.generators.ddpm import Ddpm
from parhelion.pipeline.contracts import FitReport, Progress, TrainingData, silent


class OverDdpmConfig(DenoiserConfig):
    """Which `ddpm` draws: one that was saved, or one that is trained with these settings."""

    trained: str = ""  # folder of a saved one; empty: it is trained here

    idle: ClassVar[frozenset[str]] = DenoiserConfig.idle | {"trained"}


class OverDdpm(Ddpm):
    """Base of those that draw with a `ddpm` in another manner than from pure noise."""

    Config: ClassVar[type[TrainedConfig]] = OverDdpmConfig

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """As `ddpm`; or takes up the one in the folder `trained`, whose network settings win."""
        if not self.config.trained:
            return super().fit(data, workdir, seed, progress)
        source = Ddpm.load(Path(self.config.trained))
        fields = set(DenoiserConfig.model_fields) - DenoiserConfig.idle
        learnt = source.config.model_dump(include=fields)
        ours = self.config.model_dump(exclude=fields)
        self.config = type(self.config)(**learnt, **ours)
        self._fitted = fitted = source.whole_fit
        return FitReport(
            steps=0,
            groups_digest=fitted.seen.groups_digest,
            checkpoint_sha256=fitted.checkpoint_sha256,
            frames_per_cell=fitted.seen.frames_per_cell,
        )
