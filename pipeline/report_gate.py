"""The report's section on the gate: what it asked per condition, what it caught, its own bias."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from parhelion.pipeline.bias import tally_of
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate import Gate
from parhelion.pipeline.label_gate import LabelGate
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.report_data import ClassRejection, Estimate, FaultCaught, GateRow
from parhelion.pipeline.report_data import Gate as GateTable
from parhelion.pipeline.rounds import Drawn
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.shards import StoredFrames

ORDER = {c.label: place for place, c in enumerate(SceneClass)}


def gate_table(gate: Gate | LabelGate, drawn: Drawn) -> GateTable:
    """Per condition: what was asked, what passed."""
    passed = Counter(key.conditions.cell for key in drawn.frames().keys)
    refused = Counter(row.cell for row in _refused(drawn))
    ignored: dict[str, list[float]] = defaultdict(list)
    for frame in drawn.frames():
        if frame.provenance.gate is not None:
            ignored[frame.conditions.cell].append(frame.provenance.gate.ignored_share)
    rows = []
    classes = _rejected_classes(drawn)
    for cell in sorted({*passed, *refused}):
        threshold = gate.threshold(cell)
        calibrated = threshold is not None and threshold.contrast is not None
        shares = ignored[cell] or [0.0]
        rows.append(
            GateRow(
                cell=cell,
                calibrated=calibrated,
                threshold=threshold.contrast if threshold else None,
                reference_frames=threshold.frames if threshold else 0,
                level=threshold.level if threshold else None,
                faults=tuple(_faults(gate, cell)),
                accepted=passed[cell],
                rejected=refused[cell],
                ignored_share=sum(shares) / len(shares),
                classes=tuple(classes[cell]),
            )
        )
    return GateTable(
        score=gate.SCORE,
        note=gate.NOTE,
        target_false_reject=gate.state.config.false_reject,
        confidence=gate.state.config.confidence,
        rows=tuple(rows),
    )


def _rejected_classes(drawn: Drawn) -> Mapping[str, Sequence[ClassRejection]]:
    """By cell: how often frames that show a class were rejected, the gate's own bias."""
    judged: dict[str, Counter[str]] = defaultdict(Counter)
    rejected: dict[str, Counter[str]] = defaultdict(Counter)
    for frame in drawn.frames():
        judged[frame.conditions.cell].update(_shown(frame))
    for row in _refused(drawn):
        shown = _shown(StoredFrames([drawn.folder / row.file])[row.row or 0])
        judged[row.cell].update(shown)
        rejected[row.cell].update(shown)
    return {
        cell: [
            ClassRejection(scene_class=c, rejected=rejected[cell][c], judged=counts[c])
            for c in sorted(counts, key=_by_id)
        ]
        for cell, counts in judged.items()
    }


def _by_id(name: str) -> tuple[int, str]:
    """Scene classes by their ids, then those of whole images by their words."""
    return ORDER.get(name, len(ORDER)), name


def _refused(drawn: Drawn) -> list[QuarantineRow]:
    return [row for receipt in drawn.judged for row in receipt.quarantined]


def _shown(frame: Frame) -> list[str]:
    """Classes that a frame shows, that of the whole image last."""
    classes = [c.label for c in tally_of(frame).frames_with]
    return classes if frame.label is None else [*classes, frame.label.name]


def _faults(gate: Gate | LabelGate, cell: str) -> Iterable[FaultCaught]:
    """The gate's trial in this cell; nothing where there were no reference frames of it."""
    for rates in gate.state.trial:
        for fault, rate in rates.caught if rates.cell == cell else ():
            if rate.value is not None:
                caught = Estimate(value=rate.value, interval=rate.interval)
                yield FaultCaught(fault=fault.value, caught=caught, planted=rate.trials)
