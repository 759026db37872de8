"""Between stored sRGB bytes and linear light, where radiances add: tables, luminance, exposure.

Light is added, scattered and averaged only in linear float32, 1.0 = the brightest a byte can say.
sRGB: IEC 61966-2-1. Luminance weights: Rec. 709.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from parhelion.pipeline.frame import Image

Linear = NDArray[np.float32]  # (H, W, 3) linear light
Plane = NDArray[np.float32]  # (H, W)
Mask = NDArray[np.bool_]  # (H, W)
Rgb = tuple[float, float, float]  # linear

_STEPS = 65535  # what OpenCV rounds and saturates to in one pass


def float32(values: ArrayLike) -> NDArray[np.float32]:
    """The values as float32; no copy where they are already."""
    return np.asarray(values, dtype=np.float32)


@cache
def _linear_table() -> NDArray[np.float32]:
    s = np.arange(256) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _srgb_table() -> NDArray[np.uint8]:
    x = np.arange(_STEPS + 1) / _STEPS
    s = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * s), dtype=np.uint8)


def to_linear(image: Image) -> Linear:
    """Bytes (H, W, 3) sRGB -> linear light (H, W, 3) float32 in 0..1."""
    return float32(cv2.LUT(image, _linear_table()))


def to_srgb(linear: Linear) -> Image:
    """Linear light (H, W, 3) -> sRGB bytes, rounded; what is outside 0..1 is clipped."""
    flat = linear.reshape(-1, 1)
    steps = np.asarray(cv2.addWeighted(flat, _STEPS, flat, 0, 0, dtype=cv2.CV_16U), np.uint16)
    image: Image = _srgb_table().take(steps).reshape(linear.shape)
    return image


def luminance(linear: Linear) -> Plane:
    """Rec. 709 luminance (H, W) of linear light."""
    return float32(cv2.transform(linear, float32([[0.2126, 0.7152, 0.0722]])))


def tinted(rgb: Rgb) -> NDArray[np.float32]:
    """A colour as float32 (3,), ready to multiply an image."""
    return np.array(rgb, dtype=np.float32)


def mix(a: Linear, b: Linear | NDArray[np.float32], share: Plane) -> Linear:
    """Gives a where `share` (H, W) is 0, b where it is 1."""
    mixed: Linear = a + (b - a) * share[..., None]
    return mixed


def smoothstep(low: float, high: float, x: Plane) -> Plane:
    """0 below `low`, 1 above `high`, smooth between (Hermite)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def exposure_gain(linear: Linear, key: float, least: float, most: float) -> float:
    """The gain that brings the mean luminance to `key`, kept within least..most."""
    mean = float(cv2.mean(luminance(linear))[0])
    return float(np.clip(key / max(mean, 1e-6), least, most))
