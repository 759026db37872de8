"""Stage `write`: accepted rows packed, in a fixed order, into the shards of the dataset.

Rows are carried over as they are stored; no picture is decoded. Order: by split, then as the files
and their rows come, whatever worker made them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.engine import ChunkResult, Spec, Stage
from parhelion.pipeline.receipts import Chunk, Receipt, stage_output_digest
from parhelion.pipeline.schema import SCHEMA_VERSION
from parhelion.pipeline.seeds import canonical_json
from parhelion.pipeline.shards import ShardWriter, read_keys, read_tables
from parhelion.pipeline.splits import splits_by_group

WORK = "parhelion.pipeline.compaction:write_shard"
PACKAGES = ("pyarrow",)

Range = tuple[str, int, int]  # file of the run (relative path), first row, row after the last


@dataclass
class SplitPlan:
    """Where the rows of one split are, and what they are; grows with files, not with frames."""

    ranges: list[Range] = field(default_factory=list)
    rows: int = 0
    groups: set[str] = field(default_factory=set)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)  # frames by (cell, kind)
    labels: Counter[str] = field(default_factory=Counter)  # frames by class of the whole image

    def add(self, file: str, row: int, key: FrameKey) -> None:
        """One more row, after all that are there."""
        if self.ranges and self.ranges[-1][0] == file and self.ranges[-1][2] == row:
            self.ranges[-1] = (file, self.ranges[-1][1], row + 1)
        else:
            self.ranges.append((file, row, row + 1))
        self.rows += 1
        self.groups.add(key.group_id)
        self.cells[key.conditions.cell, key.kind] += 1
        if key.label is not None:
            self.labels[key.label.name] += 1


def plan_splits(run_folder: Path, receipts: Sequence[Receipt]) -> dict[str, SplitPlan]:
    """The rows behind `receipts`, by split, sorted by its name; keys are read, pixels are not.

    Raises GroupInTwoSplits, and ValueError where two rows have one frame id.
    """
    plans: dict[str, SplitPlan] = {}
    seen: set[str] = set()
    for receipt in receipts:
        for row, key in enumerate(read_keys(receipt.path(run_folder))):
            if key.frame_id in seen:
                raise ValueError(
                    f"a frame is stored once, got {key.frame_id} again: {receipt.file}"
                )
            seen.add(key.frame_id)
            plans.setdefault(key.split, SplitPlan()).add(receipt.file, row, key)
    splits_by_group((group, split) for split, plan in plans.items() for group in plan.groups)
    return dict(sorted(plans.items()))


def write_stage(receipts: Sequence[Receipt], rows_per_shard: int) -> Stage:
    """The stage that packs the rows behind `receipts`."""
    return Stage(
        name="write",
        config={"rows_per_shard": rows_per_shard, "schema_version": SCHEMA_VERSION},
        inputs=(stage_output_digest(receipts),),
        modules=("parhelion.pipeline.compaction",),
        packages=PACKAGES,
    )


def shard_chunks(
    stage: Stage, plans: dict[str, SplitPlan], run_folder: Path, data: str, rows_per_shard: int
) -> list[Chunk]:
    """One chunk per shard; its file is `data`/{split}-{number}-of-{count}.parquet."""
    chunks: list[Chunk] = []
    for split, plan in plans.items():
        shards = list(_packed(plan.ranges, rows_per_shard))
        for number, ranges in enumerate(shards):
            chunks.append(
                Chunk(
                    stage=stage.name,
                    stage_digest=stage.digest,
                    key=f"{split}-{number:05d}",
                    spec=canonical_json(ranges),
                    work=WORK,
                    file=f"{data}/{split}-{number:05d}-of-{len(shards):05d}.parquet",
                    folder=run_folder,
                )
            )
    return chunks


def split_of_key(key: str) -> str:
    """The split that a shard's chunk belongs to, by its key."""
    return key.rpartition("-")[0]


def _packed(ranges: Sequence[Range], rows_per_shard: int) -> Iterator[list[Range]]:
    """The ranges cut where a shard is full."""
    shard: list[Range] = []
    room = rows_per_shard
    for file, first, stop in ranges:
        while first < stop:
            taken = min(stop - first, room)
            shard.append((file, first, first + taken))
            first, room = first + taken, room - taken
            if room == 0:
                yield shard
                shard, room = [], rows_per_shard
    if shard:
        yield shard


def write_shard(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: the rows of (file, first row, row after the last) triples, in order."""

    def write(path: Path) -> int:
        with ShardWriter(path) as writer:
            for file, rows in _files(spec):
                for table in read_tables(chunk.folder / file, rows):
                    writer.append(table)
        return writer.rows

    return ChunkResult(write=write)


def _files(ranges: Sequence[Range]) -> Iterator[tuple[str, list[int]]]:
    """The rows of each file; ranges of one file follow each other in ascending order."""
    waiting: tuple[str, list[int]] | None = None
    for file, first, stop in ranges:
        if waiting is not None and waiting[0] == file:
            waiting[1].extend(range(first, stop))
            continue
        if waiting is not None:
            yield waiting
        waiting = (file, list(range(first, stop)))
    if waiting is not None:
        yield waiting
