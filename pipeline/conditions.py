"""Under which sky a frame was taken: weather, light, event, and the physics where it is known."""

from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Weather(StrEnum):
    """The fifteen weathers of GTA V, spelt as its captures spell them, and UNKNOWN."""

    EXTRA_SUNNY = "ExtraSunny"
    CLEAR = "Clear"
    CLOUDS = "Clouds"
    SMOG = "Smog"
    FOGGY = "Foggy"
    OVERCAST = "Overcast"
    RAINING = "Raining"
    THUNDER_STORM = "ThunderStorm"
    CLEARING = "Clearing"
    NEUTRAL = "Neutral"
    SNOWING = "Snowing"
    BLIZZARD = "Blizzard"
    SNOWLIGHT = "Snowlight"
    CHRISTMAS = "Christmas"
    HALLOWEEN = "Halloween"
    UNKNOWN = "Unknown"


class TimeOfDay(StrEnum):
    DAWN = "dawn"
    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    UNKNOWN = "unknown"


class Event(StrEnum):
    """What a simulator's mods add to the street."""

    NONE = "none"
    FLOOD = "flood"
    PLANE_CRASH = "plane_crash"


class Sky(StrEnum):
    CLEAR = "clear"
    CLOUDY = "cloudy"
    OVERCAST = "overcast"
    UNKNOWN = "unknown"


class Precipitation(StrEnum):
    NONE = "none"
    RAIN = "rain"
    SNOW = "snow"
    UNKNOWN = "unknown"


class Visibility(StrEnum):
    GOOD = "good"
    HAZE = "haze"
    FOG = "fog"
    UNKNOWN = "unknown"


class Ground(StrEnum):
    DRY = "dry"
    WET = "wet"
    SNOW = "snow"
    UNKNOWN = "unknown"


class Traits(NamedTuple):
    """A weather word taken apart, so that datasets with other vocabularies compare."""

    sky: Sky
    precipitation: Precipitation
    visibility: Visibility
    ground: Ground


TRAITS: dict[Weather, Traits] = {
    Weather.EXTRA_SUNNY: Traits(Sky.CLEAR, Precipitation.NONE, Visibility.GOOD, Ground.DRY),
    Weather.CLEAR: Traits(Sky.CLEAR, Precipitation.NONE, Visibility.GOOD, Ground.DRY),
    Weather.CLOUDS: Traits(Sky.CLOUDY, Precipitation.NONE, Visibility.GOOD, Ground.DRY),
    Weather.SMOG: Traits(Sky.CLOUDY, Precipitation.NONE, Visibility.HAZE, Ground.DRY),
    Weather.FOGGY: Traits(Sky.OVERCAST, Precipitation.NONE, Visibility.FOG, Ground.DRY),
    Weather.OVERCAST: Traits(Sky.OVERCAST, Precipitation.NONE, Visibility.GOOD, Ground.DRY),
    Weather.RAINING: Traits(Sky.OVERCAST, Precipitation.RAIN, Visibility.GOOD, Ground.WET),
    Weather.THUNDER_STORM: Traits(Sky.OVERCAST, Precipitation.RAIN, Visibility.HAZE, Ground.WET),
    Weather.CLEARING: Traits(Sky.CLOUDY, Precipitation.NONE, Visibility.GOOD, Ground.WET),
    Weather.NEUTRAL: Traits(Sky.CLOUDY, Precipitation.NONE, Visibility.GOOD, Ground.DRY),
    Weather.SNOWING: Traits(Sky.OVERCAST, Precipitation.SNOW, Visibility.GOOD, Ground.SNOW),
    Weather.BLIZZARD: Traits(Sky.OVERCAST, Precipitation.SNOW, Visibility.HAZE, Ground.SNOW),
    Weather.SNOWLIGHT: Traits(Sky.CLOUDY, Precipitation.SNOW, Visibility.GOOD, Ground.SNOW),
    Weather.CHRISTMAS: Traits(Sky.OVERCAST, Precipitation.NONE, Visibility.GOOD, Ground.SNOW),
    Weather.HALLOWEEN: Traits(Sky.CLOUDY, Precipitation.NONE, Visibility.HAZE, Ground.DRY),
    Weather.UNKNOWN: Traits(Sky.UNKNOWN, Precipitation.UNKNOWN, Visibility.UNKNOWN, Ground.UNKNOWN),
}

Fraction = Annotated[float, Field(ge=0, le=1)]

PHYSICS = ("visibility_m", "rain_mm_h", "snow_cover", "wetness", "cloud", "sun_altitude_deg")


def time_of_day(hour: float) -> TimeOfDay:
    """Clock hour (0 <= h < 24) -> dawn 5-7, day 7-18, dusk 18-20.5, night otherwise."""
    if 5 <= hour < 7:
        return TimeOfDay.DAWN
    if 7 <= hour < 18:
        return TimeOfDay.DAY
    return TimeOfDay.DUSK if 18 <= hour < 20.5 else TimeOfDay.NIGHT


class Conditions(BaseModel):
    """Weather, light and event of one frame; physics that nobody measured stay None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weather: Weather = Weather.UNKNOWN
    native: str = ""  # the source's own words, verbatim
    hour: Annotated[float, Field(ge=0, lt=24)] | None = None
    time_of_day: TimeOfDay = TimeOfDay.UNKNOWN  # filled from `hour` where not stated
    event: Event = Event.NONE
    visibility_m: Annotated[float, Field(gt=0)] | None = None  # meteorological, 5 % contrast
    rain_mm_h: Annotated[float, Field(ge=0)] | None = None
    snow_cover: Fraction | None = None  # of the ground
    wetness: Fraction | None = None  # of the ground
    cloud: Fraction | None = None  # of the sky
    sun_altitude_deg: Annotated[float, Field(ge=-90, le=90)] | None = None
    driving_side: Annotated[str, Field(pattern="^(left|right)$")] | None = None

    @model_validator(mode="after")
    def _time_from_hour(self) -> Self:
        if self.time_of_day is TimeOfDay.UNKNOWN and self.hour is not None:
            object.__setattr__(self, "time_of_day", time_of_day(self.hour))
        return self

    @property
    def traits(self) -> Traits:
        return TRAITS[self.weather]

    @property
    def sky_kind(self) -> str:
        """The weather in one word: rain, snow, fog, haze, overcast, cloudy, clear or unknown."""
        sky, precipitation, visibility, ground = self.traits
        if precipitation in (Precipitation.RAIN, Precipitation.SNOW):
            return precipitation.value
        if ground is Ground.SNOW:
            return "snow"
        if visibility in (Visibility.FOG, Visibility.HAZE):
            return visibility.value
        return sky.value

    @property
    def cell(self) -> str:
        """The slice that audit, plan, gate and reports count by, such as "fog/day"."""
        return f"{self.sky_kind}/{self.time_of_day.value}"

    def stated_otherwise(self, has: "Conditions") -> list[str]:
        """Fields of weather, time and physics that these state and `has` has otherwise."""
        fields = ("weather", "time_of_day", "hour", *PHYSICS)
        unsaid = (None, Weather.UNKNOWN, TimeOfDay.UNKNOWN)
        return [n for n in fields if getattr(self, n) not in (*unsaid, getattr(has, n))]
