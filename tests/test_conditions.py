"""Conditions: GTA's names, hours to times of day, and the cells that everything counts by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parhelion.pipeline.conditions import (
    TRAITS,
    Conditions,
    Ground,
    Precipitation,
    TimeOfDay,
    Visibility,
    Weather,
    time_of_day,
)

GTA = [
    *("ExtraSunny", "Clear", "Clouds", "Smog", "Foggy", "Overcast", "Raining", "ThunderStorm"),
    *("Clearing", "Neutral", "Snowing", "Blizzard", "Snowlight", "Christmas", "Halloween"),
]
HOURS = st.floats(0, 24, exclude_max=True)


def test_weathers_are_gtas_fifteen_and_unknown() -> None:
    assert [w.value for w in Weather] == [*GTA, "Unknown"]
    assert set(TRAITS) == set(Weather)


@given(HOURS)
def test_every_hour_has_a_time_of_day(hour: float) -> None:
    assert time_of_day(hour) is not TimeOfDay.UNKNOWN
    assert Conditions(hour=hour).time_of_day is time_of_day(hour)


@pytest.mark.parametrize(
    ("hour", "time"),
    [
        *((0, "night"), (4.99, "night"), (5, "dawn"), (6.99, "dawn"), (7, "day"), (17.9, "day")),
        *((18, "dusk"), (20.4, "dusk"), (20.5, "night"), (23.9, "night")),
    ],
)
def test_hours_fall_into_times_of_day(hour: float, time: str) -> None:
    assert time_of_day(hour) == time


def test_what_the_source_states_wins_over_the_hour() -> None:
    assert Conditions(hour=12, time_of_day=TimeOfDay.DUSK).time_of_day is TimeOfDay.DUSK
    assert Conditions().time_of_day is TimeOfDay.UNKNOWN


@pytest.mark.parametrize(
    ("weather", "hour", "cell"),
    [
        (Weather.CLEAR, 12, "clear/day"),
        (Weather.EXTRA_SUNNY, 12, "clear/day"),
        (Weather.FOGGY, 6, "fog/dawn"),
        (Weather.SMOG, 12, "haze/day"),
        (Weather.THUNDER_STORM, 23, "rain/night"),
        (Weather.BLIZZARD, 12, "snow/day"),
        (Weather.CHRISTMAS, 12, "snow/day"),
        (Weather.OVERCAST, 19, "overcast/dusk"),
        (Weather.UNKNOWN, None, "unknown/unknown"),
    ],
)
def test_cells(weather: Weather, hour: float | None, cell: str) -> None:
    assert Conditions(weather=weather, hour=hour).cell == cell


def test_rain_wets_and_snow_whitens_the_ground() -> None:
    for weather, traits in TRAITS.items():
        if traits.precipitation is Precipitation.RAIN:
            assert traits.ground is Ground.WET, weather
        if traits.precipitation is Precipitation.SNOW:
            assert traits.ground is Ground.SNOW, weather
        assert (traits.visibility is Visibility.FOG) == (weather is Weather.FOGGY)


@given(st.sampled_from(Weather), HOURS, st.none() | st.floats(0, 1))
def test_conditions_survive_json(weather: Weather, hour: float, wet: float | None) -> None:
    conditions = Conditions(weather=weather, hour=hour, wetness=wet, native="as it said")
    assert Conditions.model_validate_json(conditions.model_dump_json()) == conditions


@pytest.mark.parametrize(
    "wrong",
    [
        {"hour": 24},
        {"hour": -1},
        {"snow_cover": 1.1},
        {"visibility_m": 0},
        {"rain_mm_h": -1},
        {"sun_altitude_deg": 91},
        {"driving_side": "middle"},
        {"weather": "Sunny"},
        {"wether": "Clear"},
    ],
)
def test_impossible_values_are_refused_and_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Conditions.model_validate(wrong)
