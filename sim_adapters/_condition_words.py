"""What other people call the weather and the time of day, as tables onto ours.

A word that no table knows gives UNKNOWN; the source's own words are kept beside it, verbatim.
"""

from functools import lru_cache
from typing import Any

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


def conditions_in(
    about: About, weather: str = "", time: str = "", native: str = "", **known: Any
) -> Conditions:
    """Conditions from a source's own words by its own tables; `known`: what else is known.

    Words are compared by their letters. One that its table lacks gives UNKNOWN and stays in
    `native`, which is all that the source says where it is given, else these two words. Some
    sources list "night" among their weathers: it tells the time where no other word does.
    """
    skies = {_letters(word): sky for word, sky in about.weathers.items()}
    lights = {_letters(word): light for word, light in about.times.items()}
    light = lights.get(_letters(time)) or lights.get(_letters(weather), TimeOfDay.UNKNOWN)
    return Conditions(
        weather=skies.get(_letters(weather), Weather.UNKNOWN),
        time_of_day=light,
        native=native or "; ".join(word for word in (weather, time) if word),
        **known,
    )


@lru_cache(maxsize=4096)  # every frame asks for all words of its source
def _letters(word: str) -> str:
    """Case, spaces and strokes do not make another word."""
    return "".join(letter for letter in word.lower() if letter.isalpha())
