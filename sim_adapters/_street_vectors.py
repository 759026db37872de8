"""Three-vectors and columns of small tables, where numpy's own ways cost more than the sums."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]


def columns(first: AnyFloats, *others: AnyFloats | float) -> Floats:
    """Columns (n,), or numbers for all rows, side by side: (n, k)."""
    table = np.empty((len(first), 1 + len(others)))
    for i, column in enumerate((first, *others)):
        table[:, i] = column
    return table


def dot(a: AnyFloats, b: AnyFloats) -> AnyFloats:
    """Scalar products (...) of vectors (..., 3); numpy's sum over so few takes far longer."""
    return np.asarray(a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2])


def cross(a: AnyFloats, b: AnyFloats) -> AnyFloats:
    """Vector products (..., 3), as np.cross with less ado."""
    (ax, ay, az), (bx, by, bz) = ((v[..., 0], v[..., 1], v[..., 2]) for v in (a, b))
    product = np.empty_like(a)
    product[..., 0] = ay * bz - az * by
    product[..., 1] = az * bx - ax * bz
    product[..., 2] = ax * by - ay * bx
    return product
