"""Sources that do not tell their sky: a setting states it, and overrules nothing that is told."""

import importlib
from pathlib import Path

import pytest

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.sim_adapters._stated_sky import StatedSky

SILENT = [
    name
    for name in parts.names("sim_adapters")
    if issubclass(parts.part("sim_adapters", name).Config, StatedSky)
]


def skies(name: str, folder: Path, **settings: str) -> dict[str, Conditions]:
    written = importlib.import_module(f"recordings.{name}").write(folder)
    source = parts.build("sim_adapters", name, **written, **settings)
    return {ref.native_id: source.read(ref).conditions for ref in source.index()}


@pytest.mark.parametrize("name", SILENT)
def test_a_setting_states_what_the_source_leaves_unknown(name: str, tmp_path: Path) -> None:
    told = skies(name, tmp_path / "told")
    stated = skies(name, tmp_path / "stated", weather="Foggy", time_of_day="dawn")
    assert any(sky.weather is Weather.UNKNOWN for sky in told.values())
    assert stated.keys() == told.keys()
    for frame, sky in told.items():
        weather = Weather.FOGGY if sky.weather is Weather.UNKNOWN else sky.weather
        time = TimeOfDay.DAWN if sky.time_of_day is TimeOfDay.UNKNOWN else sky.time_of_day
        wanted = sky.model_copy(update={"weather": weather, "time_of_day": time})
        assert stated[frame] == wanted


def test_sources_that_tell_of_no_sky_let_their_user_tell() -> None:
    assert {"kitti", "playing_for_data", "presil", "solo", "voc", "yolo"} <= set(SILENT)
