"""Recorded datasets: what every adapter of files does in the same way.

An adapter of files says which frames there are (`entries`) and what one of them holds (`content`).
Index, stamps, ids, provenance and refusals are here.
"""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameRef, PartConfig
from parhelion.pipeline.frame import (
    Camera,
    Depth,
    Frame,
    Image,
    ImageLabel,
    Instances,
    SceneObject,
    Stencil,
)
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import LabelSpace
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.version import __version__
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._image_files import MOST_PIXELS
from parhelion.sim_adapters._listing import NOT_LISTED
from parhelion.sim_adapters._source_files import SourceFiles


class RecordingsConfig(PartConfig):
    """Where a dataset lies."""

    path: Path = Path()  # the folder that its makers' documentation calls the root
    dataset: str = ""  # its name in the provenance; empty = the adapter's
    licence: str = ""  # of these frames; empty = the one that the adapter knows of
    max_pixels: Annotated[int, Field(gt=0, le=MOST_PIXELS)] = 64_000_000  # per picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One frame of an index, told without opening its pictures."""

    native_id: str  # the source's own name; unique within the dataset
    group: str  # scene, sequence or drive: neighbours in time share it
    files: Mapping[str, str] = field(default_factory=dict)  # what it lies in, relative to the root
    twin: str = ""  # shared by the same view under other skies
    kind: Kind | None = None  # where it differs from what its source is as a whole
    problem: BadFrame | None = None  # why it cannot be read, where the index knows already


@dataclass(frozen=True, kw_only=True)
class Content:
    """x and y of one frame, in our units and classes; who it is, the adapter need not say."""

    image: Image
    conditions: Conditions = Conditions()
    label: ImageLabel | None = None
    stencil: Stencil | None = None
    label_space: LabelSpace = frozenset()
    stencil_native: Stencil | None = None
    emissive: Stencil | None = None
    depth: Depth | None = None
    instances: Instances | None = None
    objects: tuple[SceneObject, ...] = ()
    camera: Camera | None = None


class Recordings(ABC):
    """Base of the adapters of files."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = RecordingsConfig
    gives: ClassVar[frozenset[str]]
    about: ClassVar[About]

    def __init__(self, config: Any) -> None:
        self.config = config
        self.root: Path = config.path
        self.adapter = type(self).__module__.rpartition(".")[2]
        self.dataset: str = config.dataset or self.adapter
        self.dropped: Counter[str] = Counter()  # left out of frames that were read, by what

    @abstractmethod
    def entries(self) -> Iterable[Entry]:
        """All frames, bad ones included, in any order; no pixels are read.

        A file that should tell of frames and cannot be read is an entry with a problem. Raises
        BadFrame at a folder that leads out of the root.
        """

    @abstractmethod
    def content(self, entry: Entry, files: SourceFiles) -> Content:
        """What the frame holds. Raises BadFrame."""

    def index(self) -> Sequence[FrameRef]:
        """All frames by native id. Raises FileNotFoundError where the root is not there."""
        return [
            FrameRef(
                native_id=entry.native_id, group_id=self._group(entry), stamp=self._stamp(entry)
            )
            for entry in self._entries.values()
        ]

    def read(self, ref: FrameRef) -> Frame:
        """One frame. Raises BadFrame that names it."""
        entry = self._entries.get(ref.native_id)
        if entry is None:
            raise BadFrame(Reason.MISSING_FILE, f"{ref.native_id}: no such frame in {self.dataset}")
        if entry.problem is not None:
            raise BadFrame(entry.problem.reason, entry.problem.sentence)
        files = SourceFiles(self.root, entry.files, self.config.max_pixels)
        try:
            return self._frame(entry, self.content(entry, files), files.sha256)
        except BadFrame as error:
            if entry.native_id in error.sentence:
                raise
            raise BadFrame(error.reason, f"{entry.native_id}: {error.sentence}") from error

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.adapter}: wanted a folder at {self.root}")
        found: dict[str, Entry] = {}
        for entry in sorted(self._told_entries(), key=lambda e: e.native_id):
            if entry.native_id in found:
                sentence = f"{entry.native_id}: wanted each frame once, got it twice"
                entry = Entry(
                    native_id=entry.native_id,
                    group=entry.group,
                    problem=BadFrame(Reason.DUPLICATE_ID, sentence),
                )
            found[entry.native_id] = entry
        return found

    def _told_entries(self) -> Iterator[Entry]:
        """All entries; a folder that must not be listed ends them, as an entry of its own."""
        try:
            yield from self.entries()
        except BadFrame as error:
            yield Entry(native_id=NOT_LISTED, group=NOT_LISTED, problem=error)

    def _group(self, entry: Entry) -> str:
        return f"{self.dataset}/{entry.group}"

    def _stamp(self, entry: Entry) -> str:
        """Changes with size or time of any file of the frame."""
        hasher = sha256()
        for name in entry.files.values():
            try:
                state = os.stat(f"{self.root}/{name}")
            except (OSError, ValueError):
                continue  # `read` says what is wrong with it
            hasher.update(f"{name}:{state.st_size}:{state.st_mtime_ns};".encode(errors="replace"))
        return hasher.hexdigest()[:16]

    def _frame(self, entry: Entry, content: Content, source_sha256: str) -> Frame:
        return Frame(
            frame_id=digest(self.adapter, self.dataset, entry.native_id, source_sha256)[:32],
            provenance=Provenance(
                kind=entry.kind or self.about.kind,
                source=Source(
                    adapter=self.adapter,
                    dataset=self.dataset,
                    native_id=entry.native_id,
                    licence=self.config.licence or self.about.licence,
                    sha256=source_sha256,
                ),
                group_id=self._group(entry),
                twin_id=f"{self.dataset}/{entry.twin}" if entry.twin else "",
                code_version=__version__,
            ),
            **vars(content),
        )
