"""The light and air of a street: fifteen weathers at any hour, as numbers that renderers read.

A street draws its own values from the ranges of `_street_looks` by its seed. Luminances are in
kcd/m^2 and illuminances in klux, artificial lights in the builders' units.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._street_looks import LOOKS, Colour, Look, Range

LATITUDE_DEG = 34.0  # of Los Angeles
DECLINATION_DEG = 12.0  # of the sun on 22 April
SOLAR_NOON_H = 12.7  # on a clock set to daylight saving time
LAMPS_BELOW_DEG = 4.0  # lamps go on when the sun is lower
FIRE_BY_DAY = 14.0  # times a fire's radiance by night, where all artificial light is scaled down
LAMPS_GLOOM = 0.6  # or when clouds take more than this share of the daylight
CONTRAST_LEFT = 0.05  # at the meteorological visibility (Koschmieder 1924; WMO's threshold)


@dataclass(frozen=True, kw_only=True)
class Ambience:
    """The drawn light and air of one street under one weather at one hour."""

    weather: Weather
    hour: float
    seed: int
    sun: tuple[float, float, float]  # unit vector towards it, world axes
    cloud: float
    turbidity: float
    visibility_m: float
    gloom: float
    rain_mm_h: float
    snow_mm_h: float
    snow_cover: float
    wetness: float
    wind_m_s: float
    tint: Colour

    @property
    def sun_altitude_deg(self) -> float:
        return float(np.degrees(np.arcsin(self.sun[2])))

    @property
    def extinction_per_m(self) -> float:
        """Koschmieder: contrast exp(-beta d) falls to 5 % at the visibility."""
        return float(-np.log(CONTRAST_LEFT) / self.visibility_m)

    @property
    def lamps_on(self) -> bool:
        return self.sun_altitude_deg < LAMPS_BELOW_DEG or self.gloom > LAMPS_GLOOM

    @property
    def daylight(self) -> float:
        """0 in full night, 1 from a sun altitude of 8 degrees: how far eyes and cameras adapt."""
        return float(np.clip((self.sun_altitude_deg + 8) / 16, 0, 1))

    @property
    def fire(self) -> float:
        """Factor of the radiance of flames."""
        return 1 + (FIRE_BY_DAY - 1) * self.daylight * (1 - self.gloom)

    def conditions(self, driving_side: str) -> Conditions:
        """What was drawn, as the record has it."""
        return Conditions(
            weather=self.weather,
            native=self.weather.value,
            hour=self.hour,
            visibility_m=round(self.visibility_m, 1),
            rain_mm_h=round(self.rain_mm_h, 2),
            snow_cover=round(self.snow_cover, 3),
            wetness=round(self.wetness, 3),
            cloud=round(self.cloud, 3),
            sun_altitude_deg=round(self.sun_altitude_deg, 2),
            driving_side=driving_side,
        )


def ambience(
    weather: Weather, hour: float, seed: int, looks: dict[Weather, Look] = LOOKS
) -> Ambience:
    """Light and air of street `seed`. Raises ValueError for a weather that is not in the table."""
    if weather not in looks:
        known = ", ".join(w.value for w in looks)
        raise ValueError(f"no look for weather {weather.value!r}; there are: {known}")
    look = looks[weather]
    random = rng("street.light", seed, weather.value)
    ranges: dict[str, Range] = {n: getattr(look, n) for n in look._fields if n != "tint"}
    drawn = {name: float(random.uniform(*limits)) for name, limits in ranges.items()}
    facing = float(rng("street.azimuth", seed).uniform(0, 2 * np.pi))
    sun = sun_direction(hour, facing)
    return Ambience(
        weather=weather,
        hour=hour,
        seed=seed,
        sun=(float(sun[0]), float(sun[1]), float(sun[2])),
        tint=look.tint,
        **drawn,
    )


def sun_direction(hour: float, facing_rad: float) -> NDArray[np.float64]:
    """Unit vector (3,) towards the sun at a clock hour, in a street turned by `facing_rad`.

    The usual formula of spherical astronomy from latitude, declination and hour angle.
    """
    phi, delta = np.radians(LATITUDE_DEG), np.radians(DECLINATION_DEG)
    h = np.radians(15 * (hour - SOLAR_NOON_H))
    up = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(h)
    west = np.cos(delta) * np.sin(h)
    south = np.sin(phi) * np.cos(delta) * np.cos(h) - np.cos(phi) * np.sin(delta)
    c, s = np.cos(facing_rad), np.sin(facing_rad)
    return np.array([c * west - s * south, s * west + c * south, up])
