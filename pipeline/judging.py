"""Stage `gate`: drawn frames are judged; the rejected go to quarantine with their scores."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.drawing import counted
from parhelion.pipeline.engine import ChunkResult, Spec, Stage
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gate import Gate
from parhelion.pipeline.label_gate import LabelGate
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.shards import StoredFrames, as_table

WORK = "parhelion.pipeline.judging:judge_chunk"


def judge_stage(round_: int) -> Stage:
    """The stage that judges the frames of one round."""
    return Stage(
        name=f"gate-{round_}",
        modules=("parhelion.pipeline.judging",),
        packages=BYTE_PACKAGES,
    )


def judge_specs(
    gate: Receipt, drawn: Sequence[Receipt], parents: Sequence[str], needs: Mapping[str, str]
) -> list[Spec]:
    """One spec per chunk of drawn frames; `needs` names the need of a request by its seed."""
    return [
        {
            "gate": gate.file,
            "gate_sha256": gate.sha256,
            "file": receipt.file,
            "sha256": receipt.sha256,
            "parents": list(parents),
            "needs": dict(needs),
        }
        for receipt in drawn
    ]


@lru_cache(maxsize=1)
def gate_of(folder: Path, sha256: str) -> Gate | LabelGate:
    """The fitted gate, kept by its worker; the hash tells one that was fitted anew."""
    return LabelGate.load(folder) if (folder / LabelGate.STATE).is_file() else Gate.load(folder)


def judge_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: the accepted frames as Parquet, the rejected as quarantine rows."""
    gate = gate_of(chunk.folder / spec["gate"], spec["gate_sha256"])
    drawn = StoredFrames([chunk.folder / spec["file"]])
    parents = StoredFrames([chunk.folder / file for file in spec["parents"]])
    quarantined: list[QuarantineRow] = []
    accepted: Counter[str] = Counter()  # by need
    frames = counted(
        _accepted(gate, drawn, parents, spec["file"], quarantined), spec["needs"], accepted
    )
    return ChunkResult(write=as_table(frames), quarantined=quarantined, figures=accepted)


def _accepted(
    gate: Gate | LabelGate,
    drawn: StoredFrames,
    parents: StoredFrames,
    file: str,
    quarantined: list[QuarantineRow],
) -> Iterator[tuple[Frame, str]]:
    for row in range(len(drawn)):
        frame = drawn[row]
        verdict = gate.judge(frame, parents.by_id(frame.provenance.parent_id))
        if verdict.accepted:
            yield verdict.frame, drawn.keys[row].split
        else:
            refused = QuarantineRow.of_frame(
                "gate", verdict.frame, Reason.GATE, verdict.reason, file=file, row=row
            )
            quarantined.append(refused)
