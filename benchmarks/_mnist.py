"""MNIST for benchmarks: `make mnist` fetches it, the adapter of digits reads it."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from parhelion.pipeline import parts
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.pretrained import sha256

FOLDER = Path(__file__).parent.parent / "build" / "mnist"
IMAGES = FOLDER / "package" / "data" / "train-images-idx3-ubyte"
IMAGES_SHA256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
SIDE = 32  # pixels; 28 in the middle of black
CLASSES = 10

Part = Literal["train", "test"]


def frames(**settings: Any) -> list[Frame]:
    """All frames of a set of digits, at the side of all benchmarks unless told otherwise."""
    adapter = parts.build("sim_adapters", "digits", **{"size": SIDE, **settings})
    return [adapter.read(ref) for ref in adapter.index()]


@lru_cache(maxsize=2)
def mnist(part: Part) -> list[Frame]:
    """The 60,000 training or the 10,000 test digits. Ends the program where they are not there."""
    if not IMAGES.is_file() or sha256(IMAGES) != IMAGES_SHA256:
        raise SystemExit(f"wanted MNIST in {FOLDER}: run `make mnist`")
    return frames(dataset="mnist", part=part, path=FOLDER)


def mnist_set(part: Part) -> FrameList:
    """The same as a FrameSet."""
    return FrameList(mnist(part), part)


def classes_of(digits: Sequence[Frame]) -> list[int]:
    """The class of each frame. Raises ValueError where a frame has none."""
    labels = [frame.label for frame in digits]
    if None in labels:
        raise ValueError("wanted frames with an image label, got one without")
    return [label.index for label in labels if label is not None]


def first_of_each(digits: Sequence[Frame], each: int) -> list[Frame]:
    """The first `each` frames of every class, in their order."""
    left = dict.fromkeys(range(CLASSES), each)
    chosen = []
    for frame, index in zip(digits, classes_of(digits), strict=True):
        if left[index]:
            left[index] -= 1
            chosen.append(frame)
    return chosen
