"""Parquet files with a column of images: those of Hugging Face, plain ones, and our own datasets.

An image is a struct of bytes and path, or plain bytes; layers and metadata are further columns,
named in the settings. Our own files are known by their schema and come back whole. A frame's group
is what its row says, else what `group_pattern` finds in the image's path, else its file: where one
file holds many scenes, name the column that tells them apart.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import FrameRef, PartConfig
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.schema import (
    VERSION_KEY,
    WrongSchema,
    check_schema,
    frame_of,
)
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._files_inside import file_inside, read_limited
from parhelion.sim_adapters._grouping import group_in
from parhelion.sim_adapters._listing import NOT_LISTED, walk
from parhelion.sim_adapters._recorded_frame import (
    GIVES,
    Recorded,
    RecordedConfig,
    Row,
    about_recorded,
    first_text,
    frame_from,
)

# What a file that is not whole raises: names are decoded late, and rows may end too early.
TORN = (pa.ArrowException, OSError, UnicodeDecodeError, StopIteration)
BATCH_ROWS = 16  # rows decoded at a time; the file's own row groups bound what is read at a time


class LayerColumns(PartConfig):
    """Names of the columns of pictures that are layers; a table may lack any of them."""

    stencil: str = "stencil"
    depth: str = "depth"
    instances: str = "instances"
    emissive: str = "emissive"


class ParquetConfig(RecordedConfig):
    """Which files, and what their columns are called."""

    path: Path = Path("data")  # a file, or a folder (its `data` folder, where it has one)
    pattern: str = "**/*.parquet"  # of the files in a folder
    image_column: str = "image"
    layer_columns: LayerColumns = LayerColumns()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a file, or what is wrong with the file."""

    file: Path
    number: int
    group_id: str
    problem: BadFrame | None = None


class ParquetImages:
    """Adapter of Parquet files."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = ParquetConfig
    gives: ClassVar[frozenset[str]] = GIVES | {"stencil_native"}
    about: ClassVar[About] = about_recorded("A Parquet file of pictures, ours included")

    def __init__(self, config: ParquetConfig, adapter: str = "parquet") -> None:
        self.config = config
        self.adapter = adapter  # in the provenance
        self.dataset = config.dataset or config.path.resolve().stem
        self.dropped: Counter[str] = Counter()
        self._reader: tuple[Path, Rows] | None = None

    def index(self) -> Sequence[FrameRef]:
        """All rows of all files. Raises FileNotFoundError where there is no file."""
        stamps = {file: _stamp(file) for file in {entry.file for entry in self._entries.values()}}
        return [
            FrameRef(native_id=native_id, group_id=entry.group_id, stamp=stamps[entry.file])
            for native_id, entry in self._entries.items()
        ]

    def read(self, ref: FrameRef) -> Frame:
        """One frame; reading in the order of the index is fast. Raises BadFrame."""
        entry = self._entries.get(ref.native_id)
        if entry is None:
            raise BadFrame(Reason.MISSING_FILE, f"{ref.native_id}: no such row in {self.dataset}")
        if entry.problem is not None:
            raise BadFrame(entry.problem.reason, entry.problem.sentence)
        try:
            reader = self._reader_of(entry.file)
            row = reader.row(entry.number)
            return _our_frame(row) if reader.ours else self._foreign_frame(ref, entry, row)
        except BadFrame as error:
            if ref.native_id in error.sentence:
                raise
            raise BadFrame(error.reason, f"{ref.native_id}: {error.sentence}") from error
        except TORN as error:
            self._reader = None  # its place in the file is lost
            raise BadFrame(
                Reason.UNREADABLE_IMAGE, f"{ref.native_id}: wanted a readable row, got {error}"
            ) from error

    @cached_property
    def _root(self) -> Path:
        path = self.config.path
        if path.is_file():
            return path.parent
        return path / "data" if (path / "data").is_dir() else path

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        try:
            files = self._files()
        except BadFrame as error:
            root = self.config.path
            return {NOT_LISTED: Entry(file=root, number=0, group_id=NOT_LISTED, problem=error)}
        found: dict[str, Entry] = {}
        for file in files:
            name = file.relative_to(self._root).as_posix()
            for entry in self._file_entries(file, name):
                found[f"{name}#{entry.number}"] = entry
        return found

    def _files(self) -> list[Path]:
        """Files in order. Raises FileNotFoundError; BadFrame at a folder that leads out."""
        path = self.config.path
        if path.is_file():
            return [path]
        for _ in walk(path, self._root.relative_to(path).as_posix()):
            pass  # a glob passes links to folders without a word
        files = sorted(self._root.glob(self.config.pattern))
        if not files:
            raise FileNotFoundError(f"parquet: wanted {self.config.pattern} at {path}, found none")
        return files

    def _file_entries(self, file: Path, name: str) -> Iterator[Entry]:
        """The rows of a file; a file that is none is one entry, with its problem."""
        try:
            if file != self.config.path:  # that one its owner named, wherever it leads
                file_inside(self.config.path, self._root, name)
            with pq.ParquetFile(file) as table:
                self._check_columns(table, name)
                groups = self._groups(table, name)
        except BadFrame as error:
            yield Entry(file=file, number=0, group_id=name, problem=error)
        except (*TORN, WrongSchema) as error:
            problem = BadFrame(Reason.BAD_METADATA, f"{name}: wanted a Parquet table, got {error}")
            yield Entry(file=file, number=0, group_id=name, problem=problem)
        else:
            for number, group in enumerate(groups):
                yield Entry(file=file, number=number, group_id=group)

    def _check_columns(self, table: pq.ParquetFile, name: str) -> None:
        names, wanted = table.schema_arrow.names, self.config.image_column
        if is_ours(table):
            check_schema(table.schema_arrow, name)
        elif wanted not in names:
            columns = ", ".join(names[:12])
            raise WrongSchema(f"no column {wanted!r} of images (image_column) among {columns}")

    def _groups(self, table: pq.ParquetFile, name: str) -> list[str]:
        """The group of every row; only the columns that tell it are read."""
        names = table.schema_arrow.names
        columns = ("group_id",) if is_ours(table) else self.config.columns.group
        told = [column for column in columns if column in names]
        rows: list[Row] = table.read(columns=told).to_pylist() if told else []
        rows = rows or [{}] * table.metadata.num_rows
        if is_ours(table):
            return [row["group_id"] for row in rows]
        pattern = self.config.group_pattern
        paths = self._paths(table) if pattern else [""] * len(rows)
        return [
            f"{self.dataset}/{first_text(row, columns) or group_in(path, pattern) or name}"
            for row, path in zip(rows, paths, strict=True)
        ]

    def _paths(self, table: pq.ParquetFile) -> list[str]:
        column = self.config.image_column
        rows = table.read(columns=[f"{column}.path"]).to_pylist()
        return [(row.get(column) or {}).get("path") or "" for row in rows]

    def _reader_of(self, file: Path) -> "Rows":
        if self._reader is None or self._reader[0] != file:
            self._reader = file, self._rows_of(file)
        return self._reader[1]

    def _rows_of(self, file: Path) -> "Rows":
        return RowReader(file)

    def _settings_of(self, file: Path) -> ParquetConfig:
        """How the rows of a file are read; some formats say more of it than their user."""
        return self.config

    def _foreign_frame(self, ref: FrameRef, entry: Entry, row: dict[str, Any]) -> Frame:
        columns = self.config.layer_columns.model_dump()
        cells = {layer: row.pop(column, None) for layer, column in columns.items()}
        image = self._bytes(row.pop(self.config.image_column), entry, "image")
        if image is None:
            raise BadFrame(Reason.MISSING_FILE, "wanted an image in this row, got none")
        layers = {layer: self._bytes(cell, entry, layer) for layer, cell in cells.items()}
        recorded = Recorded(
            native_id=ref.native_id,
            group_id=entry.group_id,
            image=image,
            layers={layer: data for layer, data in layers.items() if data is not None},
            row=row,
        )
        settings = self._settings_of(entry.file)
        return frame_from(self.adapter, self.about, self.dataset, settings, recorded)

    def _bytes(self, cell: Any, entry: Entry, layer: str) -> bytes | None:
        """The bytes of a picture: as they are, in a struct, or in the file that a struct names."""
        if isinstance(cell, dict) and cell.get("bytes") is None and cell.get("path"):
            path = file_inside(self._root, entry.file.parent, cell["path"])
            return read_limited(path, self.config.max_pixels, Reason.UNREADABLE_IMAGE)
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if data is not None and not isinstance(data, bytes):
            got = type(data).__name__
            raise BadFrame(Reason.WRONG_TYPE, f"{layer}: wanted the bytes of a picture, got {got}")
        return data


class Rows(Protocol):
    """Single rows of a file by their place."""

    ours: bool

    def row(self, number: int) -> dict[str, Any]: ...


class RowReader:
    """Single rows of a Parquet file; reading onwards is cheap, going back starts a row group."""

    def __init__(self, file: Path) -> None:
        self._table = pq.ParquetFile(file, page_checksum_verification=True)
        self.ours = is_ours(self._table)
        self._first, self._batch = 0, pa.RecordBatch.from_pylist([], schema=pa.schema([]))
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._end_of_group = 0

    def row(self, number: int) -> dict[str, Any]:
        """The row at that place of the file."""
        if number < self._first or number >= self._end_of_group:
            self._start_group_of(number)
        while number >= self._first + self._batch.num_rows:
            self._first += self._batch.num_rows
            self._batch = next(self._batches)
        row: dict[str, Any] = self._batch.slice(number - self._first, 1).to_pylist()[0]
        return row

    def _start_group_of(self, number: int) -> None:
        first = 0
        for group in range(self._table.num_row_groups):
            rows = self._table.metadata.row_group(group).num_rows
            if number < first + rows:
                break
            first += rows
        self._first, self._end_of_group = first, first + rows
        self._batch = self._batch.slice(0, 0)
        self._batches = self._table.iter_batches(BATCH_ROWS, row_groups=[group], use_threads=False)


def is_ours(table: pq.ParquetFile) -> bool:
    """Whether this project wrote the file, in whatever version."""
    return VERSION_KEY in (table.schema_arrow.metadata or {})


def _our_frame(row: dict[str, Any]) -> Frame:
    try:
        return frame_of(row)
    except BadFrame:
        raise
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise BadFrame(Reason.BAD_METADATA, f"wanted a row of ours, got {error}") from error


def _stamp(file: Path) -> str:
    state = file.stat()
    return f"{state.st_size}-{state.st_mtime_ns}"


PART = ParquetImages
