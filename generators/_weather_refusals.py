"""What physics cannot draw from a given parent, in sentences that name it."""

from parhelion.pipeline.conditions import (
    Conditions,
    Event,
    Ground,
    Precipitation,
    Sky,
    TimeOfDay,
    Visibility,
    Weather,
)
from parhelion.pipeline.frame import Annotation

_VEHICLE_IDS = tuple(range(13, 19))  # only these matter where lamps are looked for


def asked(conditions: Conditions) -> str | None:
    """Why no parent at all would do, or None."""
    if conditions.event is not Event.NONE:
        return f"weather effects cannot draw the event {conditions.event.value}"
    if conditions.weather is Weather.UNKNOWN:
        return "weather effects need a weather to draw; the conditions say Unknown"
    if conditions.sun_altitude_deg is not None:
        return "weather effects keep the parent's sun: ask for an hour, not for sun_altitude_deg"
    return None


def undoing(conditions: Conditions, parent: Conditions) -> str | None:
    """Why `parent` would have to lose weather or light that it already has, or None.

    What is unknown about the parent is taken for a dry day in clear air.
    """
    has, want = parent.traits, conditions.traits
    if has.precipitation not in (Precipitation.NONE, Precipitation.UNKNOWN):
        return f"the parent has {has.precipitation.value} already ({parent.weather.value})"
    if has.visibility not in (Visibility.GOOD, Visibility.UNKNOWN):
        return f"the parent has {has.visibility.value} already ({parent.weather.value})"
    if has.ground not in (Ground.DRY, Ground.UNKNOWN):
        return f"the parent's ground is {has.ground.value} already ({parent.weather.value})"
    if has.sky is Sky.OVERCAST and want.sky is Sky.CLEAR:
        return "the parent's sky is overcast, and sun cannot be put into a picture without shadows"
    return _light(conditions, parent)


def _light(conditions: Conditions, parent: Conditions) -> str | None:
    time = parent.time_of_day
    stays = conditions.time_of_day in (time, TimeOfDay.UNKNOWN)
    if time is TimeOfDay.NIGHT:
        return "the parent is a night frame; weather is drawn on day frames"
    if time in (TimeOfDay.DAWN, TimeOfDay.DUSK) and not stays:
        return f"the parent's light is {time.value}'s; another hour is drawn on day frames"
    if conditions.driving_side not in (None, parent.driving_side):
        return f"the parent drives on the {parent.driving_side}, not {conditions.driving_side}"
    return None


def lacking(y: Annotation, needs: frozenset[str], lamps_on: bool) -> frozenset[str]:
    """The layers that `y` lacks for this picture; lamps need to know what gives light."""
    wanted = set(needs)
    if lamps_on:
        wanted.add("emissive")
        has_vehicles = y.stencil is not None and bool(_vehicles(y))
        if has_vehicles:
            wanted.add("objects")
    return frozenset(wanted) - y.layers


def _vehicles(y: Annotation) -> bool:
    assert y.stencil is not None
    return any(bool((y.stencil == i).any()) for i in _VEHICLE_IDS)
