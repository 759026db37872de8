"""Motions of meshes: turned about z and shifted, or through any linear map."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Motion(NamedTuple):
    """Vertices -> vertices @ matrix + shift, worked out once for many meshes."""

    matrix: NDArray[np.float32] | None  # (3, 3)
    shift: NDArray[np.float32]  # (3,)
    mirrors: bool = False


def turned(x: float, y: float, z: float, turn: float) -> Motion:
    """A turn by `turn` radians about z, then a shift."""
    shift = np.array([x, y, z], dtype=np.float32)
    if not turn:
        return Motion(None, shift)
    c, s = np.cos(turn), np.sin(turn)
    return Motion(np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=np.float32), shift)


def mapped(matrix: ArrayLike, shift: ArrayLike) -> Motion:
    """Vertices -> matrix (3, 3) @ vertices + shift (3,)."""
    A = np.asarray(matrix, dtype=np.float32)
    return Motion(A.T, np.asarray(shift, dtype=np.float32), _determinant(A) <= 0)


def _determinant(A: NDArray[np.float32]) -> float:
    """Of a matrix (3, 3); numpy's own takes longer than moving a small mesh."""
    (a, b, c), (d, e, f), (g, h, i) = A.tolist()
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
