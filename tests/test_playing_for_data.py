"""Playing for Data: palette indices are classes, names have gaps, labels may have other sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import playing_for_data as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.parts import build
from parhelion.pipeline.scene_class import SceneClass

# Cityscapes label id -> train id, as its makers publish them; all others are void.
TRAIN_IDS = {
    7: 0,
    8: 1,
    11: 2,
    12: 3,
    13: 4,
    17: 5,
    19: 6,
    20: 7,
    21: 8,
    22: 9,
    23: 10,
    24: 11,
    25: 12,
    26: 13,
    27: 14,
    28: 15,
    31: 16,
    32: 17,
    33: 18,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def adapter(folder: Path) -> Any:
    return build("sim_adapters", "playing_for_data", path=folder)


def first(folder: Path) -> Frame:
    source = adapter(folder)
    return source.read(source.index()[0])


def refusal(folder: Path) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        first(folder)
    return caught.value


def test_the_palette_s_index_is_the_class_whatever_its_colour(folder: Path) -> None:
    frame = first(folder)
    names = ("SKY", "ROAD", "BUILDING", "CAR")
    ids = [getattr(recording, name) for name in names]
    wanted = np.full((HEIGHT, WIDTH), 255)
    for i, name in zip(ids, names, strict=True):
        wanted[recording.labels() == i] = SceneClass[name]
    assert np.array_equal(frame.stencil, wanted)
    # A grey picture of the same numbers, without any palette, reads alike.
    save(folder / "labels/00001.png", recording.labels())
    assert np.array_equal(first(folder).stencil, wanted)


def test_every_label_id_is_its_train_id_or_void(folder: Path) -> None:
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    ids[0, :35] = range(35)  # 34: licence plates
    recording.save_label(folder / "labels/00001.png", ids)
    read = first(folder).stencil[0, :35].tolist()
    assert read == [TRAIN_IDS.get(i, 255) for i in range(35)]


def test_labels_written_as_colours_are_refused(folder: Path) -> None:
    path = folder / "labels/00001.png"
    Image.open(path).convert("RGB").save(path)
    error = refusal(folder)
    assert error.reason is Reason.WRONG_TYPE
    assert "colours" in error.sentence


def test_an_id_that_no_table_knows_is_refused(folder: Path) -> None:
    recording.save_label(folder / "labels/00001.png", np.full((HEIGHT, WIDTH), 77, dtype=np.uint8))
    error = refusal(folder)
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "77" in error.sentence


def test_labels_of_another_size_than_their_picture_are_refused(folder: Path) -> None:
    recording.save_label(folder / "labels/00001.png", recording.labels()[:-6])
    error = refusal(folder)
    assert error.reason is Reason.SIZE_MISMATCH
    assert str((HEIGHT, WIDTH)) in error.sentence
    assert str((HEIGHT - 6, WIDTH)) in error.sentence


def test_a_picture_without_labels_is_refused_and_the_others_are_read(folder: Path) -> None:
    (folder / "labels/00001.png").unlink()
    error = refusal(folder)
    assert error.reason is Reason.MISSING_FILE
    assert "labels/00001.png" in error.sentence
    source = adapter(folder)
    assert source.read(source.index()[1]).layers == {"stencil"}


def test_numbers_have_gaps_and_neighbours_in_number_share_a_group(folder: Path) -> None:
    for number in (99, 101, 250, 24966):
        recording.save_label(folder / f"labels/{number:05d}.png", recording.labels())
        save(folder / f"images/{number:05d}.png", street_pixels(number))
    groups = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert list(groups) == ["00001", "00099", "00101", "00205", "00250", "24966"]
    assert groups["00001"] == groups["00099"]
    assert groups["00205"] == groups["00250"]
    assert len(set(groups.values())) == 4


def test_labels_without_a_picture_are_a_bad_frame(folder: Path) -> None:
    recording.save_label(folder / "labels/00007.png", recording.labels())
    assert len(adapter(folder).index()) == 3


def test_the_source_tells_no_weather_and_no_boxes(folder: Path) -> None:
    frame = first(folder)
    assert frame.conditions == Conditions()
    assert frame.layers == {"stencil"}
    assert frame.label_space == frozenset(SceneClass(i) for i in range(19))
