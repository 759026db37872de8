"""Sunlight and shadow on the ground, told apart and brought to one level.

A patch of ground in the sun is brighter than one in shadow, and less blue, because only the sky
lights a shadow. White paint is bright in both, so paint is told from patches of sun by its width,
and what is narrow by its colour.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.generators._linear_light import Linear, Mask, Plane, float32, luminance, mix
from parhelion.generators._surface import PAVED, Surface
from parhelion.pipeline.scene_class import SceneClass

_LEAST = 0.02  # light below this is black to the camera, and no level of its own
_LEAST_RATIO, _MOST_RATIO = 1.4, 6.0  # of light in the sun to light in the shadow
_LEAST_BLUE = 0.08  # log of blue over red, shadow against sun, from which colour tells them apart
_PAINT_M = 0.6  # widest bright marking on a road
_FROM_SUN = 0.35  # how far from sun (0) to shadow (1), in log light, the two levels meet
_TWO_LEVELS = 0.8  # separation from which ground counts as partly in sun, partly in shadow


class TwoLevels(NamedTuple):
    """Ground that is partly in sun, partly in shadow."""

    threshold: float  # log luminance between the two
    ratio: NDArray[np.float32]  # (3,) linear light in the sun over light in the shadow
    blue_sun: float  # log of blue over red, medians
    blue_shadow: float


def level_shadows(linear: Linear, surface: Surface, ground: SceneClass, strength: float) -> Linear:
    """Brings sun and shadow on one kind of ground together, where there are two such levels."""
    where = surface.is_a(ground)
    if where.sum() < 50:
        return linear
    log_y = np.log(luminance(linear) + _LEAST)
    wide = log_y
    if ground is SceneClass.ROAD:
        wide = _unpainted(log_y, where, surface)
    if ground is SceneClass.TERRAIN:  # grass is bright and dark blade by blade
        wide = log_y = _smoothed(log_y, where)
    levels = _two_levels(linear, wide, where)
    if levels is None:
        return linear
    in_sun = _in_sun(linear, log_y, wide, levels)
    # Both meet between shadow and sun. The shadow's blue is the clear sky's, and clouds have none.
    meet = levels.ratio.mean() ** -_FROM_SUN
    gain = mix(float32((levels.ratio * meet) ** strength), float32([meet**strength] * 3), in_sun)
    return np.where(where[..., None], linear * gain, linear)


def without_sky_tint(linear: Linear, surface: Surface, strength: float) -> Linear:
    """Takes the clear sky's blue out of shadows on paved ground, whether or not they were found.

    Nothing paved stays bluer than its sunlit part, or than grey where that is bluish itself.
    """
    paved = surface.is_a(*PAVED)
    if paved.sum() < 50:
        return linear
    blue = np.log((linear[..., 2] + _LEAST) / (linear[..., 0] + _LEAST))
    blue = float32(cv2.blur(blue, (3, 3)))
    grey = min(float(np.quantile(blue[paved], 0.1)), 0.0)
    excess = np.clip(blue - grey, 0, None) * np.float32(strength) * paved
    gain = np.stack([np.exp(excess / 2), np.ones_like(excess), np.exp(-excess / 2)], axis=-1)
    return float32(linear * gain)


def _two_levels(linear: Linear, log_y: Plane, where: Mask) -> TwoLevels | None:
    """The two levels of the ground by Otsu's threshold; None where it has only one."""
    values = log_y[where]
    low, high = np.quantile(values, (0.02, 0.98))
    scaled = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    threshold = float(low + cut / 255 * (high - low))
    lit = values > threshold
    if not 0.04 < lit.mean() < 0.96:
        return None
    if _separation(values[lit], values[~lit]) < _TWO_LEVELS:
        return None  # one level with a texture: grass, gravel
    sun, shadow = (np.median(linear[where][of], axis=0) + 1e-4 for of in (lit, ~lit))
    if (sun / shadow).mean() < _LEAST_RATIO:
        return None
    blue_sun, blue_shadow = (float(np.log(c[2] / c[0])) for c in (sun, shadow))
    ratio = float32(np.minimum(sun / shadow, _MOST_RATIO))
    return TwoLevels(threshold, ratio, blue_sun, blue_shadow)


def _in_sun(linear: Linear, log_y: Plane, wide: Plane, levels: TwoLevels) -> Plane:
    """Share of sunlight on each pixel (H, W), 0..1."""
    soft = 0.14 * float(np.log(levels.ratio.mean()))

    def above(x: Plane) -> Plane:
        return float32(1 / (1 + np.exp(np.clip((levels.threshold - x) / soft, -30, 30))))

    bluer = levels.blue_shadow - levels.blue_sun
    if bluer < _LEAST_BLUE:
        return above(wide)
    blue = np.log((linear[..., 2] + _LEAST) / (linear[..., 0] + _LEAST))
    blue = float32(cv2.blur(blue, (3, 3)))
    sunny = np.clip((levels.blue_shadow - blue) / bluer * 2 - 0.5, 0, 1)
    return float32(np.maximum(above(wide), above(log_y) * float32(sunny)))


def _smoothed(log_y: Plane, where: Mask) -> Plane:
    """The mean over a few pixels of the same ground."""
    sigma = log_y.shape[1] / 90
    weight = float32(cv2.GaussianBlur(where.astype(np.float32), (0, 0), sigma)) + np.float32(1e-3)
    return float32(cv2.GaussianBlur(np.where(where, log_y, 0), (0, 0), sigma) / weight)


def _separation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Otsu's eta: the share of the variance that lies between the two sets (n,) and (m,), 0..1.

    Cutting a bell in two gives 0.64, an even spread 0.75, two levels nearly 1.
    """
    p = len(a) / (len(a) + len(b))
    between = p * (1 - p) * float(a.mean() - b.mean()) ** 2
    within = p * float(a.var()) + (1 - p) * float(b.var())
    return between / max(between + within, 1e-12)


def _unpainted(log_y: Plane, where: Mask, surface: Surface) -> Plane:
    """The ground without its paint, which is bright in the shade too: grey openings.

    What is bright and narrower than a marking is taken away; edges of larger shapes stay. A marking
    is up to 0.6 m across, so its width in pixels shrinks with the distance.
    """
    inside = np.where(where, log_y, log_y[where].max())
    focal = float(surface.camera.intrinsics[0, 0])
    opened = log_y
    for nearest, farthest in ((0.0, 7.0), (7.0, 14.0), (14.0, 28.0)):
        middle = (nearest + farthest) / 2
        across = int(focal * _PAINT_M / middle) | 1
        along = int(focal * _PAINT_M * surface.ground[1] / middle**2) | 1
        bars = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((1, across)))
        lines = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((along, 1)))
        band = (surface.distance >= nearest) & (surface.distance < farthest)
        opened = np.where(band, np.minimum(bars, lines), opened)
    return float32(opened)
