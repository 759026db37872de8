"""Which frames a folder of GTA V captures holds, by the names of its files.

The dialect is told frame by frame: what lies beside what says how it was written. Only the
directories of TIFFs are looked into, because each of their colour pages is a frame.
"""

import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _gtav_archives as archives
from parhelion.sim_adapters._files_inside import file_inside
from parhelion.sim_adapters._gtav_database import Database, Place, stem_of
from parhelion.sim_adapters._gtav_names import (
    MEMBER,
    group_of,
    is_shot_by_key,
    loose_files,
    raw_dumps,
    run_of,
    sessions_of,
    texts_by_folder,
)
from parhelion.sim_adapters._gtav_pages import ReadAt, colour_pages, reader_of
from parhelion.sim_adapters._recordings import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Entry):
    """One frame: a colour page, and what it shares with the other pages."""

    stem: str
    member: str = ""  # of its archive
    page: int = 0
    pages: int = 1  # of colour, in its file
    place: Place | None = None  # in the database


class Listing:
    """The frames below one root."""

    def __init__(
        self, root: Path, names: Sequence[str], database: Database, gap_s: float, max_pixels: int
    ) -> None:
        self.root = root
        self.names = names
        self.database = database
        self.gap_s = gap_s  # between two frames of different sessions
        self.max_pixels = max_pixels
        self._texts = texts_by_folder(names)

    def shots(self) -> Iterator[Shot]:
        """All frames, bad ones included, in any order."""
        for name in self.names:
            if name.lower().endswith(".zip"):
                yield from self._archived(name)
        yield from self._loose()
        for folder, files in raw_dumps(self.names).items():
            native_id = f"{folder}/raw".removeprefix("/")
            yield Shot(native_id=native_id, group=f"raw/{folder}", files=files, stem="raw")

    def _archived(self, name: str) -> Iterator[Shot]:
        group = f"run/{run_of(name)}"
        try:
            archive = archives.opened(self.root, name)
            found = [(info, MEMBER.fullmatch(info.filename)) for info in archives.members(archive)]
        except BadFrame as error:
            yield Shot(native_id=name, group=group, stem="", problem=error)
            return
        stems = [match[1] for _, match in found if match]
        places = self._places(run_of(name), stems)
        with _reader(self.root / name) as read:
            count = _member_pages(archive, read, self.max_pixels)
            for info, match in found:
                path = f"{name}/{info.filename}"
                problem = archives.refusal(info, path, self.max_pixels)
                escapes = problem is not None and problem.reason is Reason.PATH_ESCAPE
                if match is None and not escapes:
                    continue  # a note that somebody put beside the images
                stem = "" if match is None else match[1]
                shot = Shot(
                    native_id=path,
                    group=group,
                    files={"archive": name, **self.database.files},
                    stem=stem,
                    member=info.filename,
                    pages=1 if problem else count(info),
                    place=places.get(stem),
                    problem=problem,
                )
                yield from self._checked(shot)

    def _loose(self) -> Iterator[Shot]:
        folders = loose_files(self.names)
        sessions = sessions_of((s for stems in folders.values() for s in stems), self.gap_s)
        for folder, stems in folders.items():
            there = frozenset(layer for layers in stems.values() for layer in layers)
            places = self._places(folder.rpartition("/")[2], list(stems))
            for stem, layers in stems.items():
                place = places.get(stem)
                session = f"session/{sessions[stem]}" if stem in sessions else group_of(folder)
                shot = Shot(
                    native_id=f"{folder}/{stem}".removeprefix("/"),
                    group=f"run/{place.run}" if place else session,
                    stem=stem,
                    place=place,
                    files=layers,
                )
                yield from self._checked(self._complete(shot, folder, there))

    def _complete(self, shot: Shot, folder: str, there: frozenset[str]) -> Shot:
        """The shot with its files; with a problem where one is missing that its like have."""
        layers = dict(shot.files)
        image = layers.get("image", "")
        wanted = ["image", *({"record"} & there)]
        in_pages = image.lower().endswith((".tiff", ".tif"))
        if in_pages and not layers.keys() & {"depth", "stencil"}:
            layers["pages"] = layers.pop("image")
            wanted[0] = "pages"
        elif in_pages:
            wanted += ["depth", "stencil"]
        else:
            wanted += sorted({"depth", "stencil"} & there)
        missing = [layer for layer in wanted if layer not in layers]
        problem = None
        if missing:
            which = " and ".join(missing)
            sentence = f"{shot.native_id}: wanted its {which} beside the others, not there"
            problem = BadFrame(Reason.MISSING_FILE, sentence)
        pages = _loose_pages(self.root, image) if in_pages else 1
        if "record" not in layers:
            layers |= self.database.files
        if is_shot_by_key(shot.stem) and folder in self._texts:
            layers["notes"] = self._texts[folder]
        return replace(shot, files=layers, problem=problem, pages=pages)

    def _checked(self, shot: Shot) -> Iterator[Shot]:
        """One shot for each colour page; a problem where the database knows nothing of it."""
        untold = "record" not in shot.files and not is_shot_by_key(shot.stem)
        lost = self.database.is_there and untold and shot.place is None
        if lost and shot.problem is None:
            sentence = f"{shot.native_id}: wanted a snapshot of this path in the database, got none"
            shot = replace(shot, problem=BadFrame(Reason.BAD_METADATA, sentence))
        if shot.pages == 1:
            yield shot
            return
        for page in range(shot.pages):
            native_id = f"{shot.native_id}#{page}"
            yield replace(shot, native_id=native_id, twin=shot.native_id, page=page)

    def _places(self, run: str, stems: Iterable[str]) -> Mapping[str, Place]:
        """The snapshots of these images in the database, by their stems."""
        if not self.database.is_there:
            return {}
        times = {int(stem): stem for stem in stems if stem.isdecimal()}
        by_time = self.database.places_of(run, list(times))
        found = {times[time]: place for time, place in by_time.items()}
        for stem in stems:
            place = None if stem.isdecimal() else self.database.place_of(stem_of(stem))
            if place is not None:
                found[stem] = place
        return found


def _loose_pages(root: Path, name: str) -> int:
    """Colour pages of a TIFF; 1 where it cannot be read, which its reader will say."""
    path = root / name
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            path = file_inside(root, root, name)
        elif not stat.S_ISREG(mode):
            return 1
        with _reader(path) as read:
            return colour_pages(read)
    except (OSError, BadFrame):
        return 1


def _member_pages(archive: ZipFile, read: ReadAt, most_pixels: int) -> Callable[[ZipInfo], int]:
    """A function that counts the colour pages of a member.

    The exporter stores members as they are. Of those that somebody has deflated since, the first
    speaks for all: a run captures every frame in the same way.
    """

    @cache
    def first_deflated() -> int:
        for info in archives.members(archive):
            if info.compress_type == ZIP_STORED or not MEMBER.fullmatch(info.filename):
                continue
            try:
                data = archives.member_bytes(archive, info.filename, "", most_pixels)
            except BadFrame:
                continue
            return colour_pages(reader_of(data))
        return 1

    def count(info: ZipInfo) -> int:
        if info.compress_type != ZIP_STORED:
            return first_deflated()
        try:
            start = archives.start_of(read, info)
        except (struct.error, OSError, ValueError, OverflowError):
            return 1
        return colour_pages(lambda at, length: read(start + at, length))

    return count


@contextmanager
def _reader(path: Path) -> Iterator[ReadAt]:
    """Reads parts of a file."""
    with path.open("rb", buffering=0) as file:

        def read(at: int, length: int) -> bytes:
            file.seek(at)
            return file.read(length) or b""

        yield read
