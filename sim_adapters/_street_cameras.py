"""The dash-cameras that drive down a street."""

import numpy as np

from parhelion.sim_adapters._street_layout import Layout
from parhelion.sim_adapters._street_mesh import View
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import Floats


def views_along(layout: Layout, random: Random, mirror: bool) -> tuple[View, ...]:
    """One view for each camera of the plan; `mirror` puts them into a street driven on the left."""
    height = float(random.uniform(1.3, 1.7))
    fov = float(random.uniform(60, 75))
    tilt = float(np.radians(random.uniform(-2.5, 1.0)))
    side = -1.0 if mirror else 1.0
    views = []
    for y in layout.cameras:
        x = layout.own_lane + float(random.uniform(-0.25, 0.25))
        yaw = float(np.radians(random.normal(0.0, 1.6)))
        pose = _camera_to_world((side * x, y, height), side * yaw, tilt)
        views.append(View(camera_to_world=pose, fov_x_deg=fov))
    return tuple(views)


def _camera_to_world(position: tuple[float, float, float], yaw: float, tilt: float) -> Floats:
    """OpenCV axes (4, 4): `yaw` radians to the left of +y, `tilt` radians above the horizon."""
    ahead = np.array([-np.sin(yaw) * np.cos(tilt), np.cos(yaw) * np.cos(tilt), np.sin(tilt)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    pose[:3, 3] = position
    return pose
