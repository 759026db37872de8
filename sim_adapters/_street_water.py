"""How water looks: fine ripples as normals, Fresnel's share of the mirror image, mud below.

One picture of slopes serves the path tracer's normal map and the numpy shading. Legend: R rays.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_geometry import NOTHING, Floats, Geometry, Surfaces
from parhelion.sim_adapters._street_noise import tile

RIPPLES_M, RIPPLES_PX, RIPPLES_CELLS = 8.0, 512, 32  # ripples of 25 cm and finer
SLOPE = 0.035  # root mean square of the ripples' slope
F_0 = 0.02  # reflectance straight down, of an index of refraction of 1.33
LIFT_M = 0.01  # mirrored rays start this far above the surface


@lru_cache(maxsize=4)
def ripple_normals(seed: int) -> Floats:
    """Unit normals (h, w, 3) of a square of 8 m that repeats, z up; row 0 at y = 0."""
    height = tile(RIPPLES_PX, RIPPLES_CELLS, "ripples", seed, octaves=3)
    dx = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    dy = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    scale = SLOPE / np.sqrt(float((dx**2 + dy**2).mean()))
    n = np.stack([-dx * scale, -dy * scale, np.ones_like(dx)], axis=-1)
    return np.asarray(n / np.linalg.norm(n, axis=-1, keepdims=True), dtype=np.float32)


def rippled(points: Floats, normals: Floats, seed: int) -> Floats:
    """Normals (R, 3) of a water surface with the ripples at its points (R, 3) added."""
    at = np.floor(points[:, :2] / RIPPLES_M % 1 * RIPPLES_PX).astype(np.intp) % RIPPLES_PX
    fine = ripple_normals(seed)[at[:, 1], at[:, 0]]
    n = normals + fine * np.array([1, 1, 0], dtype=np.float32)
    return np.asarray(n / np.linalg.norm(n, axis=1, keepdims=True), dtype=np.float32)


def fresnel(cosine: Floats) -> Floats:
    """Share of light that is mirrored (Schlick 1994, eq. 15)."""
    return np.asarray(F_0 + (1 - F_0) * (1 - np.clip(cosine, 0, 1)) ** 5, dtype=np.float32)


def water_rays(geometry: Geometry, surfaces: Surfaces) -> NDArray[np.intp]:
    """Which of R surfaces are water, (k,)."""
    wet = np.array([p.material == "water" for p in geometry.street.parts] + [False])
    return np.flatnonzero(wet[surfaces.part])


def mirrored(
    geometry: Geometry, points: Floats, normals: Floats, directions: Floats
) -> tuple[Surfaces, Floats, Floats]:
    """What water at `points` mirrors: surfaces met, the ways there (R, 3), Fresnel's share (R,)."""
    cosine = -(directions * normals).sum(1)
    ways = directions + 2 * cosine[:, None] * normals
    ways[:, 2] = np.maximum(ways[:, 2], 0.005)  # a wave's far side would mirror the ground below
    ways = np.asarray(ways / np.linalg.norm(ways, axis=1, keepdims=True), dtype=np.float32)
    starts = np.add(points, (0, 0, LIFT_M), dtype=np.float32)
    hits = geometry.cast(starts, ways)
    return geometry.surfaces(hits, starts, ways), ways, fresnel(cosine)


def mirrored_albedo(geometry: Geometry, surfaces: Surfaces, directions: Floats) -> Floats:
    """Albedo (R, 3) for the denoiser: on water that of the mirror image, by Fresnel's share."""
    albedo = surfaces.albedo
    wet = water_rays(geometry, surfaces)
    if len(wet):
        seen, _, share = mirrored(
            geometry, surfaces.points[wet], surfaces.normals[wet], directions[wet]
        )
        image = np.where((seen.part == NOTHING)[:, None], np.float32(1), seen.albedo)
        albedo = albedo.copy()
        albedo[wet] += share[:, None] * (image - albedo[wet])
    return albedo
