"""Frames in Parquet files: written in a stream to equal bytes, read one at a time by number.

The settings were measured: pictures are compressed already, so their bytes are stored as they are;
row groups of 100 make a random row 20 times cheaper to reach than groups of 1,000.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.encoding import ImageFormat
from parhelion.pipeline.files import create
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.schema import (
    KEY_COLUMNS,
    LABELS,
    LAYER_LEAVES,
    SCHEMA,
    Row,
    check_schema,
    frame_of,
    key_of_row,
    row_of,
)

ROWS_PER_GROUP = 100
PAGE_BYTES = 1 << 16
WRITE_BYTES = 1 << 20  # Parquet writes in hundreds of small pieces
CACHE_BYTES = 1 << 28  # of decoded row groups that a StoredFrames keeps


@lru_cache
def _leaves(schema: pa.Schema) -> tuple[str, ...]:
    """The dotted names of the columns as Parquet stores them."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    stored = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return tuple(stored.column(i).path for i in range(len(stored)))


def writer_settings(schema: pa.Schema) -> dict[str, Any]:
    """Settings of `pq.ParquetWriter`: stored pictures, dictionary labels, zstd for the rest."""
    leaves = _leaves(schema)
    pictures = {leaf for leaf in leaves if leaf.endswith(".bytes")}
    return {
        "compression": {leaf: "NONE" if leaf in pictures else "ZSTD" for leaf in leaves},
        "use_dictionary": [leaf for leaf in leaves if leaf in LABELS or leaf.endswith("category")],
        "write_statistics": [leaf for leaf in leaves if leaf not in pictures],
        "write_page_index": True,
        "write_page_checksum": True,
        "data_page_size": PAGE_BYTES,
    }


class ShardWriter:
    """One Parquet file, written group by group; equal rows give equal bytes however they come."""

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA) -> None:
        self._schema = schema
        self._file = create(path)
        self._sink = pa.BufferedOutputStream(pa.PythonFile(self._file, "w"), WRITE_BYTES)
        self._writer = pq.ParquetWriter(self._sink, schema, **writer_settings(schema))
        self._waiting: list[pa.Table] = []
        self.rows = 0

    def append(self, table: pa.Table) -> None:
        """More rows. They are written as soon as a row group is full."""
        self._waiting.append(table)
        self.rows += table.num_rows
        while sum(t.num_rows for t in self._waiting) >= ROWS_PER_GROUP:
            everything = pa.concat_tables(self._waiting)
            self._write(everything.slice(0, ROWS_PER_GROUP))
            self._waiting = [everything.slice(ROWS_PER_GROUP)]

    def close(self) -> None:
        """Writes the last, shorter group and the footer."""
        rest = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        if rest.num_rows:
            self._write(rest)
        self._writer.close()
        self._sink.close()
        self._file.close()

    def _write(self, group: pa.Table) -> None:
        # One piece: how rows arrived must not show in the pages.
        self._writer.write_table(group.combine_chunks(), row_group_size=ROWS_PER_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._waiting = []
        self.close()


def write_rows(path: Path, rows: Iterable[Row], schema: pa.Schema = SCHEMA) -> int:
    """Streams rows into a new file; how many there were."""
    waiting = iter(rows)
    with ShardWriter(path, schema) as writer:
        while batch := list(islice(waiting, ROWS_PER_GROUP)):
            writer.append(pa.Table.from_pylist(batch, schema))
    return writer.rows


def write_frames(
    path: Path, frames: Iterable[tuple[Frame, str]], image_format: ImageFormat = "png"
) -> int:
    """Streams (frame, split) pairs into a new file; how many there were."""
    return write_rows(path, (row_of(frame, split, image_format) for frame, split in frames))


def as_table(
    frames: Iterable[tuple[Frame, str]], image_format: ImageFormat = "png"
) -> Callable[[Path], int]:
    """A `ChunkResult.write` for (frame, split) pairs; a generator is read only while writing."""
    return lambda path: write_frames(path, frames, image_format)


def read_keys(path: Path) -> list[FrameKey]:
    """The keys of a file's frames, from its metadata columns alone. Raises WrongSchema."""
    with pq.ParquetFile(path) as file:
        check_schema(file.schema_arrow, path.name)
        rows = file.read(columns=[*KEY_COLUMNS, *LAYER_LEAVES]).to_pylist()
        return [key_of_row(row) for row in rows]


def read_tables(path: Path, rows: Sequence[int]) -> Iterator[pa.Table]:
    """The rows with these numbers, ascending, one table per row group that holds any."""
    with pq.ParquetFile(path) as file:
        check_schema(file.schema_arrow, path.name)
        starts = _group_starts(file)
        for group, start in enumerate(starts[:-1]):
            here = [row - start for row in rows if start <= row < starts[group + 1]]
            if here:
                yield file.read_row_group(group).take(here)


def _group_starts(file: pq.ParquetFile) -> list[int]:
    counts = (file.metadata.row_group(g).num_rows for g in range(file.num_row_groups))
    return [0, *accumulate(counts)]


class StoredFrames:
    """A FrameSet over Parquet files: keys in memory, pixels read when a frame is asked for.

    `where` chooses by key. Travels to spawned workers as paths, keys and row numbers.
    """

    def __init__(
        self, paths: Sequence[Path], where: Callable[[FrameKey], bool] | None = None
    ) -> None:
        self._paths = tuple(paths)
        places: list[tuple[int, int]] = []
        keys: list[FrameKey] = []
        for number, path in enumerate(self._paths):
            for row, key in enumerate(read_keys(path)):
                if where is None or where(key):
                    keys.append(key)
                    places.append((number, row))
        self._settle(keys, places)

    def _settle(self, keys: Sequence[FrameKey], places: Sequence[tuple[int, int]]) -> None:
        self.keys: Sequence[FrameKey] = tuple(keys)
        self._numbers = {key.frame_id: i for i, key in enumerate(keys)}
        self._places = tuple(places)
        self._starts: dict[int, list[int]] = {}
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int, /) -> Frame:
        return frame_of(self.row(i))

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def by_id(self, frame_id: str) -> Frame:
        """The frame with that id. Raises KeyError where it is not among these."""
        return self[self._numbers[frame_id]]

    def row(self, i: int) -> Row:
        """The stored row of frame i, pictures still encoded. Raises IndexError."""
        number, row = self._places[i]
        starts = self._starts_of(number)
        group = bisect_right(starts, row) - 1
        found: Row = self._group(number, group).slice(row - starts[group], 1).to_pylist()[0]
        return found

    def place(self, i: int) -> tuple[Path, int]:
        """The file and the row number in it of frame i."""
        number, row = self._places[i]
        return self._paths[number], row

    def where(self, wanted: Callable[[FrameKey], bool]) -> "StoredFrames":
        """The frames whose key is wanted, in the same order."""
        return self.subset([i for i, key in enumerate(self.keys) if wanted(key)])

    def subset(self, indices: Sequence[int]) -> "StoredFrames":
        """These frames, in this order."""
        other = object.__new__(StoredFrames)
        other._paths = self._paths
        other._settle([self.keys[i] for i in indices], [self._places[i] for i in indices])
        return other

    def __getstate__(self) -> tuple[tuple[Path, ...], Sequence[FrameKey], Sequence[Any]]:
        return self._paths, self.keys, self._places

    def __setstate__(
        self, state: tuple[tuple[Path, ...], Sequence[FrameKey], Sequence[Any]]
    ) -> None:
        self._paths, keys, places = state
        self._settle(keys, places)

    def _starts_of(self, number: int) -> list[int]:
        if number not in self._starts:
            with pq.ParquetFile(self._paths[number]) as file:
                self._starts[number] = _group_starts(file)
        return self._starts[number]

    def _group(self, number: int, group: int) -> pa.Table:
        """A row group, from the cache of those used last."""
        place = (number, group)
        if place not in self._groups:
            with pq.ParquetFile(self._paths[number], page_checksum_verification=True) as file:
                self._groups[place] = file.read_row_group(group)
        self._groups.move_to_end(place)
        while len(self._groups) > 1 and self._cached_bytes() > CACHE_BYTES:
            self._groups.popitem(last=False)
        return self._groups[place]

    def _cached_bytes(self) -> int:
        return sum(table.nbytes for table in self._groups.values())
