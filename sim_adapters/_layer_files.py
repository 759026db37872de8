"""Decoding layers that strangers wrote: numbers, not colours, and they keep their values.

A palette's index is the id; 16 bits stay 16 bits; no file is ever unpickled. Sizes are checked
before numbers are, and failures have a name.
"""

import io
import math
import warnings
from typing import Any

import cv2
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._image_files import (
    PNG_8_BIT_COLOURS,
    PNG_8_BIT_GREY,
    RGB_AS_IT_LIES,
    UNREADABLE,
    opened,
    said,
)

LAYER_FORMATS = ("PNG", "TIFF")
NUMPY_MAGIC = b"\x93NUMPY"


def decode_ids(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    """PNG or TIFF of one channel -> ids (H, W), uint8, uint16 or int32. Raises BadFrame."""
    with opened(data, name, LAYER_FORMATS, max_pixels, Reason.UNREADABLE_LAYER) as picture:
        if picture.mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
            raise BadFrame(
                Reason.WRONG_TYPE,
                f"{name}: wanted one channel of ids, got a picture of mode {picture.mode}"
                " (are its classes written as colours?)",
            )
        if picture.format == "PNG" and picture.mode == "L":
            plane = _grey_png(data, picture)
            if plane is not None:
                return plane
        ids = np.asarray(picture)
        # One bit a pixel is a mask of 0 and 255 that was written small.
        return ids.astype(np.uint8) * np.uint8(255) if picture.mode == "1" else ids


def _grey_png(data: bytes, picture: Image.Image) -> NDArray[np.uint8] | None:
    """Eight bits of grey by OpenCV, which copies less; None = Pillow may judge."""
    moves = getattr(picture, "is_animated", False)
    if data[24:26] != PNG_8_BIT_GREY or "transparency" in picture.info or moves:
        return None
    plane = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if plane is None or plane.dtype != np.uint8 or plane.ndim != 2:
        return None
    return plane.astype(np.uint8, copy=False)


def decode_channels(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    """PNG whose channels are numbers, not colours -> (H, W, 3 or 4) uint8 or uint16, R first.

    Pillow would cut 16 bits to 8, so it only checks the file here. Raises BadFrame.
    """
    with opened(data, name, ("PNG",), max_pixels, Reason.UNREADABLE_LAYER) as picture:
        mode = picture.mode
        plain = data[24:26] == PNG_8_BIT_COLOURS and "transparency" not in picture.info
        picture.verify()
    if mode not in ("RGB", "RGBA"):
        sentence = f"{name}: wanted three or four channels of numbers, got mode {mode}"
        raise BadFrame(Reason.WRONG_TYPE, sentence)
    how = RGB_AS_IT_LIES if plain else cv2.IMREAD_UNCHANGED
    values = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if values is None:
        raise BadFrame(Reason.UNREADABLE_LAYER, f"{name}: wanted a whole PNG, got a broken one")
    if plain:
        return values
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
        sentence = f"{name}: wanted a whole .npy of numbers, got {said(error)}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence) from error
    return values.reshape(shape, order="F" if fortran_order else "C")


def _too_many(name: str, max_pixels: int, shape: tuple[int, ...]) -> str:
    return f"{name}: wanted at most {max_pixels:,} numbers (max_pixels), got {shape}"


def _check_plane(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or min(shape) < 1:
        raise BadFrame(Reason.WRONG_SHAPE, f"{name}: wanted depth (H, W), got {shape}")


def _plane(data: bytes, name: str, max_pixels: int) -> NDArray[Any]:
    with opened(data, name, LAYER_FORMATS, max_pixels, Reason.UNREADABLE_LAYER) as picture:
        if picture.mode not in ("L", "I", "I;16", "I;16B", "F"):
            raise BadFrame(
                Reason.WRONG_TYPE,
                f"{name}: wanted depth in one channel of 8, 16 or 32 bits, got mode {picture.mode}",
            )
        return np.asarray(picture)
