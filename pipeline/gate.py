"""The gate: oracles re-read the labels from a generated image, and what they refuse goes.

k oracles are trained on source and reference frames, each without one fold of the groups; a frame,
and whatever descends from it, is judged by the oracle that never saw its group. What counts as
faithful is calibrated per condition on true frames of that condition, read in the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline import gate_scores
from parhelion.pipeline.contracts import FrameSet, Progress, silent
from parhelion.pipeline.folded_gate import (
    MOST_CALIBRATING,
    FoldedGate,
    GateConfig,
    GateState,
    Oracle,
    Verdict,
    evenly_spread,
    fold_folder,
    training_mix,
    verdict_of,
)
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate_calibration import CellThreshold, TrueFrame, calibrate
from parhelion.pipeline.gate_folds import fold_groups
from parhelion.pipeline.gate_scores import Reading
from parhelion.pipeline.provenance import GateRecord
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import (
    Segmenter,
    common_classes,
    fit_segmenter,
    label_spaces,
)


@dataclass(frozen=True, eq=False)
class Gate(FoldedGate[Segmenter]):
    """A fitted gate of stencils."""

    SCORE: ClassVar[str] = "contrast of the label against its own shifted and mirrored copies"
    NOTE: ClassVar[str] = ""
    STATE: ClassVar[str] = "gate.json"
    ORACLE: ClassVar[type[Oracle]] = Segmenter

    def judge(self, frame: Frame, parent: Frame | None = None) -> Verdict:
        """Whether the labels of `frame` are still true. `parent` serves where uncalibrated."""
        if frame.stencil is None:
            return verdict_of(frame, GateRecord(verdict="uncalibrated"), "")
        reading, lost = self.read(frame), self.state.config.lost_transmission
        score = gate_scores.contrast(reading)
        cell = self.threshold(frame.conditions.cell)
        least, why = self._least(cell, parent)
        kept = gate_scores.without_lost(frame, lost, _unfaithful(reading, cell))
        judged = replace(frame, stencil=kept)
        scores = (("contrast", score), ("agreement", gate_scores.agreement(reading)))
        record = self.record(frame, least, scores, _newly_ignored(frame, judged))
        reason = f"contrast {score:.3f} is below {least:.3f}, {why}: the stencil no longer fits"
        return verdict_of(judged, record, "" if score >= least else reason)

    def read(self, frame: Frame) -> Reading:
        """The reading of `frame` by the oracle that never saw its group."""
        lost = self.state.config.lost_transmission
        return gate_scores.read(self.oracle_of(frame), frame.image, frame, lost)

    def _least(self, cell: CellThreshold | None, parent: Frame | None) -> tuple[float, str]:
        """The least contrast that passes, and whose measure that is."""
        if cell is not None and cell.contrast is not None:
            share = f"{1 - (cell.level or 0):.0%} of {cell.cell} groups"
            return cell.contrast, f"which the true frames of at least {share} reach"
        if parent is None or parent.stencil is None:
            return 0.0, "where a copy moved aside fits as well"
        ratio = self.state.config.parent_ratio
        return max(0.0, ratio * gate_scores.contrast(self.read(parent))), (
            f"{ratio:.0%} of its parent's"
        )


def fit_gate(
    source: FrameSet,
    reference: FrameSet,
    config: GateConfig,
    workdir: Path,
    seed: int,
    progress: Progress = silent,
) -> Gate:
    """All folds one after another, then the thresholds. Resumes from `workdir`."""
    total = config.folds * config.oracle.steps
    for fold in range(config.folds):
        before = fold * config.oracle.steps

        def fold_progress(done: int, _: int, before: int = before) -> None:
            progress(before + done, total)

        fit_fold(fold, source, reference, config, workdir, seed, fold_progress)
    return assemble(source, reference, config, workdir, seed)


def fit_fold(
    fold: int,
    source: FrameSet,
    reference: FrameSet,
    config: GateConfig,
    workdir: Path,
    seed: int,
    progress: Progress = silent,
) -> Segmenter:
    """The oracle that never sees the groups of `fold`; folds may be fitted side by side.

    Raises ValueError where a group is in both sets, or where the classes have no common level.
    """
    folds = fold_groups(source, reference, config.folds, seed)
    classes = common_classes(label_spaces(source) | label_spaces(reference))
    oracle = fit_segmenter(
        training_mix(source, reference, folds, fold, config),
        classes,
        config.oracle,
        seed_of("gate.fold", seed, fold),
        fold_folder(workdir, fold),
        progress,
    )
    oracle.save(fold_folder(workdir, fold))
    return oracle


def assemble(
    source: FrameSet, reference: FrameSet, config: GateConfig, workdir: Path, seed: int
) -> Gate:
    """The gate from its fitted folds: true frames are read, thresholds set."""
    oracles = Gate.loaded_oracles(workdir, config.folds)
    folds = fold_groups(source, reference, config.folds, seed)
    gate = Gate(GateState(config=config, folds=folds, thresholds=()), oracles)
    true_frames = (_as_seen(gate, frame) for s in (source, reference) for frame in _spread(s))
    thresholds = calibrate(
        true_frames,
        config.false_reject,
        config.confidence,
        config.pixel_false_ignore,
        config.fewest_reference,
    )
    return replace(gate, state=gate.state.model_copy(update={"thresholds": thresholds}))


def _spread(frames: FrameSet) -> Iterator[Frame]:
    """Labelled frames of a set, evenly spread where there are very many."""
    for i in evenly_spread(len(frames), MOST_CALIBRATING):
        frame = frames[i]
        if frame.stencil is not None:
            yield frame


def _as_seen(gate: Gate, frame: Frame) -> TrueFrame:
    reading = gate.read(frame)
    return TrueFrame(
        cell=frame.conditions.cell,
        group_id=frame.group_id,
        contrast=gate_scores.contrast(reading),
        classes=reading.classes,
        y=reading.y,
        faithfulness=gate_scores.faithfulness(reading),
    )


def _unfaithful(reading: Reading, cell: CellThreshold | None) -> NDArray[np.bool_]:
    """(h, w): pixels whose class fits worse than it does on nearly all true frames."""
    floors = {f.scene_class: f.faithfulness for f in cell.floors} if cell else {}
    least = np.full(256, -np.inf, dtype=np.float32)
    for index, c in enumerate(reading.classes):
        least[index] = floors.get(c, -np.inf)
    below: NDArray[np.bool_] = gate_scores.faithfulness(reading) < least[reading.y]
    return below


def _newly_ignored(before: Frame, after: Frame) -> float:
    assert before.stencil is not None
    assert after.stencil is not None
    return float((before.stencil != after.stencil).mean())
