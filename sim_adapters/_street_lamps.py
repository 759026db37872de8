"""Light of lamps and headlights on surface points, shadows included. Legend: R points."""

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_geometry import SURFACE_OFFSET_M, Floats, Geometry
from parhelion.sim_adapters._street_mesh import Light
from parhelion.sim_adapters._street_vectors import dot

LAMP_HEAD_M = 0.4  # shadow rays end before the fixture that holds the light
FAINT = 0.004  # irradiance below which a lamp is left out
COARSE_FAINT = 0.03  # and in coarse streets
BARELY = 1e-4  # by which a cosine may be off


def lamp_irradiance(geometry: Geometry, points: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """Light of all lamps and headlights on R surface points (R, 3), shadows included.

    Spots fall off with the square of the distance and linearly between beam and cutoff angle.
    Also each light's share of the sum, (number of lights,).
    """
    points, normals = np.asfortranarray(points), np.asfortranarray(normals)  # axis by axis
    irradiance = np.zeros((len(points), 3), dtype=np.float32)
    given = np.zeros(len(geometry.street.lights))
    faint = COARSE_FAINT if geometry.street.coarse else FAINT
    for i, light in enumerate(geometry.street.lights):
        near, alone, to, distance = _unshadowed(light, points, normals, faint)
        starts = _rows(points, near) + SURFACE_OFFSET_M * _rows(normals, near)
        reach = np.maximum(distance - LAMP_HEAD_M, 0.01).astype(np.float32)
        open_way = np.flatnonzero(~geometry.blocked(np.ascontiguousarray(starts), to, reach))
        alone = alone.take(open_way, 0)
        irradiance[near[open_way]] += alone
        given[i] = alone.sum()
    return irradiance, given / max(given.sum(), 1e-9)


def _unshadowed(
    light: Light, points: Floats, normals: Floats, faint: float
) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """Which points get more than `faint` unless shadowed: irradiance, direction and distance."""
    intensity = np.array(light.intensity, dtype=np.float32)
    to: Floats = np.array(light.position_m, dtype=np.float32) - points
    squared = dot(to, to)
    distance = np.sqrt(squared)
    to /= np.maximum(distance, 1e-6)[:, None]
    near = np.flatnonzero(squared * faint < intensity.max())
    axis = np.array(light.direction, dtype=np.float32)
    off_axis = np.ascontiguousarray(_rows(to, near)) @ -(axis / np.linalg.norm(axis))
    inside = np.flatnonzero(off_axis > np.cos(np.radians(light.cutoff_deg)) - BARELY)
    near, off_axis = near[inside], off_axis[inside]
    to, distance = _rows(to, near), distance[near]
    cosine = np.maximum(dot(to, _rows(normals, near)), 0)
    factor = _spot_falloff(light, off_axis) * cosine / np.maximum(squared[near], 0.01)
    reached = np.flatnonzero(factor * intensity.max() > faint)
    alone, ways = factor[reached, None] * intensity, np.ascontiguousarray(_rows(to, reached))
    return near[reached], alone, ways, distance[reached]


def _rows(vectors: Floats, chosen: NDArray[np.intp]) -> Floats:
    """Some of the vectors (R, 3), which lie axis by axis in memory, and so do these."""
    return vectors.T.take(chosen, 1).T


def _spot_falloff(light: Light, cosine: Floats) -> Floats:
    """Share of full intensity at angles (R,) off the light's axis, given by their cosines."""
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    ramp = max(light.cutoff_deg - light.beam_deg, 1e-3)
    return np.clip((light.cutoff_deg - angle) / ramp, 0, 1).astype(np.float32)
