"""CARLA's weather by its parameters and by the names of its presets."""

from pathlib import Path
from typing import Any

import pytest
from recordings import carla as drive

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.sim_adapters._carla_weather import PRESETS, WeatherParameters, time_of, weather_of

DEFAULT = dict.fromkeys(drive.NOON, -1.0)


def conditions(folder: Path, sky: Any, **settings: Any) -> Conditions:
    record = drive.record(1)
    record["weather"] = sky
    drive.write_drive(folder, [record])
    made = parts.build("sim_adapters", "carla", path=folder, **settings)
    found: Conditions = made.read(made.index()[0]).conditions
    return found


@pytest.mark.parametrize(
    ("changes", "weather", "time"),
    [
        ({}, Weather.CLEAR, TimeOfDay.DAY),
        ({"cloudiness": 50}, Weather.OVERCAST, TimeOfDay.DAY),
        ({"precipitation": 15}, Weather.RAINING, TimeOfDay.DAY),
        ({"precipitation": 14}, Weather.CLEAR, TimeOfDay.DAY),
        ({"fog_density": 25}, Weather.FOGGY, TimeOfDay.DAY),
        ({"wetness": 30}, Weather.CLEARING, TimeOfDay.DAY),
        ({"precipitation_deposits": 30}, Weather.CLEARING, TimeOfDay.DAY),
        ({"dust_storm": 20, "precipitation": 90}, Weather.SMOG, TimeOfDay.DAY),
        ({"sun_altitude_angle": 20}, Weather.CLEAR, TimeOfDay.DUSK),
        ({"sun_altitude_angle": 0}, Weather.CLEAR, TimeOfDay.DUSK),
        ({"sun_altitude_angle": -0.5}, Weather.CLEAR, TimeOfDay.NIGHT),
        ({"sun_altitude_angle": -90, "fog_density": 60}, Weather.CLEAR, TimeOfDay.NIGHT),
        ({"sun_altitude_angle": -20, "fog_density": 60}, Weather.FOGGY, TimeOfDay.NIGHT),
        ({"sun_altitude_angle": -90, "fog_density": 35}, Weather.FOGGY, TimeOfDay.NIGHT),
    ],
)
def test_parameters_are_read_by_rules(
    changes: dict[str, float], weather: Weather, time: TimeOfDay
) -> None:
    sky = WeatherParameters.model_validate(drive.NOON | changes)
    assert (weather_of(sky), time_of(sky)) == (weather, time)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_what_its_name_says(name: str) -> None:
    sky, light = weather_of(PRESETS[name]), time_of(PRESETS[name])
    by_word = {
        "Rain": Weather.RAINING,
        "Dust": Weather.SMOG,
        "Wet": Weather.CLEARING,
        "Cloudy": Weather.OVERCAST,
        "Clear": Weather.CLEAR,
    }
    assert sky is next(weather for word, weather in by_word.items() if word in name)
    by_light = {"Night": TimeOfDay.NIGHT, "Sunset": TimeOfDay.DUSK}
    assert light is next((t for word, t in by_light.items() if word in name), TimeOfDay.DAY)


def test_physics_are_filled_where_they_mean_the_same(tmp_path: Path) -> None:
    found = conditions(tmp_path, drive.NOON | {"precipitation": 60, "precipitation_deposits": 40})
    assert (found.sun_altitude_deg, found.cloud, found.wetness) == (45, 0.05, 0.4)
    assert found.rain_mm_h is None  # nobody knows what 60 % are
    assert found.visibility_m is None
    assert "precipitation 60" in found.native


def test_a_name_tells_the_weather_and_no_physics(tmp_path: Path) -> None:
    found = conditions(tmp_path, "HardRainNight")
    assert (found.weather, found.time_of_day) == (Weather.RAINING, TimeOfDay.NIGHT)
    assert (found.native, found.sun_altitude_deg, found.cloud) == ("HardRainNight", None, None)


def test_a_frames_own_name_beats_the_parameters_of_its_recording(tmp_path: Path) -> None:
    drive.write_drive(
        tmp_path, [drive.record(1) | {"weather": "HardRainNight"}], weather=drive.NOON
    )
    made = parts.build("sim_adapters", "carla", path=tmp_path)
    found = made.read(made.index()[0]).conditions
    assert (found.weather, found.time_of_day) == (Weather.RAINING, TimeOfDay.NIGHT)
    assert (found.native, found.sun_altitude_deg) == ("HardRainNight", None)


def test_a_name_tells_the_hour_that_parameters_leave_out(tmp_path: Path) -> None:
    sky = {k: v for k, v in drive.NOON.items() if k != "sun_altitude_angle"}
    drive.write_drive(tmp_path, [drive.record(1, sky, weather_name="ClearNight")])
    made = parts.build("sim_adapters", "carla", path=tmp_path)
    found = made.read(made.index()[0]).conditions
    assert (found.weather, found.time_of_day) == (Weather.CLEAR, TimeOfDay.NIGHT)
    assert found.sun_altitude_deg is None


def test_an_unknown_name_stays_verbatim(tmp_path: Path) -> None:
    found = conditions(tmp_path, "Rain of Frogs")
    assert (found.weather, found.time_of_day) == (Weather.UNKNOWN, TimeOfDay.UNKNOWN)
    assert found.native == "Rain of Frogs"


def test_a_setting_names_the_weather_of_frames_that_tell_none(tmp_path: Path) -> None:
    found = conditions(tmp_path, None, weather="CloudySunset")
    assert (found.weather, found.time_of_day) == (Weather.OVERCAST, TimeOfDay.DUSK)
    assert conditions(tmp_path, drive.NOON, weather="CloudySunset").weather is Weather.CLEAR


def test_the_default_preset_says_nothing(tmp_path: Path) -> None:
    found = conditions(tmp_path, DEFAULT)
    assert (found.weather, found.time_of_day) == (Weather.UNKNOWN, TimeOfDay.UNKNOWN)
    assert (found.sun_altitude_deg, found.cloud, found.wetness) == (None, None, None)


def test_early_releases_tell_six_parameters_in_their_own_spelling(tmp_path: Path) -> None:
    early = {
        "cloudyness": 90.0,
        "precipitation": 90.0,
        "precipitation_deposits": 100.0,
        "wind_intensity": 1.0,
        "sun_azimuth_angle": 0.0,
        "sun_altitude_angle": 20.0,
    }
    found = conditions(tmp_path, early)
    assert (found.weather, found.time_of_day) == (Weather.RAINING, TimeOfDay.DUSK)
    assert (found.cloud, found.wetness) == (0.9, 1.0)
