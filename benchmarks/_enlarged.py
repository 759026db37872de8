"""Recordings of the tests at the size of real pictures: every picture file of a folder enlarged.

Ids and depths are repeated, so they stay what they were; photographs get grain of their own, so
that they take as long to decode as photographs do.
"""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from parhelion.pipeline.seeds import rng

WIDTH, HEIGHT = 48, 32  # of the recordings that tests write
RAW = {WIDTH * HEIGHT: np.uint8, WIDTH * HEIGHT * 4: np.float32}  # numbers without a header
SIZES = re.compile(r"((?:[wW]idth|[hH]eight)\W+)(48|32)\b")  # of a picture, as XML and JSON say
GRAIN = 6.0  # grey levels


def enlarge(folder: Path, factor: int) -> None:
    """Repeats every pixel of every picture and .npy below `folder` `factor` times each way."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".npy":
            values = np.load(path)
            if values.ndim == 2:
                np.save(path, _repeated(values, factor))
        elif path.stat().st_size in RAW and path.suffix in (".raw", ".bin"):
            plane = np.fromfile(path, RAW[path.stat().st_size]).reshape(HEIGHT, WIDTH)
            _repeated(plane, factor).tofile(path)
        elif path.suffix in (".xml", ".json"):
            path.write_text(SIZES.sub(lambda m: f"{m[1]}{int(m[2]) * factor}", path.read_text()))
        elif path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff"):
            _enlarge_picture(path, factor)


def is_photograph(pixels: NDArray[np.generic]) -> bool:
    """Whether a picture shows the street, not its labels."""
    coloured = pixels.ndim == 3 and pixels.dtype == np.uint8
    return coloured and len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 64


def _enlarge_picture(path: Path, factor: int) -> None:
    if _is_deep_colour(path):
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), _repeated(values, factor))
        return
    with Image.open(path) as picture:
        pages = [_enlarged(page.copy(), factor) for page in ImageSequence.Iterator(picture)]
        options = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
        if path.suffix.lower() in (".tif", ".tiff"):
            options["compression"] = "tiff_lzw"
    pages[0].save(path, **options)


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


def _repeated(values: NDArray[np.generic], factor: int) -> NDArray[np.generic]:
    return values.repeat(factor, axis=0).repeat(factor, axis=1)
