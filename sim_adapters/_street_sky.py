"""The sky over the street: radiance in every direction, by day, dusk and night, clear or not.

Units as in `_street_light`: kcd/m^2 per channel for the dome, klux for sun and moon.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_noise import noise, smoothstep

Floats = NDArray[np.floating[Any]]

LOWEST_SUN_DEG = 2.0  # Preetham's fit ends near the horizon; below, its sky fades and turns blue
SATURATION = 1.1  # of the fit's colours, which are paler than photographs
REDDENED_BELOW_DEG = 12.0
FADE_DEG = 4.2  # sun altitude over which twilight loses a factor of ten
SUN_KLUX = 128.0  # above the atmosphere
MOON = np.array([-0.42, -0.35, 0.84])
MOON_KLUX = np.array([0.010, 0.014, 0.022])
NIGHT_ZENITH = np.array([0.0022, 0.0036, 0.0085])  # clear night over a lit city
CITY_GLOW = np.array([0.026, 0.018, 0.011])  # at the horizon, on clear air
CLOUD_GLOW = np.array([0.030, 0.025, 0.021])  # lit from below by the city
CHROMA_KEPT = 0.55  # of the dome's colours, in light that fog has scattered
GROUND_ALBEDO = 0.12
XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


def sky_radiance(air: Ambience, directions: Floats) -> Floats:
    """Radiance of the dome along unit world directions (R, 3), (R, 3) linear rgb, no sun disc."""
    up = np.maximum(directions[:, 2], 0.02)
    above = directions.copy()
    above[:, 2] = up
    above /= np.linalg.norm(above, axis=1, keepdims=True)
    clear = _clear(air, above) + _night(air, up)
    overcast = _overcast(air, up)
    cover = _cloud_cover(air, above)[:, None]
    radiance = clear + cover * (_cloud_colour(air, above, clear, overcast) - clear)
    below = smoothstep(0.02, -0.06, directions[:, 2])[:, None]
    return np.asarray(radiance * (1 - (1 - GROUND_ALBEDO * 2) * below), dtype=np.float32)


def sun_klux(air: Ambience) -> Floats:
    """Illuminance (3,) rgb of the direct sun on a surface that faces it; zero below the horizon."""
    altitude = air.sun_altitude_deg
    through_clouds = (1 - 0.97 * smoothstep(0.45, 0.95, air.cloud)) * (1 - air.gloom)
    disc = np.clip((altitude + 0.8) / 1.6, 0, 1)
    # Air mass by Kasten and Young 1989; optical depths of air and aerosol at 640, 550, 450 nm.
    h = max(altitude, 0.0)
    mass = 1 / (np.sin(np.radians(h)) + 0.50572 * (h + 6.07995) ** -1.6364)
    aerosol = max(0.04608 * air.turbidity - 0.04586, 0.02) * np.array([0.98, 1.2, 1.55])
    depth = mass * (np.array([0.05, 0.095, 0.22]) + aerosol)
    return np.asarray(SUN_KLUX * disc * through_clouds * np.exp(-depth), dtype=np.float32)


def key_light(air: Ambience) -> tuple[NDArray[np.float64], Floats]:
    """Direction (3,) towards sun or moon, whichever is up, and its illuminance (3,) in klux."""
    if air.sun_altitude_deg > -0.8:
        x, y, z = air.sun
        grazing = np.array([x, y, max(z, 0.02)])
        return grazing / np.linalg.norm(grazing), sun_klux(air)
    moon = MOON_KLUX * (1 - 0.9 * air.cloud) * (1 - air.daylight)
    return MOON / np.linalg.norm(MOON), moon.astype(np.float32)


def horizon_radiance(air: Ambience, directions: Floats) -> Floats:
    """Light that fog scatters towards the viewer along (R, 3): the dome low above each azimuth.

    Fog mixes directions, so half of it is the dome's mean; what looks up is brighter.
    """
    low = directions.copy()
    low[:, 2] = 0.3
    low /= np.linalg.norm(low, axis=1, keepdims=True)
    ring = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    around = np.stack([np.cos(ring) * 0.7, np.sin(ring) * 0.7, np.full(16, 0.714)], axis=1)
    mean = sky_radiance(air, around.astype(np.float32)).mean(axis=0)
    lift = 0.78 + 0.5 * np.clip(directions[:, 2:], -0.1, 0.6)
    glow = _forward_glow(air, directions)
    scattered = (0.5 * sky_radiance(air, low) + 0.5 * mean) * lift + glow
    grey = scattered @ np.tile([[0.2126], [0.7152], [0.0722]], 3)
    scattered = grey + CHROMA_KEPT * (scattered - grey)
    return np.asarray(scattered * np.array(air.tint), dtype=np.float32)


def _forward_glow(air: Ambience, directions: Floats) -> Floats:
    """Sunlight scattered forward by haze: Henyey-Greenstein 1941 with g = 0.7."""
    towards, klux = key_light(air)
    cosine = directions @ towards.astype(np.float32)
    g = 0.7
    phase = (1 - g * g) / (4 * np.pi * (1 + g * g - 2 * g * cosine) ** 1.5)
    return np.asarray(0.5 * np.minimum(phase, 0.6)[:, None] * klux, dtype=np.float32)


def _clear(air: Ambience, directions: Floats) -> Floats:
    """Clear daylight (Preetham, Shirley and Smits 1999), faded into twilight below the horizon."""
    altitude = max(air.sun_altitude_deg, LOWEST_SUN_DEG)
    x, y, _ = air.sun
    flat = np.array([x, y]) / max(np.hypot(x, y), 1e-9) * np.cos(np.radians(altitude))
    sun = np.array([*flat, np.sin(np.radians(altitude))])
    rgb = preetham(directions, sun, air.turbidity)
    grey = rgb @ np.tile([[0.2126], [0.7152], [0.0722]], 3)
    rgb = np.maximum(grey + SATURATION * (rgb - grey), 0)
    red = np.clip((REDDENED_BELOW_DEG - altitude) / REDDENED_BELOW_DEG, 0, 1)
    rgb *= 1 + red * (np.array([1.25, 0.86, 0.62]) - 1) * np.exp(-directions[:, 2:] / 0.35)
    dip = min(air.sun_altitude_deg - LOWEST_SUN_DEG, 0.0)
    toward = np.clip(directions @ sun, 0, 1)[:, None]
    low = np.exp(-directions[:, 2:] / 0.16)
    # As the sun sinks the dome turns blue; a warm band stays low on the sun's side.
    share = min(-dip / 6, 1.0)
    warm = np.array([1.7, 0.74, 0.34]) * low * (0.15 + 0.85 * toward**1.5)
    pink = np.array([0.62, 0.3, 0.36]) * low * (1 - toward)
    luminance = rgb @ np.array([[0.2126], [0.7152], [0.0722]])
    blue = luminance * (np.array([0.30, 0.46, 0.95]) + 1.9 * warm + 0.5 * pink)
    return np.asarray((rgb + share * (blue - rgb)) * 10 ** (dip / FADE_DEG), dtype=np.float32)


def preetham(directions: Floats, sun: NDArray[np.float64], turbidity: float) -> Floats:
    """Radiance (R, 3) linear rgb of a clear sky, kcd/m^2: Preetham et al. 1999, appendix A.2."""
    t = turbidity
    theta_s = np.arccos(sun[2])
    cos_theta = np.maximum(directions[:, 2], 0.02)
    cos_gamma = np.clip(directions @ sun, -1, 1)
    gamma = np.arccos(cos_gamma)
    rows = np.array(
        [
            [0.1787, -1.4630, -0.3554, 0.4275, -0.0227, 5.3251, 0.1206, -2.5771, -0.0670, 0.3703],
            [-0.0193, -0.2592, -0.0665, 0.0008, -0.0004, 0.2125, -0.0641, -0.8989, -0.0033, 0.0452],
            [-0.0167, -0.2608, -0.0950, 0.0092, -0.0079, 0.2102, -0.0441, -1.6537, -0.0109, 0.0529],
        ]
    )
    A, B, C, D, E = (rows[:, 2 * i] * t + rows[:, 2 * i + 1] for i in range(5))

    def perez(cos_t: Floats, g: Floats, cos_g: Floats) -> Floats:
        first = 1 + A * np.exp(B / cos_t[:, None])
        return np.asarray(
            first * (1 + C * np.exp(D * g[:, None]) + E * cos_g[:, None] ** 2), dtype=np.float32
        )

    zenith = perez(np.ones(1), np.array([theta_s]), np.array([sun[2]]))
    Yxy = _zenith(theta_s, t) * perez(cos_theta, gamma, cos_gamma) / zenith
    Y, x, y = np.maximum(Yxy, 1e-4).T
    XYZ = np.stack([x / y * Y, Y, (1 - x - y) / y * Y], axis=1)
    return np.asarray(np.maximum(XYZ @ XYZ_TO_RGB.T, 0), dtype=np.float32)


def _zenith(theta_s: float, t: float) -> NDArray[np.float64]:
    """Luminance Y and chromaticity x, y of the zenith."""
    chi = (4 / 9 - t / 120) * (np.pi - 2 * theta_s)
    Y = (4.0453 * t - 4.9710) * np.tan(chi) - 0.2155 * t + 2.4192
    powers = np.array([theta_s**3, theta_s**2, theta_s, 1.0])
    turbid = np.array([t * t, t, 1.0])
    x = turbid @ np.array(
        [
            [0.00166, -0.00375, 0.00209, 0.0],
            [-0.02903, 0.06377, -0.03202, 0.00394],
            [0.11693, -0.21196, 0.06052, 0.25886],
        ]
    )
    y = turbid @ np.array(
        [
            [0.00275, -0.00610, 0.00317, 0.0],
            [-0.04214, 0.08970, -0.04153, 0.00516],
            [0.15346, -0.26756, 0.06670, 0.26688],
        ]
    )
    return np.array([max(Y, 0.2), x @ powers, y @ powers])


def _night(air: Ambience, up: Floats) -> Floats:
    dark = 1 - air.daylight
    city = np.exp(-up / 0.22)[:, None] * CITY_GLOW
    return np.asarray(dark * (NIGHT_ZENITH * (1.25 - 0.5 * up[:, None]) + city), dtype=np.float32)


def _overcast(air: Ambience, up: Floats) -> Floats:
    """CIE standard overcast sky (Moon and Spencer 1942): three times brighter above than around."""
    altitude = air.sun_altitude_deg
    high = np.sin(np.radians(max(altitude, 0.0)))
    fade = 10 ** (min(altitude - LOWEST_SUN_DEG, 0) / FADE_DEG)
    zenith = (1.5 + 8.7 * high) * (1 - air.gloom) * fade
    blue = np.array([0.94, 0.99, 1.08]) ** (1 + 2 * (1 - air.daylight))
    day = zenith * (1 + 2 * up[:, None]) / 3 * blue * np.array(air.tint)
    night = (1 - air.daylight) * CLOUD_GLOW * (1.3 - 0.6 * up[:, None]) * np.array(air.tint)
    return np.asarray(day + night, dtype=np.float32)


def _cloud_cover(air: Ambience, directions: Floats) -> Floats:
    """Opacity (R,) of the clouds: a noisy layer, seen in perspective."""
    if air.cloud < 0.01:
        return np.zeros(len(directions), dtype=np.float32)
    plane = directions[:, :2] / (directions[:, 2:] + 0.12)
    field = noise(plane * 1.3 + 17, "clouds", air.seed, octaves=5, roughness=0.55)
    edge = 0.72 - 0.5 * air.cloud
    cover = smoothstep(edge, edge + 0.2, field)
    full = smoothstep(0.75, 0.97, air.cloud)
    return np.asarray(cover + full * (1 - cover), dtype=np.float32)


def _cloud_colour(air: Ambience, directions: Floats, clear: Floats, overcast: Floats) -> Floats:
    """Bright where the layer is thin, grey where thick; sunlit clouds take the sun's colour."""
    plane = directions[:, :2] / (directions[:, 2:] + 0.12)
    thick = noise(plane * 2.1 + 5, "cloud thickness", air.seed, octaves=4)[:, None]
    sunlit = sun_klux(air) * 0.085 * (1.25 - 0.9 * thick)
    shade = overcast * (0.72 + 0.56 * (1 - thick))
    broken = 1 - smoothstep(0.7, 0.95, air.cloud)
    return np.asarray(shade + broken * (sunlit + 0.35 * clear - 0.35 * shade), dtype=np.float32)
