"""Operations on single layers: nearest sampling and boxes from instances, as plain functions."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)
Box = tuple[float, float, float, float]


def nearest_rows(length: int, wanted: int) -> NDArray[np.intp]:
    """Which of `length` source rows the centre of each of `wanted` rows falls in, (wanted,)."""
    return np.minimum(((np.arange(wanted) + 0.5) * length / wanted).astype(np.intp), length - 1)


def resize_nearest(layer: NDArray[Scalar], width: int, height: int) -> NDArray[Scalar]:
    """Layer (H, W) -> (height, width), the pixel under each new centre; no value is made up."""
    rows, columns = nearest_rows(layer.shape[0], height), nearest_rows(layer.shape[1], width)
    return np.ascontiguousarray(layer[rows[:, None], columns[None, :]])


def instance_boxes(instances: NDArray[np.int32]) -> dict[int, Box]:
    """Tight half-open boxes (x0, y0, x1, y1), pixels, of every id above 0 in `instances` (H, W).

    Runs of equal ids in a row are a few thousand where pixels are millions.
    """
    height, width = instances.shape
    flat = np.ascontiguousarray(instances).reshape(-1)
    begins = np.ones(flat.size, dtype=np.bool_)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=flat.size)
    wanted = flat[starts] > 0
    starts, lengths = starts[wanted], lengths[wanted]
    if not len(starts):
        return {}
    ids, inverse = np.unique(flat[starts], return_inverse=True)
    y, x = np.divmod(starts, width)
    low = np.full((len(ids), 2), max(height, width))
    high = np.zeros((len(ids), 2), dtype=np.int64)
    np.minimum.at(low, inverse, np.stack([x, y], axis=1))
    np.maximum.at(high, inverse, np.stack([x + lengths, y + 1], axis=1))
    return {
        int(i): (float(a[0]), float(a[1]), float(b[0]), float(b[1]))
        for i, a, b in zip(ids, low, high, strict=True)
    }


def box_area(box: Box) -> float:
    """Area in square pixels; 0 for an empty box."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def clip_box(box: Box, width: int, height: int) -> Box:
    """The part of `box` inside an image of that size."""
    return (
        min(max(box[0], 0.0), width),
        min(max(box[1], 0.0), height),
        min(max(box[2], 0.0), width),
        min(max(box[3], 0.0), height),
    )
