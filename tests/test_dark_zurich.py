"""Dark Zurich: the folder tells the time, and only labelled nights have a stencil."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import dark_zurich as recording
from recordings import street_pixels

from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.sim_adapters.dark_zurich import DarkZurich, DarkZurichConfig

NIGHT = "val/night/GOPR0356/GOPR0356_frame_000321"
ITS_DAY = "val_ref/day/GOPR0356_ref/GOPR0356_frame_000321"


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = DarkZurich(DarkZurichConfig(path=folder, **settings))
    return {ref.native_id: source.read(ref) for ref in source.index()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def test_the_folder_tells_the_time_and_nothing_tells_the_weather(folder: Path) -> None:
    found = frames(folder)
    assert len(found) == len(recording.FRAMES)
    for name, frame in found.items():
        word = name.split("/")[1]
        time = {"day": TimeOfDay.DAY, "twilight": TimeOfDay.DUSK, "night": TimeOfDay.NIGHT}[word]
        assert frame.conditions.time_of_day is time
        assert frame.conditions.native == word
        assert frame.conditions.weather is Weather.UNKNOWN


def test_a_setting_names_the_weather(folder: Path) -> None:
    weathers = {frame.conditions.weather for frame in frames(folder, weather="Clear").values()}
    assert weathers == {Weather.CLEAR}


def test_only_labelled_nights_have_a_stencil(folder: Path) -> None:
    found = frames(folder)
    assert np.array_equal(found[NIGHT].stencil, recording.train_ids())
    assert np.array_equal(found[NIGHT].image, street_pixels(4))
    for name, frame in found.items():
        assert (frame.stencil is None) == (name != NIGHT)
        assert bool(frame.label_space) == (name == NIGHT)


def test_a_night_its_day_and_the_pieces_of_a_recording_are_one_group(folder: Path) -> None:
    groups = {name: frame.group_id for name, frame in frames(folder).items()}
    assert groups[NIGHT] == groups[ITS_DAY] == "dark_zurich/GOPR0356"
    first = groups["train/night/GOPR0351/GOPR0351_frame_000159"]
    assert groups["train/night/GP010351/GP010351_frame_000001"] == first
    assert len(set(groups.values())) == 4
