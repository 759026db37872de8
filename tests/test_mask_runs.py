"""Masks as text: they come back as they were, and lengths that do not fit are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from parhelion.pipeline.mask_runs import mask_of, runs_of


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_a_mask_comes_back_as_it_was(mask: NDArray[np.bool_]) -> None:
    again = mask_of(runs_of(mask))
    assert again.dtype == np.bool_
    assert np.array_equal(again, mask)


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_plain_mask_is_a_few_numbers(height: int, width: int) -> None:
    assert runs_of(np.zeros((height, width), np.bool_)) == f"{height} {width} {height * width}"
    assert runs_of(np.ones((height, width), np.bool_)) == f"{height} {width} 0 {height * width}"


def test_lengths_that_do_not_fill_the_mask_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted runs of 6 pixels in all, got 5"):
        mask_of("2 3 1 4")
