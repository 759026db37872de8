"""Kernel distance: unbiased squared MMD between two sets of features, good at small n.

KID (Bińkowski et al. 2018) is this distance on the FID Inception; on any other network it is named
after that network. It is unbiased, so it may come out a little below zero for equal sets. Legend:
m, n = frames of either side, d = feature dimensions, G = groups.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import Passport, Score
from parhelion.pipeline.feature_sample import FeatureMetric, FeatureSample, Rows, matched
from parhelion.pipeline.features import INCEPTION
from parhelion.pipeline.jackknife import jackknife_interval

BLOCK = 1024  # rows of the kernel matrix at a time
FEWEST = 2  # a U-statistic needs pairs

Sums = NDArray[np.float64]  # (G, G) kernel sums by group of either row


def polynomial_kernel(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """k(x, y) = (x . y / d + 1)^3 for rows x (m, d), y (n, d): (m, n) (Bińkowski et al., eq. 4)."""
    kernel: NDArray[np.float64] = x.astype(np.float64) @ y.astype(np.float64).T
    kernel /= x.shape[1]
    kernel += 1
    return kernel**3


def kernel_distance(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Unbiased squared MMD of all rows x (m, d), y (n, d): every pair once, no random subsets.

    sum_{i != j} k(x_i, x_j) / (m (m - 1)) + the same of y - 2 sum k(x_i, y_j) / (m n)
    (Gretton et al. 2012, eq. 3). Raises ValueError below two rows.
    """
    if min(len(x), len(y)) < FEWEST:
        raise ValueError(f"a kernel distance needs two rows a side, got {len(x)} and {len(y)}")
    value, _ = leave_one_group_out(Rows(x, ("",) * len(x)), Rows(y, ("",) * len(y)))
    return value


def leave_one_group_out(first: Rows, second: Rows) -> tuple[float, NDArray[np.float64]]:
    """The kernel distance of all rows, and without each group (G,), in closed form.

    A group that is on both sides is left out of both. Where too few rows remain, the value is nan.
    """
    groups = sorted(set(first.groups) | set(second.groups))
    x, gx = _by_group(first, groups)
    y, gy = _by_group(second, groups)
    xx, yy = _pairs(x, gx, len(groups)), _pairs(y, gy, len(groups))
    xy = kernel_sums(x, gx, y, gy, len(groups))
    m, n = (np.bincount(g, minlength=len(groups)).astype(np.float64) for g in (gx, gy))
    value = _mmd2(xx.sum(), yy.sum(), xy.sum(), m.sum(), n.sum())
    without = _mmd2(_without(xx), _without(yy), _without(xy), m.sum() - m, n.sum() - n)
    return float(value), without


def kernel_sums(
    x: NDArray[np.floating],
    gx: NDArray[np.intp],
    y: NDArray[np.floating],
    gy: NDArray[np.intp],
    groups: int,
) -> Sums:
    """Sums of k(x_i, y_j) by the groups gx (m,), gy (n,) of the rows; gy sorted. (groups, groups).

    The kernel matrix is made a block of rows at a time and never held whole.
    """
    sums = np.zeros((groups, groups))
    present, starts = np.unique(gy, return_index=True)
    for top in range(0, len(x), BLOCK):
        block = slice(top, top + BLOCK)
        columns = np.add.reduceat(polynomial_kernel(x[block], y), starts, axis=1)
        np.add.at(sums, (gx[block, None], present[None, :]), columns)
    return sums


def _pairs(x: NDArray[np.floating], gx: NDArray[np.intp], groups: int) -> Sums:
    """Kernel sums within one side, a row with itself left out."""
    sums = kernel_sums(x, gx, x, gx, groups)
    rows = x.astype(np.float64)
    itself = (np.einsum("ij,ij->i", rows, rows) / x.shape[1] + 1) ** 3
    sums[np.diag_indices(groups)] -= np.bincount(gx, itself, groups)
    return sums


def _by_group(rows: Rows, groups: list[str]) -> tuple[NDArray[np.floating], NDArray[np.intp]]:
    index = np.searchsorted(groups, rows.groups)
    order = np.argsort(index, kind="stable")
    return rows.features[order], index[order]


def _without(sums: Sums) -> NDArray[np.float64]:
    """The total without the rows and columns of each group (G,)."""
    total: NDArray[np.float64] = sums.sum() - sums.sum(0) - sums.sum(1) + np.diag(sums)
    return total


def _mmd2(
    xx: NDArray[np.float64],
    yy: NDArray[np.float64],
    xy: NDArray[np.float64],
    m: NDArray[np.float64],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)
    return np.where((m < FEWEST) | (n < FEWEST), np.nan, value)


def kernel_name(passport: Passport) -> str:
    """The name: KID on the FID Inception alone, elsewhere with the network in it."""
    return "KID" if passport.network == INCEPTION else f"kernel distance on {passport.network}"


def kernel_score(real: FeatureSample, generated: FeatureSample, passport: Passport) -> Score:
    """Generated against real with a jackknife interval over groups, beside real against real."""
    sets = matched(real.rows, generated.rows)
    if sets.n < FEWEST:
        return Score(
            name=kernel_name(passport),
            value=None,
            n_real=len(real.rows),
            n_generated=len(generated.rows),
            passport=passport,
            note=f"refused: a kernel distance needs {FEWEST} frames in the generated set and in "
            f"each half of the real one, of different groups, got {sets.n}",
        )
    value, without = leave_one_group_out(sets.generated, sets.reference)
    return Score(
        name=kernel_name(passport),
        value=value,
        interval=jackknife_interval(value, without),
        floor=kernel_distance(sets.control.features, sets.reference.features),
        floor_n=sets.n,
        n_real=sets.n,
        n_generated=sets.n,
        passport=passport,
    )


class KernelDistance(FeatureMetric):
    """The score as a metric: update with frames, merge parts, compute."""

    def compute(self) -> Score:
        """See `kernel_score`."""
        return kernel_score(self.real, self.generated, self.passport)
