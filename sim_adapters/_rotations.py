"""Rotations that strangers wrote as quaternions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from parhelion.pipeline.bad_frame import BadFrame, Reason


def rotation_matrices(
    quaternions: ArrayLike, name: str, *, scalar_first: bool
) -> NDArray[np.float64]:
    """Quaternions (n, 4), w first or last -> matrices (n, 3, 3).

    Raises BadFrame for zeros, and for what is not finite.
    """
    values = np.asarray(quaternions, dtype=np.float64).reshape(-1, 4)
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused
        norms = np.linalg.norm(values, axis=1)
    good = np.isfinite(norms) & (norms > 1e-6)
    if not good.all():
        sentence = f"{name}: wanted quaternions of a rotation, got {values[~good][0]}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    ours = values[:, [1, 2, 3, 0]] if scalar_first else values
    matrices: NDArray[np.float64] = Rotation.from_quat(ours).as_matrix()
    return matrices
