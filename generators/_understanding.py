"""From a wish to conditions: words, the clock, and what stays as the parent has it.

What a wish does not say stays. But numbers that were measured under another weather or at another
hour no longer hold, and become unknown where nobody asks for them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from parhelion.generators._trained import cells
from parhelion.generators._wishes import Wish
from parhelion.pipeline.conditions import (
    PHYSICS,
    Conditions,
    Event,
    TimeOfDay,
    Weather,
    time_of_day,
)
from parhelion.pipeline.contracts import FrameKey

HOUR, NUMBER = "<hour>", "<number>"  # words that stand for figures
MEASURES = {Weather.RAINING: "rain_mm_h", Weather.FOGGY: "visibility_m"}  # of light and heavy

_NAMED_HOURS = {"noon": 12.0, "midday": 12.0, "midnight": 0.0}
_CLOCK = re.compile(
    r"\b(?P<h>\d{1,2})(?::(?P<m>[0-5]\d))?\s*(?P<half>[ap]\.?m\b\.?)?(?P<mark>o'?clock|h\b)?"
)
_WORD = re.compile(r"<\w+>|[^\W\d_]+(?:['-][^\W\d_]+)*|\d+")


class Sentence(NamedTuple):
    """A text as it is read."""

    words: tuple[str, ...]  # lower case; figures as HOUR or NUMBER
    hour: float | None  # that the clock says


def sentence(text: str) -> Sentence:
    """Words and hour of a text; a second hour is a number like any other."""
    hours: list[float] = []

    def told(hour: float | None, written: str) -> str:
        if hour is None or hours:
            return f" {NUMBER if any(c.isdigit() for c in written) else written} "
        hours.append(hour)
        return f" {HOUR} "

    plain = text.lower().replace("’", "'")
    plain = _CLOCK.sub(lambda found: told(_on_the_clock(found), found[0]), plain)
    names = r"\b(?:" + "|".join(_NAMED_HOURS) + r")\b"
    plain = re.sub(names, lambda found: told(_NAMED_HOURS[found[0]], found[0]), plain)
    return Sentence(tuple(_WORD.findall(plain)), hours[0] if hours else None)


def _on_the_clock(found: re.Match[str]) -> float | None:
    """Hours of a day in 0..24 that `found` says; None where it is no time of day."""
    if not (found["m"] or found["half"] or found["mark"]):
        return None
    hour, minute = int(found["h"]), int(found["m"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"][0] == "p" else 0)
    return hour + minute / 60 if hour < 24 else None


def with_hour(wish: Wish, hour: float | None) -> Wish | None:
    """The wish at that hour; None where its words say another time of day."""
    if hour is None:
        return wish
    for then in (hour, hour + 12):  # "at 9 o'clock in the evening"
        if then < 24 and wish.time in (None, time_of_day(then)):
            return wish._replace(time=time_of_day(then), hour=then)
    return None


def asked(
    wish: Wish, weathers: Mapping[str, int], amounts: Mapping[str, tuple[float, float]]
) -> Conditions:
    """What a wish says, as conditions of which the rest is unknown.

    `weathers`: frames that were learnt of each; one that is too rare becomes its nearest.
    `amounts`: of each weather what counts as light and as heavy, in the unit of `MEASURES`.
    """
    said: dict[str, Any] = {}
    if wish.weather is not None:
        said["weather"] = weather = nearest(wish.weather, weathers)
        if wish.amount and weather in MEASURES and weather.value in amounts:
            said[MEASURES[weather]] = amounts[weather.value][wish.amount == "heavy"]
    if wish.time is not None:
        said |= {"time_of_day": wish.time, "hour": wish.hour}
    return Conditions(**said)


def nearest(weather: Weather, weathers: Mapping[str, int]) -> Weather:
    """The weather itself, or that of the same kind which shares most traits with it and was
    learnt; where there is none, itself.
    """
    wanted = Conditions(weather=weather)
    alike = [
        (sum(a == b for a, b in zip(found.traits, wanted.traits, strict=True)), frames, found)
        for name, frames in weathers.items()
        if (found := Conditions(weather=Weather(name))).sky_kind == wanted.sky_kind
    ]
    if weather.value in weathers or not alike:
        return weather
    return max(alike, key=lambda one: (*one[:2], one[2].weather.value))[2].weather


def measured(keys: Iterable[FrameKey]) -> dict[str, tuple[float, float]]:
    """What counts as light and as heavy of each weather in `MEASURES`: the tenth of these frames
    that have least of it, and most. A weather that no frame measures is left out.
    """
    found: dict[Weather, list[float]] = defaultdict(list)
    for key in keys:
        weather = key.conditions.weather
        number = getattr(key.conditions, MEASURES[weather]) if weather in MEASURES else None
        if number is not None:
            found[weather].append(number)
    amounts = {}
    for weather, numbers in found.items():
        low, high = (round(float(q), 2) for q in np.quantile(numbers, (0.1, 0.9)))
        thick_is_low = MEASURES[weather] == "visibility_m"
        amounts[weather.value] = (high, low) if thick_is_low else (low, high)
    return amounts


def weathers_of(keys: Iterable[FrameKey]) -> dict[str, int]:
    """How many of these frames have each weather."""
    return dict(sorted(Counter(key.conditions.weather.value for key in keys).items()))


def could_be(conditions: Conditions, seen: Iterable[str], *, anew: bool, open_: bool) -> bool:
    """Whether these conditions are of the cells that were `seen`.

    `anew`: or weather and time are, each of another cell; `open_`: what is unknown may be anything.
    """
    known = [tuple(cell.split("/")) for cell in seen]
    if not {tuple(cell.split("/")) for cell in cells(conditions)[1:]} <= set(known):
        return False  # an event that was not seen
    sky, time = conditions.cell.split("/")

    def fits(said: str, word: str) -> bool:
        return said == word or (open_ and said == "unknown")

    skies = {cell for cell in known if fits(sky, cell[0])}
    times = {cell for cell in known if fits(time, cell[1])}
    return bool(skies and times) if anew else bool(skies & times)


def kept(asked: Conditions, parent: Conditions) -> Conditions:
    """What is `asked`, and for the rest what the parent has; where weather or time change, only
    numbers that are asked for.
    """
    numbers = {n: v for n in sorted(PHYSICS) if (v := getattr(asked, n)) is not None}
    weather = parent.weather if asked.weather is Weather.UNKNOWN else asked.weather
    time, hour = parent.time_of_day, parent.hour
    if asked.hour is not None or asked.time_of_day not in (TimeOfDay.UNKNOWN, time):
        time, hour = asked.time_of_day, asked.hour
    if (weather, time, hour) == (parent.weather, parent.time_of_day, parent.hour):
        return parent.model_copy(update={**numbers, "event": _event(asked, parent)})
    return Conditions(
        weather=weather,
        time_of_day=time,
        hour=hour,
        native=asked.native,
        event=_event(asked, parent),
        driving_side=parent.driving_side or asked.driving_side,
        **numbers,
    )


def _event(asked: Conditions, parent: Conditions) -> Event:
    return parent.event if asked.event is Event.NONE else asked.event
