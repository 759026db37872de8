"""Edges of images and layers on one small grid, where they can be laid over each other.

Legend: h, w = size of the grid, at most 256 pixels wide; 2 = edges between left and right, and
between upper and lower neighbours. The grid keeps scores comparable between sources and cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Depth, Frame
from parhelion.pipeline.layers import Scalar, nearest_rows
from parhelion.pipeline.scene_class import SceneClass

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Pixels = NDArray[Any]  # float32 (h, w, 3), as OpenCV's stubs tell it

GRID_WIDTH = 256
LEAST_SIDE = 64  # pixels; smaller grids hold too little to tell anything
JUMPS = (1.1, 1.25)  # ratios of neighbouring depths that make an edge; flat ground stays below
FAR_M = 1e4  # stands for infinity
BLUR_PX = 0.8
LOCAL_PX = 4.0  # over which image edges are compared with their surroundings
COARSE_PX = 2.0  # blur that noise does not survive
VISIBLE_STEP = 3.0  # grey levels a pixel


@dataclass(frozen=True, eq=False)
class Edges:
    """Two maps of edges (2, h, w) with what correlation needs of them."""

    maps: Floats

    @cached_property
    def spectra(self) -> tuple[Floats, Floats]:
        """Of both maps, as OpenCV packs the spectrum of real numbers."""
        return cv2.dft(self.maps[0]), cv2.dft(self.maps[1])

    @cached_property
    def mirrored(self) -> "Edges":
        """As seen in a mirror; an edge lies at the right one of its two pixels."""
        flipped = self.maps[:, :, ::-1].copy()
        flipped[0] = np.roll(flipped[0], 1, axis=1)
        return Edges(flipped)

    @cached_property
    def total(self) -> float:
        return float(self.maps.sum())


@dataclass(frozen=True, eq=False)
class Look:
    """A frame as the checks see it; worked out once, for itself and for the frame after it."""

    frame: Frame

    @cached_property
    def grid(self) -> tuple[int, int]:
        """(h, w)"""
        height, width = self.frame.size
        w = min(width, GRID_WIDTH)
        return max(round(height * w / width), 1), w

    @property
    def large_enough(self) -> bool:
        return min(self.grid) >= LEAST_SIDE

    @cached_property
    def layers(self) -> Mapping[str, Edges]:
        """Edges of every layer that is there: 1 where two neighbours differ, else 0."""
        frame, found = self.frame, {}
        if frame.depth is not None:
            found["depth"] = Edges(depth_jumps(self._small(frame.depth)))
        if frame.stencil is not None:
            found["stencil"] = Edges(changes(self._small(frame.stencil), int(SceneClass.IGNORE)))
        if frame.instances is not None:
            found["instances"] = Edges(changes(self._small(frame.instances)))
        return found

    @cached_property
    def together(self) -> Edges:
        """Edges of all layers at once, as sharp against their surroundings as an image's."""
        every = self._every
        spread = [every[0] + _next(every[0], 1), every[1] + _next(every[1], 0)]
        return Edges(_standing_out([cv2.GaussianBlur(x, (0, 0), BLUR_PX) for x in spread]))

    @property
    def edge_count(self) -> float:
        """How many edges the layers have between them, grid pixels."""
        return float(self._every.sum())

    @cached_property
    def _every(self) -> Floats:
        return np.asarray(np.max([edges.maps for edges in self.layers.values()], axis=0))

    @cached_property
    def image(self) -> Edges:
        """Edges of the image, each against its surroundings, so that night and fog keep theirs."""
        soft = cv2.GaussianBlur(self._pixels, (0, 0), BLUR_PX)
        return Edges(_standing_out([np.log1p(8 * x) for x in _steps(soft)]))

    @cached_property
    def visible(self) -> float:
        """Share of the image where something shows above noise: what its edges can be trusted."""
        steps = _steps(cv2.GaussianBlur(self._pixels, (0, 0), COARSE_PX))
        return float((np.maximum(*steps) > VISIBLE_STEP).mean())

    @cached_property
    def _pixels(self) -> Floats:
        h, w = self.grid
        small = cv2.resize(self.frame.image, (w, h), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32)

    def _small(self, layer: NDArray[Scalar]) -> NDArray[Scalar]:
        (height, width), (h, w) = self.frame.size, self.grid
        return layer[nearest_rows(height, h)[:, None], nearest_rows(width, w)[None, :]]


def depth_jumps(depth: Depth) -> Floats:
    """(2, h, w): 1 where neighbouring depths (h, w) lie far apart; unknown ones never do."""
    metres = np.minimum(depth, FAR_M)
    found = np.zeros((2, *depth.shape), dtype=np.float32)
    for axis, ratio in ((1, JUMPS[0]), (0, JUMPS[1])):
        a, b = _neighbours(metres, axis)
        _inner(found, axis)[:] = np.maximum(a, b) > ratio * np.minimum(a, b)
    return found


def changes(ids: NDArray[np.generic], ignored: int | None = None) -> Floats:
    """(2, h, w): 1 where neighbouring ids (h, w) differ and both are known."""
    found = np.zeros((2, *ids.shape), dtype=np.float32)
    for axis in (1, 0):
        a, b = _neighbours(ids, axis)
        known = (a != ignored) & (b != ignored) if ignored is not None else True
        _inner(found, axis)[:] = (a != b) & known
    return found


def _neighbours(layer: NDArray[np.generic], axis: int) -> tuple[NDArray[np.generic], ...]:
    """Each pixel but the first ones along the axis, and the pixel before it."""
    return (layer[:, 1:], layer[:, :-1]) if axis else (layer[1:], layer[:-1])


def _inner(found: Floats, axis: int) -> Floats:
    return found[0, :, 1:] if axis else found[1, 1:]


def _next(x: Floats, axis: int) -> Floats:
    return np.roll(x, -1, axis=axis)


def _steps(image: Pixels) -> list[Floats]:
    """Grey levels a pixel along x and along y, of the channel that changes most: two (h, w)."""
    red, green, blue = cv2.split(image)
    found = []
    for d in ((1, 0), (0, 1)):
        each = [
            np.abs(cv2.Sobel(c, cv2.CV_32F, *d, ksize=3, scale=1 / 8)) for c in (red, green, blue)
        ]
        found.append(np.maximum(np.maximum(each[0], each[1]), each[2]))
    return found


def _standing_out(maps: list[Floats]) -> Floats:
    """Each map in units of its own spread near by, clipped, with mean 0: (2, h, w)."""
    made = []
    for x in maps:
        mean = cv2.GaussianBlur(x, (0, 0), LOCAL_PX)
        spread = cv2.GaussianBlur(x * x, (0, 0), LOCAL_PX) - mean * mean
        sharp = np.clip((x - mean) / (np.sqrt(np.maximum(spread, 0)) + 0.05), -1, 3)
        made.append(sharp - sharp.mean())
    return np.stack(made)
