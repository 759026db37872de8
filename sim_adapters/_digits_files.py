"""Pictures with one class each, many in a file: which files, unpacked how far, and what they hold.

Legend: N = pictures, H, W = pixels of one.
"""

import bz2
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import file_inside
from parhelion.sim_adapters._listing import walk

MOST_BYTES = 1 << 31  # of one file, packed or not; the largest part of SVHN takes 1.6 GB
GZIP = 31  # zlib's word for "with a gzip header"
CLASSES = 10
PACKED = (".gz", ".bz2")


@dataclass(frozen=True, eq=False, kw_only=True)
class Labelled:
    """The pictures of one part of a set, in the order of its file."""

    pixels: NDArray[np.uint8]  # (N, H, W) grey or (N, H, W, 3) sRGB
    labels: NDArray[np.int64]  # (N,) place in the vocabulary; what lies outside it is refused
    files: dict[str, str]  # that all of them lie in, relative to the root
    groups: Sequence[str] = ()  # (N,) where it is known which belong together; empty = none do


def found_file(root: Path, stems: Sequence[str]) -> str:
    """The one file below `root` with one of these names, packed or not, as a relative path.

    Beside its packed twin the plain file is taken. Raises BadFrame for none and for several.
    """
    there = [path for path in walk(root) if _plain(path.rpartition("/")[2]) in stems]
    plain = {_plain(path): path for path in sorted(there, reverse=True)}  # the shortest name last
    if len(plain) > 1:
        sentence = f"wanted one file {stems[0]}, got {', '.join(sorted(plain.values())[:4])}: "
        raise BadFrame(Reason.DUPLICATE_ID, sentence + "set `path` to the folder of one of them")
    if not plain:
        names = " or ".join(stems)
        raise BadFrame(Reason.MISSING_FILE, f"wanted {names} (or .gz), found none of that name")
    return next(iter(plain.values()))


def _plain(path: str) -> str:
    return path.removesuffix(".gz")


def unpacked_file(root: Path, name: str) -> bytes:
    """The bytes of a file below `root`, without .gz or .bz2. Raises BadFrame."""
    path = file_inside(root, root, name)
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        sentence = f"{name}: wanted a readable file, got {error.strerror}"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
    if size > MOST_BYTES:
        raise _too_large(name)
    return _unpacked(data, name) if name.endswith(PACKED) else data


def _unpacked(data: bytes, name: str) -> bytes:
    """All members of a packed file, one after another."""
    pieces, room = [], MOST_BYTES
    while data.rstrip(b"\0"):  # some tools pad the end
        packed = zlib.decompressobj(GZIP) if name.endswith(".gz") else bz2.BZ2Decompressor()
        try:
            pieces.append(packed.decompress(data, room))
        except (zlib.error, OSError, ValueError, EOFError) as error:
            sentence = f"{name}: wanted a whole packed file, got {error}"
            raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
        room -= len(pieces[-1])
        if room <= 0:
            raise _too_large(name)
        if not packed.eof:
            sentence = f"{name}: wanted a whole packed file, got one whose end is missing"
            raise BadFrame(Reason.UNREADABLE_IMAGE, sentence)
        data = packed.unused_data
    return b"".join(pieces)


def _too_large(name: str) -> BadFrame:
    return BadFrame(
        Reason.OVERSIZED_IMAGE, f"{name}: wanted at most {MOST_BYTES:,} bytes, got more"
    )


def same_count(name: str, pictures: int, labels: int) -> None:
    """Raises BadFrame where pictures and labels are not equally many, or are none."""
    if pictures != labels or not pictures:
        sentence = f"{name}: wanted a label for each picture, got {labels:,} for {pictures:,}"
        raise BadFrame(Reason.SIZE_MISMATCH, sentence)
