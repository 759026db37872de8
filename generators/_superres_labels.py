"""Whether the labels of a larger picture are its parent's, seen more finely."""

from dataclasses import replace
from typing import Any

import numpy as np

from parhelion.pipeline.frame import Annotation, Camera, Frame


def of_another_scene(y: Annotation, parent: Frame, scale: int) -> list[str]:
    """What `y`, of a picture `scale` times the parent's, says otherwise than the parent does once
    it is shrunk to its size; names of layers and labels.
    """
    stated = sorted(y.layers | ({"label_space"} if y.stencil is not None else set()))
    height, width = parent.size
    large = parent.resized(width * scale, height * scale)
    shrunk = replace(large, **{name: getattr(y, name) for name in stated}).resized(width, height)
    return [name for name in stated if not _same(getattr(shrunk, name), getattr(parent, name))]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Camera) and isinstance(other, Camera):
        return np.array_equal(one.intrinsics, other.intrinsics) and np.array_equal(
            one.camera_to_world, other.camera_to_world
        )
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return bool(one == other)
