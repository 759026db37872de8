"""KITTI: columns of labels, P2 with its offset, instances times 256, and groups by drive."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, street_pixels
from recordings import kitti as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.kitti import Kitti, KittiConfig


def adapter(folder: Path, **settings: Any) -> Kitti:
    return Kitti(KittiConfig(path=folder, **settings))


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = adapter(folder, **settings)
    return {ref.native_id: source.read(ref) for ref in source.index()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def refusal(folder: Path, native_id: str = "training/000000") -> BadFrame:
    source = adapter(folder)
    ref = next(ref for ref in source.index() if ref.native_id == native_id)
    with pytest.raises(BadFrame) as caught:
        source.read(ref)
    return caught.value


def test_a_label_is_read_by_its_columns(folder: Path) -> None:
    frame = frames(folder)["training/000000"]
    assert np.array_equal(frame.image, street_pixels(0))
    car, walker, cyclist = frame.objects  # the tram lies outside, DontCare is a region
    assert (car.category, walker.category) == (SceneClass.CAR, SceneClass.PERSON)
    assert cyclist.category is SceneClass.RIDER
    assert car.box_xyxy == (0, 12, 14.25, 24)  # clipped at the left
    assert walker.box_xyxy == (20, 10, 23.5, 20)
    assert (car.truncation, walker.truncation) == (0.25, 0)
    assert car.centre_m == pytest.approx((-2, 1.6 - 0.75, 10))
    assert car.distance_m == pytest.approx(10 + recording.OFFSET[2])
    assert {o.visibility for o in frame.objects} == {None}
    assert frame.stencil is None
    assert SceneClass.TRAIN in frame.label_space
    assert SceneClass.ROAD not in frame.label_space


def test_what_is_left_out_is_counted(folder: Path) -> None:
    source = adapter(folder)
    source.read(source.index()[0])
    assert source.dropped == {"DontCare regions": 1, "boxes outside the picture": 1}


def test_a_place_projects_as_the_whole_of_p2_projects_it(folder: Path) -> None:
    frame = frames(folder)["training/000000"]
    assert frame.camera is not None
    place = np.array([[-2.0, 1.6, 10.0]])
    p2 = np.zeros((3, 4))
    p2[0, 0] = p2[1, 1] = recording.FOCAL
    p2[:2, 2], p2[2, 2], p2[:, 3] = recording.CENTRE, 1, recording.OFFSET
    x, y, depth = p2 @ [-2.0, 1.6, 10.0, 1.0]
    assert np.allclose(frame.camera.project(place), [[x / depth, y / depth, depth]])


def test_pixels_of_2015(folder: Path) -> None:
    frame = frames(folder)["training/000000_10"]
    ids, instances = recording.pixels()
    assert np.array_equal(frame.stencil == SceneClass.CAR, ids == recording.CAR)
    assert np.array_equal(frame.stencil == SceneClass.IGNORE, ids == recording.UNLABELLED)
    assert np.array_equal(frame.instances > 0, instances > 0)
    assert [o.box_xyxy for o in frame.objects] == [(4, 16, 12, 24), (20, 16, 30, 24)]
    assert {o.category for o in frame.objects} == {SceneClass.CAR}
    for found in frame.objects:  # class times 256, as KITTI has it
        assert found.instance is not None
        assert divmod(found.instance, 256)[0] == recording.CAR


def test_classes_of_instances_stand_in_for_a_missing_stencil(folder: Path) -> None:
    whole = frames(folder)["training/000000_10"]
    shutil.rmtree(folder / "training/semantic")
    assert np.array_equal(frames(folder)["training/000000_10"].stencil, whole.stencil)


def test_second_pictures_are_no_frames(folder: Path) -> None:
    assert [ref.native_id for ref in adapter(folder).index()] == [
        "training/000000",
        "training/000000_10",
        "training/000001",
        "training/000100_10",
    ]


def test_groups_are_drives_by_the_shuffled_mapping(folder: Path) -> None:
    groups = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert groups["training/000000"] == "kitti/2011_09_28_drive_0106_sync"  # line 2
    assert groups["training/000001"] == "kitti/2011_09_26_drive_0005_sync"


def test_groups_without_the_mapping_are_calibrations(folder: Path) -> None:
    shutil.rmtree(folder / "mapping")
    first = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert first["training/000000"] == first["training/000001"]
    other = recording.calibration().replace("4.000000000000e+01", "4.100000000000e+01")
    recording.put(folder / "training/calib/000001.txt", other)
    groups = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert groups["training/000000"] != groups["training/000001"]


def test_a_torn_mapping_is_told_and_the_frames_are_read(folder: Path) -> None:
    recording.put(folder / "mapping/train_rand.txt", "2,9")
    assert "train_rand.txt" in refusal(folder, "mapping").sentence
    assert adapter(folder).read(adapter(folder).index()[1]).objects


def test_what_the_user_knows_of_the_sky(folder: Path) -> None:
    silent = frames(folder)["training/000000"].conditions
    assert (silent.weather, silent.time_of_day) == (Weather.UNKNOWN, TimeOfDay.UNKNOWN)
    told = frames(folder, weather="Clear", time_of_day="day")["training/000000"].conditions
    assert told.cell == "clear/day"


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("Lorry 0 0 0 1 1 5 5 1 1 1 1 1 9 0", Reason.UNKNOWN_CLASS, "'Lorry'"),
        ("Car 0 0 0 1 1 5 5", Reason.BAD_METADATA, "15 columns"),
        ("Car 0 0 0 1 1 5 5 1 1 1 1 1 far 0", Reason.BAD_METADATA, "'far'"),
        ("Car 0 0 0 1 1 5 5 1 1 1 1 1 nan 0", Reason.BAD_METADATA, "finite"),
        ("Car 0 0 0 5 1 1 5 1 1 1 1 1 9 0", Reason.EMPTY_BOX, "corners"),
    ],
)
def test_a_bad_line_is_refused_by_name(folder: Path, text: str, reason: Reason, words: str) -> None:
    recording.put(folder / "training/label_2/000000.txt", text)
    error = refusal(folder)
    assert error.reason is reason
    assert words in error.sentence
    assert "000000.txt" in error.sentence


def test_a_bad_camera_and_missing_labels_are_refused(folder: Path) -> None:
    recording.put(folder / "training/calib/000000.txt", "P2: 0 0 0 0 0 0 0 0 0 0 0 0")
    assert refusal(folder).reason is Reason.BAD_CAMERA
    (folder / "training/label_2/000001.txt").unlink()
    assert refusal(folder, "training/000001").reason is Reason.MISSING_FILE
    (folder / "training/semantic/000100_10.png").unlink()
    assert refusal(folder, "training/000100_10").reason is Reason.MISSING_FILE


def test_torchvision_reads_the_same_boxes(tmp_path: Path) -> None:
    from torchvision.datasets import Kitti as TorchvisionKitti

    raw = tmp_path / "Kitti/raw"
    recording.write(raw)
    for stale in raw.glob("training/*/*_1[01].png"):
        stale.unlink()
    listed = TorchvisionKitti(str(tmp_path), train=True)
    theirs = [listed[i] for i in np.argsort(listed.images)]
    ours = list(frames(raw).values())
    assert len(theirs) == len(ours) == 2
    for (image, target), frame in zip(theirs, ours, strict=True):
        assert np.array_equal(np.asarray(image), frame.image)
        kept = [t for t in target if t["type"] not in ("DontCare", "Tram")]
        assert len(kept) == len(frame.objects)
        for told, found in zip(kept, frame.objects, strict=True):
            assert found.truncation == told["truncated"]
            assert found.box_xyxy == pytest.approx(
                np.clip(told["bbox"], 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
            )
            x, y, z = told["location"]
            assert found.centre_m == pytest.approx((x, y - told["dimensions"][0] / 2, z))
