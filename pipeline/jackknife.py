"""Intervals by leaving out one group at a time: the group is the unit, never the row."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def jackknife_interval(
    value: float, leave_one_out: NDArray[np.float64], level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of `value` from its values without each of G groups (G,); None below two groups.

    Standard error: sqrt((G - 1) / G * sum (theta_g - mean)^2) (Efron & Stein 1981), with Student's
    t of G - 1 degrees of freedom, because groups are few.
    """
    groups = len(leave_one_out)
    if groups < 2 or not np.isfinite(leave_one_out).all():
        return None
    spread = np.sum((leave_one_out - leave_one_out.mean()) ** 2)
    error = float(np.sqrt((groups - 1) / groups * spread))
    reach = float(stats.t.ppf((1 + level) / 2, groups - 1)) * error
    return value - reach, value + reach
