"""Ways in which a stranger's file is broken, by accident or on purpose; each from a seed alone."""

import io
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.contracts import SimAdapter
from parhelion.pipeline.seeds import rng

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "'
    + b"ha" * 500
    + b'">'
    + b"".join(b'<!ENTITY %c "%b">' % (99 + i, b"&%c;" % (98 + i) * 20) for i in range(8))
    + b"]><annotation>&j;</annotation>"
)
OUTSIDE = "../" * 12 + "etc/hostname"
Mutation = Callable[[bytes, np.random.Generator], bytes]


def flipped_bits(data: bytes, random: np.random.Generator) -> bytes:
    """A few bits somewhere, more often near the header."""
    broken = bytearray(data)
    for _ in range(int(random.integers(1, 9))):
        end = len(data) if random.random() < 0.5 else min(len(data), 64)
        if end:
            broken[int(random.integers(end))] ^= 1 << int(random.integers(8))
    return bytes(broken)


def cut_short(data: bytes, random: np.random.Generator) -> bytes:
    """The end is missing, or all of it."""
    return data[: int(random.integers(len(data) + 1))]


def grown(data: bytes, random: np.random.Generator) -> bytes:
    """Noise behind the end, or in front of the beginning."""
    noise = random.bytes(int(random.integers(1, 4096)))
    return data + noise if random.random() < 0.5 else noise + data


def swapped_blocks(data: bytes, random: np.random.Generator) -> bytes:
    """Two halves changed places, as pages of a file would."""
    middle = int(random.integers(len(data) + 1))
    return data[middle:] + data[:middle]


def huge_numbers(data: bytes, random: np.random.Generator) -> bytes:
    """Four bytes of a header say that something is enormous."""
    broken = bytearray(data)
    at = int(random.integers(max(1, min(len(data), 200) - 4)))
    broken[at : at + 4] = [b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\0\0\0\0"][
        int(random.integers(3))
    ]
    return bytes(broken)


def oversized_header(data: bytes, random: np.random.Generator) -> bytes:
    """A PNG whose header, with a right checksum, says that it is enormous; else the same file."""
    if not data.startswith(b"\x89PNG"):
        return huge_numbers(data, random)
    size = struct.pack(">II", *(int(n) for n in random.integers(9_000, 2**31 - 1, 2)))
    head = data[12:16] + size + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def other_numbers(data: bytes, random: np.random.Generator) -> bytes:
    """In a text: digits become absurd numbers."""
    absurd = [b"-1", b"1e308", b"NaN", b"Infinity", b"99999999999999999999", b'"a"', b"null", b""]
    parts = data.split(b" ") if b" " in data else data.split(b",")
    parts[int(random.integers(len(parts)))] = absurd[int(random.integers(len(absurd)))]
    return (b" " if b" " in data else b",").join(parts)


def hostile_names(data: bytes, random: np.random.Generator) -> bytes:
    """In a text: file names lead out of the folder, or are none."""
    names = [OUTSIDE.encode(), b"/etc/hostname", b"a\\u0000b.png", b"con", b"x" * 5000, b"."]
    name = names[int(random.integers(len(names)))]
    for suffix in (b".png", b".jpg", b".jpeg", b".tiff", b".npy", b".exr"):
        data = data.replace(suffix, suffix + b"/../../" + name, 1)
    return data


def nested(data: bytes, random: np.random.Generator) -> bytes:
    """Brackets as deep as a parser's stack, or a bomb of entities."""
    depth = int(random.integers(10_000, 200_000))
    bombs = [b"[" * depth, b'{"a":' * depth, b"<a>" * depth, BOMB]
    return bombs[int(random.integers(len(bombs)))]


def zip_slip(data: bytes, random: np.random.Generator) -> bytes:
    """An archive whose members climb out of the folder, or unpack to far more than they take."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(OUTSIDE, data)
        archive.writestr("1.tiff", bytes(20_000_000))
    return buffer.getvalue()


MUTATIONS: tuple[Mutation, ...] = (
    flipped_bits,
    flipped_bits,
    cut_short,
    grown,
    swapped_blocks,
    huge_numbers,
    oversized_header,
    other_numbers,
    hostile_names,
    nested,
    zip_slip,
)


@dataclass(frozen=True)
class Outcome:
    """What reading a spoilt dataset came to."""

    mutation: str
    file: str
    read: int
    refused: tuple[BadFrame, ...]


def link_out(folder: Path, random: np.random.Generator) -> str:
    """Moves a file or a folder out of `folder`, beside it, and leaves a link; which one."""
    root = folder
    while root.is_dir() and len(inner := list(root.iterdir())) == 1:
        root = inner[0]  # the dataset's own root may be a link: its owner named it
    inside = sorted(root.rglob("*")) or [root]
    victim = inside[int(random.integers(len(inside)))]
    outside = folder.with_name(f"{folder.name} outside")
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    victim.rename(outside / victim.name)
    victim.symlink_to(outside / victim.name)
    return str(victim.relative_to(folder))


def spoil(folder: Path, seed: int) -> tuple[str, str]:
    """Breaks one file below `folder`, or puts another or a link in its place; (how, which)."""
    random = rng("tests.mutations", seed)
    if os.name == "posix" and random.random() < 0.1:  # elsewhere, links need a privilege
        return "link_out", link_out(folder, random)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    victim = files[int(random.integers(len(files)))]
    if random.random() < 0.1:
        shutil.copyfile(files[int(random.integers(len(files)))], victim.with_suffix(".copy"))
        os.replace(victim.with_suffix(".copy"), victim)
        return "another_file", str(victim.relative_to(folder))
    mutation = MUTATIONS[int(random.integers(len(MUTATIONS)))]
    victim.write_bytes(mutation(victim.read_bytes(), random))
    return mutation.__name__, str(victim.relative_to(folder))


def relocated(settings: dict[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """An adapter's settings for a copy of its files."""
    return {
        key: new / value.relative_to(old) if isinstance(value, Path) else value
        for key, value in settings.items()
    }


def read_everything(adapter: SimAdapter, how: tuple[str, str]) -> Outcome:
    """Indexes and reads; whatever is refused must be refused as a BadFrame."""
    refused, read = [], 0
    for ref in adapter.index():
        try:
            adapter.read(ref)
            read += 1
        except BadFrame as error:
            refused.append(error)
    return Outcome(*how, read, tuple(refused))
