"""A denoiser on pictures larger than those it learnt: windows that overlap, blended at every call.

Bar-Tal et al. 2023 (MultiDiffusion, equation 5): the weighted mean of what the windows say, so that
neighbours agree while the picture takes shape and no seam is left to hide.
"""

from collections.abc import Callable

import torch
from torch import Tensor

OVERLAP = 0.25  # of a window's side, at least

Window = tuple[slice, slice]  # rows, columns


def windows(size: tuple[int, int], side: tuple[int, int], unit: int) -> list[Window]:
    """Windows of `side` (H, W) or the whole, evenly spread, that cover `size`.

    They start at multiples of `unit`, of which sides and size are multiples.
    """
    rows, columns = (_starts(whole, part, unit) for whole, part in zip(size, side, strict=True))
    return [
        (slice(top, top + side[0]), slice(left, left + side[1])) for top in rows for left in columns
    ]


def blended(
    denoise: Callable[[Tensor, Window], Tensor], x: Tensor, side: tuple[int, int], unit: int
) -> Tensor:
    """The mean of `denoise(x[window], window)` over windows, each weighing most in its middle."""
    places = windows((x.shape[2], x.shape[3]), side, unit)
    if len(places) == 1:
        return denoise(x, places[0])
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:1, :1])
    for rows, columns in places:
        said = denoise(x[:, :, rows, columns], (rows, columns))
        weight = _hill(said.shape[2], said.shape[3]).to(said)
        total[:, :, rows, columns] += weight * said
        weights[:, :, rows, columns] += weight
    return total / weights


def _starts(whole: int, part: int, unit: int) -> list[int]:
    """Where windows of `part` pixels start, so that neighbours share OVERLAP of them."""
    if whole <= part:
        return [0]
    step = max(1, int(part * (1 - OVERLAP)) // unit)
    left = (whole - part) // unit
    n = -(-left // step) + 1
    return [unit * (i * left // (n - 1)) for i in range(n)]


def _hill(height: int, width: int) -> Tensor:
    """(H, W) in 0..1, highest in the middle, nowhere nought."""
    down, across = (
        1 - (2 * (torch.arange(n) + 0.5) / n - 1).abs() + 0.5 / n for n in (height, width)
    )
    return down[:, None] * across[None]
