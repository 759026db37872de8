"""Boxes in space, seen by a pinhole camera: the tight rectangle of what falls into the picture."""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Camera
from parhelion.pipeline.layers import Box, clip_box

Plane = tuple[float, float, float, float]  # a, b, c, d: inside is a x + b y + c z + d >= 0

NEAR_M = 0.1  # what lies nearer to the camera's plane is cut off
# Corners are numbered by the signs of their x, y and z: 0 = ---, 1 = --+, 2 = -+-, ...
SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))


def corners_of(
    origins_m: NDArray[np.float64],
    lows_m: NDArray[np.float64],
    highs_m: NDArray[np.float64],
    rotations: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Corners (n, 8, 3), world, of boxes from `lows_m` to `highs_m`, (n, 3) along their own axes.

    `rotations` (n, 3, 3) turn these axes into the world's around `origins_m` (n, 3).
    """
    local = np.where(SIGNS > 0, highs_m[:, None], lows_m[:, None])
    return local @ rotations.transpose(0, 2, 1) + origins_m[:, None]


def rectangles(
    corners_m: NDArray[np.float64], camera: Camera, width: int, height: int
) -> list[Box | None]:
    """World corners (n, 8, 3) -> half-open boxes, pixels; None for what the camera does not see.

    What hides behind other things is seen here. The box of a body that the picture's edge or the
    camera's plane cuts is that of the part inside, not the clipped box of the whole.
    """
    pose, planes = camera.camera_to_world, _view(width, height)
    pixels = (corners_m - pose[:3, 3]) @ pose[:3, :3] @ camera.intrinsics.T  # times their depth
    inside = pixels @ np.array(planes)[:, :3].T + np.array(planes)[:, 3]
    outside = np.any(np.all(inside < 0, axis=1), axis=1)
    found: list[Box | None] = []
    for i, points in enumerate(pixels.tolist()):
        if outside[i]:
            found.append(None)
        else:
            cutting = np.flatnonzero(~(inside[i] >= 0).all(axis=0)).tolist()
            seen = _seen(points, [planes[plane] for plane in cutting]) if cutting else points
            found.append(_rectangle(seen, width, height))
    return found


def _view(width: int, height: int) -> list[Plane]:
    """The five planes of a view of homogeneous pixels (x, y, z), none of them behind the eye."""
    return [
        (0.0, 0.0, 1.0, -NEAR_M),
        *((1.0, 0.0, 0.0, 0.0), (-1.0, 0.0, float(width), 0.0)),
        *((0.0, 1.0, 0.0, 0.0), (0.0, -1.0, float(height), 0.0)),
    ]


def _seen(points: list[list[float]], planes: list[Plane]) -> list[list[float]]:
    """The corners of a body's faces, cut by planes one after another.

    Sutherland and Hodgman 1974.
    """
    kept = []
    for face in FACES:
        polygon = [points[corner] for corner in face]
        for plane in planes:
            polygon = _cut(polygon, plane)
        kept += polygon
    return kept


def _cut(polygon: list[list[float]], plane: Plane) -> list[list[float]]:
    """The part of a polygon on the inner side of a plane; plain numbers, because they are few."""
    a, b, c, d = plane
    inside = [a * x + b * y + c * z + d for x, y, z in polygon]
    if min(inside, default=0.0) >= 0:
        return polygon
    made = []
    for i, (here, there) in enumerate(zip(inside, inside[-1:] + inside[:-1], strict=True)):
        corner, before = polygon[i], polygon[i - 1]
        if (here >= 0) != (there >= 0):
            share = there / (there - here)
            made.append([q + (p - q) * share for p, q in zip(corner, before, strict=True)])
        if here >= 0:
            made.append(corner)
    return made


def _rectangle(points: list[list[float]], width: int, height: int) -> Box | None:
    if not points:
        return None
    xs, ys = [x / z for x, _, z in points], [y / z for _, y, z in points]
    left, top, right, bottom = box = clip_box((min(xs), min(ys), max(xs), max(ys)), width, height)
    return box if right > left and bottom > top else None
