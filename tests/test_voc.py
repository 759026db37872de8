"""Pascal VOC: boxes from 1, masks by their palette's index, words that a table knows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from recordings.voc import (
    BORDER,
    CAR,
    CAR_BOX,
    PERSON,
    PERSON_BOX,
    mask,
    save_mask,
    tag_object,
    write,
    write_xml,
)
from torchvision.datasets import VOCDetection

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass


def frames(settings: dict[str, Any]) -> list[Frame]:
    part = parts.build("sim_adapters", "voc", **settings)
    return [part.read(ref) for ref in part.index()]


def refusal(settings: dict[str, Any], native_id: str) -> BadFrame:
    part = parts.build("sim_adapters", "voc", **settings)
    (ref,) = [r for r in part.index() if r.native_id == native_id]
    with pytest.raises(BadFrame) as caught:
        part.read(ref)
    return caught.value


def one_frame(folder: Path, *objects: Any, **settings: Any) -> Frame:
    """The first recorded frame with other objects in its XML."""
    return one_frame_and_dropped(folder, *objects, **settings)[0]


def one_frame_and_dropped(
    folder: Path, *objects: Any, **settings: Any
) -> tuple[Frame, dict[str, int]]:
    """The same, and what was left out of it."""
    written = write(folder)
    write_xml(folder / "VOC2012/Annotations/2007_000027.xml", "x.jpg", objects)
    part = parts.build("sim_adapters", "voc", **{**written, **settings})
    return part.read(part.index()[0]), dict(part.dropped)


def test_boxes_lose_one_at_their_first_corner_only(tmp_path: Path) -> None:
    car, person = frames(write(tmp_path))[0].objects
    assert car.box_xyxy == (CAR_BOX[0] - 1, CAR_BOX[1] - 1, CAR_BOX[2], CAR_BOX[3])
    assert person.box_xyxy == (PERSON_BOX[0] - 1, PERSON_BOX[1] - 1, 48, 32)
    assert (car.category, person.category) == (SceneClass.CAR, SceneClass.PERSON)


def test_a_box_of_one_pixel_is_one_pixel(tmp_path: Path) -> None:
    frame = one_frame(tmp_path, tag_object("bus", (1, 1, 1, 1)))
    assert [o.box_xyxy for o in frame.objects] == [(0, 0, 1, 1)]


def test_boxes_are_clipped_and_those_outside_dropped_and_counted(tmp_path: Path) -> None:
    frame, dropped = one_frame_and_dropped(
        tmp_path, tag_object("car", (-4, 30.5, 60, 90)), tag_object("car", (49, 1, 60, 9))
    )
    assert [o.box_xyxy for o in frame.objects] == [(0, 29.5, 48, 32)]
    assert dropped == {"boxes outside the picture": 1}


def test_torchvision_reads_the_same_objects(tmp_path: Path) -> None:
    settings = write(tmp_path)
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "VOC2012").rename(tmp_path / "VOCdevkit/VOC2012")
    theirs = VOCDetection(str(tmp_path), year="2012", image_set="train")
    picture, told = theirs[0]
    (ours,) = frames({**settings, "path": tmp_path / "VOCdevkit", "image_set": "train"})
    assert np.array_equal(np.asarray(picture), ours.image)
    for mine, other in zip(ours.objects, told["annotation"]["object"], strict=True):
        low = [int(other["bndbox"][tag]) - 1 for tag in ("xmin", "ymin")]
        high = [int(other["bndbox"][tag]) for tag in ("xmax", "ymax")]
        assert [*mine.box_xyxy] == [*low, *high]
        assert mine.category.label == other["name"]


def test_masks_are_indices_and_their_void_is_ignored(tmp_path: Path) -> None:
    first, second = frames(write(tmp_path))
    ids = mask(CAR, PERSON)
    assert first.stencil is not None
    assert first.instances is not None
    assert np.array_equal(first.stencil == SceneClass.CAR, ids == CAR)
    assert np.array_equal(first.stencil == SceneClass.PERSON, ids == PERSON)
    assert (first.stencil[(ids == BORDER) | (ids == 0)] == SceneClass.IGNORE).all()
    assert np.array_equal(first.instances, mask(1, 2) % BORDER)
    assert [o.instance for o in first.objects] == [1, 2]
    assert second.stencil is None
    assert second.instances is None
    assert SceneClass.BUS in first.label_space


def test_masks_stay_unread_without_a_table_and_unknown_ids_are_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    assert frames({"path": tmp_path})[0].stencil is None
    bad = refusal({**settings, "mask_classes": {CAR: "car"}}, "VOC2012/2007_000027")
    assert bad.reason is Reason.UNKNOWN_CLASS
    assert "[15]" in bad.sentence


def test_a_number_is_given_only_where_mask_and_box_agree(tmp_path: Path) -> None:
    settings = write(tmp_path)
    save_mask(tmp_path / "VOC2012/SegmentationObject/2007_000027.png", mask(2, 1))
    assert [o.instance for o in frames(settings)[0].objects] == [None, None]


def test_flags_of_0_are_shares_of_0_and_flags_of_1_are_unknown(tmp_path: Path) -> None:
    frame = one_frame(
        tmp_path,
        tag_object("car", CAR_BOX, truncated="1", occluded="0"),
        tag_object("car", CAR_BOX, truncated="0", occluded="1", difficult="1"),
        tag_object("car", CAR_BOX, truncated=""),
    )
    assert [o.truncation for o in frame.objects] == [None, 0, None]
    assert [o.visibility for o in frame.objects] == [1, None, None]


def test_words_mean_what_the_setting_says(tmp_path: Path) -> None:
    objects = (tag_object("Lorry", CAR_BOX), tag_object("ego_car", CAR_BOX))
    classes = {"lorry": "truck", "Ego car": "ignore"}
    frame, dropped = one_frame_and_dropped(tmp_path, *objects, classes=classes, mask_classes={})
    assert [o.category for o in frame.objects] == [SceneClass.TRUCK]
    assert frame.label_space == {SceneClass.TRUCK}
    assert dropped == {"objects to be ignored": 1}


def test_an_unknown_word_is_refused_with_the_cure(tmp_path: Path) -> None:
    settings = write(tmp_path)
    path = tmp_path / "VOC2012/Annotations/2007_000027.xml"
    write_xml(path, "x.jpg", [tag_object("lorry", CAR_BOX)])
    bad = refusal(settings, "VOC2012/2007_000027")
    assert bad.reason is Reason.UNKNOWN_CLASS
    assert "'lorry'" in bad.sentence
    assert "`classes`" in bad.sentence
    with pytest.raises(ValidationError, match="no scene class"):
        parts.config("sim_adapters", "voc", {"classes": ["lorry"]})


@pytest.mark.parametrize(
    ("corners", "reason"),
    [((20, 19, 11, 24), Reason.EMPTY_BOX), ((1, 1, float("inf"), 9), Reason.BAD_METADATA)],
)
def test_absurd_boxes_are_refused(tmp_path: Path, corners: Any, reason: Reason) -> None:
    settings = write(tmp_path)
    path = tmp_path / "VOC2012/Annotations/2007_000027.xml"
    write_xml(path, "x.jpg", [tag_object("car", corners)])
    assert refusal(settings, "VOC2012/2007_000027").reason is reason


def test_boxes_for_another_size_are_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    path = tmp_path / "VOC2012/Annotations/2007_000027.xml"
    write_xml(path, "x.jpg", [], size=(500, 375))
    bad = refusal(settings, "VOC2012/2007_000027")
    assert bad.reason is Reason.SIZE_MISMATCH
    assert "500x375" in bad.sentence
    write_xml(path, "x.jpg", [], size=(0, 0))
    assert frames(settings)[0].objects == ()


def test_what_lacks_its_half_is_listed_and_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    (tmp_path / "VOC2012/Annotations/2007_000027.xml").unlink()
    (tmp_path / "VOC2012/JPEGImages/2008_000340.jpg").unlink()
    for native_id in ("VOC2012/2007_000027", "VOC2012/2008_000340"):
        assert refusal(settings, native_id).reason is Reason.MISSING_FILE
    bad = refusal({**settings, "image_set": "night"}, "VOC2012/ImageSets/Main/night.txt")
    assert bad.reason is Reason.MISSING_FILE
    assert refusal({"path": tmp_path / "VOC2012/ImageSets"}, "Annotations").reason is bad.reason


def test_groups_go_by_the_name_or_by_a_pattern(tmp_path: Path) -> None:
    settings = write(tmp_path)
    groups = [f.group_id for f in frames(settings)]
    assert groups == ["voc/VOC2012/2007_0", "voc/VOC2012/2008_3"]
    groups = [f.group_id for f in frames({**settings, "group_pattern": "(2)00"})]
    assert groups == ["voc/2", "voc/2"]


def test_entities_are_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    path = tmp_path / "VOC2012/Annotations/2007_000027.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>')
    assert refusal(settings, "VOC2012/2007_000027").reason is Reason.BAD_METADATA
