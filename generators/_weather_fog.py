"""Fog, haze and smog: light lost and light scattered in on the way from the surface to the eye.

Koschmieder 1924: L = J t + A (1 - t), t = exp(-beta d), all in linear light. J is the clear
picture, A the airlight, d the distance, beta the extinction. Visibility is the distance at which
contrast has fallen to 5 % (WMO's meteorological optical range): beta = ln 20 / visibility.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from parhelion.generators._linear_light import Linear, Plane, Rgb, float32, tinted

CONTRAST_LEFT = 0.05


@dataclass(frozen=True, kw_only=True)
class Fog:
    """A homogeneous fog. `gradient` and `sun_glow` are 0 for the plain formula."""

    visibility_m: float  # 5 % contrast; inf = none
    airlight: Rgb = (0.62, 0.64, 0.66)  # linear
    gradient: float = 0.0  # how much brighter the airlight is at the top than at the bottom
    sun_glow: float = 0.0  # extra airlight around the hidden sun
    sun_x: float = 0.5  # where the hidden sun stands, share of the width


def extinction(visibility_m: float) -> float:
    """The coefficient beta, 1/m, of a meteorological visibility. Infinite visibility gives 0."""
    return -math.log(CONTRAST_LEFT) / visibility_m


def transmission(distance: Plane, visibility_m: float) -> Plane:
    """Share t of the light that arrives from `distance` (H, W) metres; 0 from the sky (+inf)."""
    if math.isinf(visibility_m):
        return np.ones_like(distance)
    t = np.multiply(distance, np.float32(-extinction(visibility_m)))
    return float32(cv2.exp(t))


def airlight(size: tuple[int, int], fog: Fog) -> Linear:
    """The fog's own light (H, W, 3): brighter towards the sky and around the hidden sun."""
    height, width = size
    y = np.linspace(1, -1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    level = 1 + np.float32(fog.gradient) * y
    level = level + np.float32(fog.sun_glow) * np.exp(-(((x - fog.sun_x) / 0.35) ** 2)) * (1 + y)
    return np.asarray(level[..., None] * tinted(fog.airlight), dtype=np.float32)


def fogged(linear: Linear, distance: Plane, fog: Fog) -> Linear:
    """The picture through the fog. A new array; `linear` (H, W, 3), `distance` (H, W) metres."""
    if math.isinf(fog.visibility_m):
        return linear.copy()
    t = float32(cv2.merge([transmission(distance, fog.visibility_m)] * 3))
    if fog.gradient or fog.sun_glow:
        light = airlight(t.shape[:2], fog)
        return np.asarray((linear - light) * t + light, dtype=np.float32)
    # J t + A (1 - t) = (J - A) t + A, in place: one pass of memory for each operation.
    air = np.array([*fog.airlight, 0.0])  # OpenCV's scalars have four channels
    out = cv2.subtract(linear, air)
    cv2.multiply(out, t, dst=out)
    return float32(cv2.add(out, air, dst=out))
