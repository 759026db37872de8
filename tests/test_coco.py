"""COCO's instances: boxes, masks and crowds as they were written, and documents that lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH
from recordings.coco import (
    CATEGORIES,
    annotation,
    packed_text,
    picture,
    rectangle,
    runs_of,
    write,
    write_document,
)

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass

FIRST = "val2017/000000000139.jpg"
NAME = "annotations/instances_val2017.json"


def build(settings: dict[str, Any]) -> Any:
    return parts.build("sim_adapters", "coco", **settings)


def frames(settings: dict[str, Any]) -> list[Frame]:
    part = build(settings)
    return [part.read(ref) for ref in part.index()]


def refusals(settings: dict[str, Any]) -> dict[str, BadFrame]:
    """What cannot be read, by native id."""
    part, found = build(settings), {}
    for ref in part.index():
        try:
            part.read(ref)
        except BadFrame as bad:
            found[ref.native_id] = bad
    return found


def rewritten(folder: Path, annotations: Sequence[Any], **other: Any) -> dict[str, Any]:
    """The recorded pictures under other annotations."""
    settings = write(folder)
    write_document(folder, [picture(139), picture(285)], annotations, **other)
    return settings


def test_boxes_end_at_x_plus_width_and_crowds_are_no_objects(tmp_path: Path) -> None:
    part = build(write(tmp_path))
    first, second = (part.read(ref) for ref in part.index())
    assert [(o.category, o.box_xyxy) for o in first.objects] == [
        (SceneClass.PERSON, (30, 8, 40, 28)),
        (SceneClass.CAR, (10, 18, 20, 24)),
    ]
    assert [o.box_xyxy for o in second.objects] == [(2, 3, 6.5, 8)]
    assert part.dropped == {"crowd regions": 1}
    space = {SceneClass.PERSON, SceneClass.CAR, SceneClass.TRAFFIC_LIGHT}
    assert first.label_space == second.label_space == space


def test_masks_are_painted_as_they_were_written(tmp_path: Path) -> None:
    first, second = frames(write(tmp_path))
    person, car = rectangle(30, 8, 40, 28), rectangle(10, 18, 20, 24)
    assert first.stencil is not None
    assert first.instances is not None
    assert second.stencil is not None
    assert np.array_equal(first.stencil == SceneClass.PERSON, person)
    assert np.array_equal(first.stencil == SceneClass.CAR, car)
    assert (first.stencil[~person & ~car] == SceneClass.IGNORE).all()
    assert [o.instance for o in first.objects] == [1, 2]
    assert np.array_equal(first.instances, person * 1 + car * 2)
    # Right edge at 6.5: the centre of the seventh pixel lies on it, and so outside.
    assert np.array_equal(second.stencil == SceneClass.CAR, rectangle(2, 3, 6, 8))


def test_the_three_spellings_of_a_mask_are_one(tmp_path: Path) -> None:
    mask = rectangle(10, 18, 20, 24)
    size = [HEIGHT, WIDTH]
    spellings = [
        [[10, 18, 20, 18, 20, 24, 10, 24]],
        [[10, 18, 13, 18, 13, 24, 10, 24], [13, 18, 20, 18, 20, 24, 13, 24]],
        {"size": size, "counts": runs_of(mask)},
        {"size": size, "counts": packed_text(runs_of(mask))},
    ]
    for i, spelling in enumerate(spellings):
        told = [annotation(139, 3, [10, 18, 10, 6], spelling)]
        found = frames(rewritten(tmp_path / str(i), told))[0]
        assert np.array_equal(found.instances, mask * 1)


def test_a_file_without_masks_gives_none(tmp_path: Path) -> None:
    """And one with some gives them to every picture: nothing is there, which is known."""
    told = [annotation(139, 3, [10, 18, 10, 6], None)]
    for frame in frames(rewritten(tmp_path / "a", told)):
        assert frame.stencil is None
        assert frame.instances is None
    masked = annotation(285, 3, [0, 0, 4, 4], [[0, 0, 4, 0, 4, 4, 0, 4]])
    first, _ = frames(rewritten(tmp_path / "b", [*told, masked]))
    assert first.instances is not None
    assert not first.instances.any()
    assert [o.instance for o in first.objects] == [None]


def test_an_object_that_is_painted_over_has_no_number(tmp_path: Path) -> None:
    square = [[5, 5, 9, 5, 9, 9, 5, 9]]
    told = [annotation(139, c, [5, 5, 4, 4], square) for c in (1, 3)]
    found = frames(rewritten(tmp_path, told))[0]
    assert [o.instance for o in found.objects] == [None, 2]


def test_attributes_tell_of_the_sky(tmp_path: Path) -> None:
    first, second = frames(write(tmp_path))
    assert first.conditions.weather is Weather.RAINING
    assert first.conditions.time_of_day is TimeOfDay.NIGHT
    assert first.conditions.native == "rainy; night"
    assert second.conditions.weather is Weather.UNKNOWN


def test_boxes_are_clipped_and_those_outside_dropped(tmp_path: Path) -> None:
    boxes = ([-5, -5, 10, 10], [47.5, 31, 9, 9], [60, 1, 3, 3], [4, 4, 0, 5])
    part = build(rewritten(tmp_path, [annotation(139, 3, box, None) for box in boxes]))
    found = part.read(part.index()[0])
    assert [o.box_xyxy for o in found.objects] == [(0, 0, 5, 5), (47.5, 31, 48, 32)]
    assert part.dropped == {"boxes outside the picture": 2}


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"category_id": 7}, Reason.UNKNOWN_CLASS, "its `categories`, got 7"),
        ({"bbox": [1, 1, -3, 4]}, Reason.EMPTY_BOX, "corners in order"),
        ({"bbox": [1, 1, 3]}, Reason.BAD_METADATA, "bbox.3: Field required"),
        ({"bbox": [1, 1, 1e9, 3]}, Reason.BAD_METADATA, "bbox.2: Input should be less"),
        ({"segmentation": [[1, 2, 3]]}, Reason.BAD_METADATA, "got 3 numbers"),
        ({"segmentation": {"size": [48, 32], "counts": [1536]}}, Reason.SIZE_MISMATCH, "32x48"),
        ({"segmentation": {"size": [32, 48], "counts": [7]}}, Reason.BAD_METADATA, "fill 48x32"),
        ({"segmentation": {"size": [32, 48], "counts": "~"}}, Reason.BAD_METADATA, "packed runs"),
    ],
)
def test_broken_annotations_spoil_their_picture_only(
    tmp_path: Path, changes: dict[str, Any], reason: Reason, said: str
) -> None:
    broken = {**annotation(139, 3, [1, 1, 3, 4], None), **changes}
    (name, bad), *others = refusals(rewritten(tmp_path, [broken])).items()
    assert (name, bad.reason, others) == (FIRST, reason, [])
    assert said in bad.sentence
    assert NAME in bad.sentence


def test_words_mean_what_the_setting_says(tmp_path: Path) -> None:
    categories = [*CATEGORIES, {"id": 11, "name": "tuk-tuk"}]
    told = [annotation(139, 11, [1, 1, 3, 4], None)]
    settings = rewritten(tmp_path, told, categories=categories)
    assert refusals(settings)[FIRST].reason is Reason.UNKNOWN_CLASS
    found = frames({**settings, "classes": {"tuk_tuk": "car", "car": "vehicle"}})[0]
    assert [o.category for o in found.objects] == [SceneClass.CAR]
    assert SceneClass.VEHICLE in found.label_space
    assert frames({**settings, "classes": {"tuk tuk": "ignore"}})[0].objects == ()


def test_records_that_lead_nowhere_are_reported(tmp_path: Path) -> None:
    settings = write(tmp_path)
    pictures = [picture(139), picture(139), {"id": 4}, picture(7), picture(285)]
    told = [annotation(99, 3, [1, 1, 2, 2], None), {"bbox": []}]
    write_document(tmp_path, pictures, told)
    found = refusals(settings)
    reasons = sorted(bad.reason for bad in found.values())
    assert reasons == sorted(
        [
            *(Reason.BAD_METADATA, Reason.BAD_METADATA),  # {"id": 4} and {"bbox": []}
            *(Reason.DUPLICATE_ID, Reason.MISSING_FILE, Reason.MISSING_FILE),
        ]
    )
    assert found["val2017/000000000007.jpg"].reason is Reason.MISSING_FILE
    assert "`images` lists none" in found[f"{NAME}, annotations of image 99"].sentence
    assert len(build(settings).index()) == 2 + len(found)


EMPTY = '{"images": [], "annotations": [], "categories": []}'


@pytest.mark.parametrize("text", ["", "[]", "{", EMPTY, EMPTY[:14], '{"images": [' + "[" * 90000])
def test_a_broken_document_is_an_entry_of_its_own(tmp_path: Path, text: str) -> None:
    settings = write(tmp_path)
    (tmp_path / NAME).write_text(text)
    assert [(name, bad.reason) for name, bad in refusals(settings).items()] == [
        (NAME, Reason.BAD_METADATA)
    ]


def test_without_a_document_the_index_says_so(tmp_path: Path) -> None:
    (bad,) = refusals({"path": tmp_path}).values()
    assert bad.reason is Reason.MISSING_FILE


def test_a_document_that_changed_under_the_index_is_noticed(tmp_path: Path) -> None:
    part = build(write(tmp_path))
    ref = part.index()[0]
    text = (tmp_path / NAME).read_text()
    (tmp_path / NAME).write_text(text.replace('"image_id": 139', '"image_id": 285'))
    with pytest.raises(BadFrame, match="wanted the file of the index"):
        part.read(ref)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    settings = write(tmp_path)
    write_document(tmp_path, [{**picture(139), "width": 640}], [])
    bad = refusals(settings)[FIRST]
    assert bad.reason is Reason.SIZE_MISMATCH
    assert "640x32" in bad.sentence


def test_other_layouts(tmp_path: Path) -> None:
    wanted = [frame.objects for frame in frames(write(tmp_path / "a"))]
    for i, (document, folder) in enumerate(
        [
            ("train/_annotations.coco.json", "train"),
            ("annotations/instances_default.json", "images"),
            ("annotations/instances_default.json", "images/default"),
            ("labels.json", "pictures"),
        ]
    ):
        home = tmp_path / str(i)
        for path in (home / document, home / folder / "x"):
            path.parent.mkdir(parents=True, exist_ok=True)
        (home / document).write_bytes((tmp_path / "a" / NAME).read_bytes())
        for path in (tmp_path / "a/val2017").iterdir():
            (home / folder / path.name).write_bytes(path.read_bytes())
        named = {"annotations": [document], "images": folder} if i == 3 else {}
        assert [f.objects for f in frames({"path": home, **named})] == wanted


def test_groups_go_by_number_or_pattern(tmp_path: Path) -> None:
    settings = write(tmp_path)
    groups = [frame.group_id for frame in frames(settings)]
    assert groups == ["coco/val2017/1", "coco/val2017/2"]
    pattern = {**settings, "group_pattern": "(val)"}
    assert {frame.group_id for frame in frames(pattern)} == {"coco/val"}


def test_backslashes_of_packed_runs_survive_json(tmp_path: Path) -> None:
    mask = rectangle(1, 12, 20, 30)  # a first run of 44 is packed with a backslash
    text = packed_text(runs_of(mask))
    assert "\\" in text
    told = [annotation(139, 3, [1, 12, 19, 18], {"size": [HEIGHT, WIDTH], "counts": text})]
    assert np.array_equal(frames(rewritten(tmp_path, told))[0].instances, mask * 1)
