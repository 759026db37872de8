"""BDD100K: corners that belong to the box, ids in two bytes, names that lie in two sets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, save
from recordings import bdd100k as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.bdd100k import Bdd100k, Bdd100kConfig

BOXED = "100k/train/0000f77c-6257be58"
TWICE = recording.TWICE
LIST = "labels/det_20/det_train.json"


def adapter(folder: Path, **settings: Any) -> Bdd100k:
    return Bdd100k(Bdd100kConfig(path=folder, **settings))


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = adapter(folder, **settings)
    return {ref.native_id: source.read(ref) for ref in source.index()}


def refusal(folder: Path, native_id: str = BOXED) -> BadFrame:
    source = adapter(folder)
    ref = next(ref for ref in source.index() if ref.native_id == native_id)
    with pytest.raises(BadFrame) as caught:
        source.read(ref)
    return caught.value


def rewrite(folder: Path, **changes: Any) -> None:
    """The first record of the list, changed; no other is left out."""
    first, *rest = [recording.frame(stem, i) for i, stem in enumerate(recording.BOXED["train"])]
    recording.write_json(folder / LIST, [first | changes, *rest])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def test_the_last_pixel_belongs_to_the_box(folder: Path) -> None:
    car, walker, motorcycle, light = frames(folder)[BOXED].objects
    assert car.box_xyxy == (4, 18, 13, 26)
    assert walker.box_xyxy == (40.25, 10.5, WIDTH, HEIGHT)  # whose last pixel is the picture's
    assert light.box_xyxy == (7, 2, 8, 5)  # one pixel wide, and no empty box
    assert [thing.category for thing in (car, walker, motorcycle, light)] == [
        SceneClass.CAR,
        SceneClass.PERSON,
        SceneClass.MOTORCYCLE,
        SceneClass.TRAFFIC_LIGHT,
    ]
    assert (car.visibility, car.truncation) == (1, 0)
    assert (walker.visibility, walker.truncation) == (None, None)  # of which no share is told


def test_words_of_the_sky_are_kept_and_understood(folder: Path) -> None:
    found = frames(folder)
    rainy = found[BOXED].conditions
    assert (rainy.weather, rainy.time_of_day) == (Weather.RAINING, TimeOfDay.NIGHT)
    assert rainy.native == "rainy; city street; night"
    cloudy = found[f"100k/train/{TWICE}"].conditions
    assert (cloudy.weather, cloudy.time_of_day) == (Weather.CLOUDS, TimeOfDay.DUSK)
    assert found[f"10k/train/{TWICE}"].conditions.native == ""


@pytest.mark.parametrize("word", ["undefined", "sleet"])
def test_an_unknown_word_stays_verbatim(folder: Path, word: str) -> None:
    rewrite(folder, attributes={"weather": word, "timeofday": None})
    conditions = frames(folder)[BOXED].conditions
    assert (conditions.weather, conditions.time_of_day) == (Weather.UNKNOWN, TimeOfDay.UNKNOWN)
    assert conditions.native == word


def test_an_empty_street_is_annotated_and_a_test_picture_is_not(folder: Path) -> None:
    found = frames(folder)
    empty, unlabelled = found[f"100k/train/{TWICE}"], found["100k/test/cabc30fc-e7726578"]
    assert empty.objects == unlabelled.objects == ()
    assert len(empty.label_space) == 10
    assert SceneClass.ROAD not in empty.label_space
    assert unlabelled.label_space == frozenset()


def test_one_name_in_two_sets_is_two_frames_of_one_drive(folder: Path) -> None:
    found = frames(folder)
    boxed, masked = found[f"100k/train/{TWICE}"], found[f"10k/train/{TWICE}"]
    assert boxed.frame_id != masked.frame_id
    assert boxed.group_id == masked.group_id
    assert boxed.stencil is None
    assert masked.stencil is not None
    rewrite(folder, videoName="drive-7", name=f"{TWICE}.jpg")
    recording.write_json(folder / LIST, [{"name": f"{TWICE}.jpg", "videoName": "drive-7"}])
    groups = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert groups[f"100k/train/{TWICE}"] == groups[f"10k/train/{TWICE}"] == "bdd100k/drive-7"


def test_an_id_lies_in_blue_and_alpha(folder: Path) -> None:
    frame = frames(folder)[f"10k/train/{TWICE}"]
    assert np.array_equal(frame.stencil, recording.train_ids())
    rgba = recording.bitmask().astype(np.int32)
    single = (rgba[..., 1] & 3) == 0
    assert np.array_equal(frame.instances, ((rgba[..., 2] << 8) + rgba[..., 3]) * single)
    car, rider = frame.objects  # neither the crowd nor the ignored car
    assert (car.instance, car.category) == (7, SceneClass.CAR)
    assert (rider.instance, rider.category) == (258, SceneClass.RIDER)
    assert car.box_xyxy == (10, 18, 20, 24)
    assert rider.box_xyxy == (30, 14, 33, 25)
    assert (car.visibility, car.truncation) == (1, None)
    assert (rider.visibility, rider.truncation) == (None, 0)


def panoptic(folder: Path, stem: str) -> None:
    """A mask whose areas have their class as id."""
    rgba = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    rgba[:10], rgba[10:22], rgba[22:] = (30, 0, 0, 30), (22, 0, 0, 22), (7, 0, 0, 7)
    rgba[18:24, 10:20] = 35, 0, 0, 31
    rgba[18:24, 30:36] = 36, 0, 0, 32  # a caravan
    save(folder / f"labels/pan_seg/bitmasks/train/{stem}.png", rgba)


def test_panoptic_masks_give_the_stencil_where_no_other_does(folder: Path) -> None:
    for stem in recording.MASKED["train"]:
        panoptic(folder, stem)
        (folder / f"labels/sem_seg/masks/train/{stem}.png").unlink()
        (folder / f"labels/ins_seg/bitmasks/train/{stem}.png").unlink()
    frame = frames(folder)[f"10k/train/{TWICE}"]
    assert frame.stencil[0, 0] == SceneClass.SKY
    assert frame.stencil[12, 0] == SceneClass.STREET_LIGHT
    assert frame.stencil[20, 32] == SceneClass.IGNORE
    assert SceneClass.STREET_LIGHT in frame.label_space
    (car,) = frame.objects
    assert (car.instance, car.category) == (31, SceneClass.CAR)
    assert set(np.unique(frame.instances)) == {0, 31, 32}  # areas are no things


def test_an_id_of_two_classes_is_refused(folder: Path) -> None:
    rgba = recording.bitmask()
    rgba[0, 0] = recording.RIDER, 0, 0, 7
    save(folder / f"labels/ins_seg/bitmasks/train/{TWICE}.png", rgba)
    assert "one class" in refusal(folder, f"10k/train/{TWICE}").sentence


def test_a_mask_without_alpha_is_refused(folder: Path) -> None:
    save(folder / f"labels/ins_seg/bitmasks/train/{TWICE}.png", recording.bitmask()[..., :3].copy())
    assert refusal(folder, f"10k/train/{TWICE}").reason is Reason.WRONG_TYPE


def test_a_class_outside_the_table_is_refused(folder: Path) -> None:
    rgba = recording.bitmask()
    rgba[0, 0] = 9, 0, 0, 99
    save(folder / f"labels/ins_seg/bitmasks/train/{TWICE}.png", rgba)
    refused = refusal(folder, f"10k/train/{TWICE}")
    assert refused.reason is Reason.UNKNOWN_CLASS


def test_a_picture_without_its_semantic_mask_is_bad(folder: Path) -> None:
    (folder / f"labels/sem_seg/masks/train/{TWICE}.png").unlink()
    assert refusal(folder, f"10k/train/{TWICE}").reason is Reason.MISSING_FILE


def test_a_picture_that_the_list_lacks_would_pass_for_an_empty_street(folder: Path) -> None:
    recording.save_photo(folder / "images/100k/train/ffffffff-00000000.jpg", 3)
    refused = refusal(folder, "100k/train/ffffffff-00000000")
    assert refused.reason is Reason.BAD_METADATA
    assert f"in {LIST}" in refused.sentence


def test_a_record_without_its_picture_and_one_that_stands_there_twice(folder: Path) -> None:
    stems = ("0000f77c-6257be58", "0000f77c-6257be58", "aaaaaaaa-bbbbbbbb", TWICE)
    recording.write_json(folder / LIST, [{"name": f"{stem}.jpg"} for stem in stems])
    assert refusal(folder, "100k/train/aaaaaaaa-bbbbbbbb").reason is Reason.MISSING_FILE
    assert refusal(folder).reason is Reason.DUPLICATE_ID


def test_a_broken_list_spoils_its_own_split_alone(folder: Path) -> None:
    (folder / LIST).write_text("[{")
    assert refusal(folder).reason is Reason.BAD_METADATA
    source = adapter(folder)
    for ref in source.index():
        if not ref.native_id.startswith("100k/train"):
            source.read(ref)


def test_a_broken_record_spoils_itself_alone(folder: Path) -> None:
    good = json.dumps(recording.frame(TWICE, 1))
    (folder / LIST).write_text(f'[{{"name": 7}}, {good}]')
    assert refusal(folder, f"{LIST}#0").reason is Reason.BAD_METADATA
    source = adapter(folder)
    source.read(next(ref for ref in source.index() if ref.native_id == f"100k/train/{TWICE}"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": [recording.label(0, "ufo", 1, 1, 5, 5)]}, Reason.UNKNOWN_CLASS),
        ({"labels": [recording.label(0, "car", 9, 1, 5, 5)]}, Reason.EMPTY_BOX),
        ({"labels": [recording.label(0, "car", 1, 1, float("nan"), 5)]}, Reason.BAD_METADATA),
        ({"size": {"width": 1280, "height": 720}}, Reason.SIZE_MISMATCH),
    ],
    ids=["category", "inside out", "nan", "size"],
)
def test_a_record_that_makes_no_sense_is_refused(
    folder: Path, change: dict[str, Any], reason: Reason
) -> None:
    rewrite(folder, **change)
    assert refusal(folder).reason is reason


def test_what_is_left_out_is_counted(folder: Path) -> None:
    outside = recording.label(0, "car", WIDTH + 1, 2, WIDTH + 9, 9)
    others = [recording.label(i, name, 2, 2, 9, 9) for i, name in enumerate(("trailer", "car"))]
    others[1]["attributes"]["crowd"] = True
    rewrite(folder, labels=[outside, *others, recording.label(9, "van", -5, 2, 9, 9)])
    source = adapter(folder)
    ref = next(ref for ref in source.index() if ref.native_id == BOXED)
    (van,) = source.read(ref).objects
    assert van.box_xyxy == (0, 2, 10, 10)
    assert sum(source.dropped.values()) == 3


def test_a_setting_names_the_list_of_an_older_release(folder: Path) -> None:
    pattern = "labels/bdd100k_labels_images_{split}.json"
    (folder / LIST).rename(folder / pattern.replace("{split}", "train"))
    assert len(frames(folder, detections=pattern)[BOXED].objects) == 4
