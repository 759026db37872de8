"""A mask as text: the lengths of its runs, row after row, so that a record can hold it."""

import numpy as np
from numpy.typing import NDArray


def runs_of(mask: NDArray[np.bool_]) -> str:
    """Height, width, and the lengths of the runs of (H, W), false and true in turn, false first."""
    flat = np.concatenate([[False], mask.ravel(), [not mask.ravel()[-1]]])
    lengths = np.diff(np.flatnonzero(np.diff(flat, prepend=flat[0])), prepend=1)
    return " ".join(map(str, (*mask.shape, *lengths.tolist())))


def mask_of(runs: str) -> NDArray[np.bool_]:
    """The mask (H, W) that was told. Raises ValueError for lengths that do not fill it."""
    height, width, *lengths = (int(word) for word in runs.split())
    if sum(lengths) != height * width:
        raise ValueError(f"wanted runs of {height * width} pixels in all, got {sum(lengths)}")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)
