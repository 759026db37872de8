"""SYNTHIA: 16-bit labels with R as class and G as instance, four editions with their own ids."""

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from recordings import HEIGHT, WIDTH, save
from recordings import synthia as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.parts import build
from parhelion.pipeline.scene_class import SceneClass

RAND = "RGB/0000000"
SPRING = "SYNTHIA-SEQS-05-SPRING/RGB/Stereo_Left/Omni_F/000000"
RAINNIGHT = SPRING.replace("SPRING", "RAINNIGHT")
SF = "SEQ1/RGBLeft/0000067"
AL = f"{recording.AL_RUN}/RGB/000101"
STREET = {SceneClass.SKY, SceneClass.BUILDING, SceneClass.ROAD, SceneClass.CAR}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def adapter(folder: Path) -> Any:
    return build("sim_adapters", "synthia", path=folder)


def frame(folder: Path, name: str) -> Frame:
    source = adapter(folder)
    return source.read(next(ref for ref in source.index() if ref.native_id == name))


def refusal(folder: Path, name: str) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        frame(folder, name)
    return caught.value


@pytest.mark.parametrize("name", [RAND, SPRING, SF, AL])
def test_every_edition_gives_the_same_street(folder: Path, name: str) -> None:
    read = frame(folder, name)
    assert set(np.unique(read.stencil)) == STREET
    x0, y0, x1, y1 = recording.CAR_BOX
    assert (read.stencil[y0:y1, x0:x1] == SceneClass.CAR).all()
    assert read.depth[y0, x0] == pytest.approx(recording.CAR_CM / 100, abs=1e-3)
    assert read.depth[12, 0] == pytest.approx(recording.HOUSE_CM / 100, abs=1e-3)
    assert np.isinf(read.depth[:10]).all()


@pytest.mark.parametrize("name", [RAND, SPRING])
def test_the_second_channel_is_the_instance_and_more_than_a_byte(folder: Path, name: str) -> None:
    read = frame(folder, name)
    number = 8 << 16 | recording.CAR_NUMBER  # with the class id of cars above it
    assert set(np.unique(read.instances)) == {0, number}
    (car,) = read.objects
    assert (car.category, car.instance) == (SceneClass.CAR, number)
    assert car.box_xyxy == recording.CAR_BOX


def test_one_number_on_two_classes_is_two_things(folder: Path) -> None:
    channels = recording.labels()
    channels[2:6, 3:9, :2] = 10, recording.CAR_NUMBER  # a pedestrian
    recording.save_channels(folder / "GT/LABELS/0000000.png", channels)
    read = frame(folder, RAND)
    assert {o.category: o.box_xyxy for o in read.objects} == {
        SceneClass.CAR: recording.CAR_BOX,
        SceneClass.PERSON: (3, 2, 9, 6),
    }
    assert len({o.instance for o in read.objects}) == 2
    assert set(np.unique(read.instances)) == {0, *(o.instance for o in read.objects)}


def test_the_same_id_means_another_class_in_another_edition(folder: Path) -> None:
    twelve = np.full((HEIGHT, WIDTH, 3), (12, 0, 0), dtype=np.uint16)
    recording.save_channels(folder / "GT/LABELS/0000000.png", twelve)
    view = "GT/LABELS/Stereo_Left/Omni_F/000000.png"
    recording.save_channels(folder / "SYNTHIA-SEQS-05-SPRING" / view, twelve)
    save(folder / "SEQ1/GTLeft/0000067.png", twelve.astype(np.uint8))
    found = [frame(folder, name).stencil[0, 0] for name in (RAND, SPRING, SF)]
    assert found == [SceneClass.MOTORCYCLE, SceneClass.ROAD, SceneClass.PERSON]


def test_depth_in_one_channel_reads_as_depth_in_three(folder: Path) -> None:
    three = frame(folder, RAND).depth
    Image.fromarray(recording.centimetres()[..., 0]).save(folder / "Depth/0000000.png")
    assert np.array_equal(frame(folder, RAND).depth, three)


def test_a_drive_is_one_group_under_all_skies_and_has_no_twins(folder: Path) -> None:
    spring, night = frame(folder, SPRING), frame(folder, RAINNIGHT)
    assert spring.group_id == night.group_id
    assert spring.provenance.twin_id == night.provenance.twin_id == ""
    assert spring.conditions.native == "SPRING"
    assert (night.conditions.weather, night.conditions.time_of_day) == (
        Weather.RAINING,
        TimeOfDay.NIGHT,
    )
    assert frame(folder, RAND).group_id != frame(folder, "RGB/0000001").group_id


def test_one_run_under_another_weather_number_is_in_its_group(folder: Path) -> None:
    other = recording.AL_RUN.replace("weather_2", "weather_0")
    shutil.copytree(folder / recording.AL_RUN, folder / other)
    two, none = frame(folder, AL), frame(folder, f"{other}/RGB/000101")
    assert two.group_id == none.group_id
    assert (two.conditions.weather, two.conditions.native) == (Weather.UNKNOWN, "weather_2")


def test_a_camera_of_a_drive_stands_and_looks_where_its_file_says(folder: Path) -> None:
    camera = frame(folder, SPRING).camera
    assert camera.camera_to_world[:3, 3] == pytest.approx((5, 2, 7))
    # 10 m ahead along -x, 1 m to its right (the world's -z), 2 m up.
    point = np.array([[-5.0, 4.0, 6.0]])
    assert camera.project(point)[0] == pytest.approx((24 + 4, 16 - 8, 10))


def test_the_later_editions_tell_the_lens_only(folder: Path) -> None:
    sf, al = frame(folder, SF).camera, frame(folder, AL).camera
    assert sf.intrinsics[0, 0] == pytest.approx(847.630211643 * WIDTH / 1920)
    assert al.intrinsics[0].tolist() == [40, 0, 24]
    assert np.array_equal(al.camera_to_world, np.eye(4))


def test_objects_of_kitti_lines(folder: Path) -> None:
    path = folder / recording.AL_RUN / "labels_kitti/000101.txt"
    outside = path.read_text().replace("20 15 30 23", "90 15 99 23")
    path.write_text(path.read_text() + outside)
    source = adapter(folder)
    read = source.read(next(ref for ref in source.index() if ref.native_id == AL))
    (car,) = read.objects
    assert car.box_xyxy == recording.CAR_BOX
    assert car.distance_m == pytest.approx(12.34)
    assert car.centre_m == pytest.approx((0.3, 1.9 - 0.75, 12.34))
    assert (car.truncation, car.visibility) == (None, None)
    assert sum(source.dropped.values()) == 1


def test_the_eye_s_colours_are_no_labels(folder: Path) -> None:
    save(folder / "GT/COLOR/0000000.png", np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))
    read = frame(folder, RAND)
    shutil.rmtree(folder / "GT/LABELS")
    bare = frame(folder, RAND)
    assert read.stencil is not None
    assert bare.layers == {"depth"}


@pytest.mark.parametrize(
    ("name", "path", "pixels", "reason"),
    [
        (RAND, "GT/LABELS/0000000.png", np.full((32, 48, 3), 23, np.uint16), "unknown_class"),
        (RAND, "GT/LABELS/0000000.png", np.full((32, 48, 3), 300, np.uint16), "unknown_class"),
        (RAND, "GT/LABELS/0000000.png", np.zeros((31, 48, 3), np.uint16), "size_mismatch"),
        (RAND, "GT/LABELS/0000000.png", np.zeros((32, 48, 1), np.uint16), "wrong_type"),
        (RAND, "Depth/0000000.png", np.zeros((32, 48, 3), np.uint8), "wrong_type"),
        (SF, "SEQ1/DepthLeft/0000067.png", np.zeros((32, 48, 3), np.uint16), "wrong_type"),
        (SF, "SEQ1/DepthLeft/0000067.png", np.zeros((32, 48, 1), np.uint8), "wrong_type"),
    ],
)
def test_pictures_that_are_not_what_they_should_be_are_refused(
    folder: Path, name: str, path: str, pixels: Any, reason: str
) -> None:
    cv2.imwrite(str(folder / path), pixels)
    error = refusal(folder, name)
    assert error.reason == reason
    assert reason == "size_mismatch" or Path(path).name in error.sentence


@pytest.mark.parametrize(
    ("name", "path", "text", "reason"),
    [
        (SPRING, "CameraParams/intrinsics.txt", "40 24", Reason.BAD_CAMERA),
        (SPRING, "CameraParams/intrinsics.txt", "0 24 16 1", Reason.BAD_CAMERA),
        (SPRING, "CameraParams/Stereo_Left/Omni_F/000000.txt", "1 2 3", Reason.BAD_CAMERA),
        (SPRING, "CameraParams/Stereo_Left/Omni_F/000000.txt", "2 " * 16, Reason.BAD_CAMERA),
        (AL, "calib_kitti/000101.txt", "P2: 1 2", Reason.BAD_CAMERA),
        (AL, "labels_kitti/000101.txt", "Dragon" + " 1" * 14, Reason.UNKNOWN_CLASS),
        (AL, "labels_kitti/000101.txt", "Car" + " 1" * 13, Reason.BAD_METADATA),
        (AL, "labels_kitti/000101.txt", "Car" + " nan" * 14, Reason.BAD_METADATA),
    ],
)
def test_broken_texts_are_refused_by_name(
    folder: Path, name: str, path: str, text: str, reason: Reason
) -> None:
    (folder / name.partition("/RGB")[0] / path).write_text(text)
    error = refusal(folder, name)
    assert error.reason is reason
    assert Path(path).name in error.sentence


def test_the_unrelated_views_claim_the_classes_that_occur_in_them(folder: Path) -> None:
    space = frame(folder, RAND).label_space
    assert not space & {SceneClass.TERRAIN, SceneClass.TRUCK, SceneClass.TRAIN}
    assert len(space - {SceneClass.OTHER}) == 16
