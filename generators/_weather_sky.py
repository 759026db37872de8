"""The sky and what it does to daylight: clouds, the sun taken away, a new sky behind the street.

A single picture cannot give back what a shadow hid, so taking the sun away is a relight, not an
inversion: the two levels of the ground (in sun, in shadow) are brought together, large differences
of brightness are compressed, colours are muted.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from parhelion.generators._linear_light import (
    Linear,
    Plane,
    Rgb,
    float32,
    luminance,
    mix,
    smoothstep,
    tinted,
)
from parhelion.generators._surface import OPEN_GROUND, Surface, noise
from parhelion.generators._weather_shadows import level_shadows, without_sky_tint
from parhelion.pipeline.scene_class import SceneClass

# What is thin and grey before the sky must not be taken for it.
_THIN = (
    SceneClass.POLE,
    SceneClass.STREET_LIGHT,
    SceneClass.TRAFFIC_LIGHT,
    SceneClass.TRAFFIC_SIGN,
)
_LEAST = 1e-4  # keeps logarithms finite; a tenth of a grey level


@dataclass(frozen=True, kw_only=True)
class Daylight:
    """How the sky lights the street, against the parent's sunny day."""

    sun: float = 1.0  # share of the direct sun that is left
    gain: Rgb = (1.0, 1.0, 1.0)  # on what is left, linear
    saturation: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Dome:
    """What the sky looks like. Colours are linear radiances."""

    zenith: Rgb
    horizon: Rgb
    cloud: float = 0.0  # share of the sky covered
    cloud_light: Rgb = (0.8, 0.8, 0.82)
    cloud_dark: Rgb = (0.45, 0.46, 0.5)
    glow: Rgb = (0.0, 0.0, 0.0)  # around the sun, near the horizon
    glow_x: float = 0.0  # to the right of straight ahead, tangent
    stars: float = 0.0  # brightness of the brightest


def relit(linear: Linear, surface: Surface, light: Daylight) -> Linear:
    """The street under `light`; (H, W, 3) in and out. The sky's pixels keep their light."""
    out = linear
    if light.sun < 1:
        out = _without_sun(out, surface, 1 - light.sun)
    if light.saturation != 1:
        out = mix(
            luminance(out)[..., None],
            out,
            np.float32(light.saturation) * np.ones_like(surface.distance),
        )
    if light.gain != (1.0, 1.0, 1.0):
        out = out * tinted(light.gain)
    return np.where(surface.sky[..., None], linear, out)


def _without_sun(linear: Linear, surface: Surface, strength: float) -> Linear:
    out = linear
    for ground in (SceneClass.ROAD, SceneClass.SIDEWALK, SceneClass.TERRAIN):
        out = level_shadows(out, surface, ground, strength)
    out = without_sky_tint(out, surface, strength)
    log_y = np.log(luminance(out) + _LEAST)
    land = (~surface.sky).astype(np.float32)
    sigma = surface.sky.shape[1] / 14
    weight = cv2.GaussianBlur(land, (0, 0), sigma) + np.float32(1e-3)
    base = cv2.GaussianBlur(log_y * land, (0, 0), sigma) / weight
    middle = float(np.median(base[~surface.sky])) if land.any() else 0.0
    # Half of the large-scale differences go (sunlit against shaded facades), detail stays; and
    # glints above the diffuse light are held down, because nothing glints under clouds.
    change = np.float32(-0.55 * strength) * (base - np.float32(middle))
    return np.asarray(out * np.exp(change)[..., None], dtype=np.float32)


def sky_share(linear: Linear, surface: Surface) -> Plane:
    """How much of each pixel is sky, 0..1: the stencil, softened where leaves let it through."""
    sky = surface.sky.astype(np.float32)
    if not surface.sky.any():
        return sky
    near = cv2.dilate(sky, np.ones((3, 3), dtype=np.uint8))
    weight = cv2.blur(sky, (9, 9)) + np.float32(1e-6)
    colour = cv2.blur(linear * sky[..., None], (9, 9)) / weight[..., None]
    away = np.abs(linear - colour).sum(axis=2) / (colour.sum(axis=2) + np.float32(1e-3))
    like = np.exp(-((away / np.float32(0.45)) ** 2)) * near
    whole = surface.is_a(*OPEN_GROUND, *_THIN)
    return np.maximum(sky, np.where(whole, 0, like)).astype(np.float32)


def dome(surface: Surface, sky: Dome, random: np.random.Generator) -> Linear:
    """The radiance of the sky behind every pixel (H, W, 3), below the horizon as at it."""
    up = np.clip(surface.elevation, 0, 1)
    right, ahead = surface.plan_axes
    x, z = surface.directions @ right, surface.directions @ ahead
    out = mix(tinted(sky.horizon), tinted(sky.zenith), smoothstep(0.0, 0.75, up**0.7))
    across = x / np.maximum(z, np.float32(0.05)) - np.float32(sky.glow_x)
    glow = np.exp(-((across / 0.55) ** 2) - (up / 0.22) ** 2)
    out = out + glow[..., None] * tinted(sky.glow)
    if sky.stars:
        out = out + _stars(up.shape, sky.stars, random)[..., None]
    if sky.cloud > 0:
        high = float32(1 / (up + np.float32(0.12)))
        u, v = float32(x * high), float32(z * high)
        lumps = noise(random, u, v, 0.9, octaves=5)
        shade = noise(random, u + 9, v, 0.6, octaves=4)
        lumps = (lumps - np.float32(0.5)) * np.float32(2.2) + np.float32(0.5)
        edge = 1.15 * (1 - sky.cloud) - 0.15
        cover = smoothstep(edge - 0.12, edge + 0.12, lumps)
        light = np.clip((shade - 0.5) * np.float32(2.4) + np.float32(0.5), 0, 1)
        clouds = mix(tinted(sky.cloud_dark), tinted(sky.cloud_light), light)
        clouds = clouds + (glow * np.float32(0.6))[..., None] * tinted(sky.glow)
        out = mix(out, clouds, cover * smoothstep(-0.02, 0.12, up + np.float32(0.03)))
    return np.asarray(out, dtype=np.float32)


def _stars(size: tuple[int, int], brightness: float, random: np.random.Generator) -> Plane:
    lucky = random.random(size, dtype=np.float32)
    return np.where(lucky > 0.9965, (lucky - 0.9965) / 0.0035 * brightness, 0).astype(np.float32)


def with_sky(linear: Linear, share: Plane, new: Linear) -> Linear:
    """The street before a new sky; `share` (H, W) of each pixel is sky."""
    return mix(linear, new, share)
