"""Snow: flakes in the air, and a white cover on whatever faces up, with the tracks of the traffic.

What faces up is known from the normals of the depth; roofs that the camera sees edge-on are known
from where a surface ends upwards with only air behind it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from parhelion.generators._linear_light import (
    Linear,
    Plane,
    Rgb,
    luminance,
    mix,
    smoothstep,
    tinted,
)
from parhelion.generators._surface import GROUND, OPEN_GROUND, Surface, noise
from parhelion.generators._weather_particles import Falling, coverage, shown_by_particles
from parhelion.pipeline.scene_class import SceneClass

_LAYERS_M = (0.6, 1.0, 1.6, 2.6, 4.2, 6.8, 11.0, 18.0)
_TRACK_GAUGE_M = 1.5  # between the wheels of a car
_LANE_M = 3.4


@dataclass(frozen=True, kw_only=True)
class Flakes:
    """Falling snow."""

    rate_mm_h: float  # water equivalent
    wind_m_s: float = 0.0  # across the picture
    exposure_s: float = 1 / 150
    light: Rgb = (0.9, 0.92, 0.95)


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Snow that lies."""

    cover: float  # share of the ground that is white
    tracks: float = 0.5  # how far the wheels have cleared their tracks
    white: Rgb = (0.78, 0.82, 0.88)  # radiance of open snow under this sky


def snowed(linear: Linear, surface: Surface, flakes: Flakes, random: np.random.Generator) -> Linear:
    """The picture behind falling snow (H, W, 3)."""
    if flakes.rate_mm_h <= 0:
        return linear.copy()
    falling = Falling(
        per_m3=24 * flakes.rate_mm_h,
        diameter_m=0.011,  # flakes that show are clumps of about a centimetre
        velocity_m_s=(flakes.wind_m_s, 1.4),
        exposure_s=flakes.exposure_s,
        opacity=0.9,
        spread=0.35,
    )
    focal = float(surface.camera.intrinsics[1, 1])
    veil = coverage(
        surface.y.size, focal, surface.distance, falling, _LAYERS_M, random, defocus_m=0.006
    )
    return mix(linear, shown_by_particles(linear, flakes.light), veil)


def covered(linear: Linear, surface: Surface, snow: Cover, random: np.random.Generator) -> Linear:
    """The street under snow (H, W, 3)."""
    if snow.cover <= 0:
        return linear.copy()
    share = snow_share(surface, snow, random)
    return mix(linear, _white(linear, surface, snow), share)


def snow_share(surface: Surface, snow: Cover, random: np.random.Generator) -> Plane:
    """How much of each pixel is white, (H, W) 0..1."""
    u, v = surface.plan
    rise = np.where(surface.is_a(*OPEN_GROUND), 0, surface.height).astype(np.float32)
    lumps = noise(random, u + 0.6 * rise, v + 0.8 * rise, 1.8, octaves=4) - np.float32(0.5)
    reach = np.float32(snow.cover * 1.5 - 0.25)  # lumps go from none to all over cover's range
    patchy = smoothstep(-0.2, 0.2, reach - np.float32(0.5) + lumps * np.float32(1.2))
    ground = patchy * (1 - np.float32(snow.tracks) * tracks(surface, u, v, random))
    facing = smoothstep(0.35, 0.8, surface.facing_up)
    ledge = cv2.GaussianBlur(surface.top_edges, (3, 3), 0) * np.float32(1.3)
    things = np.clip(np.maximum(facing, ledge), 0, 1) * np.float32(min(1.0, snow.cover * 1.2))
    crowns = surface.is_a(SceneClass.VEGETATION, SceneClass.NATURE)
    frost = np.clip(0.35 + 2.2 * lumps + 0.5 * surface.facing_up + ledge, 0, 1)
    things = np.where(crowns, frost * np.float32(0.8 * snow.cover), things)
    things = np.where(surface.is_a(SceneClass.PERSON, SceneClass.RIDER), things * 0.4, things)
    share = np.where(surface.is_a(*OPEN_GROUND), ground, things)
    return np.where(surface.sky, 0, share).astype(np.float32)


def tracks(surface: Surface, u: Plane, v: Plane, random: np.random.Generator) -> Plane:
    """Where wheels have run, (H, W) 0..1: pairs of lines along the road, in every lane."""
    wander = (noise(random, v, v * 0, 9.0, octaves=2) - np.float32(0.5)) * np.float32(0.6)
    across = np.mod(u + wander + _LANE_M / 2, np.float32(_LANE_M)) - np.float32(_LANE_M / 2)
    away = np.abs(np.abs(across) - np.float32(_TRACK_GAUGE_M / 2))
    rough = (noise(random, u, v, 0.5, octaves=2) - np.float32(0.5)) * np.float32(0.35)
    lines = 1 - smoothstep(0.12, 0.42, away + rough)
    return lines * surface.is_a(SceneClass.ROAD, SceneClass.FLAT)


def _white(linear: Linear, surface: Surface, snow: Cover) -> Linear:
    """The light of the snow: white, a little darker where the street around it is dark."""
    y = luminance(linear)
    width = surface.y.size[1]
    ground = surface.is_a(*GROUND).astype(np.float32)
    weight = cv2.GaussianBlur(ground, (0, 0), width / 24) + np.float32(1e-3)
    base = cv2.GaussianBlur(y * ground, (0, 0), width / 24) / weight
    middle = max(float(np.median(y[ground > 0])) if ground.any() else 0.2, 1e-3)
    shade = np.clip((y / np.maximum(base, np.float32(1e-3))) ** 0.35, 0.75, 1.15)
    shade *= np.clip((base / np.float32(middle)) ** 0.25, 0.85, 1.1)
    shade = np.where(surface.is_a(*OPEN_GROUND), shade, 1)
    return np.asarray(shade[..., None] * tinted(snow.white), dtype=np.float32)
