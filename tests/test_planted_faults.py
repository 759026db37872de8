"""Planted faults move the stencil, as told, and nothing else."""

import numpy as np
import pytest
from conftest import make_frame

from parhelion.pipeline.planted_faults import Fault, mirrored, plant, shifted, swapped


def test_a_shift_moves_the_stencil_by_so_many_pixels() -> None:
    frame = make_frame(1)
    moved = shifted(frame, 5, -3)
    assert frame.stencil is not None
    assert moved.stencil is not None
    np.testing.assert_array_equal(moved.stencil[:-3, 5:], frame.stencil[3:, :-5])
    np.testing.assert_array_equal(moved.image, frame.image)
    np.testing.assert_array_equal(moved.depth, frame.depth)


def test_a_mirror_twice_is_the_stencil_again() -> None:
    frame = make_frame(2)
    np.testing.assert_array_equal(mirrored(mirrored(frame)).stencil, frame.stencil)
    assert not np.array_equal(mirrored(frame).stencil, frame.stencil)


def test_a_swap_takes_the_other_stencil_at_this_size() -> None:
    frame, other = make_frame(3), make_frame(4, width=96, height=64)
    taken = swapped(frame, other)
    assert taken.size == frame.size
    assert taken.stencil is not None
    assert other.stencil is not None
    rows = np.arange(32) * 2 + 1
    np.testing.assert_array_equal(taken.stencil, other.stencil[rows][:, np.arange(48) * 2 + 1])


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_the_same_for_the_same_seed_and_has_an_id_of_its_own(fault: Fault) -> None:
    frame, other = make_frame(5, width=64), make_frame(9, width=64)
    once, again = plant(frame, fault, other, 7), plant(frame, fault, other, 7)
    np.testing.assert_array_equal(once.stencil, again.stencil)
    assert once.frame_id == again.frame_id != frame.frame_id
    assert not np.array_equal(once.stencil, frame.stencil)


def test_the_shift_grows_with_the_picture() -> None:
    wide = make_frame(6, width=256, height=128)
    moved = plant(wide, Fault.SHIFTED, wide, 0)
    assert any(
        np.array_equal(moved.stencil, shifted(wide, x * 8, y * 8).stencil)
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
