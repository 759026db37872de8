"""Masks as COCO writes them (Lin et al. 2014): polygons, and runs by columns, plain or packed.

A polygon holds the pixels whose centres lie inside it, by the even-odd rule; a centre on its left
or upper edge counts as inside. pycocotools rounds its outline on a grid five times as fine instead,
which differs by single pixels along slanted edges and not at all for whole-numbered rectangles.
"""

from collections.abc import Iterable, Iterator, Sequence
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


def polygon_patches(
    polygons: Sequence[Sequence[float]], size: Size, names: Sequence[str]
) -> list[Patch]:
    """The pixels inside each polygon x, y, x, y, ... (pixels). Raises BadFrame that names it.

    All of a picture at once: what is done for one takes longer to call than to do.
    """
    for numbers, name in zip(polygons, names, strict=True):
        if len(numbers) % 2:
            sentence = f"{name}: wanted a polygon of x and y by turns, got {len(numbers)} numbers"
            raise BadFrame(Reason.BAD_METADATA, sentence)
    edges = _edges(polygons, size)
    totals = np.bincount(edges.polygon, edges.rows, len(polygons)).astype(np.int64)
    for total, name in zip(totals.tolist(), names, strict=True):
        if total > MOST_CROSSINGS:
            wanted = f"a polygon whose edges cross at most {MOST_CROSSINGS:,} rows"
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {total:,}")
    if totals.sum() > MOST_CROSSINGS:
        return [
            patch
            for numbers, name in zip(polygons, names, strict=True)
            for patch in polygon_patches([numbers], size, [name])
        ]
    patches = [NO_PATCH] * len(polygons)
    there = np.flatnonzero(totals)
    for i, patch in zip(there.tolist(), _filled_in(edges, totals[there], size[1]), strict=True):
        patches[i] = patch
    return patches


class _Edges(NamedTuple):
    """Edges of polygons, one after another, (n,) each; pixels' centres lie on whole numbers."""

    polygon: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    slope: NDArray[np.float64]  # x by y; anything where no row is crossed
    first: NDArray[np.int64]  # row of pixels that it crosses
    rows: NDArray[np.int64]  # how many it crosses


def _edges(polygons: Sequence[Sequence[float]], size: Size) -> _Edges:
    corners = np.array([n for numbers in polygons for n in numbers], dtype=np.float64)
    x, y = corners.reshape(-1, 2).T - 0.5
    lengths = np.array([len(numbers) // 2 for numbers in polygons], dtype=np.int64)
    after = np.arange(1, len(x) + 1)
    ends = np.cumsum(lengths)
    after[ends[lengths > 0] - 1] = (ends - lengths)[lengths > 0]
    next_x, next_y = x[after], y[after]
    first = np.ceil(np.minimum(y, next_y)).clip(0, size[0]).astype(np.int64)
    rows = np.ceil(np.maximum(y, next_y)).clip(0, size[0]).astype(np.int64) - first
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (next_x - x) / (next_y - y)
    return _Edges(np.repeat(np.arange(len(polygons)), lengths), x, y, slope, first, rows)


def _filled_in(edges: _Edges, totals: NDArray[np.int64], width: int) -> Iterator[Patch]:
    """The patches of polygons whose edges cross `totals` rows each, in their order; none is 0."""
    if len(totals) == 0:
        return
    rows, starts = edges.rows, np.cumsum(totals) - totals
    edge = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(edge)) - (np.cumsum(rows) - rows - edges.first)[edge]
    column = np.ceil(edges.x[edge] + (row - edges.y[edge]) * edges.slope[edge])
    column = column.clip(0, width).astype(np.int64)
    top, left = np.minimum.reduceat(row, starts), np.minimum.reduceat(column, starts)
    tall = np.maximum.reduceat(row, starts) + 1 - top
    wide = np.maximum.reduceat(column, starts) + 1 - left
    ends = np.cumsum(tall * wide)
    begins = ends - tall * wide
    # Every row is crossed an even number of times, so that runs may go on from row to row, and
    # from patch to patch.
    mine = np.repeat(np.arange(len(totals)), totals)
    turns = np.sort((begins - top * wide - left)[mine] + row * wide[mine] + column)
    masks = _alternating(turns, (1, int(ends[-1])))[0]
    areas = np.add.reduceat(turns[1::2] - turns[::2], starts // 2)
    shapes = np.stack([begins, ends, wide, top, left, areas], axis=1).tolist()
    for begin, end, wide_px, top_px, left_px, area in shapes:
        yield Patch(masks[begin:end].reshape(-1, wide_px)[:, :-1], top_px, left_px, area)


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
