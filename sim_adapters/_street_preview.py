"""Quick shading of a G-buffer in numpy, for tests and previews: Lambert, sun, dome and lamps."""

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_gbuffer import GBuffer
from parhelion.sim_adapters._street_geometry import (
    NOTHING,
    SURFACE_OFFSET_M,
    Floats,
    Geometry,
    Surfaces,
)
from parhelion.sim_adapters._street_lamps import lamp_irradiance
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_sky import key_light, sky_radiance
from parhelion.sim_adapters._street_water import mirrored, rippled, water_rays
from parhelion.sim_adapters._street_weather import covered

SNOW_ALBEDO = 0.82
WET_DARKENING = 0.5
HORIZON_M = 1e4
AIR_STEP_PX = 8  # airlight changes slowly over the picture


def shade(geometry: Geometry, g: GBuffer, air: Ambience) -> Floats:
    """Linear radiance (H, W, 3) without fog, rain or falling snow."""
    directions = g.rays.reshape(-1, 3)
    radiance = _outgoing(geometry, g.surfaces, directions, g.lamp.reshape(-1, 3), air)
    water = water_rays(geometry, g.surfaces)
    if len(water):
        radiance[water] = _mirroring(geometry, g.surfaces, directions, radiance, water, air)
    return radiance.reshape(g.rays.shape)


def _outgoing(
    geometry: Geometry, surfaces: Surfaces, directions: Floats, lamp: Floats, air: Ambience
) -> Floats:
    """Radiance (R, 3) that surfaces, or the sky behind them, send against `directions`."""
    radiance = np.zeros((len(directions), 3), dtype=np.float32)
    met = surfaces.part != NOTHING
    radiance[~met] = sky_radiance(air, directions[~met])
    there = np.flatnonzero(met)
    normals, points = surfaces.normals.take(there, 0), surfaces.points.take(there, 0)
    light = _dome_light(air, normals) + _key_light(geometry, air, points, normals)
    if air.lamps_on:
        light += lamp.take(there, 0)
    sent = _albedo(surfaces.albedo.take(there, 0), normals, points, air) / np.pi * light
    if air.lamps_on:
        sent += geometry.glow(surfaces).take(there, 0)
    if geometry.fires.any():
        sent += air.fire * geometry.fires.take(surfaces.part[there], 0)
    radiance[there] = sent
    return radiance


def _mirroring(
    geometry: Geometry,
    surfaces: Surfaces,
    directions: Floats,
    radiance: Floats,
    water: NDArray[np.intp],
    air: Ambience,
) -> Floats:
    """Radiance (k, 3) of the water among R surfaces: mud below, the street mirrored above."""
    points = surfaces.points[water]
    normals = rippled(points, surfaces.normals[water], air.seed)
    seen, ways, share = mirrored(geometry, points, normals, directions[water])
    lamp = np.zeros_like(points)
    if air.lamps_on:
        lamp, _ = lamp_irradiance(geometry, seen.points, seen.normals)
    image = _outgoing(geometry, seen, ways, lamp, air)
    return np.asarray(radiance[water] + share[:, None] * (image - radiance[water]))


def _albedo(albedo: Floats, normals: Floats, points: Floats, air: Ambience) -> Floats:
    upward = np.maximum(normals[:, 2:], 0)
    wet = albedo * (1 - WET_DARKENING * air.wetness * upward)
    if air.snow_cover <= 0:
        return wet
    snow = covered(normals, points, air)[:, None]
    return np.asarray(wet + snow * (SNOW_ALBEDO - wet), dtype=np.float32)


def _dome_light(air: Ambience, normals: Floats) -> Floats:
    """Irradiance (R, 3) of the dome: its upper and its horizontal mean, mixed by the normal."""
    ring = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    around = np.array(
        [
            (r * np.cos(a), r * np.sin(a), z)
            for z in (0.8, 0.2)
            for a, r in ((a, (1 - z * z) ** 0.5) for a in ring)
        ]
    )
    halves = sky_radiance(air, around.astype(np.float32)).reshape(2, 12, 3).mean(axis=1)
    up = (normals[:, 2:] + 1) / 2
    share_seen = 0.25 + 0.65 * up  # street canyons hide part of the dome
    return np.asarray(np.pi * share_seen * (up * halves[0] + (1 - up) * halves[1]))


def _key_light(geometry: Geometry, air: Ambience, points: Floats, normals: Floats) -> Floats:
    towards, klux = key_light(air)
    direction = towards.astype(np.float32)
    cosine = np.maximum(normals @ direction, 0)
    if klux.max() <= 0:
        return np.zeros_like(points)
    facing = np.flatnonzero(cosine > 0)
    starts = points[facing] + SURFACE_OFFSET_M * normals[facing]
    ways = np.repeat(direction[None], len(facing), axis=0)
    reach = np.full(len(facing), HORIZON_M, dtype=np.float32)
    cosine[facing[geometry.blocked(starts, ways, reach)]] = 0
    return np.asarray(cosine[:, None] * klux, dtype=np.float32)
