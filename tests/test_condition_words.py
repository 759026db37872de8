"""Other people's words for weather and time of day, on ours."""

import pytest

from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._recorded_frame import about_recorded


@pytest.mark.parametrize(
    ("weather", "time", "hour", "cell"),
    [
        ("ThunderStorm", "", None, "rain/unknown"),
        ("partly cloudy", "daytime", None, "cloudy/day"),
        ("night", "", None, "unknown/night"),
        ("Foggy", "night", 12.0, "fog/night"),  # what the source says stands above the clock
        ("something new", "", 6.5, "unknown/dawn"),
        ("", "", None, "unknown/unknown"),
    ],
)
def test_words_of_others(weather: str, time: str, hour: float | None, cell: str) -> None:
    conditions = conditions_in(about_recorded("Words"), weather, time, hour=hour)
    assert conditions.cell == cell
    assert conditions.native == "; ".join(word for word in (weather, time) if word)
