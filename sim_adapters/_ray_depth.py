"""Depth that was measured along each pixel's ray, as depth along the optical axis."""

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera, Depth


def planar_depth(range_m: Depth, camera: Camera | None, name: str) -> Depth:
    """Distances to the camera's centre (H, W), metres -> depths (H, W), metres; inf stays inf.

    Raises BadFrame where the camera is not known: its focal lengths tell how far a ray leans.
    """
    if camera is None:
        wanted = "intrinsics, because its depth lies along rays"
        raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted {wanted}, got no pinhole camera")
    height, width = range_m.shape
    (fx, _, cx), (_, fy, cy), _ = camera.intrinsics
    x = (np.arange(width, dtype=np.float32) + 0.5 - cx) / fx
    y = (np.arange(height, dtype=np.float32) + 0.5 - cy) / fy
    stretch = np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2)
    planar: Depth = (range_m / stretch).astype(np.float32, copy=False)
    return planar
