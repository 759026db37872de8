"""Intervals and tests by leaving out one group at a time: the group is the unit, never the row.

Standard error: sqrt((G - 1) / G * sum (theta_g - mean)^2) of the G values without a group (Efron &
Stein 1981), with Student's t of G - 1 degrees of freedom, because groups are few.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05  # chance of a finding where there is none
FEWEST_GROUPS = 3  # two values without a group say next to nothing about their spread


def jackknife_interval(
    value: float, leave_one_out: NDArray[np.float64], level: float = 1 - LEVEL
) -> tuple[float, float] | None:
    """Interval of `value` from its values without each of G groups (G,); None below three groups.

    None also where a value without a group is not finite.
    """
    error = jackknife_error(leave_one_out)
    if error is None:
        return None
    reach = float(stats.t.ppf((1 + level) / 2, len(leave_one_out) - 1)) * error
    return value - reach, value + reach


def jackknife_p(value: float, leave_one_out: NDArray[np.float64]) -> float | None:
    """Two-sided p of `value` being zero, below LEVEL where the interval excludes zero.

    None where there is no interval.
    """
    error = jackknife_error(leave_one_out)
    if error is None:
        return None
    if error == 0:
        return float(value == 0)
    return float(2 * stats.t.sf(abs(value) / error, len(leave_one_out) - 1))


def jackknife_error(leave_one_out: NDArray[np.float64]) -> float | None:
    """The standard error; None where groups are too few or a value is not finite."""
    groups = len(leave_one_out)
    if groups < FEWEST_GROUPS or not np.isfinite(leave_one_out).all():
        return None
    spread = np.sum((leave_one_out - leave_one_out.mean()) ** 2)
    return float(np.sqrt((groups - 1) / groups * spread))
