"""Whole pictures for tests of generators: scikit-learn's 8x8 digits, and given arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.provenance import Kind, Provenance, Source

DIGITS = tuple("0123456789")
CLEAR = Conditions(weather=Weather.CLEAR, hour=12)


def picture_frame(
    levels: NDArray[np.uint8],
    name: str,
    digit: int | None = None,
    conditions: Conditions = CLEAR,
) -> Frame:
    """A frame of a picture (H, W) or (H, W, 3), with its class if any and no other layer."""
    image = levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2)
    return Frame(
        frame_id=name,
        image=np.ascontiguousarray(image),
        conditions=conditions,
        label=None if digit is None else ImageLabel(index=digit, vocabulary=DIGITS),
        provenance=Provenance(
            kind=Kind.REAL,
            source=Source(adapter="tests", dataset="tests", native_id=name),
            group_id=name,
        ),
    )


def digit_frames(n: int, classes: Sequence[int] = range(10), start: int = 0) -> list[Frame]:
    """The first n digits of these classes from number `start` on."""
    images, labels = load_digits(return_X_y=True)
    rows = [i for i in np.flatnonzero(np.isin(labels, classes)).tolist() if i >= start][:n]
    levels = np.clip(images * 16, 0, 255).astype(np.uint8).reshape(-1, 8, 8)
    return [picture_frame(levels[i], f"digit-{i}", int(labels[i])) for i in rows]


def training_of(frames: Sequence[Frame]) -> TrainingData:
    """These frames as the whole training set."""
    return TrainingData(source=FrameList(frames))
