"""Small recordings of every source, written by tests from the rules of its format.

`recordings.NAME.write(folder)` writes a few frames as the adapter NAME reads them, at least two
and in at least two groups, and gives the adapter's settings. The conformance test, the fuzz test
and the peers find them by name.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.seeds import rng

WIDTH, HEIGHT = 48, 32


def writer(name: str) -> Callable[[Path], dict[str, Any]]:
    """The function that writes an adapter's recordings. Raises ModuleNotFoundError."""
    found: Callable[[Path], dict[str, Any]] = importlib.import_module(f"recordings.{name}").write
    return found


def save(path: Path, pixels: NDArray[Any], **options: Any) -> None:
    """A picture by its suffix, its folders made where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def street_pixels(seed: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A picture of something like a street: sky, houses, a road, and noise of its seed."""
    pixels = rng("tests.recordings", seed).integers(0, 40, (height, width, 3), dtype=np.uint8)
    pixels[: height // 3] += np.uint8(180)
    pixels[2 * height // 3 :] += np.uint8(60)
    return pixels
