"""Masks as COCO writes them (Lin et al. 2014): polygons, and runs by columns, plain or packed.

A polygon holds the pixels whose centres lie inside it, by the even-odd rule; a centre on its left
or upper edge counts as inside. pycocotools rounds its outline on a grid five times as fine instead,
which differs by single pixels along slanted edges and not at all for whole-numbered rectangles.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Instances, Stencil
from parhelion.pipeline.scene_class import SceneClass

Size = tuple[int, int]  # height, width

MOST_CROSSINGS = 1 << 22  # of a polygon's edges with rows of pixels
PACKED_BITS = 5  # of a run's number in each character
MOST_CHARACTERS = 10  # of one number
FIRST_CHARACTER = 48


class Patch(NamedTuple):
    """The part of a picture that a mask touches."""

    mask: NDArray[np.bool_]  # (h, w)
    top: int
    left: int
    area: int  # pixels of the mask

    def of(self, layer: NDArray[np.generic]) -> NDArray[np.generic]:
        """The same part of a layer, as a view."""
        height, width = self.mask.shape
        return layer[self.top : self.top + height, self.left : self.left + width]


NO_PATCH = Patch(np.zeros((0, 0), dtype=np.bool_), 0, 0, 0)


class Shape(NamedTuple):
    """What an object fills."""

    number: int  # in the instances
    category: SceneClass
    patches: Sequence[Patch]


def polygon_patch(numbers: Sequence[float], size: Size, name: str) -> Patch:
    """The pixels inside the polygon x, y, x, y, ... (pixels). Raises BadFrame."""
    if len(numbers) % 2:
        sentence = f"{name}: wanted a polygon of x and y by turns, got {len(numbers)} numbers"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    height, width = size
    corners = np.array(numbers, dtype=np.float64).reshape(-1, 2) - 0.5  # centres on whole numbers
    (x, y), (next_x, next_y) = corners.T, np.concatenate([corners[1:], corners[:1]]).T
    first = np.ceil(np.minimum(y, next_y)).clip(0, height).astype(np.int64)
    rows = np.ceil(np.maximum(y, next_y)).clip(0, height).astype(np.int64) - first
    total = int(rows.sum())
    if total > MOST_CROSSINGS:
        wanted = f"a polygon whose edges cross at most {MOST_CROSSINGS:,} rows"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {total:,}")
    if total == 0:
        return NO_PATCH
    edge = np.repeat(np.arange(len(x)), rows)
    row = np.arange(total) - np.repeat(np.cumsum(rows) - rows, rows) + first[edge]
    slope = (next_x - x)[edge] / (next_y - y)[edge]
    column = np.ceil(x[edge] + (row - y[edge]) * slope).clip(0, width).astype(np.int64)
    top, left = int(row.min()), int(column.min())
    shape = (int(row.max()) + 1 - top, int(column.max()) + 1 - left)
    # Every row is crossed an even number of times, so that runs may go on from row to row.
    turns = np.sort((row - top) * shape[1] + column - left)
    return Patch(_alternating(turns, shape)[:, :-1], top, left, _filled(turns))


def runs_patch(counts: Sequence[int], size: Size, name: str) -> Patch:
    """The pixels of runs of background and object by turns, down the columns. Raises BadFrame."""
    height, width = size
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        wanted = f"runs of 0 or more that fill {width}x{height}"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {sum(counts):,} pixels")
    turns = np.cumsum(np.array(counts, dtype=np.int64))[: len(counts) // 2 * 2]
    if len(turns) == 0:
        return NO_PATCH
    left, right = int(turns[0]) // height, -(-int(turns[-1]) // height)
    mask = _alternating(turns - left * height, (right - left, height))
    return Patch(mask.T, 0, left, _filled(turns))


def unpacked(text: str, name: str) -> list[int]:
    """The runs that a string packs, in numbers of a sign and five bits a character, low bits first.

    From the fourth on, each is the difference to the run two before it. Raises BadFrame.
    """
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - FIRST_CHARACTER
        if not 0 <= bits < 64 or shift >= PACKED_BITS * MOST_CHARACTERS:
            got = f"{letter!r} in run {len(counts) + 1}"
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted packed runs, got {got}")
        value |= (bits & 31) << shift
        shift += PACKED_BITS
        if not bits & 32:  # the number's last character, whose upper bit is its sign
            value -= (bits & 16) << (shift - PACKED_BITS + 1)
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted packed runs, got a torn number")
    return counts


def painted(shapes: Iterable[Shape], size: Size) -> tuple[Stencil, Instances]:
    """Classes and numbers of what lies where: small shapes on large ones, all on IGNORE and 0."""
    stencil = np.full(size, SceneClass.IGNORE, dtype=np.uint8)
    instances = np.zeros(size, dtype=np.int32)
    for shape in sorted(shapes, key=_area, reverse=True):
        for patch in shape.patches:
            np.copyto(patch.of(stencil), shape.category, where=patch.mask, casting="unsafe")
            np.copyto(patch.of(instances), shape.number, where=patch.mask, casting="unsafe")
    return stencil, instances


def is_visible(shape: Shape, instances: Instances) -> bool:
    """Whether any pixel of it was not painted over."""
    return any(bool((patch.of(instances) == shape.number).any()) for patch in shape.patches)


def _area(shape: Shape) -> int:
    return sum(patch.area for patch in shape.patches)


def _filled(turns: NDArray[np.int64]) -> int:
    """How much lies between every other turn and the next."""
    return int((turns[1::2] - turns[::2]).sum())


def _alternating(turns: NDArray[np.int64], shape: Size) -> NDArray[np.bool_]:
    """(h, w), false at first, that changes at every place of `turns` (n,), sorted, row by row."""
    ends = np.concatenate([[0], turns, [shape[0] * shape[1]]])
    runs = ends[1:] - ends[:-1]
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(shape)
