"""sdedit: a parent's picture drawn anew from part of its noise, p(x | y, parent).

Meng et al. 2022, "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential
Equations", algorithm 1: noise of some level hides details of the parent, and a trained denoiser
puts others in their place. More noise, more of the wanted conditions and less of the parent. Any
trained `ddpm` serves; the simulated frame that becomes a real one needs no other model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from parhelion.generators._trained import Drawn, Fitted, TrainedConfig
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.contracts import FitReport, Progress, Request, TrainingData, silent


class SdeditConfig(DdpmConfig):
    """How much of the parent is drawn anew; and the settings of the `ddpm` that draws."""

    strength: Annotated[float, Field(gt=0, le=1)] = 0.5  # 0 would be the parent, 1 is pure noise
    trained: str = ""  # folder of a saved `ddpm` or `sdedit`; empty: one is trained here

    idle: ClassVar[frozenset[str]] = DdpmConfig.idle | {"strength", "trained"}


class Sdedit(Ddpm):
    """Draws the parent's layout under other conditions, after its picture."""

    NAME: ClassVar[str] = "sdedit"
    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[TrainedConfig]] = SdeditConfig

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """As `ddpm`; or takes up the one in the folder `trained`, whose network settings win.

        Raises ValueError where the folder holds none.
        """
        if not self.config.trained:
            return super().fit(data, workdir, seed, progress)
        source = Ddpm.load(Path(self.config.trained))
        drawing = {name: getattr(self.config, name) for name in SdeditConfig.idle}
        learnt = source.config.model_dump(exclude=set(SdeditConfig.idle))
        self.config = SdeditConfig(**learnt, **drawing)
        self._fitted = fitted = source.whole_fit
        return FitReport(
            steps=0,
            groups_digest=fitted.seen.groups_digest,
            checkpoint_sha256=fitted.checkpoint_sha256,
            frames_per_cell=fitted.seen.frames_per_cell,
        )

    def unsupported(self, request: Request) -> str | None:
        """Also a request without a picture to start from."""
        if request.parent is None:
            return f"{self.NAME} starts from a picture: give a parent, or use ddpm"
        return super().unsupported(request)

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """Pictures of the parents' sizes. Raises CannotHonour."""
        from parhelion.generators._ddpm_draw import pictures
        from parhelion.generators._noise_levels import level_at

        layouts = [self._layout(request) for request in requests]
        start = level_at(self.config.strength)
        images = pictures(fitted.network, requests, layouts, self.config, fitted.seen, start)
        return [Drawn(image=image, y=y) for image, y in zip(images, layouts, strict=True)]


PART = Sdedit
