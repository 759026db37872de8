"""Driving in the Matrix: the habits of its writer, and what its words mean."""

from pathlib import Path
from typing import Any

import pytest
from recordings.driving_in_the_matrix import write
from recordings.voc import tag_object, write_xml

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass


def frames(**settings: Any) -> list[Frame]:
    part = parts.build("sim_adapters", "driving_in_the_matrix", **settings)
    return [part.read(ref) for ref in part.index()]


def test_empty_nodes_are_passed_over_and_their_car_is_any_vehicle(tmp_path: Path) -> None:
    for frame in frames(**write(tmp_path)):
        assert [(o.category, o.box_xyxy) for o in frame.objects] == [
            (SceneClass.VEHICLE, (10, 18, 20, 24)),
            (SceneClass.MOTORCYCLE, (0, 0, 1, 1)),
            (SceneClass.PERSON, (40, 4, 48, 32)),
        ]
        assert frame.label_space == {SceneClass.VEHICLE, SceneClass.MOTORCYCLE, SceneClass.PERSON}
        assert frame.provenance.kind is Kind.SIMULATED
        assert frame.layers == {"objects"}


def test_what_the_captures_guessed_is_not_kept(tmp_path: Path) -> None:
    for thing in frames(**write(tmp_path))[0].objects:
        assert (thing.visibility, thing.truncation, thing.instance) == (None, None, None)


def test_an_image_set_chooses_frames(tmp_path: Path) -> None:
    settings = write(tmp_path)
    assert len(frames(**settings)) == 2
    (chosen,) = frames(**settings, image_set="trainval10k")
    assert chosen.provenance.source is not None
    assert chosen.provenance.source.native_id == "VOC2012/3391002"
    part = parts.build("sim_adapters", "driving_in_the_matrix", **settings, image_set="trainval50k")
    with pytest.raises(BadFrame, match=r"trainval50k\.txt: wanted this file") as caught:
        part.read(part.index()[0])
    assert caught.value.reason is Reason.MISSING_FILE


def test_the_folder_of_the_archive_may_be_left_out(tmp_path: Path) -> None:
    settings = write(tmp_path)
    inside = frames(**{**settings, "path": tmp_path / "VOC2012"})
    outside = frames(**settings)
    assert [f.content_sha256 for f in inside] == [f.content_sha256 for f in outside]


def test_neighbours_in_number_share_a_group(tmp_path: Path) -> None:
    settings = write(tmp_path)
    home = tmp_path / "VOC2012"
    jpeg = (home / "JPEGImages/3384645.jpg").read_bytes()
    (home / "JPEGImages/3384646.jpg").write_bytes(jpeg)
    write_xml(home / "Annotations/3384646.xml", "run/info.tiff", [])
    first, second, far = frames(**settings)
    assert first.group_id == second.group_id != far.group_id


def test_another_word_is_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    path = tmp_path / "VOC2012/Annotations/3384645.xml"
    write_xml(path, "run/info.tiff", [tag_object("boat", (1, 1, 2, 2))])
    part = parts.build("sim_adapters", "driving_in_the_matrix", **settings)
    with pytest.raises(BadFrame, match="'boat'") as caught:
        part.read(part.index()[0])
    assert caught.value.reason is Reason.UNKNOWN_CLASS
