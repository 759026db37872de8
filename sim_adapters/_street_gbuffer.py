"""Exact layers of one view by ray casting at pixel centres, and objects with their boxes.

They come from the geometry alone and never from weather or hour, so twins share them bit by bit.
Legend: H, W image height and width; pixel centres at +0.5; OpenCV camera axes.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from parhelion.pipeline.frame import GIVES_LIGHT, IS_LIT, Camera, Depth, SceneObject, with_ignored
from parhelion.pipeline.layers import box_area, clip_box, instance_boxes
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_geometry import (
    NOTHING,
    Floats,
    Geometry,
    Hits,
    Surfaces,
    cast,
)
from parhelion.sim_adapters._street_lamps import lamp_irradiance
from parhelion.sim_adapters._street_mesh import Part, View
from parhelion.sim_adapters._street_smoke import opaque
from parhelion.sim_adapters._street_vectors import dot
from parhelion.sim_adapters._street_water import mirrored_albedo

Number = TypeVar("Number", bound=np.generic)

LIT_FROM = 0.06  # irradiance (units of Light.intensity per m^2) from which a surface counts as lit
NEAREST_M = 0.1  # what lies closer to the camera plane is projected as if it lay here
MIN_PIXELS = 6  # objects with fewer visible pixels are dropped
SUBPIXELS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


@dataclass(frozen=True, eq=False, kw_only=True)
class GBuffer:
    """What a camera sees, apart from light."""

    camera: Camera
    depth: Depth  # (H, W) metres along the optical axis; +inf = sky
    hidden: NDArray[np.bool_]  # (H, W) where smoke lets nobody see the surface
    stencil: NDArray[np.uint8]  # (H, W)
    instances: NDArray[np.int32]  # (H, W)
    emissive: NDArray[np.uint8]  # (H, W) bits
    objects: tuple[SceneObject, ...]
    rays: Floats  # (H, W, 3) unit, world
    surfaces: Surfaces  # of H * W rays in row order
    lamp: Floats  # (H, W, 3) irradiance by artificial light
    light_shares: Floats  # (number of lights,) what each gives of it

    @property
    def depth_seen(self) -> Depth:
        """(H, W) the depth with nan where smoke hides the surface."""
        return np.where(self.hidden, np.float32(np.nan), self.depth)


@dataclass(frozen=True, eq=False, kw_only=True)
class Guides:
    """Averages and samples over 2 x 2 points inside each pixel, for denoising and fog."""

    albedo: Floats  # (H, W, 3) linear
    normal: Floats  # (H, W, 3) world
    glow: Floats  # (H, W, 3) radiance of what shines by itself
    depth: Floats  # (4, H, W) metres; +inf = sky


def camera_of(view: View, width: int, height: int) -> Camera:
    """The pinhole camera of a view at a size in pixels."""
    f = width / 2 / np.tan(np.radians(view.fov_x_deg) / 2)
    intrinsics = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]])
    return Camera(intrinsics, view.camera_to_world)


def rays(
    camera: Camera, width: int, height: int, offset: tuple[float, float] = (0.5, 0.5)
) -> tuple[Floats, Floats, Floats]:
    """Origins (H*W, 3), unit directions (H*W, 3) and z per unit of length (H*W,)."""
    x, y = np.meshgrid(np.arange(width) + offset[0], np.arange(height) + offset[1])
    return rays_at(camera, x.ravel(), y.ravel())


def rays_at(
    camera: Camera, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[Floats, Floats, Floats]:
    """Rays through pixel positions x, y (R,), as `rays`."""
    pixels = np.column_stack([x, y, np.ones_like(x)])
    local = pixels @ np.linalg.inv(camera.intrinsics).T
    length = np.sqrt(dot(local, local))
    world = (local / length[:, None]) @ camera.camera_to_world[:3, :3].T
    origins = np.broadcast_to(camera.camera_to_world[:3, 3], world.shape)
    return origins.astype(np.float32), world.astype(np.float32), (1 / length).astype(np.float32)


def gbuffer(geometry: Geometry, view: View, width: int, height: int) -> GBuffer:
    """Every layer of a view, exact at pixel centres."""
    camera, shape = camera_of(view, width, height), (height, width)
    origins, directions, z_per_m = rays(camera, width, height)
    hits = geometry.cast(origins, directions)
    surfaces = geometry.surfaces(hits, origins, directions)
    met = np.flatnonzero(surfaces.part != NOTHING)
    lamp = np.zeros((len(hits.t), 3), dtype=np.float32)
    lamp[met], shares = lamp_irradiance(
        geometry, surfaces.points.take(met, 0), surfaces.normals.take(met, 0)
    )
    parts = geometry.street.parts
    depth = _depth(hits, z_per_m).reshape(shape)
    smoke, ways = geometry.street.smoke, directions.reshape(*shape, 3)
    hidden = np.zeros(shape, bool) if smoke is None else opaque(smoke, camera, ways, depth)
    classes = _table([int(p.scene_class) for p in parts], SceneClass.SKY, np.uint8)
    instances = _table([p.instance for p in parts], 0, np.int32)[surfaces.part].reshape(shape)
    instances[hidden] = 0
    return GBuffer(
        camera=camera,
        depth=depth,
        hidden=hidden,
        stencil=with_ignored(classes[surfaces.part].reshape(shape), hidden),
        instances=instances,
        emissive=np.where(hidden, 0, _emissive(parts, surfaces, lamp).reshape(shape)),
        objects=tuple(_objects(geometry, camera, instances, ways)),
        rays=ways,
        surfaces=surfaces,
        lamp=lamp.reshape(*shape, 3),
        light_shares=shares,
    )


def guides(geometry: Geometry, g: GBuffer) -> Guides:
    """Albedo, normals, glow and depth of 2 x 2 points inside each pixel of a G-buffer."""
    height, width = g.depth.shape
    albedo, normal, glow = (np.zeros((height * width, 3), dtype=np.float32) for _ in range(3))
    depths = []
    for offset in SUBPIXELS:
        origins, directions, z_per_m = rays(g.camera, width, height, offset)
        hits = geometry.cast(origins, directions)
        surfaces = geometry.surfaces(hits, origins, directions)
        albedo += mirrored_albedo(geometry, surfaces, directions) / len(SUBPIXELS)
        normal += surfaces.normals / len(SUBPIXELS)
        glow += geometry.glow(surfaces) / len(SUBPIXELS)
        depths.append(_depth(hits, z_per_m).reshape(height, width))
    return Guides(
        albedo=albedo.reshape(height, width, 3),
        normal=normal.reshape(height, width, 3),
        glow=glow.reshape(height, width, 3),
        depth=np.stack(depths),
    )


def _depth(hits: Hits, z_per_m: Floats) -> Depth:
    return (hits.t * z_per_m).astype(np.float32)


def _table(values: list[int], nothing: int, dtype: type[Number]) -> NDArray[Number]:
    # One entry more than there are parts: index NOTHING = -1 is the last one.
    return np.array([*values, nothing], dtype=dtype)


def _emissive(parts: tuple[Part, ...], surfaces: Surfaces, lamp: Floats) -> NDArray[np.uint8]:
    gives = _table([GIVES_LIGHT * (p.glow is not None) for p in parts], 0, np.uint8)[surfaces.part]
    brightest = np.maximum(np.maximum(lamp[:, 0], lamp[:, 1]), lamp[:, 2])
    lit = np.where(brightest > LIT_FROM, np.uint8(IS_LIT), np.uint8(0))
    return np.asarray(gives | lit)


def _objects(
    geometry: Geometry, camera: Camera, instances: NDArray[np.int32], ways: Floats
) -> list[SceneObject]:
    """What has an instance and is seen; `ways` (H, W, 3) are the directions of all rays."""
    to_camera = np.linalg.inv(camera.camera_to_world)
    boxes = instance_boxes(instances)
    counts = np.bincount(instances.ravel())
    height, width = instances.shape
    found = []
    for thing in geometry.street.things:
        if thing.instance not in boxes or counts[thing.instance] < MIN_PIXELS:
            continue
        vertices, scene = geometry.alone(thing.instance)
        full = _projected_box(camera, to_camera, vertices)
        inside = clip_box(full, width, height)
        centre = thing.corners_m.mean(axis=0)
        visible = int(counts[thing.instance])
        found.append(
            SceneObject(
                category=thing.category,
                instance=thing.instance,
                box_xyxy=boxes[thing.instance],
                distance_m=max(float(camera.project(centre[None])[0, 2]), 0.0),
                visibility=min(
                    visible / max(_silhouette(scene, camera, ways, inside), visible), 1.0
                ),
                truncation=min(max(1 - box_area(inside) / box_area(full), 0.0), 1.0),
                centre_m=(float(centre[0]), float(centre[1]), float(centre[2])),
            )
        )
    return found


def _projected_box(
    camera: Camera, to_camera: Floats, vertices: Floats
) -> tuple[float, float, float, float]:
    local = vertices @ to_camera[:3, :3].T + to_camera[:3, 3]
    local[:, 2] = np.maximum(local[:, 2], NEAREST_M)
    pixels = (local / local[:, 2:]) @ camera.intrinsics.T
    x, y = pixels[:, 0], pixels[:, 1]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _silhouette(
    scene: EmbreeScene, camera: Camera, ways: Floats, box: tuple[float, float, float, float]
) -> int:
    """Pixels inside `box` that a thing with a scene of its own would cover."""
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    directions = ways[y0:y1, x0:x1].reshape(-1, 3)
    origins = np.empty_like(directions)
    origins[:] = camera.camera_to_world[:3, 3]
    return int((cast(scene, origins, directions).face >= 0).sum())
