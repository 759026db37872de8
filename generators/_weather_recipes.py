"""What each weather's name means in physics: the ranges its parameters are drawn from.

Names are GTA V's. Ranges are (low, high), drawn evenly; visibilities evenly in their logarithm.
Colours are linear radiances under a day's exposure, 1.0 = white.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from parhelion.generators._linear_light import Rgb
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.contracts import PartConfig


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"a range is (low, high), got {pair}")
    return pair


NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[tuple[NotNegative, NotNegative], AfterValidator(_ordered)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
NONE = (0.0, 0.0)


class Recipe(PartConfig):
    """One weather by day; the hour dims and tints all of it."""

    visibility_m: Range | None = None  # 5 % contrast; None = clear air
    rain_mm_h: Range = NONE
    snow_mm_h: Range = NONE  # falling, water equivalent
    snow_cover: Shares = NONE  # of the ground
    wetness: Shares = NONE  # of the ground
    puddles: Shares = NONE  # of the ground
    cloud: Shares = NONE  # of the sky
    sun: Shares = (1.0, 1.0)  # share of the direct sun that is left
    wind_m_s: Range = (0.0, 1.5)
    gain: Rgb = (1.0, 1.0, 1.0)  # on the street's light
    saturation: NotNegative = 1.0
    contrast: NotNegative = 1.0  # of the street, about its middle
    exposure_key: Annotated[float, Field(gt=0, lt=1)] = 0.28  # mean luminance the camera aims at
    keeps_sky: bool = False  # the parent's own sky stays by day
    zenith: Rgb = (0.12, 0.26, 0.62)
    horizon: Rgb = (0.45, 0.58, 0.75)
    cloud_light: Rgb = (0.80, 0.81, 0.83)
    cloud_dark: Rgb = (0.42, 0.44, 0.48)
    airlight: Rgb = (0.60, 0.62, 0.64)
    sun_glow: Share = 0.0  # of the airlight, around the hidden sun


_GREY = Recipe(
    cloud=(1.0, 1.0),
    sun=(0.0, 0.08),
    gain=(0.66, 0.67, 0.69),  # without the sun a street is a quarter as bright as its sky
    saturation=0.9,  # colours look deeper than under the sun, not paler
    zenith=(0.48, 0.50, 0.53),
    horizon=(0.68, 0.70, 0.72),
    cloud_light=(0.74, 0.76, 0.79),
    cloud_dark=(0.46, 0.48, 0.52),
)


def _grey(**changes: object) -> Recipe:
    return Recipe.model_validate({**_GREY.model_dump(), **changes})


_WHITE_SKY: dict[str, object] = {
    "zenith": (0.50, 0.52, 0.55),
    "horizon": (0.66, 0.68, 0.71),
    "cloud_light": (0.68, 0.70, 0.73),
    "cloud_dark": (0.52, 0.54, 0.58),
    "airlight": (0.64, 0.66, 0.70),
    "saturation": 0.84,
    "gain": (0.74, 0.79, 0.88),
}

RECIPES: dict[Weather, Recipe] = {
    Weather.EXTRA_SUNNY: Recipe(
        gain=(1.16, 1.10, 0.98),
        saturation=1.18,
        contrast=1.12,
        zenith=(0.05, 0.17, 0.58),
        horizon=(0.34, 0.52, 0.80),
    ),
    Weather.CLEAR: Recipe(keeps_sky=True),
    Weather.CLOUDS: Recipe(cloud=(0.45, 0.6), sun=(0.55, 0.8), gain=(0.95, 0.96, 0.98)),
    Weather.SMOG: Recipe(
        exposure_key=0.27,
        visibility_m=(160, 380),
        cloud=(0.3, 0.5),
        sun=(0.3, 0.6),
        gain=(0.95, 0.88, 0.74),
        saturation=0.8,
        zenith=(0.42, 0.39, 0.30),
        horizon=(0.62, 0.54, 0.37),
        cloud_light=(0.66, 0.60, 0.46),
        cloud_dark=(0.45, 0.41, 0.31),
        airlight=(0.58, 0.50, 0.34),
        sun_glow=0.15,
    ),
    Weather.FOGGY: _grey(
        exposure_key=0.27,
        visibility_m=(45, 160),
        airlight=(0.60, 0.62, 0.64),
        sun_glow=0.06,
        gain=(0.42, 0.43, 0.45),
    ),
    Weather.OVERCAST: _grey(
        exposure_key=0.25,
    ),
    Weather.RAINING: _grey(
        exposure_key=0.23,
        visibility_m=(450, 1500),
        rain_mm_h=(4, 22),
        wetness=(0.8, 1.0),
        puddles=(0.25, 0.45),
        gain=(0.56, 0.59, 0.63),
        wind_m_s=(0.0, 2.5),
        cloud_light=(0.56, 0.59, 0.63),
        cloud_dark=(0.34, 0.36, 0.40),
        horizon=(0.58, 0.61, 0.65),
        zenith=(0.42, 0.44, 0.48),
        airlight=(0.44, 0.47, 0.51),
    ),
    Weather.THUNDER_STORM: _grey(
        exposure_key=0.1,
        visibility_m=(350, 800),
        rain_mm_h=(40, 90),
        wetness=(1.0, 1.0),
        puddles=(0.45, 0.65),
        gain=(0.25, 0.28, 0.34),
        wind_m_s=(2.0, 5.0),
        cloud_light=(0.34, 0.36, 0.41),
        cloud_dark=(0.02, 0.025, 0.04),
        horizon=(0.36, 0.38, 0.41),
        zenith=(0.07, 0.08, 0.11),
        airlight=(0.15, 0.165, 0.195),
    ),
    Weather.CLEARING: Recipe(
        cloud=(0.4, 0.6),
        sun=(0.6, 0.85),
        wetness=(0.7, 0.95),
        puddles=(0.3, 0.45),
        gain=(0.95, 0.94, 0.92),
        cloud_light=(0.92, 0.90, 0.86),
        cloud_dark=(0.34, 0.36, 0.42),
    ),
    Weather.NEUTRAL: Recipe(
        cloud=(0.65, 0.8),
        sun=(0.3, 0.5),
        gain=(0.88, 0.89, 0.91),
        saturation=0.88,
        zenith=(0.25, 0.36, 0.55),
        horizon=(0.52, 0.60, 0.70),
    ),
    Weather.SNOWING: _grey(
        exposure_key=0.36,
        **_WHITE_SKY,
        visibility_m=(250, 700),
        snow_mm_h=(1.5, 3.0),
        snow_cover=(0.75, 0.95),
        wind_m_s=(0.3, 2.0),
    ),
    Weather.BLIZZARD: _grey(
        exposure_key=0.48,
        **_WHITE_SKY,
        visibility_m=(40, 100),
        snow_mm_h=(3.0, 5.0),
        snow_cover=(0.9, 1.0),
        wind_m_s=(5.0, 9.0),
    ),
    Weather.SNOWLIGHT: _grey(
        exposure_key=0.34,
        **{**_WHITE_SKY, "gain": (0.86, 0.89, 0.95), "saturation": 0.9},
        cloud=(0.75, 0.9),
        sun=(0.1, 0.25),
        snow_mm_h=(0.3, 0.8),
        snow_cover=(0.4, 0.6),
    ),
    Weather.CHRISTMAS: _grey(
        exposure_key=0.4,
        **{**_WHITE_SKY, "gain": (0.84, 0.87, 0.94), "saturation": 0.9},
        snow_cover=(0.9, 1.0),
    ),
    Weather.HALLOWEEN: Recipe(
        exposure_key=0.06,
        visibility_m=(140, 320),
        cloud=(0.6, 0.75),
        sun=(0.0, 0.15),
        gain=(0.26, 0.20, 0.30),
        saturation=0.7,
        contrast=1.15,
        zenith=(0.05, 0.02, 0.10),
        horizon=(0.55, 0.20, 0.05),
        cloud_light=(0.42, 0.16, 0.08),
        cloud_dark=(0.03, 0.02, 0.05),
        airlight=(0.125, 0.075, 0.085),
        sun_glow=0.35,
    ),
}
