"""How good a gate is: what it refuses of true frames, what it catches of planted faults."""

from collections import defaultdict
from collections.abc import Sequence

from parhelion.pipeline.folded_gate import Verdict
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate import Gate
from parhelion.pipeline.gate_rates import GateRates, Rate
from parhelion.pipeline.planted_faults import Fault, plant
from parhelion.pipeline.seeds import rng


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
