"""What other people call the weather and the time of day, as tables onto ours.

A word that no table knows gives UNKNOWN; the source's own words are kept beside it, verbatim.
"""

from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.sim_adapters._about import About

WEATHER_WORDS: dict[str, Weather] = {
    **{weather.value.lower(): weather for weather in Weather},
    **dict.fromkeys(("sunny", "clearsky", "fine", "fair", "dry"), Weather.CLEAR),
    **dict.fromkeys(("cloudy", "partlycloudy", "partlyclouded"), Weather.CLOUDS),
    **dict.fromkeys(("overcastclouds", "dull"), Weather.OVERCAST),
    **dict.fromkeys(("fog", "mist", "misty"), Weather.FOGGY),
    **dict.fromkeys(("haze", "hazy", "smoke"), Weather.SMOG),
    **dict.fromkeys(("rain", "rainy", "drizzle", "showers"), Weather.RAINING),
    **dict.fromkeys(("thunder", "storm", "stormy"), Weather.THUNDER_STORM),
    **dict.fromkeys(("snow", "snowy", "snowfall"), Weather.SNOWING),
    **dict.fromkeys(("lightsnow", "snowlight"), Weather.SNOWLIGHT),
    **dict.fromkeys(("heavysnow", "snowstorm"), Weather.BLIZZARD),
}

TIME_WORDS: dict[str, TimeOfDay] = {
    **{time.value: time for time in TimeOfDay},
    **dict.fromkeys(("daytime", "daylight", "morning", "noon", "afternoon"), TimeOfDay.DAY),
    **dict.fromkeys(("nighttime", "midnight"), TimeOfDay.NIGHT),
    **dict.fromkeys(("sunrise", "twilightmorning"), TimeOfDay.DAWN),
    **dict.fromkeys(("sunset", "evening", "twilight"), TimeOfDay.DUSK),
}


def conditions_of(weather: str, time: str, hour: str, name: str) -> Conditions:
    """Conditions from a source's words; empty where it says nothing.

    Some sources list "night" among their weathers: it then tells the time. Raises BadFrame for an
    hour that is none.
    """
    sky = WEATHER_WORDS.get(_bare(weather), Weather.UNKNOWN)
    light = TIME_WORDS.get(_bare(time)) or TIME_WORDS.get(_bare(weather), TimeOfDay.UNKNOWN)
    native = "; ".join(word for word in (weather, time) if word)
    try:
        clock = float(hour) if hour else None
        return Conditions(weather=sky, native=native, hour=clock, time_of_day=light)
    except (ValueError, ValidationError) as error:
        raise BadFrame(
            Reason.BAD_METADATA, f"{name}: wanted an hour of 0 to 24, got {hour!r}"
        ) from error


def conditions_in(
    about: About, weather: str = "", time: str = "", native: str = "", **known: Any
) -> Conditions:
    """Conditions from a source's own words by its own tables; `known`: what else is known.

    Words are compared without case, spaces and strokes. One that its table lacks gives UNKNOWN and
    stays in `native`, which is all that the source says where it is given, else these two words.
    """
    skies = {_bare(word): sky for word, sky in about.weathers.items()}
    lights = {_bare(word): light for word, light in about.times.items()}
    return Conditions(
        weather=skies.get(_bare(weather), Weather.UNKNOWN),
        time_of_day=lights.get(_bare(time), TimeOfDay.UNKNOWN),
        native=native or "; ".join(word for word in (weather, time) if word),
        **known,
    )


@lru_cache(maxsize=4096)  # every frame asks for all words of its source
def _bare(word: str) -> str:
    """Case, spaces and strokes do not make another word."""
    return "".join(letter for letter in word.lower() if letter.isalpha())
