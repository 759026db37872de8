"""Frames with an image-level class for tests: a bar of light whose place is the class."""

import numpy as np

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.seeds import rng

WORDS = ("left", "middle", "right")


def label(index: int) -> ImageLabel:
    return ImageLabel(index=index, vocabulary=WORDS)


def digit_frame(
    seed: int, index: int, *, group: str = "", conditions: Conditions | None = None, side: int = 16
) -> Frame:
    """A noisy picture of class `index`; by itself a group of its own."""
    random = rng("tests.digits", seed)
    image = random.integers(0, 60, (side, side, 1)).repeat(3, axis=2).astype(np.uint8)
    left = side * index // len(WORDS) + int(random.integers(2))
    image[2:-2, left : left + 3] = 230
    name = f"digit-{seed}"
    return Frame(
        frame_id=name,
        image=image,
        conditions=conditions or Conditions(),
        label=label(index),
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(adapter="tests", dataset="digits", native_id=name),
            group_id=group or name,
        ),
    )


def digit_frames(count: int, *, first: int = 0) -> list[Frame]:
    """Classes in turn, each frame a group of its own."""
    return [digit_frame(first + i, i % len(WORDS)) for i in range(count)]
