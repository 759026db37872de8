"""Layers to bytes and back: formats that any picture viewer opens, lossless for everything but x.

PNG at level 1 (higher levels cost four times the time for a twentieth of the size); depth as
float32 TIFF with deflate and the floating-point predictor, which keeps +inf and nan.
"""

import io
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from parhelion.pipeline.bad_frame import BadFrame, Reason

ImageFormat = Literal["png", "jpeg"]

PNG_LEVEL = 1
JPEG_QUALITY = 95
MAX_ID = np.iinfo(np.uint16).max  # of a 16-bit PNG
TIFF_PREDICTOR, FLOATING_POINT = 317, 3  # tag and value, TIFF technical note 3


def image_to_bytes(image: NDArray[np.uint8], image_format: ImageFormat = "png") -> bytes:
    """Image (H, W, 3) uint8 sRGB -> PNG, or JPEG of quality 95, which alone is not lossless."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"wanted an image (H, W, 3) uint8, got {image.shape} {image.dtype}")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if image_format == "jpeg":
        return _encoded(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if image_format == "png":
        return _png(bgr)
    raise ValueError(f"images are stored as png or jpeg, got {image_format!r}")


def image_from_bytes(data: bytes) -> NDArray[np.uint8]:
    """PNG or JPEG -> (H, W, 3) uint8 sRGB. Raises BadFrame(UNREADABLE_IMAGE)."""
    bgr = _decoded(data, cv2.IMREAD_COLOR, "image")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def bytes_layer_to_bytes(layer: NDArray[np.uint8]) -> bytes:
    """A layer of bytes (H, W), such as stencil or emissive -> 8-bit PNG."""
    _require(layer, np.uint8)
    return _png(layer)


def bytes_layer_from_bytes(data: bytes, name: str) -> NDArray[np.uint8]:
    """8-bit PNG -> (H, W) uint8. Raises BadFrame(UNREADABLE_LAYER)."""
    return _layer(data, name, np.uint8)


def instances_to_bytes(instances: NDArray[np.int32]) -> tuple[bytes, list[int] | None]:
    """Instances (H, W) int32 -> 16-bit PNG and its remap.

    Where every id fits 16 bits the picture holds the ids themselves and the remap is None;
    otherwise it holds places in the remap, whose entry 0 is the background. Raises ValueError where
    a frame has more ids than 16 bits can tell apart.
    """
    _require(instances, np.int32)
    if instances.size and instances.min() < 0:
        raise ValueError(f"instance ids are 0 or more, got {instances.min()}")
    if instances.max(initial=0) <= MAX_ID:
        return _png(instances.astype(np.uint16)), None
    remap = np.union1d([0], instances)
    if len(remap) > MAX_ID + 1:
        raise ValueError(f"a frame holds at most {MAX_ID} instances, got {len(remap) - 1}")
    places = np.searchsorted(remap, instances).astype(np.uint16)
    return _png(places), [int(i) for i in remap]


def instances_from_bytes(data: bytes, remap: Sequence[int] | None) -> NDArray[np.int32]:
    """16-bit PNG with its remap -> (H, W) int32. Raises BadFrame(UNREADABLE_LAYER)."""
    places = _layer(data, "instances", np.uint16)
    if remap is None:
        return places.astype(np.int32)
    table: NDArray[np.int32] = np.asarray(remap, dtype=np.int32)
    if places.max(initial=0) >= len(table):
        raise BadFrame(
            Reason.UNREADABLE_LAYER,
            f"instances: wanted places below {len(table)} in the remap, got {places.max()}",
        )
    return np.take(table, places)


def depth_to_bytes(depth: NDArray[np.float32]) -> bytes:
    """Depth (H, W) float32, metres -> TIFF; every bit is kept, +inf and nan too."""
    _require(depth, np.float32)
    buffer = io.BytesIO()
    Image.fromarray(depth).save(
        buffer,
        "TIFF",
        compression="tiff_adobe_deflate",
        tiffinfo={TIFF_PREDICTOR: FLOATING_POINT},
    )
    return buffer.getvalue()


def depth_from_bytes(data: bytes) -> NDArray[np.float32]:
    """TIFF -> (H, W) float32, metres. Raises BadFrame(UNREADABLE_LAYER)."""
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            depth = np.array(picture)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadFrame(
            Reason.UNREADABLE_LAYER, f"depth: wanted a float32 TIFF, got {error}"
        ) from error
    if depth.dtype != np.float32:
        raise BadFrame(
            Reason.UNREADABLE_LAYER, f"depth: wanted a float32 TIFF, got {depth.dtype} values"
        )
    return depth


def _require(layer: NDArray[Any], dtype: type[np.generic]) -> None:
    if layer.dtype != dtype or layer.ndim != 2:
        wanted = np.dtype(dtype).name
        raise ValueError(f"wanted a layer (H, W) {wanted}, got {layer.shape} {layer.dtype}")


def _png(pixels: NDArray[Any]) -> bytes:
    return _encoded(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def _encoded(suffix: str, pixels: NDArray[Any], settings: list[int]) -> bytes:
    fine, data = cv2.imencode(suffix, pixels, settings)
    if not fine:
        raise ValueError(f"OpenCV cannot write {pixels.shape} {pixels.dtype} as {suffix}")
    return bytes(data)


def _decoded(data: bytes, flags: int, name: str) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None:
        reason = Reason.UNREADABLE_IMAGE if name == "image" else Reason.UNREADABLE_LAYER
        raise BadFrame(reason, f"{name}: wanted a picture, got {len(data)} bytes that are none")
    return pixels


def _layer(data: bytes, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    pixels = _decoded(data, cv2.IMREAD_UNCHANGED, name)
    if pixels.dtype != dtype or pixels.ndim != 2:
        raise BadFrame(
            Reason.UNREADABLE_LAYER,
            f"{name}: wanted a grey picture of {np.dtype(dtype).name}, "
            f"got {pixels.shape} {pixels.dtype}",
        )
    return pixels
