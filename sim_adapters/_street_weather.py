"""What stands between street and camera in standard quality: fog, rain, snow; then the camera.

Drawn after tracing on the linear image from depth, as games do. Legend: H, W image; S depth samples
per pixel; Koschmieder's law J t + A (1 - t) with t = exp(-beta d), in linear light.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._street_gbuffer import GBuffer
from parhelion.sim_adapters._street_geometry import Floats
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_mesh import Light, Smoke
from parhelion.sim_adapters._street_noise import noise, smoothstep
from parhelion.sim_adapters._street_sky import horizon_radiance
from parhelion.sim_adapters._street_smoke import through_smoke

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
FOG_TOP_M = 90.0  # how much air a ray straight up crosses before the dome
NIGHT_BALANCE = 0.3  # share of the lamps' colour that the camera takes out
PATCHES_M = 45.0  # size of denser and thinner swathes of fog
RAIN_SPEED_M_S = 7.5
SHUTTER_S = 1 / 60
SHEETS_M = (1.3, 2.0, 3.2, 5.0, 8.0, 13.0)  # distances of the sheets of rain and snow
DROPS_PER_M3 = 0.24  # at 1 mm/h, of those large enough to see
FLAKES_PER_M3 = 7.0  # at 1 mm/h of water, clumped
SMALLEST_DISC_PX = 0.7
SOFT_RIM_PX = 0.45  # by which OpenCV's smooth discs are too large


def between(
    linear: Floats,
    g: GBuffer,
    depth: Floats,
    lights: tuple[Light, ...],
    air: Ambience,
    smoke: Smoke | None = None,
    every: int = 1,
) -> Floats:
    """The linear image (H, W, 3) seen through fog, smoke and falling water; depth (S, H, W) m.

    Airlight and swathes are taken at every `every`-th pixel of a row and of a column and blended
    between them.
    """
    rays, origin = g.rays, g.camera.camera_to_world[:3, 3]
    focal_px = float(g.camera.intrinsics[0, 0])
    airlight = _blended(lambda some: _airlight(air, some), every, rays)
    length = np.minimum(depth / _z_per_m(rays), FOG_TOP_M / np.maximum(rays[..., 2], 0.03))
    swathes = _blended(
        lambda some, ends: _patches(air, some, ends, origin), every, rays, length.min(axis=0)
    )
    patchy = air.extinction_per_m * swathes
    # Nearest and farthest sample, so that edges stay smooth.
    ends = (length.min(axis=0), length.max(axis=0)) if len(length) > 1 else (length[0],)
    glow = np.mean([_lamp_airlight(lights, rays, end, origin, air) for end in ends], axis=0)
    kept = np.exp(-patchy * length).mean(axis=0)[..., None]
    hazy: Floats = linear * kept + airlight * (1 - kept) + glow
    nearest = depth.min(axis=0)
    if smoke is not None:
        hazy = through_smoke(hazy, smoke, g.camera, rays, depth, air)
    if air.rain_mm_h <= 0 and air.snow_mm_h <= 0:
        return hazy
    around = _blended(_around, every, hazy)
    light = 0.6 * airlight + 0.25 * around + 3 * glow
    if air.rain_mm_h > 0:
        hazy = _rain(hazy, nearest, light, air, focal_px)
    return _snow(hazy, nearest, light, air, focal_px) if air.snow_mm_h > 0 else hazy


def _blended(field: Callable[..., Floats], every: int, *pictures: Floats) -> Floats:
    """A smooth field of some pictures (H, W, ...), on a grid `every` times as coarse."""
    if every == 1:
        return field(*pictures)
    height, width = pictures[0].shape[:2]
    size = (max(width // every, 1), max(height // every, 1))
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pictures]
    return np.asarray(cv2.resize(field(*small), (width, height)))


def _airlight(air: Ambience, rays: Floats) -> Floats:
    """What dense air sends along each ray, (H, W, 3)."""
    return horizon_radiance(air, rays.reshape(-1, 3)).reshape(rays.shape)


def camera(linear: Floats, air: Ambience) -> NDArray[np.uint8]:
    """Exposure, bloom, film curve and sRGB: linear radiance (H, W, 3) to the picture (uint8)."""
    exposed = linear * _exposure(linear, air) * _white_balance(linear, air)
    width = exposed.shape[1]
    over = np.minimum(np.maximum(exposed - 1.1, 0), 6.0)
    for sigma, weight in ((width / 160, 0.22), (width / 40, 0.12)):
        exposed = exposed + weight * cv2.GaussianBlur(over, (0, 0), sigma)
    return to_srgb(film(exposed))


def _exposure(linear: Floats, air: Ambience) -> float:
    """Photographic exposure (Reinhard et al. 2002, eq. 2): log-average luminance to the key.

    The key falls with the light outside, so that night stays night; clipping the luminances keeps
    sky and lamps from deciding alone.
    """
    luminance = (linear @ LUMINANCE).ravel()
    low, high = np.percentile(luminance, (5, 93))
    average = np.exp(np.log(np.clip(luminance, low, high) + 1e-5).mean())
    key = 0.041 + 0.134 * air.daylight**1.5
    key *= 1 - 0.9 * max(air.gloom - 0.3, 0) * air.daylight
    key *= 1 + 0.5 * (1 - air.daylight) * np.exp(-air.visibility_m / 250)
    key *= 1 + 0.45 * air.snow_cover * (0.3 + 0.7 * air.daylight)
    return float(key / average)


def _white_balance(linear: Floats, air: Ambience) -> Floats:
    """Gains (3,) of a camera that neutralises part of the lamps' colour at night (grey world)."""
    mean = linear.mean(axis=(0, 1)) + 1e-6
    return np.asarray((mean.mean() / mean) ** (NIGHT_BALANCE * (1 - air.daylight)))


def film(x: Floats) -> Floats:
    """Filmic curve of Narkowicz 2015 (a fit to ACES), linear in, linear display light out, 0..1."""
    x = 0.85 * x
    return np.asarray(np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1))


def to_srgb(linear: Floats) -> NDArray[np.uint8]:
    """IEC 61966-2-1."""
    x = np.clip(linear, 0, 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-8) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), dtype=np.uint8)


def _z_per_m(rays: Floats) -> Floats:
    axis = rays.mean(axis=(0, 1))
    return np.asarray(rays @ (axis / np.linalg.norm(axis)), dtype=np.float32)


def _patches(air: Ambience, rays: Floats, length: Floats, origin: NDArray[np.float64]) -> Floats:
    """Density (H, W) of fog relative to its mean: swathes, and thinner higher up."""
    middle = origin[:3] + 0.5 * np.minimum(length, 120)[..., None] * rays
    slanted = middle[..., :2] + middle[..., 2:] * (0.6, -0.8)
    at = slanted / PATCHES_M + (3.1, 7.7)
    swathes = 0.75 + 0.5 * noise(at.astype(np.float32), "fog", air.seed, octaves=3)
    height = np.exp(-np.maximum(middle[..., 2], 0) / 45)
    return np.asarray(swathes * (0.35 + 0.65 * height), dtype=np.float32)


def _lamp_airlight(
    lights: tuple[Light, ...],
    rays: Floats,
    length: Floats,
    origin: NDArray[np.float64],
    air: Ambience,
) -> Floats:
    """Halos: light of lamps scattered once towards the viewer by the air in front of the surface.

    For an even point source I in thin air the integral of I / r^2 along a ray is
    I / h (atan((s1 - s0) / h) - atan(-s0 / h)), h the ray's distance from it (Sun et al. 2005).
    """
    glow = np.zeros_like(rays)
    if not air.lamps_on:
        return glow
    beta = air.extinction_per_m
    for light in lights:
        to = np.array(light.position_m) - origin
        along = rays @ to.astype(np.float32)
        h = np.sqrt(np.maximum((to @ to) - along**2, 0.15**2)).astype(np.float32)
        path = np.arctan((length - along) / h) + np.arctan(along / h)
        cone = 1 - np.cos(np.radians(min(light.cutoff_deg, 80) * 0.8))
        faded = np.exp(-beta * np.linalg.norm(to)) * beta / (4 * np.pi) * cone
        glow += (path / h)[..., None] * (faded * np.array(light.intensity)).astype(np.float32)
    return glow


def _around(linear: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(linear, (0, 0), linear.shape[1] / 12))


def _sheets(shape: tuple[int, int], focal_px: float) -> list[tuple[float, float]]:
    """(distance, cubic metres of air seen there) of every sheet, far ones first."""
    thickness = np.gradient(SHEETS_M)
    seen = shape[0] * shape[1] / focal_px**2
    return [(d, float(t * d * d * seen)) for d, t in zip(SHEETS_M, thickness, strict=True)][::-1]


def _rain(hazy: Floats, depth: Floats, light: Floats, air: Ambience, focal_px: float) -> Floats:
    """Motion-blurred drops in sheets at several distances; each hides behind what is nearer."""
    random = rng("street.rain", air.seed, air.weather.value, air.hour)
    height, width = depth.shape
    lean = air.wind_m_s / RAIN_SPEED_M_S
    for distance, volume in _sheets((height, width), focal_px):
        n = random.poisson(DROPS_PER_M3 * air.rain_mm_h**0.6 * volume)
        run = 3.2 * RAIN_SPEED_M_S * SHUTTER_S * focal_px / distance
        veil = np.zeros((height, width), dtype=np.uint8)
        start = random.uniform((-0.2 * width, -run), (1.2 * width, height), (n, 2))
        fall = run * random.uniform(0.5, 1.3, n)
        tip = start + np.stack([fall * (lean + random.normal(0, 0.03, n)), fall], axis=1)
        ends = np.rint(np.stack([start, tip], axis=1) * 16).astype(np.int32)
        cv2.polylines(veil, list(ends), False, 255, 1, cv2.LINE_AA, 4)
        opacity = 0.19 * min(1.0, 3.0 / distance) ** 0.6
        there = (veil / np.float32(255) * (depth > distance) * opacity)[..., None]
        hazy = hazy + there * (1.3 * light - hazy)
    return hazy


def _snow(hazy: Floats, depth: Floats, light: Floats, air: Ambience, focal_px: float) -> Floats:
    """Flakes in sheets at several distances: large and soft near the lens, dots farther off."""
    random = rng("street.snow", air.seed, air.weather.value, air.hour)
    height, width = depth.shape
    for distance, volume in _sheets((height, width), focal_px):
        n = random.poisson(FLAKES_PER_M3 * air.snow_mm_h**0.7 * volume)
        radius = focal_px * random.uniform(0.005, 0.013, n) / distance
        spots = random.uniform((0, 0), (width, height), (n, 2))
        veil = flakes((height, width), spots, radius)
        drift = 0.5 * air.wind_m_s * SHUTTER_S * focal_px / distance
        blur = 0.45 + 0.003 * focal_px / distance
        soft = cv2.GaussianBlur(veil, (0, 0), blur + drift / 3, sigmaY=blur + 0.1 * drift)
        there = (np.minimum(soft * (1 + 0.3 * drift), 1) * (depth > distance))[..., None]
        hazy = hazy + 0.75 * there * (1.6 * light - hazy)
    return hazy


def flakes(shape: tuple[int, int], spots: NDArray[np.float64], radius: Floats) -> Floats:
    """Discs (n, 2) x, y of `radius` pixels on black (H, W); small ones are dim."""
    small = radius < SMALLEST_DISC_PX
    veil = np.zeros(shape, dtype=np.float32)
    cells = np.floor(spots[small]).astype(np.intp)
    np.add.at(veil, (cells[:, 1], cells[:, 0]), np.pi * radius[small].astype(np.float32) ** 2)
    large = np.zeros(shape, dtype=np.uint8)
    for (x, y), r in zip(spots[~small], radius[~small], strict=True):
        centre, inner = (round(x * 16), round(y * 16)), round((r - SOFT_RIM_PX) * 16)
        cv2.circle(large, centre, inner, 255, -1, cv2.LINE_AA, 4)
    return np.maximum(veil, large.astype(np.float32) / 255)


def covered(normals: Floats, points: Floats, air: Ambience) -> Floats:
    """Share (R,) of each surface point that lies under snow: upward faces first, in patches."""
    patches = noise(points[:, :2] / 1.7, "snow cover", air.seed, octaves=4)
    upward = smoothstep(0.35, 0.8, normals[:, 2])
    threshold = 1.12 - 1.05 * air.snow_cover
    return np.asarray(upward * smoothstep(threshold - 0.22, threshold + 0.1, patches))
