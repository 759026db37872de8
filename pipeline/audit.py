"""Stage `audit`: what the training frames hold, counted file by file and merged."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.bias import Census, census_of, tally_of
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.scene_class import LabelSpace
from parhelion.pipeline.shards import StoredFrames

WORK = "parhelion.pipeline.audit:audit_chunk"
FILE = "chunks/{stage}/{key}.json"


class Audit(BaseModel):
    """The census of some frames, and the classes that each of them shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    census: Census = Census()
    contents: dict[str, LabelSpace] = {}  # by frame id

    def merged(self, other: "Audit") -> "Audit":
        """The audit of both together."""
        return Audit(
            census=self.census.merged(other.census), contents={**self.contents, **other.contents}
        )


def audit_stage(name: str) -> Stage:
    """The stage that counts the training frames of finished chunks."""
    return Stage(name=name, modules=("parhelion.pipeline.audit",))


def audit_specs(receipts: Sequence[Receipt]) -> list[Spec]:
    """One spec per file of frames."""
    return [{"file": receipt.file, "sha256": receipt.sha256} for receipt in receipts]


def audit_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: counts the frames of split train in one file."""
    frames = StoredFrames([chunk.folder / spec["file"]], where=lambda key: key.split == "train")
    contents: dict[str, LabelSpace] = {}
    census = census_of(_noted(frames, contents))
    return ChunkResult(write=as_json(Audit(census=census, contents=contents), rows=len(frames)))


def _noted(frames: Iterable[Frame], contents: dict[str, LabelSpace]) -> Iterator[Frame]:
    """The frames as they come; what each shows is noted by its id."""
    for frame in frames:
        contents[frame.frame_id] = frozenset(tally_of(frame).frames_with)
        yield frame


def read_audit(run_folder: Path, receipts: Sequence[Receipt]) -> Audit:
    """The audits of finished chunks, merged."""
    parts = (Audit.model_validate_json(r.path(run_folder).read_bytes()) for r in receipts)
    return reduce(Audit.merged, parts, Audit())
