"""How good a gate is: what it refuses of true frames, what it catches of faults, its own bias."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate import Gate, Verdict
from parhelion.pipeline.gate_rates import GateRates, Rate
from parhelion.pipeline.planted_faults import Fault, plant
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng


class Rejections(BaseModel):
    """What happened to the frames of a cell that show a class: the gate's own bias."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: str
    scene_class: SceneClass | None  # None = all frames of the cell
    judged: int
    rejected: int


def gate_rates(gate: Gate, frames: Sequence[Frame], seed: int) -> tuple[GateRates, ...]:
    """Judges true frames as they are and with each fault planted, cell by cell of conditions.

    A swap lends the stencil of another group's frame in the same cell; a frame without such a
    neighbour is not swapped.
    """
    cells: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        cells[frame.conditions.cell].append(frame)
    return tuple(_rates_of(gate, cell, cells[cell], seed) for cell in sorted(cells))


def _rates_of(gate: Gate, cell: str, frames: Sequence[Frame], seed: int) -> GateRates:
    threshold = gate.threshold(cell)
    true = [gate.judge(frame) for frame in frames]
    caught = []
    for fault in Fault:
        faulty = [_planted(frame, fault, frames, seed) for frame in frames]
        verdicts = [gate.judge(frame) for frame in faulty if frame is not None]
        caught.append((fault, _rejected(verdicts)))
    return GateRates(
        cell=cell,
        calibrated=threshold is not None and threshold.contrast is not None,
        level=threshold.level if threshold else None,
        false_reject=_rejected(true),
        caught=tuple(caught),
    )


def _planted(frame: Frame, fault: Fault, cell: Sequence[Frame], seed: int) -> Frame | None:
    others = [f for f in cell if f.group_id != frame.group_id]
    if fault is not Fault.SWAPPED:
        return plant(frame, fault, frame, seed)
    if not others:
        return None
    random = rng("gate_measure.other", seed, frame.frame_id)
    return plant(frame, fault, others[int(random.integers(len(others)))], seed)


def _rejected(verdicts: Sequence[Verdict]) -> Rate:
    return Rate(hits=sum(not v.accepted for v in verdicts), trials=len(verdicts))


def rejections(verdicts: Iterable[Verdict]) -> tuple[Rejections, ...]:
    """Judged and rejected frames per cell, over all and per class that their stencils show."""
    judged: Counter[tuple[str, SceneClass | None]] = Counter()
    rejected: Counter[tuple[str, SceneClass | None]] = Counter()
    for verdict in verdicts:
        cell = verdict.frame.conditions.cell
        keys = [(cell, None), *((cell, c) for c in _classes(verdict.frame))]
        judged.update(keys)
        if not verdict.accepted:
            rejected.update(keys)
    return _rows(judged, rejected)


def merged(parts: Iterable[Sequence[Rejections]]) -> tuple[Rejections, ...]:
    """Rows counted apart, chunk by chunk, as one table."""
    judged: Counter[tuple[str, SceneClass | None]] = Counter()
    rejected: Counter[tuple[str, SceneClass | None]] = Counter()
    for rows in parts:
        for row in rows:
            judged[row.cell, row.scene_class] += row.judged
            rejected[row.cell, row.scene_class] += row.rejected
    return _rows(judged, rejected)


def _rows(
    judged: Counter[tuple[str, SceneClass | None]], rejected: Counter[tuple[str, SceneClass | None]]
) -> tuple[Rejections, ...]:
    order = sorted(judged, key=lambda key: (key[0], -1 if key[1] is None else int(key[1])))
    return tuple(
        Rejections(
            cell=cell,
            scene_class=c,
            judged=judged[cell, c],
            rejected=rejected[cell, c],
        )
        for cell, c in order
    )


def _classes(frame: Frame) -> list[SceneClass]:
    if frame.stencil is None:
        return []
    there = set(frame.stencil.ravel().tolist()) - {int(SceneClass.IGNORE)}
    return [c for c in sorted(frame.label_space) if int(c) in there]
