"""COCO's masks against closed forms, slow second implementations, and strings that it published."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recordings.coco import packed_text, runs_of

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _coco_masks
from parhelion.sim_adapters._coco_masks import (
    Patch,
    Shape,
    is_visible,
    painted,
    polygon_patches,
    runs_patch,
    unpacked,
)

SIZE = (7, 9)
corner = st.tuples(st.floats(-3, 12), st.floats(-3, 10))


def whole(patch: Patch, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    layer = np.zeros(size, dtype=np.bool_)
    patch.of(layer)[...] = patch.mask
    return layer


def polygon_patch(numbers: Sequence[float], size: tuple[int, int], name: str) -> Patch:
    (patch,) = polygon_patches([numbers], size, [name])
    return patch


def inside_by_ray(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    """Even-odd rule, one point at a time: how many edges lie to its left."""
    crossed = 0
    for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]]):
        if min(y0, y1) <= y < max(y0, y1):
            crossed += x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x
    return crossed % 2 == 1


@settings(max_examples=40)
@given(st.lists(corner, min_size=1, max_size=8))
def test_a_polygon_holds_the_pixels_whose_centres_it_holds(
    corners: list[tuple[float, float]],
) -> None:
    found = whole(polygon_patch([number for point in corners for number in point], SIZE, ""))
    for row, column in np.ndindex(SIZE):
        near = [inside_by_ray(corners, column + 0.5 + d, row + 0.5) for d in (-1e-6, 0, 1e-6)]
        if len(set(near)) == 1:  # else an edge runs through the centre, up to rounding
            assert found[row, column] == near[0]


@settings(max_examples=40)
@given(st.lists(st.lists(corner, max_size=6), max_size=5))
def test_polygons_of_a_picture_are_what_each_is_alone(
    polygons: list[list[tuple[float, float]]],
) -> None:
    numbers = [[number for point in corners for number in point] for corners in polygons]
    alone = [polygon_patch(one, SIZE, "") for one in numbers]
    for one, patch in zip(polygon_patches(numbers, SIZE, [""] * len(numbers)), alone, strict=True):
        assert np.array_equal(whole(one), whole(patch))
        assert one.area == whole(patch).sum()


@pytest.mark.parametrize("box", [(2, 1, 6, 5), (0, 0, 9, 7), (8, 6, 9, 7), (-4, 2, 30, 3)])
def test_a_rectangle_is_its_half_open_box(box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    wanted = np.zeros(SIZE, dtype=np.bool_)
    wanted[max(y0, 0) : y1, max(x0, 0) : x1] = True
    for numbers in ([x0, y0, x1, y0, x1, y1, x0, y1], [x0, y1, x1, y1, x1, y0, x0, y0]):
        assert np.array_equal(whole(polygon_patch(numbers, SIZE, "")), wanted)


def test_neighbours_share_no_pixel_and_leave_none() -> None:
    """A picture cut along a slanted line falls into two halves."""
    left = polygon_patch([0, 0, 2.3, 0, 7.9, 7, 0, 7], SIZE, "")
    right = polygon_patch([2.3, 0, 9, 0, 9, 7, 7.9, 7], SIZE, "")
    assert np.array_equal(whole(left), ~whole(right))


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=63, max_size=63))
def test_runs_come_back_as_the_mask_that_they_were_made_of(pixels: list[bool]) -> None:
    mask = np.array(pixels).reshape(SIZE)
    runs = runs_of(mask)
    assert np.array_equal(whole(runs_patch(runs, SIZE, "")), mask)
    assert unpacked(packed_text(runs), "") == runs


@settings(max_examples=40)
@given(st.lists(st.integers(0, 1 << 40)))
def test_numbers_of_any_size_are_unpacked(runs: list[int]) -> None:
    assert unpacked(packed_text(runs), "") == runs


@pytest.mark.parametrize(
    ("text", "size", "centre", "radius"),
    [
        ("[99e04M2N2N2N2O0O2O0000000000000001N101N2N2N2N3Lg?", (32, 48), (20, 15), 12),
        ("0o1", SIZE, (0, 0), 99),  # everything
        ("o1", SIZE, (0, 0), 0),  # nothing
    ],
)
def test_strings_that_pycocotools_packed(
    text: str, size: tuple[int, int], centre: tuple[int, int], radius: int
) -> None:
    """Discs, packed by pycocotools 2.0.11."""
    y, x = np.mgrid[: size[0], : size[1]]
    disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    assert np.array_equal(whole(runs_patch(unpacked(text, ""), size, ""), size), disc)


def test_a_patch_is_no_larger_than_the_columns_it_needs() -> None:
    patch = runs_patch([7 * 4 + 2, 3, 7 * 4 + 2], SIZE, "")
    assert patch.mask.shape == (7, 1)
    assert (patch.top, patch.left) == (0, 4)


def test_small_shapes_lie_on_large_ones_whatever_their_order() -> None:
    large = polygon_patch([0, 0, 9, 0, 9, 7, 0, 7], SIZE, "")
    small = polygon_patch([2, 2, 4, 2, 4, 4, 2, 4], SIZE, "")
    shapes = [Shape(1, SceneClass.CAR, [small]), Shape(2, SceneClass.BUS, [large])]
    for order in (shapes, shapes[::-1]):
        stencil, instances = painted(order, SIZE)
        assert np.array_equal(instances == 1, whole(small))
        assert np.array_equal(stencil == SceneClass.BUS, ~whole(small))
        assert all(is_visible(shape, instances) for shape in shapes)
    hidden = Shape(3, SceneClass.CAR, [small])
    _, instances = painted([hidden, shapes[0]], SIZE)
    assert [is_visible(shape, instances) for shape in (hidden, shapes[0])] == [False, True]


def test_what_nothing_covers_is_ignored() -> None:
    stencil, instances = painted([], SIZE)
    assert (stencil == SceneClass.IGNORE).all()
    assert not instances.any()


@pytest.mark.parametrize(
    ("text", "said"),
    [("5 ", "' '"), ("\x7f", "'\\x7f'"), ("é", "'é'"), ("o", "torn"), ("o" * 11, "run 1")],
)
def test_broken_packing_is_named(text: str, said: str) -> None:
    with pytest.raises(BadFrame, match="wanted packed runs") as caught:
        unpacked(text, "a.json")
    assert said in caught.value.sentence


@pytest.mark.parametrize("runs", [[], [62], [64], [70, -7], [1 << 70]])
def test_runs_that_do_not_fill_the_picture_are_refused(runs: list[int]) -> None:
    with pytest.raises(BadFrame, match="that fill 9x7") as caught:
        runs_patch(runs, SIZE, "a.json")
    assert caught.value.reason is Reason.BAD_METADATA


def test_polygons_of_odd_numbers_or_without_end_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BadFrame, match="by turns, got 7 numbers"):
        polygon_patch([1.0] * 7, SIZE, "a.json")
    monkeypatch.setattr(_coco_masks, "MOST_CROSSINGS", 20)
    with pytest.raises(BadFrame, match="cross at most 20 rows, got 28"):
        polygon_patch([0, 0, 1, 7, 2, 0, 3, 7], SIZE, "a.json")
    pair = [[0, 0, 9, 0, 9, 7, 0, 7], [0, 0, 2, 0, 2, 7, 0, 7]]  # 28 rows together
    assert [patch.area for patch in polygon_patches(pair, SIZE, ["", ""])] == [63, 14]
