"""The pages of a TIFF that GTAVisionExport wrote: colours, depth and stencil in one file.

    page 0 .. N-1   colour    8 bits, 3 or 4 samples, JPEG      one per captured weather
    page N          depth     32-bit floating point, 1 sample, LZW with predictor
    page N + 1      stencil   8 bits, 1 sample, LZW with predictor

Pages are told apart by their samples, because copies with another order are about. Sizes are read
from the directories before anything is decoded.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters import _layer_files as layer_files

MOST_PAGES = 64  # fifteen weathers, depth and stencil make 17
MOST_TAGS = 512
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, EXTRA, FORMAT = 256, 257, 258, 259, 277, 338, 339
SHORT, LONG = 3, 4
FLOATING_POINT = 3  # a sample format
ALPHA = 2  # an extra sample by which OpenCV would darken the colours
LZMA = 34925  # a compression that OpenCV lacks

ReadAt = Callable[[int, int], bytes]  # (offset, length) -> at most so many bytes


class Page(NamedTuple):
    """One directory of a TIFF."""

    width: int
    height: int
    bits: int
    samples: int
    floating: bool
    compression: int
    extra: int  # what its first sample beyond R, G, B is

    @property
    def kind(self) -> str:
        """colour, depth or stencil; empty where it is none of them."""
        if self.samples >= 3:
            return "colour" if self.bits == 8 and not self.floating else ""
        if self.floating:
            return "depth" if self.bits == 32 else ""
        return "stencil" if self.bits == 8 else ""


def reader_of(data: bytes) -> ReadAt:
    """Reads parts of bytes."""
    return lambda at, length: data[at : at + length]


def pages_of(read: ReadAt, name: str) -> list[Page]:
    """All directories in their order; no pixels are touched. Raises BadFrame."""
    head = read(0, 8)
    order = BYTE_ORDERS.get(head[:4])
    if order is None or len(head) < 8:
        raise _broken(name, "no header of a TIFF")
    found: list[Page] = []
    visited: set[int] = set()
    (at,) = struct.unpack(f"{order}I", head[4:])
    while at:
        if at in visited or len(found) == MOST_PAGES:
            raise _broken(name, "directories in a circle or without an end")
        visited.add(at)
        page, at = _directory(read, at, order, name)
        found.append(page)
    return found


def colour_pages(read: ReadAt) -> int:
    """How many pages are colour pictures; 1 for a broken file, whose reader says what is wrong."""
    try:
        return max(1, sum(page.kind == "colour" for page in pages_of(read, "")))
    except (BadFrame, OSError):
        return 1


def chosen(pages: Sequence[Page], kind: str, name: str, wanted: int = 1, which: int = 0) -> int:
    """The index of a page of this kind, of which there must be `wanted`. Raises BadFrame."""
    places = [i for i, page in enumerate(pages) if page.kind == kind]
    if len(places) != wanted:
        kinds = ", ".join(page.kind or "something else" for page in pages) or "none"
        sentence = f"{name}: wanted {wanted} page(s) of {kind}, got pages of {kinds}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence)
    return places[which]


def check_sizes(pages: Sequence[Page], name: str, max_pixels: int) -> None:
    """Raises BadFrame where a page is larger than allowed."""
    for page in pages:
        if not 0 < page.width * page.height <= max_pixels:
            size = f"{page.width}x{page.height}"
            sentence = f"{name}: wanted at most {max_pixels:,} pixels (max_pixels), got {size}"
            raise BadFrame(Reason.OVERSIZED_IMAGE, sentence)


def decode_colour(
    data: bytes, pages: Sequence[Page], index: int, name: str, max_pixels: int
) -> NDArray[np.uint8]:
    """A page of colours, (H, W, 3) uint8 sRGB; a fourth sample tells nothing. Raises BadFrame."""
    page = pages[index]
    if page.extra != ALPHA:
        pixels = _by_opencv(data, index)
        if pixels is not None and pixels.shape == (page.height, page.width, page.samples):
            swap = cv2.COLOR_BGR2RGB if page.samples == 3 else cv2.COLOR_BGRA2RGB
            return cv2.cvtColor(pixels, swap).astype(np.uint8, copy=False)
    return image_files.decode_image(data, name, max_pixels, upright=True, page=index)


def decode_layer(data: bytes, pages: Sequence[Page], index: int, name: str) -> NDArray[Any]:
    """The numbers of a page of depth (float32) or stencil (uint8), (H, W). Raises BadFrame."""
    page = pages[index]
    dtype = np.float32 if page.floating else np.uint8
    by_pillow = page.compression == LZMA
    plane = _by_pillow(data, index, page, name) if by_pillow else _by_opencv(data, index)
    if plane is None or plane.dtype != dtype or plane.shape != (page.height, page.width):
        got = "broken bytes" if plane is None else f"{plane.shape} {plane.dtype}"
        wanted = f"{page.kind} ({page.height}, {page.width}) {np.dtype(dtype).name}"
        sentence = f"{name}: wanted {wanted} on page {index}, got {got}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence)
    return plane


def _by_opencv(data: bytes, index: int) -> NDArray[Any] | None:
    """Twice as fast as Pillow at LZW with a predictor."""
    buffer, whole = np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
    try:
        _, planes = cv2.imdecodemulti(buffer, whole, range=(index, index + 1))
    except cv2.error:
        return None
    return planes[0] if planes else None


def _by_pillow(data: bytes, index: int, page: Page, name: str) -> NDArray[Any]:
    if index:
        sentence = f"{name}: wanted LZMA in files of one page only, got it on page {index}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence)
    pixels = page.width * page.height
    if not page.floating:
        return layer_files.decode_ids(data, name, pixels)
    return layer_files.decode_depth(
        data, name, pixels, metres_per_unit=None, unknown_value=None, sky_value=None
    )


def _directory(read: ReadAt, at: int, order: str, name: str) -> tuple[Page, int]:
    """One directory, and where the next one lies; 0 = there is none."""
    block = read(at, 2 + 12 * MOST_TAGS + 4)
    try:
        (count,) = struct.unpack_from(f"{order}H", block)
        if count > MOST_TAGS:
            raise _broken(name, f"{count:,} tags in a directory")
        (after,) = struct.unpack_from(f"{order}I", block, 2 + 12 * count)
        tags = {BITS: 1, COMPRESSION: 1, SAMPLES: 1, FORMAT: 1, WIDTH: 0, HEIGHT: 0, EXTRA: 0}
        for tag, kind, n, value in struct.iter_unpack(f"{order}HHI4s", block[2 : 2 + 12 * count]):
            if tag in tags and kind in (SHORT, LONG):  # of a tag that comes twice, the larger
                tags[tag] = max(tags[tag], _number(read, kind, n, value, order))
    except struct.error as error:
        raise _broken(name, "a directory beyond the end of the file") from error
    page = Page(
        width=tags[WIDTH],
        height=tags[HEIGHT],
        bits=tags[BITS],
        samples=tags[SAMPLES],
        floating=tags[FORMAT] == FLOATING_POINT,
        compression=tags[COMPRESSION],
        extra=tags[EXTRA],
    )
    return page, after


def _number(read: ReadAt, kind: int, n: int, value: bytes, order: str) -> int:
    """The first number of a tag; more than four bytes of them lie elsewhere."""
    letter, size = ("H", 2) if kind == SHORT else ("I", 4)
    if n * size > len(value):
        (place,) = struct.unpack(f"{order}I", value)
        value = read(place, size)
    number: int = struct.unpack_from(f"{order}{letter}", value)[0]
    return number


def _broken(name: str, got: str) -> BadFrame:
    return BadFrame(Reason.UNREADABLE_IMAGE, f"{name}: wanted a whole TIFF, got {got}")
