"""Writing files so that a reader finds the old one, the new one or none, but never a half.

Every file of a run is written here: to a draft beside its place, flushed to the disk, then renamed.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

from parhelion.pipeline.seeds import canonical_json, digest

DRAFT = ".draft"
BLOCK = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path`; the file or folder written there takes its place at the end."""
    make_folder(path.parent)
    # Unique, because a worker that outlives its run by a moment may still write its own draft.
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{DRAFT}")
    try:
        yield draft
        _flush(draft)
        if path.is_dir():
            shutil.rmtree(path)  # a rename replaces a file, but not a folder
        os.replace(draft, path)
    except BaseException:
        discard(draft)
        raise
    _flush_one(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """The whole content of a file, at once."""
    with replacing(path) as draft, create(draft) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Text as UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Plain data or a pydantic model as canonical JSON, one line."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """Canonical JSON with a newline at its end: equal values, equal bytes."""
    return (canonical_json(value) + "\n").encode()


def model_from(path: Path, model: type[BaseModel]) -> BaseModel | None:
    """The model kept in a JSON file; None where the file is missing or is not one."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def create(path: Path) -> BinaryIO:
    """A new file for writing; an existing one is an error."""
    return open(path, "xb")


def append_line(path: Path, line: str) -> None:
    """One line at the end, in one write: lines of several processes do not mix."""
    with open(path, "ab", buffering=0) as file:
        file.write(line.encode() + b"\n")


def discard(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def discard_drafts(folder: Path) -> None:
    """Removes what a killed run left half written below `folder`."""
    for draft in sorted(folder.rglob(f".*{DRAFT}")):
        discard(draft)


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, each flushed to the disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _flush_one(path.parent)


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes; of a folder, the digest of its files' names and hashes."""
    if path.is_dir():
        return digest([[str(p.relative_to(path)), sha256_of(p)] for p in _files(path)])
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(p.stat().st_size for p in _files(path))
    return path.stat().st_size


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _flush(path: Path) -> None:
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            _flush_one(inner)
    _flush_one(path)


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
