"""The downstream check: does a small model get better with generated frames, at equal steps?

Two arms train the same network for the same steps on the same frames; one fills a stated share of
every batch with generated frames. Both are judged on unseen true frames. The group, not the row, is
the unit: intervals leave out one group at a time, differences are paired by group.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from parhelion.pipeline.classification import Reader, ReaderSettings
from parhelion.pipeline.contracts import FrameSet, PartConfig, Progress, silent
from parhelion.pipeline.downstream_scores import (
    CellCounts,
    SliceChange,
    SliceScore,
    compare,
    scores,
)
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import (
    Segmenter,
    SegmenterSettings,
    Share,
    common_classes,
    fit_segmenter,
    label_spaces,
)


class DownstreamConfig(PartConfig):
    """The check's network and how much of each batch is what."""

    network: SegmenterSettings = SegmenterSettings(steps=200)
    label_network: ReaderSettings = ReaderSettings()  # where frames have a label and no stencil
    target_share: Share = 0.2  # of every batch from the few target frames, in both arms
    generated_share: Share = 0.4  # of every batch of the treated arm

    @model_validator(mode="after")
    def _one_batch(self) -> Self:
        taken = self.target_share + self.generated_share
        if taken > 1:
            raise ValueError(f"target_share and generated_share fill at most a batch, got {taken}")
        return self


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArmResult(_Result):
    """One arm: what it was trained on and how it did."""

    name: str
    shares: tuple[tuple[str, float], ...]  # of every batch
    steps: int
    seed: int
    fit_digest: str
    scores: tuple[SliceScore, ...]


class DownstreamResult(_Result):
    """Both arms and their differences."""

    base: ArmResult
    treated: ArmResult
    changes: tuple[SliceChange, ...]
    note: str  # how far the figures carry
    measure: str = "mean IoU"
    model: str = "U-Net on MobileNetV2"

    @property
    def gains(self) -> tuple[SliceChange, ...]:
        return tuple(c for c in self.changes if c.tone == "gain")

    @property
    def harms(self) -> tuple[SliceChange, ...]:
        return tuple(c for c in self.changes if c.tone == "harm")


def arm_shares(config: DownstreamConfig, *, generated: bool) -> dict[str, float]:
    """Shares of source, target and generated frames in every batch of an arm."""
    drawn = config.generated_share if generated else 0.0
    rest = 1.0 - config.target_share - drawn
    return {"source": rest, "target": config.target_share, "generated": drawn}


def shares_of(shares: Mapping[str, float], there: Collection[str]) -> dict[str, float]:
    """The shares of the sets that are there, filling the whole batch; none that is zero."""
    kept = {name: share for name, share in shares.items() if name in there and share > 0}
    return {name: share / sum(kept.values()) for name, share in kept.items()}


def run_arm(
    train_sets: Mapping[str, tuple[FrameSet, float]],
    settings: SegmenterSettings,
    seed: int,
    workdir: Path,
    progress: Progress = silent,
) -> Segmenter:
    """Trains one arm on named sets with their shares; resumes from `workdir`.

    Arms with equal settings and seed start from equal weights and take equal steps.
    """
    mix = [(frames, share) for frames, share in train_sets.values() if len(frames) and share > 0]
    spaces = {space for frames, _ in mix for space in label_spaces(frames)}
    return fit_segmenter(
        mix, common_classes(spaces), settings, seed_of("downstream", seed), workdir, progress
    )


def arm_result(
    name: str,
    segmenter: Segmenter | Reader,
    cells: Mapping[str, CellCounts],
    shares: Mapping[str, float],
    seed: int,
) -> ArmResult:
    """An arm's training in figures and its scores."""
    return ArmResult(
        name=name,
        shares=tuple(shares.items()),
        steps=segmenter.story.settings.steps,
        seed=seed,
        fit_digest=segmenter.story.fit_digest,
        scores=scores(cells),
    )


def downstream_result(
    base: tuple[ArmResult, Mapping[str, CellCounts]],
    treated: tuple[ArmResult, Mapping[str, CellCounts]],
) -> DownstreamResult:
    """Both arms side by side. Raises ValueError where their steps differ."""
    if base[0].steps != treated[0].steps:
        raise ValueError(f"arms take equal steps, got {base[0].steps} and {treated[0].steps}")
    note = (
        "Indicative: one seed. Intervals cover the choice of judge groups, "
        "not the chance in training."
    )
    changes = compare(base[1], treated[1])
    return DownstreamResult(base=base[0], treated=treated[0], changes=changes, note=note)
