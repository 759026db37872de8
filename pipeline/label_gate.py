"""The gate of frames with an image-level class and no stencil: classifiers re-read the class.

As in `gate`, k oracles are trained, each without one fold of the groups, and a frame is judged by
the one that never saw its group. The score is the probability that the oracle gives to the frame's
own class; the least one that passes is set per condition on true frames, read in the same way.

Drawn frames descend from source frames, so that true source frames calibrate frame by frame: the
threshold bounds the share of frames of these same groups that is refused. Reference frames come
from other groups. Many of them may share one, as all digits of one hand do; such a group counts
once, with the score that a share `false_reject` of its frames falls below.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from parhelion.pipeline.classification import Reader, fit_reader, labelled, vocabularies
from parhelion.pipeline.contracts import FrameSet
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
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.gate_calibration import CellThreshold, conformal_threshold
from parhelion.pipeline.gate_folds import fold_groups
from parhelion.pipeline.gate_rates import GateRates, Rate
from parhelion.pipeline.planted_faults import Fault
from parhelion.pipeline.provenance import GateRecord
from parhelion.pipeline.seeds import rng, seed_of


class TrueLabel(NamedTuple):
    """A true frame as an oracle saw it that did not see its group."""

    cell: str
    group_id: str
    unit: str  # what counts as one observation: the frame, or its group
    own: float  # probability of its own class


@dataclass(frozen=True, eq=False)
class LabelGate(FoldedGate[Reader]):
    """A fitted gate of image-level classes."""

    SCORE: ClassVar[str] = "the probability of the frame's own class"
    NOTE: ClassVar[str] = (
        "Labels are classes of whole images here: the share is of true frames of the groups that "
        "are drawn from, or of reference groups with more than that share of frames refused."
    )
    STATE: ClassVar[str] = "label_gate.json"
    ORACLE: ClassVar[type[Oracle]] = Reader

    def judge(self, frame: Frame, parent: Frame | None = None) -> Verdict:
        """Whether the class of `frame` is still true. `parent` serves where uncalibrated."""
        read = self.read(frame)
        if read is None:
            return verdict_of(frame, GateRecord(verdict="uncalibrated"), "")
        own, likeliest = read
        least, why = self._least(self.threshold(frame.conditions.cell), parent)
        scores = (("own class", own), ("agreement", float(likeliest == _name(frame))))
        record = self.record(frame, least, scores)
        reason = (
            f"probability {own:.3f} of its class {_name(frame)} is below {least:.3f}, {why}: "
            f"it looks like {likeliest}"
        )
        return verdict_of(frame, record, "" if own >= least else reason)

    def read(self, frame: Frame) -> tuple[float, str] | None:
        """(probability of the own class, the likeliest class); None where nothing can be read."""
        oracle = self.oracle_of(frame)
        if frame.label is None or frame.label.vocabulary != oracle.vocabulary:
            return None
        p = oracle.probabilities(frame.image)
        return float(p[frame.label.index]), oracle.vocabulary[int(p.argmax())]

    def _least(self, cell: CellThreshold | None, parent: Frame | None) -> tuple[float, str]:
        """The least probability that passes, and whose measure that is."""
        if cell is not None and cell.contrast is not None:
            share = f"{1 - (cell.level or 0):.0%} of the true frames of {cell.cell}"
            return cell.contrast, f"which at least {share} reach"
        read = None if parent is None else self.read(parent)
        if read is None:
            return 0.0, "the least there is"
        ratio = self.state.config.parent_ratio
        return ratio * read[0], f"{ratio:.0%} of its parent's"


def fit_label_fold(
    fold: int, source: FrameSet, reference: FrameSet, config: GateConfig, workdir: Path, seed: int
) -> Reader:
    """The oracle that never sees the groups of `fold`. Raises ValueError as `fold_groups` does."""
    folds = fold_groups(source, reference, config.folds, seed)
    mix = training_mix(source, reference, folds, fold, config)
    words = vocabularies([*source.keys, *reference.keys])
    oracle = fit_reader(mix, words[0], config.label_oracle, seed_of("gate.fold", seed, fold))
    oracle.save(fold_folder(workdir, fold))
    return oracle


def assemble_labels(
    source: FrameSet, reference: FrameSet, config: GateConfig, workdir: Path, seed: int
) -> LabelGate:
    """The gate from its fitted folds: true frames are read, thresholds set, faults tried."""
    oracles = LabelGate.loaded_oracles(workdir, config.folds)
    folds = fold_groups(source, reference, config.folds, seed)
    gate = LabelGate(GateState(config=config, folds=folds, thresholds=()), oracles)
    seen = [
        TrueLabel(f.conditions.cell, f.group_id, f.group_id if as_groups else f.frame_id, read[0])
        for frames, as_groups in ((source, False), (reference, True))
        for f in _true_frames(frames)
        if (read := gate.read(f)) is not None
    ]
    gate = _with(gate, thresholds=calibrate_labels(seen, config))
    trial = label_rates(gate, [*_true_frames(reference if len(reference) else source)], seed)
    return _with(gate, trial=trial)


def calibrate_labels(frames: Iterable[TrueLabel], config: GateConfig) -> tuple[CellThreshold, ...]:
    """Thresholds of every cell of conditions that occurs, sorted by its name."""
    cells: dict[str, list[TrueLabel]] = defaultdict(list)
    for frame in frames:
        cells[frame.cell].append(frame)
    return tuple(_threshold(cell, cells[cell], config) for cell in sorted(cells))


def _threshold(cell: str, frames: Sequence[TrueLabel], config: GateConfig) -> CellThreshold:
    units: dict[str, list[float]] = defaultdict(list)
    for frame in frames:
        units[frame.unit].append(frame.own)
    least: float | None = None
    level: float | None = None
    if len(frames) >= config.fewest_reference:
        alpha = config.false_reject
        scores = [float(np.quantile(own, alpha, method="lower")) for own in units.values()]
        least, level = conformal_threshold(scores, alpha, config.confidence)
    groups = len({frame.group_id for frame in frames})
    return CellThreshold(cell=cell, frames=len(frames), groups=groups, contrast=least, level=level)


def label_rates(gate: LabelGate, frames: Sequence[Frame], seed: int) -> tuple[GateRates, ...]:
    """Judges true frames as they are and under another class, cell by cell of conditions."""
    cells: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        cells[frame.conditions.cell].append(frame)
    rates = []
    for cell in sorted(cells):
        threshold = gate.threshold(cell)
        wrong = [relabelled(frame, seed) for frame in cells[cell]]
        rates.append(
            GateRates(
                cell=cell,
                calibrated=threshold is not None and threshold.contrast is not None,
                level=threshold.level if threshold else None,
                false_reject=_rejected(gate, cells[cell]),
                caught=((Fault.SWAPPED, _rejected(gate, wrong)),),
            )
        )
    return tuple(rates)


def relabelled(frame: Frame, seed: int) -> Frame:
    """The frame under another class of its vocabulary, as a swapped label would have it."""
    if frame.label is None:
        raise ValueError(f"a label fault needs a label; frame {frame.frame_id} has none")
    count = len(frame.label.vocabulary)
    step = int(rng("label_gate.swap", seed, frame.frame_id).integers(1, count))
    other: ImageLabel = frame.label.model_copy(update={"index": (frame.label.index + step) % count})
    return replace(frame, label=other)


def _rejected(gate: LabelGate, frames: Sequence[Frame]) -> Rate:
    return Rate(hits=sum(not gate.judge(frame).accepted for frame in frames), trials=len(frames))


def _true_frames(frames: FrameSet) -> Iterator[Frame]:
    there = [i for i, key in enumerate(frames.keys) if labelled(key)]
    return (frames[there[i]] for i in evenly_spread(len(there), MOST_CALIBRATING))


def _with(gate: LabelGate, **changes: object) -> LabelGate:
    return replace(gate, state=gate.state.model_copy(update=changes))


def _name(frame: Frame) -> str:
    return frame.label.name if frame.label is not None else ""
