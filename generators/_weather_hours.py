"""The light of the hours: what night, dawn and dusk leave of the day, and which lamps burn.

Five key frames over the day, joined by straight lines; a request that says only "dusk" gets an
hour of it.
"""

from dataclasses import astuple, dataclass, replace

import numpy as np

from parhelion.generators._linear_light import Rgb
from parhelion.pipeline.conditions import Conditions, TimeOfDay, time_of_day


@dataclass(frozen=True, kw_only=True)
class HourLight:
    """The light at one hour, against the day's."""

    gain: Rgb  # on the light of the street
    sun: float  # share of the direct sun that is left
    zenith: Rgb  # of a clear sky
    horizon: Rgb
    glow: Rgb  # around the sun, near the horizon
    clouds: Rgb  # gain on the clouds' light
    lamps: float  # along the street
    windows: float  # share of the windows that are lit
    vehicles: float  # headlights and tail lights
    stars: float
    noise: float  # of the sensor
    brightest: float  # mean luminance at which the camera begins to defend itself


DAY = HourLight(
    gain=(1.0, 1.0, 1.0),
    sun=1.0,
    zenith=(0.12, 0.26, 0.62),
    horizon=(0.45, 0.58, 0.75),
    glow=(0.0, 0.0, 0.0),
    clouds=(1.0, 1.0, 1.0),
    lamps=0.0,
    windows=0.0,
    vehicles=0.0,
    stars=0.0,
    noise=0.0,
    brightest=1.0,
)
DAWN = HourLight(
    gain=(0.40, 0.38, 0.47),
    sun=0.0,
    zenith=(0.17, 0.24, 0.46),
    horizon=(0.68, 0.52, 0.52),
    glow=(0.40, 0.16, 0.10),
    clouds=(0.62, 0.50, 0.52),
    lamps=0.25,
    windows=0.2,
    vehicles=0.8,
    stars=0.0,
    noise=0.2,
    brightest=0.24,
)
DUSK = HourLight(
    gain=(0.25, 0.185, 0.19),
    sun=0.0,
    zenith=(0.07, 0.09, 0.24),
    horizon=(0.62, 0.30, 0.16),
    glow=(0.55, 0.20, 0.02),
    clouds=(0.50, 0.27, 0.24),
    lamps=0.6,
    windows=0.45,
    vehicles=1.0,
    stars=0.0,
    noise=0.25,
    brightest=0.17,
)
NIGHT = HourLight(
    gain=(0.046, 0.053, 0.078),
    sun=0.0,
    zenith=(0.003, 0.005, 0.014),
    horizon=(0.018, 0.019, 0.030),
    glow=(0.0, 0.0, 0.0),
    clouds=(0.050, 0.044, 0.046),
    lamps=1.0,
    windows=0.5,
    vehicles=1.0,
    stars=0.35,
    noise=0.3,
    brightest=0.11,
)
_KEYS = ((4.8, NIGHT), (6.0, DAWN), (7.5, DAY), (17.5, DAY), (19.2, DUSK), (20.8, NIGHT))
_HOURS = {
    TimeOfDay.DAWN: (5.5, 6.6),
    TimeOfDay.DUSK: (18.6, 19.8),
    TimeOfDay.NIGHT: (21.0, 23.9),
    TimeOfDay.DAY: (11.0, 15.0),
}


def hour_light(hour: float) -> HourLight:
    """The light at `hour`, 0 <= h < 24."""
    hours = [h for h, _ in _KEYS]
    numbers = np.array([_flat(light) for _, light in _KEYS])
    at = [float(np.interp(hour, hours, numbers[:, i])) for i in range(numbers.shape[1])]
    names = list(HourLight.__dataclass_fields__)
    values: dict[str, Rgb | float] = {}
    for name in names:
        if isinstance(getattr(DAY, name), tuple):
            values[name] = (at.pop(0), at.pop(0), at.pop(0))
        else:
            values[name] = at.pop(0)
    return HourLight(**values)  # type: ignore[arg-type]


def under_clouds(light: HourLight, cloud: float) -> HourLight:
    """The same hour under cover: clouds take the colours of a low sun away."""
    share = cloud**3

    def grey(rgb: Rgb) -> Rgb:
        mean = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]
        dull = (0.88 * mean, 0.93 * mean, 1.06 * mean)
        a, b, c = (x + 0.8 * share * (y - x) for x, y in zip(rgb, dull, strict=True))
        return a, b, c

    return replace(
        light, gain=grey(light.gain), horizon=grey(light.horizon), clouds=grey(light.clouds)
    )


def hour_of(
    asked: Conditions, parent: Conditions, random: np.random.Generator
) -> tuple[float | None, TimeOfDay]:
    """The hour to draw and its name: what is asked, else the parent's, else one drawn for the name.

    By day without an hour there is none to draw: the parent's light stays.
    """
    if asked.hour is None and asked.time_of_day is TimeOfDay.UNKNOWN:
        return parent.hour, parent.time_of_day
    if asked.hour is not None and asked.time_of_day is time_of_day(asked.hour):
        return asked.hour, asked.time_of_day
    if asked.time_of_day is parent.time_of_day:
        return parent.hour, parent.time_of_day
    return float(random.uniform(*_HOURS[asked.time_of_day])), asked.time_of_day


def _flat(light: HourLight) -> list[float]:
    flat: list[float] = []
    for value in astuple(light):
        flat.extend(value if isinstance(value, tuple) else (value,))
    return flat
