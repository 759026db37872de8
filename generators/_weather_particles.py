"""What falls: drops and flakes in layers of depth, drawn as strokes, hidden by what is nearer.

A particle in a layer at distance z is f/z pixels per metre large. One thinner than a pixel covers
only its share of that pixel. A layer shows only where the street is farther away than the layer.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from parhelion.generators._linear_light import Linear, Plane, Rgb, float32, tinted

_SHIFT = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True, kw_only=True)
class Falling:
    """One kind of particle, drawn once for a frame."""

    per_m3: float  # in the air
    diameter_m: float  # mean; sizes vary by a third
    velocity_m_s: tuple[float, float]  # across the picture, down
    exposure_s: float  # how long the shutter is open: strokes are velocity times this long
    opacity: float  # of a particle that covers a whole pixel
    spread: float = 0.0  # how much single velocities differ, share


def coverage(
    size: tuple[int, int],
    focal_px: float,
    distance: Plane,
    falling: Falling,
    layers_m: tuple[float, ...],
    random: np.random.Generator,
    defocus_m: float = 0.0,
) -> Plane:
    """Share of each pixel's light that the particles replace (H, W), 0..1.

    `layers_m` are the edges of the layers, near to far. `defocus_m` is the aperture's diameter: a
    lens focused far away blurs a particle at z by defocus * f / z pixels.
    """
    passes = np.ones(size, dtype=np.float32)
    for near, far in pairwise(layers_m):
        z = (near * far) ** 0.5
        layer = _layer(
            size, focal_px / z, _number(size, focal_px, near, far, falling), falling, random
        )
        blur = defocus_m * focal_px / z / 2
        if blur > 0.4:
            layer = float32(cv2.GaussianBlur(layer, (0, 0), blur))
        passes *= 1 - layer * (distance > z)
    return 1 - passes


def shown_by_particles(linear: Linear, sky: Rgb) -> Linear:
    """What drops and flakes show (H, W, 3): the sky's light, and the lamps' where it is bright."""
    width = linear.shape[1]
    around = float32(cv2.GaussianBlur(np.minimum(linear, 2), (0, 0), width / 24))
    return float32(np.maximum(tinted(sky), np.float32(1.15) * around))


def _number(
    size: tuple[int, int], focal_px: float, near: float, far: float, falling: Falling
) -> float:
    """Particles expected in the part of the view's pyramid between `near` and `far`."""
    height, width = size
    return falling.per_m3 * width * height / focal_px**2 * (far**3 - near**3) / 3


def _layer(
    size: tuple[int, int],
    px_per_m: float,
    expected: float,
    falling: Falling,
    random: np.random.Generator,
) -> Plane:
    height, width = size
    # More strokes than this in one layer merge into a veil, which is the haze's to draw.
    number = int(random.poisson(min(expected, height * width / 150)))
    canvas = np.zeros(size, dtype=np.uint8)
    step = np.array(falling.velocity_m_s) * falling.exposure_s * px_per_m
    margin = np.abs(step).max()
    start = random.uniform(-margin, np.array([width, height]) + margin, (number, 2))
    vary = 1 + falling.spread * random.standard_normal((number, 2))
    ends = np.stack([start, start + step * vary], axis=1)
    thick = falling.diameter_m * px_per_m
    strokes = np.rint(ends * 2**_SHIFT).astype(np.int32)
    if number:
        cv2.polylines(canvas, list(strokes), False, 255, max(1, round(thick)), cv2.LINE_AA, _SHIFT)
    return canvas * np.float32(falling.opacity * min(1.0, thick) / 255)
