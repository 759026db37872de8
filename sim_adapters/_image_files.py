"""Decoding pictures that strangers wrote: sizes are checked before pixels, failures have a name.

Decisions, for all who read pictures here:
* A picture's size is read from its header and refused above the limit before anything is decoded.
* Images become RGB: grey and palette are spread, alpha is dropped, 16 bits lose their lower byte.
* EXIF orientation is applied, as viewers and `datasets` do; where layers lie beside the picture it
  is refused instead, because nobody can tell which way the layers lie.
"""

import io
import re
import struct
import tokenize
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from parhelion.pipeline.bad_frame import BadFrame, Reason

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"  # markers
PNG_8_BIT_GREY, PNG_8_BIT_COLOURS = b"\x08\x00", b"\x08\x02"  # depth and kind in the header
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
RGB_AS_IT_LIES = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
MOST_PIXELS = 80_000_000  # above it Pillow itself suspects a bomb
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError),
    *(OverflowError, struct.error, zlib.error, tokenize.TokenError),
)


def decode_image(
    data: bytes, name: str, max_pixels: int, *, upright: bool, page: int = 0
) -> NDArray[np.uint8]:
    """Bytes of a picture, or of a page of it -> (H, W, 3) uint8 sRGB.

    `upright` refuses a picture that EXIF turns. Raises BadFrame that names the file.
    """
    with opened(data, name, IMAGE_FORMATS, max_pixels, Reason.UNREADABLE_IMAGE) as picture:
        if page:
            picture.seek(page)
            if picture.width * picture.height > max_pixels:
                raise BadFrame(Reason.OVERSIZED_IMAGE, _oversized(name, max_pixels, picture))
        if picture.format == "PNG" and picture.mode == "RGB" and _is_plain_png(data):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), RGB_AS_IT_LIES)
            if pixels is not None:  # what OpenCV refuses, Pillow judges below
                return pixels.astype(np.uint8, copy=False)
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
    whole = data.endswith(JPEG_END) or data.rfind(JPEG_END) > data.rfind(JPEG_SCAN)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), RGB_AS_IT_LIES) if whole else None
    if pixels is None:
        sentence = f"{name}: wanted a whole JPEG, got {len(data):,} bytes that break off"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence)
    return pixels.astype(np.uint8, copy=False)


def _is_plain_png(data: bytes) -> bool:
    """Whether this is one picture of 8-bit colours that nothing turns: OpenCV is faster at those.

    Only chunks' names and keywords are looked at; Pillow would decode all to look for an EXIF.
    """
    if data[24:26] != PNG_8_BIT_COLOURS:
        return False
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        keyword = data[at + 8 : at + 88].split(b"\0")[0] if kind in PNG_TEXTS else b""
        if kind in (b"eXIf", b"acTL") or b"exif" in keyword or b"xmp" in keyword:
            return False
        at += 12 + length
    return True


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
def opened(
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
            reason, f"{name}: wanted {wanted}, got {size} that break: {said(error)}"
        ) from error


def said(error: Exception) -> str:
    """The error's words without memory addresses, which differ from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(error))


def _oversized(name: str, max_pixels: int, picture: Image.Image) -> str:
    size = f"{picture.width}x{picture.height}"
    return f"{name}: wanted at most {max_pixels:,} pixels (max_pixels), got {size}"
