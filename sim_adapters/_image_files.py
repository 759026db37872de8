"""Decoding files that strangers wrote: sizes are checked before pixels, and failures have a name.

Decisions, for all who read pictures here:
* A picture's size is read from its header and refused above the limit before anything is decoded.
* Images become RGB: grey and palette are spread, alpha is dropped, 16 bits lose their lower byte.
* EXIF orientation is applied, as viewers and `datasets` do; where layers lie beside the picture it
  is refused instead, because nobody can tell which way the layers lie.
* Layers of ids keep their values: a palette's index is the id, colours are not ids.
* No file is ever unpickled.
"""

import io
import math
import os
import re
import struct
import tokenize
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from parhelion.pipeline.bad_frame import BadFrame, Reason

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
LAYER_FORMATS = ("PNG", "TIFF")
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"  # markers
NUMPY_MAGIC = b"\x93NUMPY"
BYTES_PER_PIXEL = 32  # the most that a sane file of any of these formats takes
HEADER_BYTES = 1 << 20
MOST_PIXELS = 80_000_000  # above it Pillow itself suspects a bomb
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError),
    *(OverflowError, struct.error, zlib.error, tokenize.TokenError),
)


def file_inside(root: Path, folder: Path, name: str) -> Path:
    """The file `name`, relative to `folder`. Raises BadFrame if it leaves `root` or is not there.

    Links count by where they lead: a link out of `root` leaves it.
    """
    if "\0" in name:
        raise BadFrame(Reason.BAD_METADATA, f"{name!r}: a file name holds no zero byte")
    path = folder / name
    inside = f"{os.path.realpath(path)}/".startswith(_real(os.path.abspath(root)))
    if os.path.isabs(name) or not inside:
        raise BadFrame(
            Reason.PATH_ESCAPE,
            f"{name:.200}: wanted a file inside the dataset's folder, got a path that leaves it",
        )
    if not os.path.isfile(path):  # a name too long and links in a circle lead to none, too
        raise BadFrame(Reason.MISSING_FILE, f"{name:.200}: wanted this file, it is not there")
    return path


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


def decode_image(
    data: bytes, name: str, max_pixels: int, *, upright: bool, page: int = 0
) -> NDArray[np.uint8]:
    """Bytes of a picture, or of a page of it -> (H, W, 3) uint8 sRGB.

    `upright` refuses a picture that EXIF turns. Raises BadFrame that names the file.
    """
    with _opened(data, name, IMAGE_FORMATS, max_pixels, Reason.UNREADABLE_IMAGE) as picture:
        if page:
            picture.seek(page)
            if picture.width * picture.height > max_pixels:
                raise BadFrame(Reason.OVERSIZED_IMAGE, _oversized(name, max_pixels, picture))
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        if upright and orientation != 1:
            raise BadFrame(
                Reason.BAD_METADATA,
                f"{name}: wanted an upright picture, because layers lie beside it, got EXIF "
                f"orientation {orientation}: turn its pixels and drop the tag",
            )
        if picture.format == "JPEG" and picture.mode in ("RGB", "L") and orientation == 1:
            return _jpeg(data, name)
        picture.load()
        turned = picture if orientation == 1 else ImageOps.exif_transpose(picture)
        return np.ascontiguousarray(_rgb(turned, name))


def _jpeg(data: bytes, name: str) -> NDArray[np.uint8]:
    """A JPEG whose header was read; OpenCV needs half of Pillow's time for two megapixels.

    It paints what is missing of a torn file grey, so the end is looked for first: no scan's data
    may hold the end's marker. Raises BadFrame.
    """
    whole = data.rfind(JPEG_END) > data.rfind(JPEG_SCAN)
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if whole else None
    if pixels is None:
        sentence = f"{name}: wanted a whole JPEG, got {len(data):,} bytes that break off"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence)
    return pixels.astype(np.uint8, copy=False)


def decode_ids(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    """PNG or TIFF of one channel -> ids (H, W), uint8, uint16 or int32. Raises BadFrame."""
    with _opened(data, name, LAYER_FORMATS, max_pixels, Reason.UNREADABLE_LAYER) as picture:
        if picture.mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
            raise BadFrame(
                Reason.WRONG_TYPE,
                f"{name}: wanted one channel of ids, got a picture of mode {picture.mode}"
                " (are its classes written as colours?)",
            )
        ids = np.asarray(picture)
        return ids.astype(np.uint8) if ids.dtype == np.bool_ else ids


def decode_channels(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    """PNG whose channels are numbers, not colours -> (H, W, 3 or 4) uint8 or uint16, R first.

    Pillow would cut 16 bits to 8, so it only checks the file here. Raises BadFrame.
    """
    with _opened(data, name, ("PNG",), max_pixels, Reason.UNREADABLE_LAYER) as picture:
        mode = picture.mode
        picture.verify()
    if mode not in ("RGB", "RGBA"):
        sentence = f"{name}: wanted three or four channels of numbers, got mode {mode}"
        raise BadFrame(Reason.WRONG_TYPE, sentence)
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise BadFrame(Reason.UNREADABLE_LAYER, f"{name}: wanted a whole PNG, got a broken one")
    swap = cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.cvtColor(values, swap)


def decode_raw(
    data: bytes, name: str, dtype: type[np.generic], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Numbers without a header, little-endian, row after row -> `shape`. Raises BadFrame."""
    kind = np.dtype(dtype).newbyteorder("<")
    wanted = math.prod(shape) * kind.itemsize
    if len(data) != wanted:
        raise BadFrame(
            Reason.WRONG_SHAPE,
            f"{name}: wanted {wanted:,} bytes, {shape} of {kind.name}, got {len(data):,}",
        )
    return np.frombuffer(data, kind).astype(dtype, copy=False).reshape(shape)


def decode_depth(
    data: bytes,
    name: str,
    max_pixels: int,
    *,
    metres_per_unit: float | None,
    unknown_value: int | None,
    sky_value: int | None,
) -> NDArray[np.float32]:
    """float32 TIFF or .npy in metres, or integers of a stated scale -> (H, W) float32, metres.

    Integers equal to `unknown_value` become nan, those equal to `sky_value` +inf. Raises BadFrame.
    """
    if data.startswith(NUMPY_MAGIC):
        raw = decode_npy(data, name, max_pixels)
        _check_plane(name, raw.shape)
    else:
        raw = _plane(data, name, max_pixels)
    if raw.dtype.kind == "f":
        return raw.astype(np.float32)
    if raw.dtype.kind not in "iu":
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted numbers as depth, got {raw.dtype}")
    if metres_per_unit is None:
        raise BadFrame(
            Reason.BAD_METADATA,
            f"{name}: depth in whole numbers needs its scale: state depth_metres_per_unit",
        )
    depth = (raw * metres_per_unit).astype(np.float32)
    for value, meaning in ((unknown_value, np.nan), (sky_value, np.inf)):
        if value is not None:
            depth[raw == value] = meaning
    return depth


def decode_npy(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    """The array of a .npy, whose header is believed only as far as the bytes go.

    Records of numbers are read too; Python objects never. Raises BadFrame.
    """
    buffer = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a header of another Python
            old = npy_format.read_magic(buffer) == (1, 0)
            read = npy_format.read_array_header_1_0 if old else npy_format.read_array_header_2_0
            shape, fortran_order, dtype = read(buffer)
        if dtype.hasobject:
            raise ValueError("Python objects, which are never unpickled")
        if min(shape, default=1) < 0 or math.prod(shape) > max_pixels:
            raise BadFrame(Reason.WRONG_SHAPE, _too_many(name, max_pixels, shape))
        values = np.frombuffer(data, dtype, count=math.prod(shape), offset=buffer.tell())
    except BadFrame:
        raise
    except UNREADABLE as error:
        sentence = f"{name}: wanted a whole .npy of numbers, got {_said(error)}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence) from error
    return values.reshape(shape, order="F" if fortran_order else "C")


def _too_many(name: str, max_pixels: int, shape: tuple[int, ...]) -> str:
    return f"{name}: wanted at most {max_pixels:,} numbers (max_pixels), got {shape}"


def _check_plane(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or min(shape) < 1:
        raise BadFrame(Reason.WRONG_SHAPE, f"{name}: wanted depth (H, W), got {shape}")


def _plane(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    with _opened(data, name, LAYER_FORMATS, max_pixels, Reason.UNREADABLE_LAYER) as picture:
        if picture.mode not in ("L", "I", "I;16", "I;16B", "F"):
            raise BadFrame(
                Reason.WRONG_TYPE,
                f"{name}: wanted depth in one channel of 8, 16 or 32 bits, got mode {picture.mode}",
            )
        return np.asarray(picture)


def _rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    if picture.mode in ("I;16", "I;16B", "I"):
        values = np.asarray(picture).astype(np.int64)
        grey = np.clip(values >> 8, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode == "F":
        raise BadFrame(
            Reason.WRONG_TYPE, f"{name}: wanted an image of 8 or 16 bits, got floating point"
        )
    if picture.mode != "RGB":
        picture = picture.convert("RGBA" if picture.mode == "P" else "RGB")
    return np.asarray(picture)[..., :3]


@contextmanager
def _opened(
    data: bytes, name: str, formats: tuple[str, ...], max_pixels: int, reason: Reason
) -> Iterator[Image.Image]:
    """The picture, its size checked, its pixels not decoded yet; failures become BadFrame."""
    wanted = f"a whole picture ({', '.join(formats)})"
    size = f"{len(data):,} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # a torn tag, of which EXIF has many
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                if picture.width * picture.height > max_pixels:
                    raise BadFrame(Reason.OVERSIZED_IMAGE, _oversized(name, max_pixels, picture))
                yield picture
    except BadFrame:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadFrame(
            Reason.OVERSIZED_IMAGE, f"{name}: wanted at most {max_pixels:,} pixels, got {error}"
        ) from error
    except UnidentifiedImageError as error:
        raise BadFrame(reason, f"{name}: wanted {wanted}, got {size} of none of these") from error
    except UNREADABLE as error:
        raise BadFrame(
            reason, f"{name}: wanted {wanted}, got {size} that break: {_said(error)}"
        ) from error


def _said(error: Exception) -> str:
    """The error's words without memory addresses, which differ from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(error))


def _oversized(name: str, max_pixels: int, picture: Image.Image) -> str:
    size = f"{picture.width}x{picture.height}"
    return f"{name}: wanted at most {max_pixels:,} pixels (max_pixels), got {size}"
