"""CARLA's weather: its parameters, its presets, and what they are called here.

Presets are read by the same rules as parameters, so that a name and its numbers never disagree. The
numbers of presets changed between releases, so a name alone tells no physics.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from parhelion.pipeline.conditions import TimeOfDay, Weather

Percent = Annotated[float, Field(ge=-1, le=100, allow_inf_nan=False)]  # -1 = as the map has it
Finite = Annotated[float, Field(allow_inf_nan=False)]


class WeatherParameters(BaseModel):
    """One state of the sky; None where a release does not know the parameter.

    Early releases have the first six only, with wind from 0 to 1 and cloudiness spelt otherwise.
    """

    model_config = ConfigDict(frozen=True)

    cloudiness: Annotated[
        Percent | None, Field(validation_alias=AliasChoices("cloudiness", "cloudyness"))
    ] = None
    precipitation: Percent | None = None
    precipitation_deposits: Percent | None = None  # puddles
    wind_intensity: Percent | None = None
    sun_azimuth_angle: Finite | None = None  # degrees
    sun_altitude_angle: Annotated[float, Field(ge=-90, le=90)] | None = None  # degrees
    fog_density: Percent | None = None
    fog_distance: Finite | None = None  # metres
    fog_falloff: Finite | None = None
    wetness: Percent | None = None  # of the road
    scattering_intensity: Finite | None = None
    mie_scattering_scale: Finite | None = None
    rayleigh_scattering_scale: Finite | None = None
    dust_storm: Percent | None = None

    @property
    def untold(self) -> bool:
        """Whether it says nothing: the preset "Default" is -1 throughout."""
        return all(getattr(self, name) in (None, -1) for name in TELLING)

    @property
    def words(self) -> str:
        """The parameters that are told, as they came."""
        told = self.model_dump(exclude_none=True)
        return ", ".join(f"{name} {value:g}" for name, value in told.items())

    def share(self, *names: str) -> float | None:
        """The largest of these percentages from 0 to 1; None where none of them is told."""
        told = [v for name in names if (v := getattr(self, name)) is not None and v >= 0]
        return max(told) / 100 if told else None


TELLING = ("cloudiness", "precipitation", "precipitation_deposits", "sun_altitude_angle")

NOON, SUNSET, NIGHT = 45.0, 15.0, -90.0  # altitudes of the sun
# Cloudiness, precipitation, deposits, wind, altitude, fog density, fog distance, falloff, wetness.
ROWS: dict[str, tuple[float, ...]] = {
    "ClearNoon": (5, 0, 0, 10, NOON, 2, 0.75, 0.1, 0),
    "ClearSunset": (5, 0, 0, 10, SUNSET, 2, 0.75, 0.1, 0),
    "CloudyNoon": (60, 0, 0, 10, NOON, 3, 0.75, 0.1, 0),
    "CloudySunset": (60, 0, 0, 10, SUNSET, 3, 0.75, 0.1, 0),
    "WetNoon": (5, 0, 50, 10, NOON, 3, 0.75, 0.1, 0),
    "WetSunset": (5, 0, 50, 10, SUNSET, 2, 0.75, 0.1, 0),
    "WetCloudyNoon": (60, 0, 50, 10, NOON, 3, 0.75, 0.1, 0),
    "WetCloudySunset": (60, 0, 50, 10, SUNSET, 2, 0.75, 0.1, 0),
    "SoftRainNoon": (20, 30, 50, 30, NOON, 3, 0.75, 0.1, 0),
    "SoftRainSunset": (20, 30, 50, 30, SUNSET, 2, 0.75, 0.1, 0),
    "MidRainyNoon": (60, 60, 60, 60, NOON, 3, 0.75, 0.1, 0),
    "MidRainSunset": (60, 60, 60, 60, SUNSET, 3, 0.75, 0.1, 0),
    "HardRainNoon": (100, 100, 90, 100, NOON, 7, 0.75, 0.1, 0),
    "HardRainSunset": (100, 100, 90, 100, SUNSET, 7, 0.75, 0.1, 0),
    "ClearNight": (5, 0, 0, 10, NIGHT, 60, 75, 1.0, 0),
    "CloudyNight": (60, 0, 0, 10, NIGHT, 60, 0.75, 0.1, 0),
    "WetNight": (5, 0, 50, 10, NIGHT, 60, 75, 1.0, 60),
    "WetCloudyNight": (60, 0, 50, 10, NIGHT, 60, 0.75, 0.1, 60),
    "SoftRainNight": (60, 30, 50, 30, NIGHT, 60, 0.75, 0.1, 60),
    "MidRainyNight": (80, 60, 60, 60, NIGHT, 60, 0.75, 0.1, 80),
    "HardRainNight": (100, 100, 90, 100, NIGHT, 100, 0.75, 0.1, 100),
    "DustStorm": (100, 0, 0, 100, NOON, 2, 0.75, 0.1, 0),
}


def _preset(name: str, row: tuple[float, ...]) -> WeatherParameters:
    cloud, rain, deposits, wind, altitude, fog, fog_distance, falloff, wetness = row
    return WeatherParameters(
        cloudiness=cloud,
        precipitation=rain,
        precipitation_deposits=deposits,
        wind_intensity=wind,
        sun_azimuth_angle=-1.0,
        sun_altitude_angle=altitude,
        fog_density=fog,
        fog_distance=fog_distance,
        fog_falloff=falloff,
        wetness=wetness,
        scattering_intensity=1.0,
        mie_scattering_scale=0.03,
        rayleigh_scattering_scale=0.0331,
        dust_storm=100.0 if name == "DustStorm" else 0.0,
    )


PRESETS: Mapping[str, WeatherParameters] = {name: _preset(name, row) for name, row in ROWS.items()}

# The night presets carry this much fog without meaning any.
FOG_OF_NIGHTS = frozenset(p.fog_density for p in PRESETS.values() if p.sun_altitude_angle == NIGHT)


def weather_of(sky: WeatherParameters) -> Weather:
    """The weather that the parameters mean, the strongest first."""
    if sky.untold:
        return Weather.UNKNOWN
    means_fog = sky.sun_altitude_angle != NIGHT or sky.fog_density not in FOG_OF_NIGHTS
    if (sky.share("dust_storm") or 0) >= 0.2:
        return Weather.SMOG
    if (sky.share("precipitation") or 0) >= 0.15:
        return Weather.RAINING
    if means_fog and (sky.share("fog_density") or 0) >= 0.25:
        return Weather.FOGGY
    if (sky.share("precipitation_deposits", "wetness") or 0) >= 0.3:
        return Weather.CLEARING
    return Weather.OVERCAST if (sky.share("cloudiness") or 0) >= 0.5 else Weather.CLEAR


def time_of(sky: WeatherParameters) -> TimeOfDay:
    """Night below the horizon, dusk up to 20 degrees (where the sunset presets stand), else day."""
    altitude = sky.sun_altitude_angle
    if altitude is None or sky.untold:
        return TimeOfDay.UNKNOWN
    if altitude < 0:
        return TimeOfDay.NIGHT
    return TimeOfDay.DUSK if altitude <= 20 else TimeOfDay.DAY
