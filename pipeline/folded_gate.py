"""What the gates have in common: oracles by fold, what is asked of a frame, and the answer.

k oracles are trained, each without one fold of the groups; a frame, and whatever descends from it,
is judged by the one that never saw its group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from pydantic import Field

from parhelion.pipeline.classification import ReaderSettings
from parhelion.pipeline.contracts import FrameSet, PartConfig
from parhelion.pipeline.files import model_from, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate_calibration import CellThreshold
from parhelion.pipeline.gate_folds import Folds, without_fold
from parhelion.pipeline.gate_rates import GateRates
from parhelion.pipeline.provenance import GateRecord
from parhelion.pipeline.segmentation import SegmenterSettings, Share

MOST_CALIBRATING = 400  # true frames of a set that are read for calibration, evenly spread


class GateConfig(PartConfig):
    """How strict the gate is and how its oracles are trained."""

    # Share of groups with a true frame refused, per condition
    false_reject: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9  # that the rate holds, whatever was drawn
    pixel_false_ignore: Annotated[float, Field(ge=0, lt=0.5)] = 0.01  # of a class's true pixels
    fewest_reference: Annotated[int, Field(ge=1)] = 8  # frames; below, a condition is uncalibrated
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


class Oracle(Protocol):
    """A network that re-reads labels."""

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Any: ...


AnOracle = TypeVar("AnOracle", bound=Oracle)


@dataclass(frozen=True, eq=False)
class FoldedGate(Generic[AnOracle]):
    """A fitted gate whose oracles each miss one fold of the groups."""

    STATE: ClassVar[str]  # the file that says a saved gate is whole
    ORACLE: ClassVar[type[Oracle]]

    state: GateState
    oracles: tuple[AnOracle, ...]  # oracles[f] never saw the groups of fold f

    def oracle_of(self, frame: Frame) -> AnOracle:
        """The oracle that never saw its group."""
        return self.oracles[self.state.folds.of(frame.group_id)]

    def threshold(self, cell: str) -> CellThreshold | None:
        """What is asked under these conditions; None where no true frame was ever seen."""
        return next((t for t in self.state.thresholds if t.cell == cell), None)

    def record(
        self, frame: Frame, least: float, scores: tuple[tuple[str, float], ...], ignored: float = 0
    ) -> GateRecord:
        """What is recorded of a frame of which `least` was asked: of its first score."""
        (name, score), cell = scores[0], self.threshold(frame.conditions.cell)
        calibrated = cell is not None and cell.contrast is not None
        passed = "accepted" if calibrated else "uncalibrated"
        level = cell.level if cell and cell.level is not None else self.state.config.false_reject
        return GateRecord(
            verdict=passed if score >= least else "rejected",
            scores=scores,
            thresholds=(
                (name, least),
                ("false_reject", level),
                ("true_frames", float(cell.frames if cell else 0)),
                ("true_groups", float(cell.groups if cell else 0)),
            ),
            ignored_share=ignored,
        )

    def save(self, folder: Path) -> None:
        """The networks, then the JSON that says the gate is whole."""
        for fold, oracle in enumerate(self.oracles):
            oracle.save(fold_folder(folder, fold))
        write_json(folder / self.STATE, self.state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises FileNotFoundError where no whole gate lies in `folder`."""
        state = model_from(folder / cls.STATE, GateState)
        if not isinstance(state, GateState):
            raise FileNotFoundError(f"wanted a saved gate ({cls.STATE} and fold-*/) in {folder}")
        return cls(state, cls.loaded_oracles(folder, state.config.folds))

    @classmethod
    def loaded_oracles(cls, folder: Path, folds: int) -> tuple[Any, ...]:
        """The oracles of all folds, as `save` keeps them."""
        return tuple(cls.ORACLE.load(fold_folder(folder, fold)) for fold in range(folds))


def fold_folder(folder: Path, fold: int) -> Path:
    """Where the oracle of a fold lies."""
    return folder / f"fold-{fold}"


def training_mix(
    source: FrameSet, reference: FrameSet, folds: Folds, fold: int, config: GateConfig
) -> Sequence[tuple[FrameSet, float]]:
    """The frames that the oracle of `fold` learns, with their shares of every batch."""
    shares = (1 - config.reference_share, config.reference_share)
    sets = [without_fold(frames, folds, fold) for frames in (source, reference)]
    return [(frames, share) for frames, share in zip(sets, shares, strict=True) if len(frames)]


def evenly_spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`."""
    places = np.unique(np.linspace(0, count - 1, min(count, most)).round())
    return [int(place) for place in places]


def verdict_of(frame: Frame, record: GateRecord, reason: str) -> Verdict:
    """The answer with its record; a reason is what rejects."""
    return Verdict(frame.with_provenance(gate=record), accepted=not reason, reason=reason)
