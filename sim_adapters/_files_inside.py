"""The way to a stranger's file: inside the dataset's folder only, and never more than is sane."""

import os
from functools import lru_cache
from pathlib import Path

from parhelion.pipeline.bad_frame import BadFrame, Reason

BYTES_PER_PIXEL = 32  # the most that a sane file of pixels takes
HEADER_BYTES = 1 << 20
OR = "\0or\0"  # between the names of files of which one should be there; no name holds it


def file_inside(root: Path, folder: Path, name: str) -> Path:
    """The file `name`, relative to `folder`. Raises BadFrame if it leaves `root` or is not there.

    Links count by where they lead: a link out of `root` leaves it.
    """
    if OR in name:
        first, others = name.split(OR, 1)
        sentence = f"{first:.200}: wanted one file of this stem, got {others:.200} too"
        raise BadFrame(Reason.DUPLICATE_ID, sentence.replace(OR, ", "))
    if "\0" in name:
        raise BadFrame(Reason.BAD_METADATA, f"{name!r}: a file name holds no zero byte")
    path = folder / name
    straight = folder is root and _is_straight(root, name)
    if os.path.isabs(name) or not (straight or leads_inside(root, path)):
        raise BadFrame(
            Reason.PATH_ESCAPE,
            f"{name:.200}: wanted a file inside the dataset's folder, got a path that leaves it",
        )
    if not os.path.isfile(path):  # a name too long and links in a circle lead to none, too
        raise BadFrame(Reason.MISSING_FILE, f"{name:.200}: wanted this file, it is not there")
    return path


def _is_straight(root: Path, name: str) -> bool:
    """Whether a name goes down from `root` only and meets no link: then it leads nowhere else.

    This is how nearly all files lie, and a third of what following the whole path costs.
    """
    at = str(root)
    for part in name.split("/"):
        at = f"{at}/{part}"
        if part in ("", ".", "..") or os.path.islink(at):
            return False
    return True


def leads_inside(root: Path, path: str | Path) -> bool:
    """Whether a path, its links followed, is the root or lies below it."""
    return f"{os.path.realpath(path)}/".startswith(_real(os.path.abspath(root)))


@lru_cache(maxsize=64)
def _real(root: str) -> str:
    """Where a root leads, with a stroke; found once, because every file of every frame asks."""
    return f"{os.path.realpath(root).rstrip('/')}/"


def read_limited(path: Path, max_pixels: int, reason: Reason) -> bytes:
    """The file's bytes. Raises BadFrame where no picture of `max_pixels` takes so many."""
    limit = BYTES_PER_PIXEL * max_pixels + HEADER_BYTES
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= limit else b""
    except OSError as error:
        sentence = f"{path.name}: wanted a readable file, got {error.strerror}"
        raise BadFrame(reason, sentence) from error
    if size > limit:
        raise BadFrame(
            Reason.OVERSIZED_IMAGE,
            f"{path.name}: wanted at most {limit:,} bytes (max_pixels), got {size:,}",
        )
    return data
