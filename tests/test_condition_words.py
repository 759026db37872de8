"""Other people's words for weather and time of day, on ours."""

import pytest

from parhelion.sim_adapters._condition_words import conditions_of


@pytest.mark.parametrize(
    ("weather", "time", "hour", "cell"),
    [
        ("ThunderStorm", "", "", "rain/unknown"),
        ("partly cloudy", "daytime", "", "cloudy/day"),
        ("night", "", "", "unknown/night"),
        ("Foggy", "night", "12", "fog/night"),  # what the source says stands above the clock
        ("something new", "", "6.5", "unknown/dawn"),
        ("", "", "", "unknown/unknown"),
    ],
)
def test_words_of_others(weather: str, time: str, hour: str, cell: str) -> None:
    conditions = conditions_of(weather, time, hour, "x")
    assert conditions.cell == cell
    assert conditions.native == "; ".join(word for word in (weather, time) if word)
