"""Which files there are: fast walks that open nothing and follow no link out of the root.

A folder that leads out of the root, or that cannot be listed, raises BadFrame: its files would be
missing without a word.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import OR, leads_inside

NOT_LISTED = "frames that cannot be listed"  # the id of an entry that stands for them


def files_under(root: Path, folder: str, *suffixes: str) -> dict[str, str]:
    """{stem: path relative to `root`} of the files of one folder with these suffixes, sorted.

    A folder that is not there is empty. Suffixes are compared without case. Files of one stem are
    one path, joined by OR, that `file_inside` refuses: nobody can tell which one is meant. Raises
    BadFrame.
    """
    found: dict[str, str] = {}
    for entry in _listed(root, folder):
        stem, suffix = os.path.splitext(entry.name)
        if suffix.lower() in suffixes:
            path = f"{folder}/{entry.name}"
            found[stem] = f"{found[stem]}{OR}{path}" if stem in found else path
    return found


def with_missing(
    pictures: dict[str, str], place: str, suffix: str, *labels: Iterable[str]
) -> dict[str, str]:
    """The pictures {stem: path} of a folder, and where those of labels that lie alone should be.

    A folder without any picture is a part of the dataset that was not fetched, and stays empty.
    """
    stems = chain(*labels) if pictures else ()
    return {stem: f"{place}/{stem}{suffix}" for stem in stems} | pictures


def folders_under(root: Path, folder: str = ".") -> list[str]:
    """Names of the folders in a folder, sorted; none where it is not there. Raises BadFrame."""
    return [entry.name for entry in _listed(root, folder) if entry.is_dir()]


def walk(root: Path, folder: str = ".") -> Iterator[str]:
    """Paths relative to `root` of all files below a folder, in a stable order. Raises BadFrame."""
    for here, _, names in folders_below(root, folder):
        for name in names:
            yield f"{here}/{name}" if here else name


def folders_below(root: Path, folder: str = ".") -> Iterator[tuple[str, list[str], list[str]]]:
    """(path relative to `root`, names of its folders, of its files) of a folder and all below it.

    "" is the root. A name that is taken out of the folders is not entered. Links to folders are
    not followed: what lies inside the root is met on its own way. Raises BadFrame.
    """
    check_inside(root, folder)
    for place, inner, names in os.walk(f"{root}/{folder}"):
        here = os.path.relpath(place, root)
        here = "" if here == "." else here
        inner.sort()
        yield here, inner, sorted(names)
        for name in inner:
            if os.path.islink(f"{place}/{name}"):
                check_inside(root, f"{here}/{name}" if here else name)


def check_inside(root: Path, folder: str) -> None:
    """Raises BadFrame for a folder that leads out of the root, by its name or by a link."""
    if "\0" in folder:
        raise BadFrame(Reason.BAD_METADATA, f"{folder!r:.200}: a folder's name holds no zero byte")
    if not leads_inside(root, f"{root}/{folder}"):
        sentence = f"{folder:.200}: wanted a folder inside the dataset's, got one that leaves it"
        raise BadFrame(Reason.PATH_ESCAPE, sentence)


def _listed(root: Path, folder: str) -> "list[os.DirEntry[str]]":
    """What lies in a folder, by name. Raises BadFrame."""
    check_inside(root, folder)
    try:
        with os.scandir(f"{root}/{folder}") as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        sentence = f"{folder:.200}: wanted a folder that can be listed, got {error.strerror}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error
