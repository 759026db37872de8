"""Kernel distance: unbiased squared MMD between two sets of features, good at small n.

KID (Bińkowski et al. 2018) is this distance on the FID Inception; on any other network it is named
after that network. It is unbiased, so it may come out a little below zero for equal sets. Legend:
m, n = frames of either side, d = feature dimensions, G = groups.

`kernel_distance` is the published estimator, unbiased where rows are drawn independently. Scores
use `leave_one_group_out`, unbiased where groups are: frames of one group look alike, and pairs of
them would make every set seem further from all others than it is.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import Passport, Score
from parhelion.pipeline.feature_sample import FeatureMetric, FeatureSample, Rows, halves
from parhelion.pipeline.features import INCEPTION
from parhelion.pipeline.jackknife import jackknife_interval

BLOCK = 1024  # rows of the kernel matrix at a time
FEWEST = 2  # a U-statistic needs pairs

Sums = NDArray[np.float64]  # (G,) one per group
Groups = NDArray[np.intp]  # (m,) the group of each row


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
    m, n = len(x), len(y)
    if min(m, n) < FEWEST:
        raise ValueError(f"a kernel distance needs two rows a side, got {m} and {n}")
    value, _ = _distances(x, np.arange(m), y, m + np.arange(n), m + n)
    return value


def leave_one_group_out(first: Rows, second: Rows) -> tuple[float, NDArray[np.float64]]:
    """The kernel distance over pairs of different groups, and without each group (G,).

    Each mean is taken over all pairs of rows but those of one group: within x, for example,
    m^2 - sum m_g^2 pairs. So it is unbiased where whole groups are drawn independently, however
    alike the rows of a group are; with one row a group it is `kernel_distance`. A group that is on
    both sides is left out of both. Where a side has fewer than two groups, the value is nan.
    """
    groups = sorted(set(first.groups) | set(second.groups))
    gx, gy = (np.searchsorted(groups, rows.groups) for rows in (first, second))
    return _distances(first.features, gx, second.features, gy, len(groups))


def _distances(
    x: NDArray[np.floating], gx: Groups, y: NDArray[np.floating], gy: Groups, groups: int
) -> tuple[float, NDArray[np.float64]]:
    """The distance and, in closed form, the same without each group."""
    xx = _mean_kernel(x, gx, x, gx, groups)
    yy = _mean_kernel(y, gy, y, gy, groups)
    xy = _mean_kernel(x, gx, y, gy, groups)
    return float(xx[0] + yy[0] - 2 * xy[0]), xx[1] + yy[1] - 2 * xy[1]


def _mean_kernel(
    x: NDArray[np.floating], gx: Groups, y: NDArray[np.floating], gy: Groups, groups: int
) -> tuple[float, NDArray[np.float64]]:
    """Mean of k(x_i, y_j) over pairs of different groups, and without each group; nan of none."""
    of_x, of_y = kernel_sums(x, gx, y, gy, groups)
    m, n = np.bincount(gx, minlength=groups), np.bincount(gy, minlength=groups)
    pairs_x, pairs_y = m * (n.sum() - n), n * (m.sum() - m)  # pairs with a row of the group
    sums = np.append(of_x.sum() - of_x - of_y, of_x.sum())
    pairs = np.append(pairs_x.sum() - pairs_x - pairs_y, pairs_x.sum())
    means = np.where(pairs > 0, sums / np.maximum(pairs, 1), np.nan)
    return float(means[-1]), means[:-1]


def kernel_sums(
    x: NDArray[np.floating], gx: Groups, y: NDArray[np.floating], gy: Groups, groups: int
) -> tuple[Sums, Sums]:
    """Sums of k(x_i, y_j) over pairs of different groups: by the group of x_i, by that of y_j.

    The kernel matrix is made a block of rows at a time and never held whole.
    """
    of_x, of_y = np.zeros(groups), np.zeros(groups)
    for top in range(0, len(x), BLOCK):
        block = slice(top, top + BLOCK)
        kernel = polynomial_kernel(x[block], y)
        kernel[gx[block, None] == gy] = 0
        of_x += np.bincount(gx[block], kernel.sum(axis=1), groups)
        of_y += np.bincount(gy, kernel.sum(axis=0), groups)
    return of_x, of_y


def kernel_name(passport: Passport) -> str:
    """The name: KID on the FID Inception alone, elsewhere with the network in it."""
    return "KID" if passport.network == INCEPTION else f"kernel distance on {passport.network}"


def kernel_score(real: FeatureSample, generated: FeatureSample, passport: Passport) -> Score:
    """Generated against half of the real groups with a jackknife interval, beside its floor.

    The floor is the other half of the real groups against the same one. An unbiased distance needs
    no equal n: all frames count, and `floor_n` says how many stand in for the generated ones.
    """
    drawn = generated.rows
    reference, control = halves(real.rows)
    fewest = min(len(set(side.groups)) for side in (drawn, reference, control))
    if fewest < FEWEST:
        return Score(
            name=kernel_name(passport),
            value=None,
            n_real=len(real.rows),
            n_generated=len(drawn),
            passport=passport,
            note=f"refused: a kernel distance needs frames of {FEWEST} groups in the generated set "
            f"and in each half of the real one, got {fewest}",
        )
    value, without = leave_one_group_out(drawn, reference)
    return Score(
        name=kernel_name(passport),
        value=value,
        interval=jackknife_interval(value, without),
        floor=leave_one_group_out(control, reference)[0],
        floor_n=len(control),
        n_real=len(reference),
        n_generated=len(drawn),
        passport=passport,
    )


class KernelDistance(FeatureMetric):
    """The score as a metric: update with frames, merge parts, compute."""

    def compute(self) -> Score:
        """See `kernel_score`."""
        return kernel_score(self.real, self.generated, self.passport)
