"""A folder of images, with layers and metadata beside them where there are any.

    street/metadata.csv           file_name,weather,hour,sequence    (or metadata.jsonl)
    street/a/0001.jpg             any depth of folders
    street/depth/a/0001.png       layers under the same name: depth/, stencil/, instances/,
                                  emissive/ (1 = gives light, 2 = is lit by a lamp, 3 = both)
    street/b/images/0001.png      or beside a folder of images:
    street/b/stencil/0001.png

`file_name` is relative to its metadata file (the convention of Hugging Face's ImageFolder). An
image without a row has unknown conditions. A frame's group is what its row says, else what
`group_pattern` finds in its path, else its folder: frames of one drive must share a group. The
camera is what `fx, fy, cx, cy` of the row say, else what `horizontal_fov_deg` says, else unknown.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import FrameRef, PartConfig
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import digest
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._files_inside import file_inside, read_limited
from parhelion.sim_adapters._grouping import group_in
from parhelion.sim_adapters._image_files import IMAGE_SUFFIXES
from parhelion.sim_adapters._listing import NOT_LISTED, folders_below
from parhelion.sim_adapters._recorded_frame import (
    GIVES,
    LAYER_NAMES,
    Recorded,
    RecordedConfig,
    Row,
    about_recorded,
    first_text,
    frame_from,
    text,
)

METADATA_NAMES = ("metadata.csv", "metadata.jsonl")
LAYER_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


class FolderConfig(RecordedConfig):
    """Which folder, and how its files are to be read."""

    path: Path = Path("images")
    file_name_column: str = "file_name"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A frame of the index: a file to read with its row, or what is wrong with it."""

    native_id: str
    folder: Path  # that `name` is relative to
    name: str
    row: Row
    problem: BadFrame | None = None


class Folder:
    """Adapter of image folders."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = FolderConfig
    gives: ClassVar[frozenset[str]] = GIVES
    about: ClassVar[About] = about_recorded("A folder of pictures")

    def __init__(self, config: FolderConfig, adapter: str = "folder") -> None:
        self.config = config
        self.adapter = adapter  # in the provenance
        self.root = config.path
        self.dropped: Counter[str] = Counter()
        self.dataset = config.dataset or config.path.resolve().name

    def index(self) -> Sequence[FrameRef]:
        """All frames by native id, bad ones included. Raises FileNotFoundError without a folder."""
        return [
            FrameRef(
                native_id=entry.native_id, group_id=self._group(entry), stamp=self._stamp(entry)
            )
            for entry in self._entries.values()
        ]

    def read(self, ref: FrameRef) -> Frame:
        """One frame with its layers. Raises BadFrame."""
        entry = self._entries.get(ref.native_id)
        if entry is None:
            raise BadFrame(Reason.MISSING_FILE, f"{ref.native_id}: no such frame in {self.dataset}")
        if entry.problem is not None:
            raise BadFrame(entry.problem.reason, entry.problem.sentence)
        path = file_inside(self.root, entry.folder, entry.name)
        limit = self.config.max_pixels
        recorded = Recorded(
            native_id=entry.native_id,
            group_id=self._group(entry),
            image=read_limited(path, limit, Reason.UNREADABLE_IMAGE),
            layers={
                layer: read_limited(found, limit, Reason.UNREADABLE_LAYER)
                for layer in LAYER_NAMES
                if (found := self._layer_file(path, layer)) is not None
            },
            row=entry.row,
        )
        return frame_from(self.adapter, self.about, self.dataset, self.config, recorded)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        if not self.root.is_dir():
            raise FileNotFoundError(f"folder: wanted a folder of images at {self.root}")
        images, metadata, problem = self._files()
        entries: dict[str, Entry] = {}
        if problem is not None:
            entries[NOT_LISTED] = _bad_entry(NOT_LISTED, problem)
        for path in metadata:
            for line, row in _rows(self.root, path):
                entry = self._entry(path, line, row, entries)
                entries[entry.native_id] = entry
        for path in images:
            name = self._relative(path)
            if name not in entries:
                entries[name] = Entry(native_id=name, folder=self.root, name=name, row={})
        return dict(sorted(entries.items()))

    def _files(self) -> tuple[list[Path], list[Path], BadFrame | None]:
        """(images, metadata files, why there are no more) below the root; layers are neither."""
        images, metadata = [], []
        try:
            for folder, inner, names in folders_below(self.root):
                inner[:] = [name for name in inner if name not in LAYER_NAMES]
                for name in names:
                    if name in METADATA_NAMES:
                        metadata.append(self.root / folder / name)
                    elif Path(name).suffix.lower() in IMAGE_SUFFIXES:
                        images.append(self.root / folder / name)
        except BadFrame as problem:
            return images, metadata, problem
        return images, metadata, None

    def _entry(
        self, metadata: Path, line: int, row: Row | BadFrame, entries: dict[str, Entry]
    ) -> Entry:
        """The entry of one line of a metadata file, whatever state it is in."""
        where = f"{self._relative(metadata)}, line {line}"
        if isinstance(row, BadFrame):
            return _bad_entry(where, BadFrame(row.reason, f"{where}: {row.sentence}"))
        column = self.config.file_name_column
        name = text(row, column)
        if not name:
            sentence = f"{where}: wanted a file name in the column {column!r}, got none"
            return _bad_entry(where, BadFrame(Reason.BAD_METADATA, sentence))
        native_id = os.path.normpath(os.path.join(self._relative(metadata.parent), name))
        if native_id in entries:
            sentence = f"{where}: wanted one row per file, got a second one for {native_id}"
            return _bad_entry(where, BadFrame(Reason.DUPLICATE_ID, sentence))
        return Entry(native_id=native_id, folder=metadata.parent, name=name, row=row)

    def _group(self, entry: Entry) -> str:
        found = (
            first_text(entry.row, self.config.columns.group)
            or group_in(entry.native_id, self.config.group_pattern)
            or Path(entry.native_id).parent.as_posix()
        )
        return f"{self.dataset}/{found}"

    def _stamp(self, entry: Entry) -> str:
        """Changes with the metadata row and with size or time of the image and its layers."""
        image = entry.folder / entry.name
        try:
            layers = [self._layer_file(image, layer) for layer in LAYER_NAMES]
        except BadFrame:
            layers = []  # a link that leaves the folder; `read` refuses it
        states = [p.stat() for p in (image, *filter(None, layers)) if p.is_file()]
        return digest(dict(entry.row), [[s.st_size, s.st_mtime_ns] for s in states])[:16]

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _layer_file(self, image: Path, layer: str) -> Path | None:
        """The layer of an image: from its own folder upwards to the root, the first that is there.

        Raises BadFrame where it is a link that leaves the root.
        """
        above = [folder for folder in image.parents if folder.is_relative_to(self.root)]
        for folder in above:
            inner = image.relative_to(folder)
            for place in (inner, Path(*inner.parts[1:])):
                for suffix in LAYER_SUFFIXES if place.name else ():
                    name = (Path(layer) / place).with_suffix(suffix)
                    if (folder / name).is_file():
                        return file_inside(self.root, folder, str(name))
        return None


def _bad_entry(where: str, problem: BadFrame) -> Entry:
    return Entry(native_id=where, folder=Path(), name="", row={}, problem=problem)


def _rows(root: Path, path: Path) -> Iterator[tuple[int, Row | BadFrame]]:
    """(line number, row or what is wrong with it) of a metadata file."""
    reader = _csv_rows if path.suffix == ".csv" else _json_rows
    try:
        file_inside(root, path.parent, path.name)
        with open(path, encoding="utf-8-sig", newline="") as lines:
            yield from reader(lines)
    except BadFrame as error:
        yield 0, error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield 0, BadFrame(Reason.BAD_METADATA, f"wanted metadata as UTF-8 text, got {error}")


def _csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, Row | BadFrame]]:
    reader = csv.reader(lines)
    header = next(reader, [])
    for cells in reader:
        if len(cells) == len(header):
            yield reader.line_num, dict(zip(header, cells, strict=True))
        elif cells:
            sentence = f"wanted {len(header)} fields, got {len(cells)}"
            yield reader.line_num, BadFrame(Reason.BAD_METADATA, sentence)


def _json_rows(lines: Iterable[str]) -> Iterator[tuple[int, Row | BadFrame]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            got = line.strip()[:60]
            yield number, BadFrame(Reason.BAD_METADATA, f"wanted one JSON object, got {got!r}")


PART = Folder
