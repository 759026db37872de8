"""Which files there are: fast walks that open nothing and follow no link out of the root."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_under(root: Path, folder: str, *suffixes: str) -> dict[str, str]:
    """{stem: path relative to `root`} of the files of one folder with these suffixes, sorted.

    A folder that is not there is empty. Suffixes are compared without case.
    """
    try:
        with os.scandir(f"{root}/{folder}") as found:
            names = sorted(entry.name for entry in found)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {
        os.path.splitext(name)[0]: f"{folder}/{name}"
        for name in names
        if os.path.splitext(name)[1].lower() in suffixes
    }


def folders_under(root: Path, folder: str = ".") -> list[str]:
    """Names of the folders in a folder, sorted; none where it is not there."""
    try:
        with os.scandir(f"{root}/{folder}") as found:
            return sorted(entry.name for entry in found if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def walk(root: Path, folder: str = ".") -> Iterator[str]:
    """Paths relative to `root` of all files below a folder, in a stable order."""
    for place, inner, names in os.walk(f"{root}/{folder}"):
        inner.sort()
        here = os.path.relpath(place, root)
        for name in sorted(names):
            yield name if here == "." else f"{here}/{name}"
