"""What depth and camera say about the street's surfaces: points, normals, the ground, what is up.

Coordinates are the camera's (OpenCV: x right, y down, z forward), metres. "Up" is taken from the
ground itself (a plane through the road), because sources disagree about the axes of their worlds.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from parhelion.generators._linear_light import Mask, Plane
from parhelion.pipeline.frame import Annotation, Camera, Depth
from parhelion.pipeline.scene_class import SceneClass, ids

Points = NDArray[np.float32]  # (H, W, 3) metres, camera axes
Vector = NDArray[np.float32]  # (3,)

GROUND = (SceneClass.ROAD, SceneClass.SIDEWALK, SceneClass.FLAT)
PAVED = GROUND
OPEN_GROUND = (*GROUND, SceneClass.TERRAIN)
VEHICLES = (
    SceneClass.CAR,
    SceneClass.TRUCK,
    SceneClass.BUS,
    SceneClass.TRAIN,
    SceneClass.MOTORCYCLE,
    SceneClass.VEHICLE,
)
_DEFAULT_UP = np.array([0.0, -1.0, 0.0], dtype=np.float32)
_DEFAULT_HEIGHT_M = 1.5  # of a camera that sees no ground
_FAR_M = 1e4  # where the sky is drawn when a finite number is needed


def ray_length(camera: Camera | None, size: tuple[int, int]) -> Plane:
    """Metres along the ray per metre along the optical axis, (H, W); 1 where no camera is known."""
    if camera is None:
        return np.ones(size, dtype=np.float32)
    return np.asarray(np.linalg.norm(rays(camera, size), axis=2), dtype=np.float32)


def rays(camera: Camera, size: tuple[int, int]) -> Points:
    """Rays through the pixel centres (H, W, 3), camera axes, z = 1."""
    height, width = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = np.stack([x, y, np.ones_like(x)], axis=2)
    return np.asarray(pixels @ np.linalg.inv(camera.intrinsics).T, dtype=np.float32)


def known_depth(depth: Depth, sky: Mask | None) -> Depth:
    """Depth without holes: nan becomes the nearest known depth; pixels of `sky` become +inf."""
    unknown = np.isnan(depth)
    if unknown.any() and not unknown.all():
        nearest = ndimage.distance_transform_edt(
            unknown, return_distances=False, return_indices=True
        )
        depth = depth[tuple(nearest)]
    return depth if sky is None else np.where(sky, np.float32(np.inf), depth)


def distance_m(y: Annotation) -> Plane:
    """Metres from the camera to what is seen, along the ray; +inf = sky. `y` has a depth.

    Without a camera the depth along the optical axis is all there is, and is taken instead.
    """
    assert y.depth is not None
    sky = None if y.stencil is None else y.stencil == SceneClass.SKY
    along_axis = known_depth(y.depth, sky)
    if y.camera is None:
        return along_axis
    return np.asarray(along_axis * ray_length(y.camera, y.size), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Surface:
    """The geometry of one frame that has stencil, depth and camera; all arrays (H, W, ...)."""

    y: Annotation

    @cached_property
    def stencil(self) -> NDArray[np.uint8]:
        assert self.y.stencil is not None
        return self.y.stencil

    def is_a(self, *classes: SceneClass) -> Mask:
        """Where the stencil has one of `classes`."""
        table = np.zeros(256, dtype=np.bool_)
        table[ids(classes)] = True
        where: Mask = table[self.stencil]
        return where

    @cached_property
    def sky(self) -> Mask:
        return self.is_a(SceneClass.SKY)

    @cached_property
    def distance(self) -> Plane:
        return distance_m(self.y)

    @cached_property
    def camera(self) -> Camera:
        assert self.y.camera is not None
        return self.y.camera

    @cached_property
    def rays(self) -> Points:
        return rays(self.camera, self.y.size)

    @cached_property
    def directions(self) -> Points:
        """Unit vectors from the camera through the pixels."""
        return np.asarray(self.rays / np.linalg.norm(self.rays, axis=2, keepdims=True))

    @cached_property
    def points(self) -> Points:
        """Where each pixel's surface lies; the sky at a far but finite distance."""
        return self.directions * np.minimum(self.distance, _FAR_M)[..., None]

    @cached_property
    def ground(self) -> tuple[Vector, float]:
        """(up, height): unit normal of the road's plane, and metres of the camera above it."""
        points = self.points[self.is_a(*GROUND) & (self.distance < 60)]
        if len(points) < 30:
            return _DEFAULT_UP, _DEFAULT_HEIGHT_M
        # Least squares of n.P = -1, weighted by 1/distance so that the far road does not rule it.
        weight = 1 / np.linalg.norm(points, axis=1, keepdims=True)
        n, *_ = np.linalg.lstsq(points * weight, -weight[:, 0], rcond=None)
        length = float(np.linalg.norm(n))
        if length < 1e-3 or n[1] > -0.7 * length:  # a wall, or a slope that no street has
            return _DEFAULT_UP, _DEFAULT_HEIGHT_M
        return np.asarray(n / length, dtype=np.float32), 1 / length

    @property
    def up(self) -> Vector:
        return self.ground[0]

    @cached_property
    def elevation(self) -> Plane:
        """Sine of each ray's angle above the horizon."""
        return self.directions @ self.up

    @cached_property
    def height(self) -> Plane:
        """Metres of each pixel's surface above the road's plane."""
        return np.asarray(self.points @ self.up + self.ground[1], dtype=np.float32)

    @cached_property
    def plan(self) -> tuple[Plane, Plane]:
        """Metres to the right of and ahead of the camera, along the ground."""
        right, ahead = self.plan_axes
        return self.points @ right, self.points @ ahead

    @cached_property
    def plan_axes(self) -> tuple[Vector, Vector]:
        """Unit vectors along the ground: to the right, and straight ahead."""
        ahead = np.array([0, 0, 1], dtype=np.float32)
        ahead = ahead - self.up * (ahead @ self.up)
        ahead /= np.linalg.norm(ahead)
        return np.asarray(np.cross(ahead, self.up), dtype=np.float32), ahead

    @cached_property
    def normals(self) -> Points:
        """Unit normals towards the camera, from the flatter of the two neighbours on each axis."""
        across, down = _slope(self.points, 1), _slope(self.points, 0)
        n = np.cross(down, across)
        n /= np.maximum(np.linalg.norm(n, axis=2, keepdims=True), 1e-12)
        n[np.sum(n * self.directions, axis=2) > 0] *= -1
        n[self.is_a(*OPEN_GROUND)] = self.up  # exact where we know it, noisy far away where not
        return np.asarray(n, dtype=np.float32)

    @cached_property
    def facing_up(self) -> Plane:
        """Cosine between each surface's normal and up; 0 in the sky."""
        cosine = self.normals @ self.up
        return np.where(self.sky, np.float32(0), cosine)

    @cached_property
    def top_edges(self) -> Plane:
        """1 where a surface ends upwards with air behind it: roofs, ledges, twigs; else 0."""
        above = np.vstack([self.distance[:1], self.distance[:-1]])
        near = np.minimum(self.distance, _FAR_M)
        edge = (above > near * 1.06 + 0.3) & ~self.sky & ~self.is_a(*OPEN_GROUND)
        return edge.astype(np.float32)


def _slope(points: Points, axis: int) -> Points:
    """Difference to the neighbour before or after along `axis`, whichever is nearer in depth."""
    step = np.diff(points, axis=axis)
    pad = [(0, 0)] * 3
    pad[axis] = (0, 1)
    after = np.pad(step, pad, mode="edge")
    pad[axis] = (1, 0)
    before = np.pad(step, pad, mode="edge")
    flatter = np.abs(after[..., 2:]) < np.abs(before[..., 2:])
    return np.asarray(np.where(flatter, after, before), dtype=np.float32)


def noise(random: np.random.Generator, u: Plane, v: Plane, size: float, octaves: int = 3) -> Plane:
    """Smooth value noise in 0..1, mean about 0.5, over coordinates u, v (H, W); lumps of `size`.

    It is tied to the ground or to the sky, not to the picture. Repeats every 64 lumps.
    """
    total = np.zeros(u.shape, dtype=np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        lattice = random.random((64, 64), dtype=np.float32)
        scale = 2.0**octave / size
        x, y = np.mod(u * scale, 64.0), np.mod(v * scale, 64.0)
        wave = cv2.remap(
            lattice,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        total += np.float32(weight) * wave
        norm += weight
        weight *= 0.5
    return total / np.float32(norm)
