"""Boxes in space, seen by a pinhole camera: the tight rectangle of what falls into the picture."""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Camera
from parhelion.pipeline.layers import Box, clip_box

NEAR_M = 0.1  # what lies nearer to the camera's plane is cut off
# Corners are numbered by the signs of their x, y and z: 0 = ---, 1 = --+, 2 = -+-, ...
SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))


def corners_of(
    centres_m: NDArray[np.float64], sizes_m: NDArray[np.float64], rotations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Centres (n, 3), sizes (n, 3) along the box's own axes, rotations (n, 3, 3) -> (n, 8, 3)."""
    local = SIGNS * sizes_m[:, None, :] / 2
    return local @ rotations.transpose(0, 2, 1) + centres_m[:, None, :]


def rectangles(
    corners_m: NDArray[np.float64], camera: Camera, width: int, height: int
) -> list[Box | None]:
    """World corners (n, 8, 3) -> half-open boxes, pixels; None for what the camera does not see.

    What hides behind other things is seen here. The box of a body that the picture's edge or the
    camera's plane cuts is that of the part inside, not the clipped box of the whole.
    """
    pose = camera.camera_to_world
    pixels = (corners_m - pose[:3, 3]) @ pose[:3, :3] @ camera.intrinsics.T  # times their depth
    planes = _inside(pixels, width, height)
    outside = np.any(np.all(planes < 0, axis=1), axis=1)
    whole = np.all(planes >= 0, axis=(1, 2))
    found: list[Box | None] = []
    for i, points in enumerate(pixels):
        if outside[i]:
            found.append(None)
        else:
            seen = points if whole[i] else _seen(points, width, height)
            found.append(_rectangle(seen, width, height))
    return found


def _inside(pixels: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """How far points (..., 3) lie inside each of the five planes of the view, (..., 5)."""
    x, y, z = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.stack([z - NEAR_M, x, width * z - x, y, height * z - y], axis=-1)


def _seen(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """The corners (k, 3) of a body's faces, cut by the planes of the view one after another.

    Sutherland and Hodgman 1974, in homogeneous pixels.
    """
    kept = []
    for face in FACES:
        polygon = points[list(face)]
        for plane in range(5):
            polygon = _cut(polygon, _inside(polygon, width, height)[:, plane])
            if not len(polygon):
                break
        kept.append(polygon)
    return np.concatenate(kept)


def _cut(polygon: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a polygon (k, 3) where `inside` (k,), linear along its edges, is 0 or more."""
    if (inside >= 0).all():
        return polygon
    after, far = np.roll(polygon, -1, axis=0), np.roll(inside, -1)
    made = []
    for a, b, here, there in zip(polygon, after, inside, far, strict=True):
        if here >= 0:
            made.append(a)
        if (here >= 0) != (there >= 0):
            made.append(a + (b - a) * (here / (here - there)))
    return np.array(made).reshape(-1, 3)


def _rectangle(points: NDArray[np.float64], width: int, height: int) -> Box | None:
    if not len(points):
        return None
    places = points[:, :2] / points[:, 2:]
    (x0, y0), (x1, y1) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    left, top, right, bottom = box = clip_box((x0, y0, x1, y1), width, height)
    return box if right > left and bottom > top else None
