"""Distances between rows of two sets, a block at a time: nearest rows, and balls that hold rows.

Legend: m, n = rows, d = dimensions. Distances are Euclidean. NND_k(x) is the distance from a row to
its k-th nearest other row of its own set; the ball of x has that radius.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 512  # rows of the matrix of distances at a time

Rows = NDArray[np.generic]  # (n, d), any real dtype
Distances = NDArray[np.float64]
Counts = NDArray[np.intp]


def squared_distances(x: Rows, y: Rows) -> Distances:
    """(m, n) of rows x (m, d) and y (n, d), as |x|^2 + |y|^2 - 2 x . y; never below zero."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return np.asarray(np.maximum(squares, 0))


def neighbour_distances(x: Rows, k: int) -> Distances:
    """NND_k of every row of x (n, d): (n,). Raises ValueError where a row has no k others."""
    if not 1 <= k < len(x):
        raise ValueError(f"the k-th neighbour wants more than k = {k} >= 1 rows, got {len(x)}")
    radii = np.empty(len(x))
    for top in range(0, len(x), BLOCK):
        squares = squared_distances(x[top : top + BLOCK], x)
        rows = np.arange(len(squares))
        squares[rows, top + rows] = np.inf  # no row is its own neighbour
        radii[top : top + BLOCK] = np.sqrt(np.partition(squares, k - 1, axis=1)[:, k - 1])
    return radii


def memberships(points: Rows, centres: Rows, radii: Distances) -> tuple[Counts, Counts]:
    """How many balls hold each point (m,), and how many points each ball (n,) holds."""
    holding, held = np.zeros(len(points), np.intp), np.zeros(len(centres), np.intp)
    for top in range(0, len(points), BLOCK):
        inside = squared_distances(points[top : top + BLOCK], centres) <= radii**2
        holding[top : top + BLOCK] = inside.sum(axis=1)
        held += inside.sum(axis=0)
    return holding, held


def nearest(x: Rows, y: Rows, k: int = 1) -> tuple[Distances, Counts]:
    """Distances to the k nearest rows of y, ascending (m, k), and the number of the nearest (m,).

    Y may be large and of bytes: it is taken a block at a time and never copied whole as floats.
    Raises ValueError where y has no k rows.
    """
    if not 1 <= k <= len(y):
        raise ValueError(f"wanted the {k} nearest of {len(y)} rows: ask for 1 to {len(y)}")
    best, place = np.full((len(x), k), np.inf), np.zeros(len(x), np.intp)
    for left in range(0, len(y), BLOCK):
        block = y[left : left + BLOCK]
        for top in range(0, len(x), BLOCK):
            rows = slice(top, top + BLOCK)
            squares = squared_distances(x[rows], block)
            closer = squares.min(axis=1) < best[rows].min(axis=1)
            place[rows] = np.where(closer, left + squares.argmin(axis=1), place[rows])
            both = np.concatenate([best[rows], squares], axis=1)
            best[rows] = np.partition(both, k - 1, axis=1)[:, :k]
    return np.sqrt(np.sort(best, axis=1)), place
