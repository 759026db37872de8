"""Laws of the understanding of wishes: the clock, what a parent keeps, what was never shown."""

import pytest

from parhelion.generators._understanding import asked, kept, nearest, settled, unshown
from parhelion.generators._wish_clock import sentence, with_hour
from parhelion.generators._wishes import Wish
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather, time_of_day

FOG = Conditions(weather=Weather.FOGGY, hour=12, visibility_m=90.0, driving_side="left")
RAIN = Conditions(
    weather=Weather.RAINING, hour=12, rain_mm_h=2.0, wetness=0.4, native="drizzle", cloud=1.0
)
SEEN = {"Raining": 9, "Snowing": 9, "Clear": 9, "Foggy": 9}
AMOUNTS = {"Raining": (2.0, 12.0)}


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("at 11 pm", 23.0),
        ("12 AM", 0.0),
        ("make it 18:30, please", 18.5),
        ("at 9 o'clock", 9.0),
        ("around noon", 12.0),
        ("Midnight!", 0.0),
        ("add 3 dogs", None),
        ("add 3 dogs at night", None),
        ("at 25:00", None),
        ("13 pm", None),
        ("brighter by 2 stops", None),
        ("2 o'clock in the morning", 2.0),
        ("in the morning, at 2 o'clock", 2.0),
        ("2 o'clock in the afternoon", 14.0),
        ("2 in the afternoon", 14.0),
        ("at 9 o'clock in the evening", 21.0),
        ("9:30 in the evening", 21.5),
        ("11 o'clock at night", 23.0),
        ("3 o'clock at night", 3.0),
        ("12 o'clock at night", 0.0),
        ("12:30 in the early afternoon", 12.5),
        ("6 am in the morning", 6.0),
        ("18:00 in the evening", 18.0),
        ("noon in the afternoon", 12.0),
    ],
)
def test_the_clock_is_read_by_rule(text: str, hour: float | None) -> None:
    words, hours = sentence(text)
    dated = with_hour(Wish(), hours)
    assert dated is not None
    assert dated.hour == hour
    assert ("<hour>" in words) == (hour is not None)
    if hour is not None:
        assert dated.time is time_of_day(hour)
        assert not {"morning", "afternoon", "evening", "night"} & set(words)


@pytest.mark.parametrize(
    "text",
    [
        "midnight in the afternoon",
        "noon at night",
        "6 pm in the morning",
        "14:00 in the morning",
        "09:30 in the evening",
        "11 am in the afternoon",
    ],
)
def test_a_clock_that_gainsays_itself_is_refused(text: str) -> None:
    words, hours = sentence(text)
    assert (hours, "<hour>" in words) == ((), True)
    assert with_hour(Wish(), hours) is None


def test_words_settle_which_half_of_the_day_a_clock_means() -> None:
    evening = Wish(time=TimeOfDay.DUSK)
    assert with_hour(evening, (7.0, 19.0)) == Wish(time=TimeOfDay.DUSK, hour=19.0)
    assert with_hour(evening, (9.0, 21.0)) == Wish(time=TimeOfDay.NIGHT, hour=21.0)
    assert with_hour(Wish(), (7.0, 19.0)) == Wish(time=TimeOfDay.DAY, hour=7.0)
    assert with_hour(evening, (12.0,)) is None  # no noon at dusk
    assert with_hour(Wish(time=TimeOfDay.NIGHT), (14.0,)) is None
    assert with_hour(evening, None) == evening


def test_contractions_are_read_in_full() -> None:
    assert sentence("It isn’t raining").words == sentence("it is not raining").words
    assert sentence("it's foggy, don't").words == ("it", "is", "foggy", "do", "not")
    assert sentence("9 o'clock").words == ("<hour>",)


@pytest.mark.parametrize(
    ("without", "parent", "left"),
    [
        ("fog", Weather.FOGGY, Weather.CLEAR),
        ("fog", Weather.SMOG, Weather.CLEAR),
        ("fog", Weather.SNOWING, None),
        ("fog", Weather.UNKNOWN, Weather.CLEAR),
        ("rain", Weather.THUNDER_STORM, Weather.CLEAR),
        ("rain", Weather.FOGGY, None),
        ("snow", Weather.CHRISTMAS, Weather.CLEAR),
        ("snow", Weather.RAINING, None),
        ("clouds", Weather.OVERCAST, Weather.CLEAR),
        ("clouds", Weather.CLEAR, None),
        ("sun", Weather.EXTRA_SUNNY, Weather.OVERCAST),
        ("sun", Weather.CLOUDS, Weather.OVERCAST),
        ("sun", Weather.RAINING, None),
        ("bad weather", Weather.OVERCAST, Weather.CLEAR),
        ("bad weather", Weather.BLIZZARD, Weather.CLEAR),
        ("bad weather", Weather.CLEAR, None),
    ],
)
def test_what_goes_leaves_a_weather_only_where_it_was(
    without: str, parent: Weather, left: Weather | None
) -> None:
    night = Wish(time=TimeOfDay.NIGHT)
    assert settled(night._replace(without=without), parent) == night._replace(weather=left)


def test_a_parent_without_what_goes_stays_as_it_is() -> None:
    snowy = Conditions(weather=Weather.SNOWING, hour=9, snow_cover=0.8, native="snow")
    wish = settled(Wish(without="fog"), snowy.weather)
    assert kept(asked(wish, SEEN, AMOUNTS), snowy) == snowy


def test_what_is_not_said_stays_as_the_parent_has_it() -> None:
    assert kept(Conditions(), FOG) == FOG
    night = kept(Conditions(time_of_day=TimeOfDay.NIGHT), FOG)
    assert (night.weather, night.time_of_day, night.hour) == (Weather.FOGGY, TimeOfDay.NIGHT, None)
    assert (night.visibility_m, night.driving_side) == (None, "left")  # measured by day
    assert kept(Conditions(weather=Weather.FOGGY), FOG) == FOG


def test_numbers_of_another_amount_are_unknown() -> None:
    heavy = kept(asked(Wish(Weather.RAINING, amount="heavy"), SEEN, AMOUNTS), RAIN)
    assert heavy == Conditions(weather=Weather.RAINING, hour=12, rain_mm_h=12.0)
    light = kept(asked(Wish(Weather.RAINING, amount="light"), SEEN, AMOUNTS), RAIN)
    assert light == RAIN  # as much as it had


def test_a_weather_that_was_never_seen_is_its_nearest_of_one_kind() -> None:
    assert nearest(Weather.THUNDER_STORM, SEEN) is Weather.RAINING
    assert nearest(Weather.CHRISTMAS, SEEN) is Weather.SNOWING
    assert nearest(Weather.OVERCAST, SEEN) is Weather.OVERCAST
    assert nearest(Weather.CLOUDS, {"Clearing": 9}) is Weather.CLEARING
    assert nearest(Weather.CLEARING, {"Clouds": 9, "Clearing": 1}) is Weather.CLEARING


def test_what_no_training_frame_shows_is_told() -> None:
    wet = unshown(Wish(Weather.CLEARING), {"Clouds": 9, "Raining": 9}, {})
    assert wet == "has learnt no Clearing, and no other cloudy sky over wet ground"
    assert unshown(Wish(Weather.CLEARING), {"Clearing": 9}, {}) is None
    assert unshown(Wish(Weather.SNOWING), {"Clear": 9}, {}) is None  # its cell is refused
    assert unshown(Wish(time=TimeOfDay.NIGHT), {}, {}) is None
    assert unshown(Wish(Weather.RAINING, amount="heavy"), SEEN, AMOUNTS) is None
    thick = unshown(Wish(Weather.FOGGY, amount="heavy"), SEEN, AMOUNTS)
    assert thick == (
        "cannot tell light fog from heavy, wanted heavy fog: no training frame of Foggy states its "
        "visibility_m"
    )
    storm = unshown(Wish(Weather.RAINING, amount="light"), {"ThunderStorm": 9}, AMOUNTS)
    assert storm == "knows light and heavy of Raining and Foggy alone, wanted ThunderStorm"
