"""What generators over a trained `ddpm` share: they train one, or take one up from its folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from parhelion.generators._denoiser_config import DenoiserConfig
from parhelion.generators._trained import TrainedConfig, checkpoint_in, saved_in, version_in
from parhelion.generators.ddpm import Ddpm
from parhelion.pipeline.contracts import (
    CannotHonour,
    FitReport,
    Likelihood,
    Progress,
    TestGroupInFit,
    TrainingData,
    silent,
)
from parhelion.pipeline.frame import Frame

OURS = frozenset({"device", "threads"})  # settings of whoever draws, not of whoever trained
LEARNT = frozenset(DenoiserConfig.model_fields) - DenoiserConfig.idle() - OURS  # come with weights


class OverDdpmConfig(DenoiserConfig):
    """Which `ddpm` draws: one that was saved, or one that is trained with these settings."""

    trained: str = ""  # folder of a saved one; empty: it is trained here

    elsewhere: ClassVar[frozenset[str]] = DenoiserConfig.elsewhere | {
        "trained"
    }  # its weights count


class OverDdpm(Ddpm):
    """Base of those that draw with a `ddpm` in another manner than from pure noise."""

    Config: ClassVar[type[TrainedConfig]] = OverDdpmConfig

    def unready(self) -> str | None:
        """Says so where the folder `trained` holds no `ddpm` of this version, or where settings of
        its network and training are given beside it.
        """
        folder = self.config.trained
        wanted = f"ddpm of version {Ddpm.VERSION}"
        if not folder:
            return super().unready()
        if (name := _saved(Path(folder))) != wanted:
            return (
                f"{self.NAME}: wanted a saved {wanted} in {folder}, got {name}: name another "
                "folder, or leave `trained` empty to train one here"
            )
        if self._fitted is None and (idle := self._idle()):
            return (
                f"{self.NAME}: got {', '.join(idle)}, which the ddpm in {folder} brings along and "
                "which would change nothing: drop them, or leave `trained` empty"
            )
        return None

    def rests_on(self) -> tuple[str, ...]:
        """The weights in the folder `trained`, wherever it lies."""
        folder = self.config.trained
        return (checkpoint_in(Path(folder)),) if folder else super().rests_on()

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Raises CannotHonour: how likely its pictures are, given their parents, nobody knows."""
        raise CannotHonour(
            f"{self.NAME} draws p(x | y, parent), of which no likelihood is known: ask ddpm for "
            "that of p(x | y)"
        )

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """As `ddpm`; or takes up the one in the folder `trained`, whose network settings win.
        Raises ValueError where there is none, TestGroupInFit where it has learnt from test groups.
        """
        if not self.config.trained:
            return super().fit(data, workdir, seed, progress)
        if lacks := self.unready():
            raise ValueError(lacks)
        ours = {name: getattr(self.config, name) for name in OURS}
        source = Ddpm.load(Path(self.config.trained), **ours)
        learnt = source.config.model_dump(include=set(LEARNT))
        ours = self.config.model_dump(exclude=set(LEARNT))
        self.config = type(self.config)(**learnt, **ours)
        taken = source.whole_fit
        if seen := sorted(data.test_groups & set(taken.seen.learnt_from)):
            raise TestGroupInFit(
                f"{self.NAME}: the ddpm in {self.config.trained} has learnt from {len(seen)} "
                f"groups that are kept from training here, {', '.join(seen[:3])} among them: train "
                "one without them"
            )
        self._fitted = fitted = self._draws_with(taken.network, taken.seen)
        return FitReport(
            steps=0,
            groups_digest=fitted.seen.groups_digest,
            checkpoint_sha256=fitted.checkpoint_sha256,
            frames_per_cell=fitted.seen.frames_per_cell,
        )

    def _idle(self) -> list[str]:
        """Settings, other than by default, that a trained `ddpm` brings along."""
        default = type(self.config)()
        return [n for n in sorted(LEARNT) if getattr(self.config, n) != getattr(default, n)]


def _saved(folder: Path) -> str:
    version = version_in(folder)
    return f"{saved_in(folder)} of version {version}" if version else "none"
