"""Stage `write`: accepted rows packed, in a fixed order, into the shards of the dataset.

Rows are carried over as they are stored; no picture is decoded. Order: by split, then as the files
and their rows come, whatever worker made them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

Place = tuple[str, int]  # a file of the run (relative path) and the number of a row in it


@dataclass(frozen=True)
class SplitPlan:
    """Where the rows of one split are, and what they are."""

    places: tuple[Place, ...]
    keys: tuple[FrameKey, ...]

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return len({key.group_id for key in self.keys})

    @property
    def cells(self) -> dict[tuple[str, str], int]:
        """Frames by (cell, kind), sorted."""
        counted = Counter((key.conditions.cell, key.kind) for key in self.keys)
        return dict(sorted(counted.items()))


def plan_splits(run_folder: Path, receipts: Sequence[Receipt]) -> dict[str, SplitPlan]:
    """The rows behind `receipts`, by split, sorted by its name; keys are read, pixels are not.

    Raises GroupInTwoSplits, and ValueError where two rows have one frame id.
    """
    found: dict[str, tuple[list[Place], list[FrameKey]]] = {}
    for receipt in receipts:
        for row, key in enumerate(read_keys(receipt.path(run_folder))):
            places, keys = found.setdefault(key.split, ([], []))
            places.append((receipt.file, row))
            keys.append(key)
    everything = [key for _, keys in found.values() for key in keys]
    splits_by_group((key.group_id, key.split) for key in everything)
    twice = [name for name, n in Counter(key.frame_id for key in everything).items() if n > 1]
    if twice:
        raise ValueError(f"a frame is stored once, got {len(twice)} ids twice: {twice[:3]}")
    return {
        split: SplitPlan(tuple(places), tuple(keys))
        for split, (places, keys) in sorted(found.items())
    }


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
        count = -(-len(plan.places) // rows_per_shard)
        for number in range(count):
            places = plan.places[number * rows_per_shard : (number + 1) * rows_per_shard]
            chunks.append(
                Chunk(
                    stage=stage.name,
                    stage_digest=stage.digest,
                    key=f"{split}-{number:05d}",
                    spec=canonical_json(_ranges(places)),
                    work=WORK,
                    file=f"{data}/{split}-{number:05d}-of-{count:05d}.parquet",
                    folder=run_folder,
                )
            )
    return chunks


def split_of_key(key: str) -> str:
    """The split that a shard's chunk belongs to, by its key."""
    return key.rpartition("-")[0]


def _ranges(places: Sequence[Place]) -> list[tuple[str, int, int]]:
    """Places in a row of one file, as (file, first row, row after the last)."""
    ranges: list[tuple[str, int, int]] = []
    for file, row in places:
        if ranges and ranges[-1][0] == file and ranges[-1][2] == row:
            ranges[-1] = (file, ranges[-1][1], row + 1)
        else:
            ranges.append((file, row, row + 1))
    return ranges


def write_shard(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: the rows of (file, first row, row after the last) triples, in order."""

    def write(path: Path) -> int:
        with ShardWriter(path) as writer:
            for file, rows in _files(spec):
                for table in read_tables(chunk.folder / file, rows):
                    writer.append(table)
        return writer.rows

    return ChunkResult(write=write)


def _files(ranges: Sequence[tuple[str, int, int]]) -> Iterator[tuple[str, list[int]]]:
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
