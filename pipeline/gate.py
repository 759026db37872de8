"""The gate: oracles re-read the labels from a generated image, and what they refuse goes.

k oracles are trained on source and reference frames, each without one fold of the groups; a frame,
and whatever descends from it, is judged by the oracle that never saw its group. What counts as
faithful is calibrated per condition on true frames of that condition, read in the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parhelion.pipeline import gate_scores
from parhelion.pipeline.classification import ReaderSettings
from parhelion.pipeline.contracts import FrameSet, PartConfig, Progress, silent
from parhelion.pipeline.files import model_from, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate_calibration import CellThreshold, TrueFrame, calibrate
from parhelion.pipeline.gate_folds import Folds, fold_groups, without_fold
from parhelion.pipeline.gate_rates import GateRates
from parhelion.pipeline.gate_scores import Reading
from parhelion.pipeline.provenance import GateRecord
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import (
    Segmenter,
    SegmenterSettings,
    Share,
    common_classes,
    fit_segmenter,
    label_spaces,
)

STATE = "gate.json"
MOST_CALIBRATING = 400  # true frames of a set that are read for calibration, evenly spread


class GateConfig(PartConfig):
    """How strict the gate is and how its oracles are trained."""

    false_reject: Annotated[float, Field(gt=0, lt=0.5)] = (
        0.05  # share of groups with a true frame refused, per condition
    )
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9  # that the rate holds, whatever was drawn
    pixel_false_ignore: Annotated[float, Field(ge=0, lt=0.5)] = (
        0.01  # share of a class's true pixels
    )
    fewest_reference: Annotated[int, Field(ge=1)] = (
        8  # frames, below it a condition is uncalibrated
    )
    parent_ratio: Share = 0.5  # of the parent's contrast, asked where uncalibrated
    lost_transmission: Share = 0.03  # pixels with less light left become IGNORE
    folds: Annotated[int, Field(ge=2)] = 2
    reference_share: Annotated[float, Field(gt=0, lt=1)] = 0.6  # of every training batch
    # Larger and longer than a plain segmenter: 8 pixels of 256 are to be told in fog.
    oracle: SegmenterSettings = SegmenterSettings(width=128, height=80, steps=250)
    label_oracle: ReaderSettings = ReaderSettings()  # where frames have a label and no stencil


class GateState(PartConfig):
    """A fitted gate without its networks."""

    config: GateConfig
    folds: Folds
    thresholds: tuple[CellThreshold, ...]
    trial: tuple[GateRates, ...] = ()  # on its own reference frames, each with faults planted


@dataclass(frozen=True, eq=False)
class Verdict:
    """The gate's answer: the frame with its record, unfaithful pixels IGNORE, and why."""

    frame: Frame
    accepted: bool
    reason: str  # a sentence for the quarantine; empty where accepted

    @property
    def record(self) -> GateRecord:
        assert self.frame.provenance.gate is not None
        return self.frame.provenance.gate


@dataclass(frozen=True, eq=False)
class Gate:
    """A fitted gate."""

    SCORE: ClassVar[str] = "contrast of the label against its own shifted and mirrored copies"
    NOTE: ClassVar[str] = ""

    state: GateState
    oracles: tuple[Segmenter, ...]  # oracles[f] never saw the groups of fold f

    def judge(self, frame: Frame, parent: Frame | None = None) -> Verdict:
        """Whether the labels of `frame` are still true. `parent` serves where uncalibrated."""
        if frame.stencil is None:
            return verdict_of(frame, GateRecord(verdict="uncalibrated"), "")
        c = self.state.config
        reading = self.read(frame)
        score = gate_scores.contrast(reading)
        cell = self.threshold(frame.conditions.cell)
        least, why = self._least(cell, parent)
        calibrated = cell is not None and cell.contrast is not None
        accepted = score >= least
        unfaithful = _unfaithful(reading, cell)
        judged = replace(
            frame, stencil=gate_scores.without_lost(frame, c.lost_transmission, unfaithful)
        )
        record = GateRecord(
            verdict=("accepted" if calibrated else "uncalibrated") if accepted else "rejected",
            scores=(("contrast", score), ("agreement", gate_scores.agreement(reading))),
            thresholds=(
                ("contrast", least),
                ("false_reject", cell.level if cell and cell.level is not None else c.false_reject),
                ("true_frames", float(cell.frames if cell else 0)),
                ("true_groups", float(cell.groups if cell else 0)),
            ),
            ignored_share=_newly_ignored(frame, judged),
        )
        reason = f"contrast {score:.3f} is below {least:.3f}, {why}: the stencil no longer fits"
        return verdict_of(judged, record, "" if accepted else reason)

    def read(self, frame: Frame) -> Reading:
        """The reading of `frame` by the oracle that never saw its group."""
        oracle = self.oracles[self.state.folds.of(frame.group_id)]
        return gate_scores.read(oracle, frame.image, frame, self.state.config.lost_transmission)

    def threshold(self, cell: str) -> CellThreshold | None:
        """What is asked under these conditions; None where no true frame was ever seen."""
        return next((t for t in self.state.thresholds if t.cell == cell), None)

    def save(self, folder: Path) -> None:
        """The networks, then the JSON that says the gate is whole."""
        for f, oracle in enumerate(self.oracles):
            oracle.save(folder / f"fold-{f}")
        write_json(folder / STATE, self.state)

    @classmethod
    def load(cls, folder: Path) -> "Gate":
        """Raises FileNotFoundError where no whole gate lies in `folder`."""
        state = model_from(folder / STATE, GateState)
        if not isinstance(state, GateState):
            raise FileNotFoundError(f"wanted a saved gate ({STATE} and fold-*/) in {folder}")
        folds = range(state.config.folds)
        return cls(state, tuple(Segmenter.load(folder / f"fold-{f}") for f in folds))

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
    shares = (1 - config.reference_share, config.reference_share)
    sets = [without_fold(frames, folds, fold) for frames in (source, reference)]
    mix = [(frames, share) for frames, share in zip(sets, shares, strict=True) if len(frames)]
    classes = common_classes(label_spaces(source) | label_spaces(reference))
    oracle = fit_segmenter(
        mix,
        classes,
        config.oracle,
        seed_of("gate.fold", seed, fold),
        _folder(workdir, fold),
        progress,
    )
    oracle.save(_folder(workdir, fold))
    return oracle


def assemble(
    source: FrameSet, reference: FrameSet, config: GateConfig, workdir: Path, seed: int
) -> Gate:
    """The gate from its fitted folds: true frames are read, thresholds set."""
    oracles = tuple(Segmenter.load(_folder(workdir, f)) for f in range(config.folds))
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


def _folder(workdir: Path, fold: int) -> Path:
    return workdir / f"fold-{fold}"


def _spread(frames: FrameSet) -> Iterator[Frame]:
    """Labelled frames of a set, evenly spread where there are very many."""
    for i in evenly_spread(len(frames), MOST_CALIBRATING):
        frame = frames[i]
        if frame.stencil is not None:
            yield frame


def evenly_spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`."""
    places = np.unique(np.linspace(0, count - 1, min(count, most)).round())
    return [int(place) for place in places]


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


def verdict_of(frame: Frame, record: GateRecord, reason: str) -> Verdict:
    """The answer with its record; a reason is what rejects."""
    return Verdict(frame.with_provenance(gate=record), accepted=not reason, reason=reason)
