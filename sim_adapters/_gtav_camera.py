"""GTA V's matrices: where the camera stands and how it projects, in OpenCV's axes.

A world point w lies at clip = P V w (column vectors, matrices row by row). The camera looks along
-z with y up, so the axes y and z are turned round. Pixels: x = (x_ndc + 1) / 2 * W,
y = (1 - y_ndc) / 2 * H.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera
from parhelion.pipeline.layers import Box
from parhelion.sim_adapters._gtav_depth import GAME, Planes
from parhelion.sim_adapters._gtav_snapshot import Snapshot

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]  # (n, 3)

TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
CLOSE = 1e-3  # metres, and parts of matrices
MOST_METRES = 1e6  # the map is 16 km wide


def planes_of(snapshot: Snapshot, name: str) -> tuple[Planes, bool]:
    """How its depth becomes metres, and whether that is assumed. Raises BadFrame."""
    if snapshot.proj_matrix is not None:
        p = _projection(snapshot, name)
        return Planes(float(p[2, 2]), float(p[2, 3])), False
    near, far = snapshot.cam_near_clip, snapshot.cam_far_clip
    if near is None or far is None:
        return GAME, True
    if not 0 < near < far < np.inf:
        sentence = f"{name}: wanted near and far planes in order, got {near:g} and {far:g} m"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    return Planes.of(near, far), False


def camera_of(snapshot: Snapshot, width: int, height: int, name: str) -> Camera | None:
    """The camera; None where a matrix is missing. Raises BadFrame where they contradict."""
    if snapshot.proj_matrix is None or snapshot.view_matrix is None:
        return None
    p = _projection(snapshot, name)
    intrinsics = np.array(
        [
            [p[0, 0] * width / 2, 0, (1 - p[0, 2]) * width / 2],
            [0, p[1, 1] * height / 2, (1 + p[1, 2]) * height / 2],
            [0, 0, 1],
        ]
    )
    world: Matrix = np.asarray(np.linalg.inv(_view(snapshot, name)), dtype=np.float64)
    return Camera(intrinsics=intrinsics, camera_to_world=world @ TO_OPENCV)


def _projection(snapshot: Snapshot, name: str) -> Matrix:
    p = np.array(snapshot.proj_matrix)
    good = np.isfinite(p).all() and np.abs(p).max() < MOST_METRES
    if not (good and np.allclose(p[3], (0, 0, -1, 0), rtol=0, atol=CLOSE)):
        raise _bad(name, "a projection matrix whose last row is 0 0 -1 0", p[3])
    if not (p[0, 0] > 0 and p[1, 1] > 0 and p[2, 2] >= 0 and p[2, 3] > 0):
        raise _bad(name, "a projection matrix of reversed depth", p.diagonal())
    return p


def _view(snapshot: Snapshot, name: str) -> Matrix:
    """The view matrix, a rigid motion whose centre is where the camera is said to be."""
    view = np.array(snapshot.view_matrix)
    turn, shift = view[:3, :3], view[:3, 3]
    if not (np.isfinite(view).all() and np.abs(view).max() < MOST_METRES):
        raise _bad(name, "a view matrix of finite numbers", view[3])
    rigid = np.allclose(turn @ turn.T, np.eye(3), rtol=0, atol=CLOSE) and np.linalg.det(turn) > 0
    if not (rigid and np.allclose(view[3], (0, 0, 0, 1), rtol=0, atol=CLOSE)):
        raise _bad(name, "a view matrix that turns and shifts only", view[3])
    centre = -turn.T @ shift
    said = centre if snapshot.camera_pos is None else np.array(snapshot.camera_pos)
    if not np.abs(centre - said).max() <= CLOSE:
        raise _bad(name, f"a view matrix from {np.round(said, 3).tolist()} (camera_pos)", centre)
    return view


def _bad(name: str, wanted: str, got: Matrix) -> BadFrame:
    sentence = f"{name}: wanted {wanted}, got {np.round(got, 6).tolist()}"
    return BadFrame(Reason.BAD_CAMERA, sentence)


def rotations(degrees: Points) -> NDArray[np.float64]:
    """Euler angles about x, y, z (n, 3) -> Rz Ry Rx, (n, 3, 3)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)).T, np.sin(np.radians(degrees)).T
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def box_around(camera: Camera, points: Points) -> Box | None:
    """The box around points (n, 3) in the camera's axes, pixels; None if one is behind it."""
    if not (points[:, 2] > 0).all():
        return None
    pixels = (points @ camera.intrinsics.T)[:, :2] / points[:, 2:]
    (x0, y0), (x1, y1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return x0, y0, x1, y1
