"""Zip archives of captured runs: members are read in memory, and nothing is ever extracted."""

import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import BYTES_PER_PIXEL, HEADER_BYTES, file_inside
from parhelion.sim_adapters._gtav_pages import ReadAt

MOST_MEMBERS = 2_000_000
# Members are stored as they are, and their pages are compressed already: what shrinks a
# hundredfold once more was made to burst.
MOST_SHRINKING = 100
ENCRYPTED = 1  # a flag bit
LOCAL_HEADER = struct.Struct("<4s22xHH")  # ..., length of the name, length of what comes after it
BROKEN = (
    *(BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError, KeyError),
    *(struct.error, zlib.error, lzma.LZMAError, OverflowError, IndexError),
)


def opened(root: Path, name: str) -> ZipFile:
    """The archive. Raises BadFrame."""
    path = file_inside(root, root, name)
    try:
        state = os.stat(path)
        return _opened(str(path), state.st_size, state.st_mtime_ns)
    except BROKEN as error:
        said = type(error).__name__
        sentence = f"{name}: wanted a whole zip archive, got a broken one ({said})"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error


@lru_cache(maxsize=8)
def _opened(path: str, size: int, mtime_ns: int) -> ZipFile:
    """By size and time, so that one that was written anew is opened anew."""
    archive = ZipFile(path)
    if len(archive.infolist()) > MOST_MEMBERS:
        raise ValueError(f"more than {MOST_MEMBERS:,} members")
    return archive


def members(archive: ZipFile) -> Iterator[ZipInfo]:
    """Its files, without folders, in the order of their names."""
    found = sorted(archive.infolist(), key=lambda member: member.filename)
    return (member for member in found if not member.is_dir())


def refusal(member: ZipInfo, name: str, max_pixels: int) -> BadFrame | None:
    """Why a member is not read; None where it is."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        sentence = f"{name}: wanted a member inside the archive, got a path that leaves it"
        return BadFrame(Reason.PATH_ESCAPE, sentence)
    if member.flag_bits & ENCRYPTED:
        sentence = f"{name}: wanted a member without a password, got an encrypted one"
        return BadFrame(Reason.UNREADABLE_IMAGE, sentence)
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        sentence = f"{name}: wanted a stored or deflated member, got method {member.compress_type}"
        return BadFrame(Reason.UNREADABLE_IMAGE, sentence)
    limit = BYTES_PER_PIXEL * max_pixels + HEADER_BYTES
    limit = min(limit, MOST_SHRINKING * member.compress_size + HEADER_BYTES)
    if member.file_size > limit:
        wanted = f"at most {limit:,} bytes of {member.compress_size:,} in the archive"
        sentence = f"{name}: wanted {wanted}, got {member.file_size:,}"
        return BadFrame(Reason.OVERSIZED_IMAGE, sentence)
    return None


def member_bytes(archive: ZipFile, member: str, name: str, max_pixels: int) -> bytes:
    """A member's bytes, at most as many as are allowed. Raises BadFrame."""
    try:
        info = archive.getinfo(member)
        problem = refusal(info, name, max_pixels)
        data = b"" if problem else archive.read(info)
    except BROKEN as error:
        said = str(error) or type(error).__name__
        sentence = f"{name}: wanted a whole member, got one that breaks: {said}"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
    if problem is not None:
        raise problem
    return data


def start_of(read: ReadAt, member: ZipInfo) -> int:
    """Where a stored member's own bytes begin in its archive. Raises struct.error."""
    _, name, extra = LOCAL_HEADER.unpack(read(member.header_offset, LOCAL_HEADER.size))
    return member.header_offset + LOCAL_HEADER.size + int(name) + int(extra)
