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


def nearest(x: Rows, y: Rows) -> tuple[Distances, Counts]:
    """Distance to the nearest row of y, and its number: (m,) each. y may be large and of bytes.

    Both sets are taken a block at a time, so that neither is copied whole as floats.
    """
    best, place = np.full(len(x), np.inf), np.zeros(len(x), np.intp)
    for left in range(0, len(y), BLOCK):
        block = y[left : left + BLOCK]
        for top in range(0, len(x), BLOCK):
            squares = squared_distances(x[top : top + BLOCK], block)
            found = squares.argmin(axis=1)
            least = squares[np.arange(len(squares)), found]
            closer = np.flatnonzero(least < best[top : top + BLOCK])
            best[top + closer], place[top + closer] = least[closer], left + found[closer]
    return np.sqrt(best), place
