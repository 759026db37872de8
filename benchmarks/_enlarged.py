"""Recordings of the tests at the size of real pictures: every picture file of a folder enlarged.

Ids are repeated, so they stay what they were. Photographs get grain of their own, and as many bytes
as real ones have where that is known; depth slants within each repeated pixel, because no rendered
surface is as far at one pixel as at the next: both take as long to decode as real ones do.
"""

import io
import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from parhelion.pipeline.seeds import rng

WIDTH, HEIGHT = 48, 32  # of the recordings that tests write
RAW = {WIDTH * HEIGHT: np.uint8, WIDTH * HEIGHT * 4: np.float32}  # numbers without a header
SIZES = re.compile(r"((?:[wW]idth|[hH]eight)\W+)(48|32)\b")  # of a picture, as XML and JSON say
GRAIN = 6.0  # grey levels
SLANT = 0.1  # share of a depth by which it falls within one repeated pixel
MASKS, CORNERS = 7, 20  # of COCO, in a picture and around a mask
PREDICTOR = 317  # a tag of TIFF, which tells how its numbers were made ready for LZW


def enlarge(folder: Path, factor: int, photo_bytes: int = 0) -> None:
    """Repeats every pixel of every picture and .npy below `folder` `factor` times each way.

    JPEG gets the best quality that takes no more than `photo_bytes`; 0 = Pillow's own.
    """
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".npy":
            values = np.load(path)
            if values.ndim == 2:
                np.save(path, _repeated(values, factor))
        elif path.stat().st_size in RAW and path.suffix in (".raw", ".bin"):
            plane = np.fromfile(path, RAW[path.stat().st_size]).reshape(HEIGHT, WIDTH)
            large = _repeated(plane, factor)
            (_slanted(large, factor) if plane.dtype == np.float32 else large).tofile(path)
        elif path.suffix in (".xml", ".json"):
            path.write_text(SIZES.sub(lambda m: f"{m[1]}{int(m[2]) * factor}", path.read_text()))
        elif path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff"):
            _enlarge_picture(path, factor, photo_bytes)


def crowd(folder: Path) -> None:
    """Gives COCO's pictures as many masks as they have on average, of as many corners.

    train2017: 860,001 annotations of 118,287 pictures, some 20 corners each.
    """
    random = rng("benchmark", "crowd")
    for path in folder.rglob("instances_*.json"):
        document = json.loads(path.read_text())
        document["annotations"] = [
            {**_blob(random, picture), "id": 1 + i * MASKS + number, "image_id": picture["id"]}
            for i, picture in enumerate(document["images"])
            for number in range(MASKS)
        ]
        for one in document["annotations"]:
            one["category_id"] = document["categories"][0]["id"]
        path.write_text(json.dumps(document))


def _blob(random: np.random.Generator, picture: dict[str, Any]) -> dict[str, Any]:
    """A round, jagged mask and its box, somewhere in a picture."""
    width, height = picture["width"], picture["height"]
    reach = random.uniform(0.03, 0.25) * height
    turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    far = reach * random.uniform(0.7, 1, CORNERS)
    x = (random.uniform(0, width) + far * np.cos(turn)).clip(0, width)
    y = (random.uniform(0, height) + far * np.sin(turn)).clip(0, height)
    box = [x.min(), y.min(), np.ptp(x), np.ptp(y)]
    corners = np.stack([x, y], axis=1).round(2).ravel().tolist()
    return {"bbox": [round(float(b), 2) for b in box], "segmentation": [corners], "iscrowd": 0}


def is_photograph(pixels: NDArray[np.generic]) -> bool:
    """Whether a picture shows the street, not its labels."""
    coloured = pixels.ndim == 3 and pixels.dtype == np.uint8
    return coloured and len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 64


def _enlarge_picture(path: Path, factor: int, photo_bytes: int) -> None:
    if _is_deep_colour(path):
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), _repeated(values, factor))
        return
    is_depth = "depth" in "/".join(path.parts[-3:]).lower()
    with Image.open(path) as picture:
        enlarged = _slanted_page if is_depth else _enlarged
        pages = [enlarged(page.copy(), factor) for page in ImageSequence.Iterator(picture)]
        options = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
        if path.suffix.lower() in (".tif", ".tiff"):
            options["compression"] = "tiff_lzw"
            if len(pages) == 1:
                options["tiffinfo"] = {PREDICTOR: picture.tag_v2.get(PREDICTOR, 1)}
        if path.suffix.lower() in (".jpg", ".jpeg") and photo_bytes:
            options["quality"] = _quality(pages[0], photo_bytes)
    pages[0].save(path, **options)


def _quality(picture: Image.Image, most_bytes: int) -> int:
    """The best quality of JPEG, 1 to 100, that takes at most so many bytes."""

    def size(quality: int) -> int:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        return buffer.tell()

    return max(bisect_right(range(1, 101), most_bytes, key=size), 1)


def _is_deep_colour(path: Path) -> bool:
    """PNG of 16 bits a channel, which Pillow would cut to 8."""
    head = path.read_bytes()[:26]
    return head.startswith(b"\x89PNG") and head[24] == 16 and head[25] in (2, 6)


def _enlarged(page: Image.Image, factor: int) -> Image.Image:
    pixels = np.asarray(page)
    large = page.resize((page.width * factor, page.height * factor), Image.Resampling.NEAREST)
    if page.mode not in ("RGB", "RGBA") or not is_photograph(pixels):
        return large
    grain = rng("benchmark", "grain").normal(0, GRAIN, (large.height, large.width, 3))
    grainy = np.asarray(large.convert("RGB")) + grain
    return Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))


def _slanted_page(page: Image.Image, factor: int) -> Image.Image:
    """A page of depth in one number, or in 24 bits, R lowest, as CARLA writes it."""
    values = np.asarray(page)
    if page.mode in ("F", "I;16"):
        return Image.fromarray(_slanted(_repeated(values, factor), factor))
    if page.mode != "RGB" or (values[..., 0] == values[..., 2]).all():
        return _enlarged(page, factor)
    steps = np.zeros((*values.shape[:2], 4), np.uint8)
    steps[..., :3] = values
    large = _slanted(_repeated(steps.view("<u4")[..., 0], factor), factor, (1 << 24) - 1)
    return Image.fromarray(
        np.ascontiguousarray(large.view(np.uint8).reshape(*large.shape, 4)[..., :3])
    )


def _slanted(
    values: NDArray[np.generic], factor: int, last: int | None = None
) -> NDArray[np.generic]:
    """Repeated depth (H, W) that falls within every pixel that was; 0 and `last` mean the sky."""
    if last is None:
        last = np.iinfo(values.dtype).max if values.dtype.kind == "u" else None
    y, x = np.indices(values.shape, sparse=True)
    share = (y % factor + (x % factor) / factor) / factor
    slanted = (values * (1 - SLANT * share)).astype(values.dtype)
    return slanted if last is None else np.where(values == last, values, slanted)


def _repeated(values: NDArray[np.generic], factor: int) -> NDArray[np.generic]:
    return values.repeat(factor, axis=0).repeat(factor, axis=1)
