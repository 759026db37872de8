"""ACDC: skies by folder, labels of two kinds, reference days, and recordings as groups."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import acdc as recording
from recordings import save, street_pixels

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.sim_adapters._anonymised_drives import recording as recording_of
from parhelion.sim_adapters.acdc import Acdc, AcdcConfig

FOG = "fog/train/GOPR0475/GOPR0475_frame_000041"
REFERENCE = "fog/train_ref/GOPR0475/GOPR0475_frame_000041"
TEST = "fog/test/GOPR0478/GOPR0478_frame_000002"


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = Acdc(AcdcConfig(path=folder, **settings))
    return {ref.native_id: source.read(ref) for ref in source.index()}


def refusal(folder: Path, native_id: str) -> BadFrame:
    source = Acdc(AcdcConfig(path=folder))
    ref = next(ref for ref in source.index() if ref.native_id == native_id)
    with pytest.raises(BadFrame) as caught:
        source.read(ref)
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def test_the_folder_says_what_the_sky_is(folder: Path) -> None:
    skies = {
        name.split("/")[0]: (frame.conditions.weather, frame.conditions.time_of_day)
        for name, frame in frames(folder, references=False).items()
    }
    assert skies == {
        "fog": (Weather.FOGGY, TimeOfDay.DAY),
        "night": (Weather.CLEAR, TimeOfDay.NIGHT),
        "rain": (Weather.RAINING, TimeOfDay.DAY),
        "snow": (Weather.SNOWING, TimeOfDay.DAY),
    }


def test_label_ids_and_train_ids_give_one_stencil(folder: Path) -> None:
    labelled = [frame for frame in frames(folder).values() if frame.stencil is not None]
    assert len(labelled) == 4
    for frame in labelled:
        assert np.array_equal(frame.stencil, recording.train_ids())  # which are our own ids
    assert np.array_equal(frames(folder)[FOG].image, street_pixels(0))


def test_a_reference_day_is_a_frame_of_the_same_group_and_no_twin(folder: Path) -> None:
    found = frames(folder)
    fog, day = found[FOG], found[REFERENCE]
    assert (day.conditions.weather, day.conditions.time_of_day) == (Weather.CLEAR, TimeOfDay.DAY)
    assert day.group_id == fog.group_id
    assert day.provenance.twin_id == fog.provenance.twin_id == ""
    assert day.stencil is None
    assert REFERENCE not in frames(folder, references=False)


def test_labels_of_references_are_told_from_those_of_the_fog(folder: Path) -> None:
    ids = np.full_like(recording.train_ids(), 10)
    name = "GOPR0475_frame_000041_gt_ref_labelTrainIds.png"
    save(folder / f"gt/fog/train/GOPR0475/{name}", ids)  # in a wrong folder it means nothing
    assert np.array_equal(frames(folder)[FOG].stencil, recording.train_ids())
    save(folder / f"gt/fog/train_ref/GOPR0475/{name}", ids)
    found = frames(folder)
    assert np.array_equal(found[REFERENCE].stencil, ids)
    assert np.array_equal(found[FOG].stencil, recording.train_ids())


def test_the_test_split_has_no_stencil(folder: Path) -> None:
    frame = frames(folder)[TEST]
    assert frame.layers == frozenset()
    assert frame.label_space == frozenset()


@pytest.mark.parametrize(
    ("drive", "group"),
    [
        ("GOPR0475", "GOPR0475"),
        ("GP010475", "GOPR0475"),  # the second file of one recording
        ("GP020475", "GOPR0475"),
        ("GOPR0475_ref", "GOPR0475"),
        ("GP010476", "GOPR0476"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_pieces_of_a_recording_are_one_group(drive: str, group: str) -> None:
    assert recording_of(drive) == group


def test_a_picture_without_its_label_and_a_label_without_its_picture_are_told(folder: Path) -> None:
    stem = "fog/train/GOPR0475/GOPR0475_frame_000042"
    other = "fog/train/GOPR0475/GOPR0475_frame_000043"
    save(folder / f"rgb_anon/{stem}_rgb_anon.png", street_pixels(3))
    save(folder / f"gt/{other}_gt_labelTrainIds.png", recording.train_ids())
    for name, lost in ((stem, "gt_labelTrainIds"), (other, "rgb_anon")):
        refused = refusal(folder, name)
        assert refused.reason is Reason.MISSING_FILE
        assert f"{name}_{lost}.png" in refused.sentence


def test_a_strange_name_and_a_strange_id_are_refused(folder: Path) -> None:
    strange = "rgb_anon/fog/train/GOPR0475/holiday.png"
    save(folder / strange, street_pixels(3))
    assert refusal(folder, strange).reason is Reason.BAD_METADATA
    ids = recording.train_ids()
    ids[0, 0] = 19  # a class of ours that the source cannot mean
    save(folder / f"gt/{FOG}_gt_labelTrainIds.png", ids)
    refused = refusal(folder, FOG)
    assert refused.reason is Reason.UNKNOWN_CLASS
    assert "[19]" in refused.sentence
