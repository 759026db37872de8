"""From a wish to conditions: what it changes, and what stays as the parent has it.

What a wish does not say stays. But numbers that were measured under another weather, at another
hour or of another amount no longer hold, and become unknown where nobody asks for them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from parhelion.generators._trained import cells
from parhelion.generators._wish_words import TAKEN
from parhelion.generators._wishes import Wish
from parhelion.pipeline.conditions import (
    PHYSICS,
    Conditions,
    Event,
    Ground,
    TimeOfDay,
    Weather,
)
from parhelion.pipeline.contracts import FrameKey

MEASURES = {Weather.RAINING: "rain_mm_h", Weather.FOGGY: "visibility_m"}  # of light and heavy


def settled(wish: Wish, weather: Weather) -> Wish:
    """The wish of a parent under that weather, with what is left where something is taken away.

    A weather that has nothing of that stays; one that is unknown may have it.
    """
    if wish.without is None or wish.weather is not None:
        return wish._replace(without=None)
    taken = TAKEN[wish.without]
    has = Conditions(weather=weather).sky_kind in (*taken.kinds, "unknown")
    return wish._replace(weather=taken.leaves if has else None, without=None)


def unshown(
    wish: Wish, weathers: Mapping[str, int], amounts: Mapping[str, tuple[float, float]]
) -> str | None:
    """What of a wish no training frame shows, in a sentence; arguments as those of `asked`.

    None where they show all of it, and where they show nothing of its kind.
    """
    if wish.weather is None:
        return None
    found = nearest(wish.weather, weathers)
    kind = Conditions(weather=wish.weather).sky_kind
    if found is None:
        ground = Conditions(weather=wish.weather).traits.ground
        return f"has learnt no {wish.weather}, and no other {kind} sky over {ground} ground"
    if wish.amount is None or found.value not in weathers or found.value in amounts:
        return None
    if found not in MEASURES:
        return f"knows light and heavy of {' and '.join(MEASURES)} alone, wanted {found}"
    return (
        f"cannot tell light {kind} from heavy, wanted {wish.amount} {kind}: no training frame of "
        f"{found} states its {MEASURES[found]}"
    )


def asked(
    wish: Wish, weathers: Mapping[str, int], amounts: Mapping[str, tuple[float, float]]
) -> Conditions:
    """What a settled wish says, as conditions of which the rest is unknown.

    `weathers`: frames that were learnt of each; one that is too rare becomes its nearest.
    `amounts`: of each weather what counts as light and as heavy, in the unit of `MEASURES`.
    """
    said: dict[str, Any] = {}
    if wish.weather is not None:
        said["weather"] = weather = nearest(wish.weather, weathers) or wish.weather
        if wish.amount and weather.value in amounts:
            said[MEASURES[weather]] = amounts[weather.value][wish.amount == "heavy"]
    if wish.time is not None:
        said |= {"time_of_day": wish.time, "hour": wish.hour}
    return Conditions(**said)


def nearest(weather: Weather, weathers: Mapping[str, int]) -> Weather | None:
    """The weather itself, or that of the same kind which shares most traits with it and was
    learnt; where there is none, itself. None where those of its kind lack its wet or snowy ground.
    """
    wanted = Conditions(weather=weather)
    alike = [
        (sum(a == b for a, b in zip(found.traits, wanted.traits, strict=True)), frames, found)
        for name, frames in weathers.items()
        if (found := Conditions(weather=Weather(name))).sky_kind == wanted.sky_kind
    ]
    if weather.value in weathers or not alike:
        return weather
    ground = wanted.traits.ground
    whole = [one for one in alike if ground in (Ground.DRY, one[2].traits.ground)]
    return max(whole, key=_likeness)[2].weather if whole else None


def _likeness(one: tuple[int, int, Conditions]) -> tuple[int, int, str]:
    return one[0], one[1], one[2].weather.value


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
    """What is `asked`, and for the rest what the parent has; where weather, time or a number
    change, only numbers and native words that are asked for.
    """
    numbers = {n: v for n in sorted(PHYSICS) if (v := getattr(asked, n)) is not None}
    weather = parent.weather if asked.weather is Weather.UNKNOWN else asked.weather
    time, hour = parent.time_of_day, parent.hour
    if asked.hour is not None or asked.time_of_day not in (TimeOfDay.UNKNOWN, time):
        time, hour = asked.time_of_day, asked.hour
    same = (weather, time, hour) == (parent.weather, parent.time_of_day, parent.hour)
    if same and all(getattr(parent, n) == v for n, v in numbers.items()):
        return parent.model_copy(update={"event": _event(asked, parent)})
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
