"""From Unreal's axes to ours: poses of cameras and actors in one right-handed world.

Unreal counts x ahead, y to the right, z up, which is left-handed; angles are degrees. The world
here is the same with y turned round: x ahead, y to the left, z up, metres. A camera's axes are
OpenCV's.
"""

import math

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Camera
from parhelion.sim_adapters._carla_manifest import Pose, Vector
from parhelion.sim_adapters._projected_boxes import SIGNS

Floats = NDArray[np.float64]

TURNED = np.diag([1.0, -1.0, 1.0, 1.0])  # Unreal's world -> ours, and back
# Columns: the camera's x (right), y (down) and z (ahead) in Unreal's axes.
CAMERA_AXES = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def matrix_of(pose: Pose) -> Floats:
    """(4, 4) from the pose's own axes to its parent's, in Unreal's axes."""
    angles = (pose.rotation.pitch, pose.rotation.yaw, pose.rotation.roll)
    (sp, sy, sr), (cp, cy, cr) = (
        [f(math.radians(a)) for a in angles] for f in (math.sin, math.cos)
    )
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr, pose.location.x],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr, pose.location.y],
            [sp, -cp * sr, cp * cr, pose.location.z],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def camera_to_world(unreal: Floats) -> Floats:
    """(4, 4) from OpenCV's camera axes to our world, of a camera's matrix in Unreal's axes."""
    return np.asarray(TURNED @ unreal @ CAMERA_AXES)


def camera_of(width: int, height: int, fov_deg: float, unreal: Floats | None) -> Camera:
    """A pinhole camera of a horizontal field of view; without a pose, the world is the camera's."""
    focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Camera(intrinsics, np.eye(4) if unreal is None else camera_to_world(unreal))


def world_points(pose: Pose, points: Floats) -> Floats:
    """Points (n, 3) in an actor's own axes -> (n, 3) in our world."""
    own = np.column_stack([points, np.ones(len(points))])
    return np.asarray((own @ matrix_of(pose).T @ TURNED)[:, :3])


def box_centre(pose: Pose, centre: Vector) -> Floats:
    """(3,) the middle of an actor's box in our world."""
    middle: Floats = world_points(pose, np.array([(centre.x, centre.y, centre.z)]))[0]
    return middle


def seen_from(camera: Camera, point: Floats) -> tuple[float, float, float]:
    """Pixel x, pixel y and metres along the axis of a point (3,) of our world.

    Without sense where the metres are 0 or less, and then nan or infinite at worst.
    """
    with np.errstate(all="ignore"):
        x, y, distance = map(float, camera.project(point[None])[0])
    return x, y, distance


def box_corners(pose: Pose, centre: Vector, extent: Vector) -> Floats:
    """(8, 3) of an actor's box in our world, numbered as `rectangles` wants them."""
    return world_points(
        pose, SIGNS * (extent.x, extent.y, extent.z) + (centre.x, centre.y, centre.z)
    )
