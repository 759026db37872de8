"""Rain: streaks in the air, and water on the ground, which darkens it and makes it a mirror.

Drop sizes: Marshall and Palmer 1948, N(D) = 8000 exp(-L D) per m3 and mm, L = 4.1 R^-0.21 per mm.
Fall speed: Atlas 1973, v = 9.65 - 10.3 exp(-0.6 D) m/s. Reflection: Fresnel by Schlick 1994.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.generators._linear_light import (
    Linear,
    Plane,
    Rgb,
    float32,
    mix,
    smoothstep,
)
from parhelion.generators._surface import PAVED, Surface, noise
from parhelion.generators._weather_particles import Falling, coverage, shown_by_particles
from parhelion.pipeline.scene_class import SceneClass

_LAYERS_M = (0.8, 1.3, 2.0, 3.2, 5.0, 8.0)
_LEAST_DROP_MM = 2.0  # smaller ones are seen as haze, not as streaks
_F0 = 0.02  # reflectance of water seen from straight above


@dataclass(frozen=True, kw_only=True)
class Rain:
    """Falling rain."""

    rate_mm_h: float
    wind_m_s: float = 0.0  # across the picture
    exposure_s: float = 1 / 50
    light: Rgb = (0.75, 0.77, 0.8)  # what a drop shows of the sky


@dataclass(frozen=True, kw_only=True)
class Wet:
    """Water on the ground."""

    wetness: float  # 0 = dry, 1 = a film everywhere
    puddles: float = 0.0  # share of the ground under water
    ripple_px: float = 0.0  # how far drops shake the mirror


def drops(rate_mm_h: float) -> tuple[float, float, float]:
    """(number per m3, mean diameter in mm, mean speed in m/s) of the drops that streak."""
    slope = 4.1 * rate_mm_h**-0.21
    number = 8000 / slope * math.exp(-slope * _LEAST_DROP_MM)
    diameter = _LEAST_DROP_MM + 1 / slope
    return number, diameter, 9.65 - 10.3 * math.exp(-0.6 * diameter)


def rained(linear: Linear, surface: Surface, rain: Rain, random: np.random.Generator) -> Linear:
    """The picture behind falling rain (H, W, 3)."""
    if rain.rate_mm_h <= 0:
        return linear.copy()
    number, diameter, speed = drops(rain.rate_mm_h)
    falling = Falling(
        per_m3=number,
        diameter_m=diameter / 1000,
        velocity_m_s=(rain.wind_m_s, speed),
        exposure_s=rain.exposure_s,
        opacity=0.75,
        spread=0.1,
    )
    focal = float(surface.camera.intrinsics[1, 1])
    veil = coverage(surface.y.size, focal, surface.distance, falling, _LAYERS_M, random)
    return mix(linear, shown_by_particles(linear, rain.light), veil)


def wetted(linear: Linear, surface: Surface, wet: Wet, random: np.random.Generator) -> Linear:
    """The street after rain: dark, and mirroring what stands on it (H, W, 3)."""
    if wet.wetness <= 0 and wet.puddles <= 0:
        return linear.copy()
    paved = surface.is_a(*PAVED)
    u, v = surface.plan
    lumps = (noise(random, u, v, 2.6, octaves=3) - np.float32(0.5)) * np.float32(2.4)
    edge = 0.5 - wet.puddles
    puddle = smoothstep(edge - 0.12, edge + 0.12, lumps) * np.float32(wet.puddles > 0) * paved
    soaked = np.maximum(puddle, np.float32(wet.wetness))
    # Lekner and Dorf 1988: a wet rough surface traps light; asphalt falls to about half.
    dark = np.where(paved, 1 - np.float32(0.5) * soaked, 1 - np.float32(0.12 * wet.wetness))
    dark = np.where(surface.sky, np.float32(1), dark).astype(np.float32)
    out = linear * dark[..., None]
    grazing = 1 - np.clip(-surface.elevation, 0, 1)
    fresnel = _F0 + (1 - _F0) * grazing**5
    film = np.float32(0.75 * wet.wetness) * (1 - puddle)
    sharp, blurred = mirror(linear, surface, wet.ripple_px, random)
    shown = mix(blurred, sharp, puddle)
    share = np.where(paved, fresnel * (film + puddle), 0).astype(np.float32)
    return mix(out, shown, share)


def mirror(
    linear: Linear, surface: Surface, ripple_px: float, random: np.random.Generator
) -> tuple[Linear, Linear]:
    """What a mirror on the ground's plane would show: sharp with ripples, and smeared by a film.

    Every visible point is reflected in the plane and projected; the nearest wins. What the picture
    does not show (above its upper edge) is taken from the top of the same column.
    """
    height, width = surface.y.size
    image, weight = _reflected(linear, surface)
    top = cv2.blur(
        linear[: max(1, height // 8)].mean(axis=0, keepdims=True), (width // 16 * 2 + 1, 1)
    )
    above = float32(np.broadcast_to(top, linear.shape))

    def filled(sigma_x: float, sigma_y: float) -> Linear:
        share = float32(cv2.GaussianBlur(weight, (0, 0), sigma_x, sigmaY=sigma_y))
        colour = float32(cv2.GaussianBlur(image, (0, 0), sigma_x, sigmaY=sigma_y))
        known = np.clip(share * 4, 0, 1)
        seen = float32(colour / np.maximum(share, np.float32(1e-4))[..., None])
        return mix(above, seen, known)

    scale = height / 108
    sharp = filled(0.7 * scale, 1.0 * scale)
    if ripple_px > 0:
        sharp = _rippled(sharp, surface, ripple_px, random)
    return sharp, filled(1.3 * scale, 5.0 * scale)


def _reflected(linear: Linear, surface: Surface) -> tuple[Linear, Plane]:
    """Points mirrored in the ground, splat into the image (H, W, 3), and where any fell (H, W)."""
    height, width = surface.y.size
    solid = ~surface.is_a(*PAVED, SceneClass.TERRAIN) & (surface.height > 0.02)
    points, above = surface.points[solid], surface.height[solid]
    below = points - 2 * above[:, None] * surface.up
    pixels = below @ np.asarray(surface.camera.intrinsics.T, dtype=np.float32)
    x = np.floor(pixels[:, 0] / pixels[:, 2]).astype(np.int64)
    y = np.floor(pixels[:, 1] / pixels[:, 2]).astype(np.int64)
    inside = (pixels[:, 2] > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    order = np.argsort(-surface.distance[solid][inside], kind="stable")
    at = (y[inside] * width + x[inside])[order]
    # In ascending nearness: of several points on one pixel the last, the nearest, stays.
    image = np.zeros((height * width, 3), dtype=np.float32)
    weight = np.zeros(height * width, dtype=np.float32)
    image[at] = linear[solid][inside][order]
    weight[at] = 1
    return image.reshape(height, width, 3), weight.reshape(height, width)


def _rippled(
    image: Linear, surface: Surface, ripple_px: float, random: np.random.Generator
) -> Linear:
    u, v = surface.plan
    x, y = _pixel_grid(surface.y.size)
    wave = (noise(random, u, v, 0.35, octaves=2) - np.float32(0.5)) * np.float32(2 * ripple_px)
    rippled = cv2.remap(
        image,
        x + wave * np.float32(0.5),
        y + wave,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return float32(rippled)


def _pixel_grid(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y
