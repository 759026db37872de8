"""Numbers and poses that strangers wrote as text, refused where they cannot be what they say."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason

# Turns OpenGL's camera axes (x right, y up, looking along -z) into OpenCV's, and back.
FLIP_Y_AND_Z: NDArray[np.float64] = np.diag([1.0, -1.0, -1.0, 1.0])
ROTATION_SLACK = 1e-3  # text files keep five digits or more
LARGEST = 1e12  # nothing here is larger; what is would overflow in products


def numbers(
    cells: Sequence[str], name: str, reason: Reason = Reason.BAD_METADATA
) -> NDArray[np.float64]:
    """Cells of text as numbers (n,), finite and below 1e12. Raises BadFrame."""
    try:
        found = [float(cell) for cell in cells]
    except ValueError as error:
        raise BadFrame(reason, f"{name}: wanted numbers, got {error}") from error
    if not all(abs(number) < LARGEST for number in found):
        got = " ".join(cells)[:80]
        raise BadFrame(reason, f"{name}: wanted finite numbers below {LARGEST:g}, got {got}")
    return np.array(found)


def rigid(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """16 numbers, row after row, as a pose (4, 4): a rotation and a shift. Raises BadFrame."""
    if values.size != 16:
        raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted 16 numbers, got {values.size}")
    pose = values.reshape(4, 4)
    turn = pose[:3, :3]
    straight = np.abs(turn @ turn.T - np.eye(3)).max() <= ROTATION_SLACK
    if (
        not (straight and np.linalg.det(turn) > 0)
        or np.abs(pose[3] - (0, 0, 0, 1)).max() > ROTATION_SLACK
    ):
        wanted = "a rotation and a shift above a row of 0 0 0 1"
        got = " ".join(f"{value:.4g}" for value in values)
        raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted {wanted}, got {got}")
    return pose


def inverse(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose (4, 4) that leads back."""
    back: NDArray[np.float64] = np.linalg.inv(pose).astype(np.float64)
    return back


def pinhole(focal_x: float, focal_y: float, x: float, y: float, name: str) -> NDArray[np.float64]:
    """Intrinsics (3, 3) of focal lengths and principal point, pixels. Raises BadFrame."""
    if not (focal_x > 0 and focal_y > 0):
        wanted = "focal lengths above 0"
        raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted {wanted}, got {focal_x}, {focal_y}")
    return np.array([[focal_x, 0.0, x], [0.0, focal_y, y], [0.0, 0.0, 1.0]])
