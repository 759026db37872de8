"""One picture under drawn weather: the effects in the order in which light meets them.

Sun and sky, snow on surfaces, lamps, the sky behind, water on the ground, fog between, what falls,
the lens. Each effect is a pure function in its own file; here they only stand in line.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from parhelion.generators._linear_light import Linear, Plane, Rgb, float32, luminance
from parhelion.generators._surface import Surface
from parhelion.generators._weather_fog import Fog, fogged, transmission
from parhelion.generators._weather_hours import DAY, HourLight
from parhelion.generators._weather_night import (
    Glow,
    Lights,
    bloomed,
    glow,
    irradiance,
    sensor_noise,
)
from parhelion.generators._weather_rain import Rain, Wet, rained, wetted
from parhelion.generators._weather_recipes import Range, Recipe
from parhelion.generators._weather_sky import Daylight, Dome, dome, relit, sky_share, with_sky
from parhelion.generators._weather_snow import Cover, Flakes, covered, snowed
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.seeds import rng

_HAZE_TOP_M = 60.0  # above the camera


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The physics of one frame, as drawn or as asked."""

    visibility_m: float  # inf = clear air
    rain_mm_h: float
    snow_mm_h: float
    snow_cover: float
    wetness: float
    puddles: float
    cloud: float
    sun: float
    wind_m_s: float  # negative = from the right
    sun_x: float  # where the sun stands or hides, tangent to the right of straight ahead
    hour: float  # nan = the parent's own light

    def numbers(self) -> dict[str, float]:
        """What was drawn, by name; what is infinite or unknown is left out."""
        return {name: float(x) for name, x in asdict(self).items() if math.isfinite(x)}


def draw(asked: Conditions, recipe: Recipe, hour: float | None, seed: int) -> Drawn:
    """Draws the physics of one frame; what `asked` states is taken as it is."""
    random = rng(seed, "weather", "physics")

    def either(stated: float | None, range_: Range) -> float:
        drawn = float(random.uniform(*range_))  # always drawn, so that nothing else shifts
        return drawn if stated is None else stated

    low, high = recipe.visibility_m or (math.inf, math.inf)
    log_visibility = random.uniform(0, 1)
    visibility = low if math.isinf(low) else low * (high / low) ** log_visibility
    rain = either(asked.rain_mm_h, recipe.rain_mm_h)
    wetness = either(asked.wetness, recipe.wetness)
    return Drawn(
        visibility_m=visibility if asked.visibility_m is None else asked.visibility_m,
        rain_mm_h=rain,
        snow_mm_h=either(None, recipe.snow_mm_h),
        snow_cover=either(asked.snow_cover, recipe.snow_cover),
        wetness=wetness,
        puddles=either(None, recipe.puddles) if wetness > 0 else 0.0,
        cloud=either(asked.cloud, recipe.cloud),
        sun=either(None, recipe.sun),
        wind_m_s=either(None, recipe.wind_m_s) * random.choice((-1.0, 1.0)),
        sun_x=float(random.uniform(-0.5, 0.5)),
        hour=math.nan if hour is None else hour,
    )


def picture(
    linear: Linear, surface: Surface, recipe: Recipe, drawn: Drawn, hour: HourLight, seed: int
) -> Linear:
    """The parent's picture (H, W, 3) in linear light, under the drawn weather at that hour."""
    street, lit = _street(linear, surface, recipe, drawn, hour, seed)
    sky = dome(surface, _dome(recipe, drawn, hour), rng(seed, "weather", "sky"))
    if not (recipe.keeps_sky and hour == DAY):
        street = with_sky(street, sky_share(linear, surface), sky)
    wet = Wet(wetness=drawn.wetness, puddles=drawn.puddles, ripple_px=_ripple(drawn, surface))
    street = wetted(street, surface, wet, rng(seed, "weather", "wet"))
    air = _airlight(recipe, hour, lit)
    fog = Fog(
        visibility_m=drawn.visibility_m,
        airlight=air,
        gradient=0.10,
        sun_glow=recipe.sun_glow,
        sun_x=0.5 + 0.5 * drawn.sun_x,
    )
    out = fogged(street, _through_air(surface), fog)
    out = _falling(out, surface, drawn, air, hour, seed)
    if lit is not None:
        arrived = transmission(surface.distance, drawn.visibility_m)[..., None]
        thick = 1 + 120 / max(drawn.visibility_m, 40)
        out = bloomed(out, lit.emission * arrived, thick)
    if recipe.contrast != 1:
        out = _contrasted(out, recipe.contrast)
    return sensor_noise(out, hour.noise, rng(seed, "weather", "noise"))


def _street(
    linear: Linear, surface: Surface, recipe: Recipe, drawn: Drawn, hour: HourLight, seed: int
) -> tuple[Linear, Glow | None]:
    """The street's surfaces under sky and lamps, without air between, and the lamps that burn."""
    light = Daylight(sun=min(drawn.sun, hour.sun), gain=recipe.gain, saturation=recipe.saturation)
    street = relit(linear, surface, light)
    snow = Cover(cover=drawn.snow_cover, white=_snow_white(recipe))
    street = covered(street, surface, snow, rng(seed, "weather", "cover"))
    gain = np.array(hour.gain, dtype=np.float32)
    if hour.lamps <= 0:
        return street * gain, None
    lights = Lights(
        street=hour.lamps, windows=hour.windows, vehicles=hour.vehicles, own=hour.vehicles
    )
    # Lamps do not care for the sky: they light the street as it is without clouds' dimming.
    bare = street / np.array(recipe.gain, dtype=np.float32)
    lit = glow(linear, surface, lights, rng(seed, "weather", "lights"))
    return float32(street * gain + bare * irradiance(surface, lit.spots) + lit.emission), lit


def _dome(recipe: Recipe, drawn: Drawn, hour: HourLight) -> Dome:
    def by(x: Rgb, y: Rgb) -> Rgb:
        return (x[0] * y[0], x[1] * y[1], x[2] * y[2])

    dark = hour != DAY
    glow_left = 1 - drawn.cloud**2
    return Dome(
        zenith=hour.zenith if dark else recipe.zenith,
        horizon=hour.horizon if dark else recipe.horizon,
        cloud=drawn.cloud,
        cloud_light=by(recipe.cloud_light, hour.clouds),
        cloud_dark=by(recipe.cloud_dark, hour.clouds),
        glow=by(hour.glow, (glow_left, glow_left, glow_left)),
        glow_x=drawn.sun_x,
        stars=hour.stars * (1 - drawn.cloud),
    )


def _airlight(recipe: Recipe, hour: HourLight, lit: Glow | None) -> Rgb:
    """What the air scatters towards the eye: the sky's light, and at night the lamps'."""
    lamps = np.zeros(3) if lit is None else lit.emission.mean(axis=(0, 1)) * 0.5
    r, g, b = np.array(recipe.airlight) * hour.clouds + np.minimum(lamps, 0.05)
    return float(r), float(g), float(b)


def _snow_white(recipe: Recipe) -> Rgb:
    r, g, b = recipe.gain
    top = max(recipe.gain)
    return 0.74 * (0.5 + 0.5 * r / top), 0.74 * (0.5 + 0.5 * g / top), 0.74 * (0.5 + 0.5 * b / top)


def _through_air(surface: Surface) -> Plane:
    """Metres of hazy air before each pixel: before the sky it ends where the layer of haze does."""
    top = np.float32(_HAZE_TOP_M) / np.maximum(surface.elevation, np.float32(0.02))
    return np.where(surface.sky, top, surface.distance)


def _ripple(drawn: Drawn, surface: Surface) -> float:
    return min(2.0, 0.35 * math.pow(drawn.rain_mm_h, 0.4)) * surface.y.size[0] / 108


def _falling(
    out: Linear, surface: Surface, drawn: Drawn, air: Rgb, hour: HourLight, seed: int
) -> Linear:
    """Rain and snow in the air; at night they show what lamps and headlights give them."""
    bright = np.array(air) * 1.25 + 0.06 * hour.lamps * np.array((1.0, 0.85, 0.7))
    light: Rgb = (float(bright[0]), float(bright[1]), float(bright[2]))
    rain = Rain(rate_mm_h=drawn.rain_mm_h, wind_m_s=drawn.wind_m_s, light=light)
    out = rained(out, surface, rain, rng(seed, "weather", "rain"))
    flakes = Flakes(rate_mm_h=drawn.snow_mm_h, wind_m_s=drawn.wind_m_s, light=light)
    return snowed(out, surface, flakes, rng(seed, "weather", "flakes"))


def _contrasted(linear: Linear, contrast: float) -> Linear:
    """More or less contrast about the middle grey (0.18), in light's logarithm."""
    y = np.maximum(luminance(linear), np.float32(1e-4))
    gain = (y / np.float32(0.18)) ** np.float32(contrast - 1)
    return np.asarray(linear * np.clip(gain, 0.3, 2.5)[..., None], dtype=np.float32)
