"""What a network is told about a frame: y as planes (H, W) and the conditions as one vector.

Legend: H, W = height and width in pixels; C = planes; D = entries of the condition vector.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.conditions import (
    PHYSICS,
    Conditions,
    Event,
    Ground,
    Precipitation,
    Sky,
    TimeOfDay,
    Visibility,
    Weather,
)
from parhelion.pipeline.frame import GIVES_LIGHT, IS_LIT, Annotation
from parhelion.pipeline.scene_class import COARSE, FINE, ids

CLASS_IDS = ids(FINE | COARSE)  # a fixed list: a checkpoint means the same classes everywhere
UNKNOWN_CLASS = len(CLASS_IDS)  # the plane of IGNORE and of sources without a stencil
PLANES = len(CLASS_IDS) + 1 + 6  # classes, unknown class, edge, depth, sky, no depth, emissive bits
FAR_M = 200.0  # log depth reaches 1 here

_PLANE_OF_CLASS = np.full(256, UNKNOWN_CLASS, dtype=np.uint8)
_PLANE_OF_CLASS[CLASS_IDS] = np.arange(len(CLASS_IDS), dtype=np.uint8)


class Layers(NamedTuple):
    """The layers of y that a network reads, each (H, W) or None."""

    stencil: NDArray[np.uint8] | None = None
    instances: NDArray[np.int32] | None = None
    depth: NDArray[np.float32] | None = None
    emissive: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, y: Annotation, read: frozenset[str]) -> "Layers":
        """Those layers of `y` whose names are in `read`."""
        return cls(**{name: getattr(y, name) for name in cls._fields if name in read})

    def window(self, top: int, left: int, height: int, width: int) -> "Layers":
        """The same window of every layer."""
        rows, columns = slice(top, top + height), slice(left, left + width)
        there = {n: a for n, a in self._asdict().items() if a is not None}
        return Layers(**{name: layer[rows, columns] for name, layer in there.items()})

    def padded(self, bottom: int, right: int) -> "Layers":
        """Every layer continued by its last row and column."""
        pad = ((0, bottom), (0, right))
        there = {n: a for n, a in self._asdict().items() if a is not None}
        return Layers(**{name: np.pad(layer, pad, "edge") for name, layer in there.items()})


def planes(layers: Layers, height: int, width: int) -> NDArray[np.float32]:
    """Y as planes (C, H, W) float32 in 0..1: one-hot stencil, edges, depth, emissive bits.

    A layer that is missing says so: the unknown class, or the plane of unknown depth.
    """
    out = np.zeros((PLANES, height, width), dtype=np.float32)
    if layers.stencil is None:
        out[UNKNOWN_CLASS] = 1.0
    else:
        np.put_along_axis(out, _PLANE_OF_CLASS[layers.stencil][None].astype(np.int64), 1.0, axis=0)
    edge, depth, sky, no_depth, gives, lit = out[UNKNOWN_CLASS + 1 :]
    if layers.instances is not None:
        edge[:] = instance_edges(layers.instances)
    if layers.depth is None:
        no_depth[:] = 1.0
    else:
        sky[:], no_depth[:] = np.isposinf(layers.depth), np.isnan(layers.depth)
        known = np.isfinite(layers.depth)
        depth[known] = np.log1p(np.minimum(layers.depth[known], FAR_M)) / math.log1p(FAR_M)
    if layers.emissive is not None:
        gives[:] = (layers.emissive & GIVES_LIGHT) > 0
        lit[:] = (layers.emissive & IS_LIT) > 0
    return out


def instance_edges(instances: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(H, W): pixels with a 4-neighbour of another instance (Wang et al. 2018, section 3.3)."""
    edge = np.zeros(instances.shape, dtype=np.bool_)
    down = instances[1:] != instances[:-1]
    right = instances[:, 1:] != instances[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge


_VOCABULARIES = (Weather, Sky, Precipitation, Visibility, Ground, TimeOfDay, Event)
_NUMBERS: Mapping[str, float] = {  # field -> the value that becomes 1
    "rain_mm_h": 50.0,
    "snow_cover": 1.0,
    "wetness": 1.0,
    "cloud": 1.0,
    "sun_altitude_deg": 90.0,
}
WORDS_SIZE = sum(len(v) for v in _VOCABULARIES)  # entries of the words, which come first
CONDITION_SIZE = WORDS_SIZE + 3 + 2 * len(PHYSICS)


def condition_vector(
    conditions: Conditions, hidden: frozenset[str] = frozenset()
) -> NDArray[np.float32]:
    """Conditions as a vector (D,) float32: words one-hot, the hour on a circle, scaled numbers.

    Each number stands beside a flag that says whether it is known. Fields named in `hidden` count
    as unknown: a network that is to obey wishes which state less than its training frames do has
    to see such vectors in training.
    """
    words = (conditions.weather, *conditions.traits, conditions.time_of_day, conditions.event)
    entries = [
        float(word == entry)
        for vocabulary, word in zip(_VOCABULARIES, words, strict=True)
        for entry in vocabulary
    ]
    hour = None if "hour" in hidden else conditions.hour
    angle = 2 * math.pi * (hour or 0.0) / 24
    entries += [0.0] * 3 if hour is None else [math.sin(angle), math.cos(angle), 1.0]
    visibility = None if "visibility_m" in hidden else conditions.visibility_m
    entries += [0.0, 0.0] if visibility is None else [math.log10(max(visibility, 1.0)) / 4, 1.0]
    for name, unit in _NUMBERS.items():
        number = None if name in hidden else getattr(conditions, name)
        entries += [0.0, 0.0] if number is None else [number / unit, 1.0]
    return np.array(entries, dtype=np.float32)
