"""One channel of an OpenEXR file: scan lines, uncompressed or with ZIP, as Unity writes depth.

OpenCV is built without OpenEXR, and readers that are not believe the size in a stranger's header
and take the memory that it names. Layout: magic, version, attributes up to an empty name, a table
of places, and blocks of 1 or 16 lines: y, size, data. A block holds line after line, in each the
channels in the order of their names; ZIP splits its bytes into halves of even and of odd places
and keeps differences to the byte before (OpenEXR file layout; ImfZip).
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason

MAGIC = b"\x76\x2f\x31\x01"
PLAIN_VERSION = 2  # higher bits: tiles, deep data, several parts; 0x400 only allows long names
LONG_NAMES = 0x400
LINES_OF_BLOCK = {0: 1, 2: 1, 3: 16}  # by compression: none, ZIPS, ZIP
TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}
MOST_ATTRIBUTES = 256


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    top: int  # y of the first line
    compression: int
    channels: dict[str, np.dtype[Any]]  # in the order of a line
    end: int  # where the table of places begins


def decode_exr(
    data: bytes, name: str, max_pixels: int, wanted: tuple[str, ...]
) -> NDArray[np.float32]:
    """The first of the `wanted` channels that is there, (H, W) float32. Raises BadFrame."""
    try:
        header = _header(data, name, max_pixels)
        channel = next((c for c in wanted if c in header.channels), None)
        if channel is None:
            got = ", ".join(header.channels)
            raise ValueError(f"no channel {' or '.join(wanted)} among {got}")
        return _channel(data, header, channel)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as error:
        if isinstance(error, BadFrame):
            raise
        sentence = f"{name}: wanted OpenEXR of scan lines, plain or with ZIP, got {error}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence) from error


def _header(data: bytes, name: str, max_pixels: int) -> _Header:
    if data[:4] != MAGIC:
        raise ValueError(f"{len(data):,} bytes of something else")
    (version,) = struct.unpack_from("<I", data, 4)
    if version & ~LONG_NAMES != PLAIN_VERSION:
        raise ValueError(f"version and flags {version:#x} (tiles, deep data or several parts)")
    attributes, end = _attributes(data)
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if min(width, height) < 1:
        raise ValueError(f"a picture of {width}x{height}")
    if width * height > max_pixels:
        sentence = f"{name}: wanted at most {max_pixels:,} pixels, got {width}x{height}"
        raise BadFrame(Reason.OVERSIZED_IMAGE, sentence)
    compression = attributes["compression"][0]
    if compression not in LINES_OF_BLOCK:
        raise ValueError(f"compression {compression}")
    return _Header(width, height, top, compression, _channels(attributes["channels"]), end)


def _attributes(data: bytes) -> tuple[dict[str, bytes], int]:
    """{name: value} of the header, and where it ends."""
    found: dict[str, bytes] = {}
    place = 8
    for _ in range(MOST_ATTRIBUTES):
        word, place = _word(data, place)
        if not word:
            return found, place
        _, place = _word(data, place)  # its type
        (size,) = struct.unpack_from("<i", data, place)
        value = data[place + 4 : place + 4 + size] if size >= 0 else b""
        if len(value) != size:
            raise ValueError(f"an attribute {word!r:.40} of {size} bytes")
        found[word] = value
        place += 4 + size
    raise ValueError(f"more than {MOST_ATTRIBUTES} attributes")


def _channels(value: bytes) -> dict[str, np.dtype[Any]]:
    """Names and types of a line's channels: name, type, four bytes, and samplings in x and y."""
    found: dict[str, np.dtype[Any]] = {}
    place = 0
    while value[place : place + 1] != b"\0":
        word, place = _word(value, place)
        kind, _, x, y = struct.unpack_from("<iIii", value, place)
        if (x, y) != (1, 1):
            raise ValueError(f"channel {word!r:.40}, of which not every pixel is there")
        found[word] = np.dtype(TYPES[kind])
        place += 16
    return found


def _word(data: bytes, place: int) -> tuple[str, int]:
    end = data.index(b"\0", place, place + 256)
    return data[place:end].decode("latin-1"), end + 1


def _channel(data: bytes, header: _Header, wanted: str) -> NDArray[np.float32]:
    sizes = {c: kind.itemsize * header.width for c, kind in header.channels.items()}
    names = list(sizes)
    before = sum(sizes[c] for c in names[: names.index(wanted)])
    line, lines = sum(sizes.values()), LINES_OF_BLOCK[header.compression]
    made = np.empty((header.height, header.width), dtype=np.float32)
    blocks = -(-header.height // lines)
    for (place,) in struct.iter_unpack("<Q", data[header.end : header.end + 8 * blocks]):
        y, size = struct.unpack_from("<ii", data, place)
        first = y - header.top
        if not 0 <= first < header.height or first % lines or size < 0:
            raise ValueError(f"a block of {size} bytes at line {y}")
        count = min(lines, header.height - first)
        body = _unpacked(data[place + 8 : place + 8 + size], count * line, header.compression)
        rows = body.reshape(count, line)[:, before : before + sizes[wanted]]
        values = np.ascontiguousarray(rows).view(header.channels[wanted])
        made[first : first + count] = values
        blocks -= 1
    if blocks:
        raise ValueError(f"an end {blocks} blocks too early")
    return made


def _unpacked(packed: bytes, size: int, compression: int) -> NDArray[np.uint8]:
    """The bytes of a block; one that ZIP would not make smaller is stored as it is."""
    if compression == 0 or len(packed) == size:
        plain = np.frombuffer(packed, dtype=np.uint8)
    else:
        # `size` is bounded by max_pixels; a bomb is cut off one byte later.
        unzipped = zlib.decompressobj().decompress(packed, size + 1)
        deltas = np.frombuffer(unzipped, dtype=np.uint8) - np.uint8(128)
        deltas[:1] += np.uint8(128)
        halves = np.add.accumulate(deltas, dtype=np.uint8)
        plain = np.empty_like(halves)
        middle = (len(halves) + 1) // 2
        plain[0::2], plain[1::2] = halves[:middle], halves[middle:]
    if len(plain) != size:
        raise ValueError(f"a block of {len(plain):,} bytes where {size:,} belong")
    return plain
