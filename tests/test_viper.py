"""VIPER: classes by palette index, instances by channels, OpenGL cameras, conditions by table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, save
from recordings import viper as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.parts import build
from parhelion.pipeline.scene_class import SceneClass

CODE = recording.CAR << 16 | recording.CAR_NUMBER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def frames(folder: Path, **settings: Any) -> list[Frame]:
    adapter = build("sim_adapters", "viper", path=folder, **settings)
    return [adapter.read(ref) for ref in adapter.index()]


def refusal(folder: Path, **settings: Any) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        frames(folder, **settings)
    return caught.value


def test_classes_are_palette_indices_and_van_is_not_train(folder: Path) -> None:
    ids = np.full((HEIGHT, WIDTH), recording.VAN, dtype=np.uint8)
    ids[:, :4] = 29
    recording.save_palette(folder / "train/cls/001/001_00010.png", ids)
    first, second, *_ = frames(folder)
    assert (first.stencil[:, 4:] == SceneClass.CAR).all()
    assert (first.stencil[:, :4] == SceneClass.TRAIN).all()
    expected = {SceneClass.SKY, SceneClass.ROAD, SceneClass.BUILDING, SceneClass.CAR}
    assert set(np.unique(second.stencil)) == expected


def test_an_instance_is_its_class_and_its_number(folder: Path) -> None:
    frame = frames(folder)[0]
    assert set(np.unique(frame.instances)) == {0, CODE}  # R = 0 is none, whatever G and B are
    (car,) = frame.objects
    assert (car.category, car.instance) == (SceneClass.CAR, CODE)
    assert car.box_xyxy == recording.CAR_BOX
    assert car.distance_m == pytest.approx(recording.AHEAD_M)


def test_the_same_number_in_two_classes_is_two_things(folder: Path) -> None:
    pixels = recording.instances()
    pixels[28:30, 2:6] = recording.VAN, *divmod(recording.CAR_NUMBER, 256)
    save(folder / "train/inst/001/001_00010.png", pixels)
    assert len(frames(folder)[0].objects) == 2


def test_a_distance_that_its_box_denies_is_left_out(folder: Path) -> None:
    line = recording.box_line().split(",")
    line[15] = str(float(line[15]) + 9)  # the model's x, metres
    (folder / "train/bb/001/001_00010.csv").write_text(",".join(line))
    assert frames(folder)[0].objects[0].distance_m is None


@pytest.mark.parametrize(
    ("order", "box"),
    [
        ("x0,y0,x1,y1", (20, 15, 30, 23)),
        ("x0,x1,y0,y1", (20, 30, 15, 23)),
        ("y0,x0,y1,x1", (15, 20, 23, 30)),
    ],
)
def test_without_instances_boxes_come_from_bb_in_a_stated_order(
    folder: Path, order: str, box: tuple[int, ...]
) -> None:
    for path in folder.glob("train/inst/*/*"):
        path.unlink()
    for path in folder.glob("train/bb/*/*"):
        outside = recording.box_line((900,) * 4).replace("300", "301", 1)
        path.write_text(f"{recording.box_line(box)}\n{outside}\n")
    adapter = build("sim_adapters", "viper", path=folder, box_order=order)
    frame = adapter.read(adapter.index()[0])
    assert [o.box_xyxy for o in frame.objects] == [recording.CAR_BOX]
    assert frame.instances is None
    assert frame.objects[0].instance is None
    assert adapter.dropped == {"boxes outside the picture": 1}


def test_without_classes_only_things_are_claimed_and_an_empty_table_counts(folder: Path) -> None:
    for path in [*folder.glob("train/cls/*/*"), *folder.glob("train/inst/*/*")]:
        path.unlink()
    (folder / "train/bb/001/001_00010.csv").write_text("")
    frame = frames(folder)[0]
    assert frame.objects == ()
    assert {SceneClass.CAR, SceneClass.PERSON, SceneClass.TRAFFIC_LIGHT} <= frame.label_space
    assert not {SceneClass.SKY, SceneClass.ROAD, SceneClass.BUILDING} & frame.label_space


def test_the_camera_looks_along_minus_z_with_y_up(folder: Path) -> None:
    first, later, *_ = frames(folder)
    assert first.camera.intrinsics == pytest.approx(
        np.array([[40, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]])
    )
    # In the first frame's world, 8 m ahead, 1 m to the right and 2 m up.
    point = np.array([[1.0, 2.0, -8.0]])
    assert first.camera.project(point)[0] == pytest.approx(
        (WIDTH / 2 + 40 / 8, HEIGHT / 2 - 2 * 40 / 8, 8)
    )
    # The second stands at (0, 0, -2) and looks along -x.
    assert later.camera.camera_to_world[:3, 3] == pytest.approx((0, 0, -2))
    ahead = np.array([[-10.0, 0.0, -2.0]])
    assert later.camera.project(ahead)[0] == pytest.approx((WIDTH / 2, HEIGHT / 2, 10))


def test_conditions_come_from_a_table_or_settings_else_nobody_knows(folder: Path) -> None:
    night, _, snow, _ = frames(folder)
    assert (night.conditions.weather, night.conditions.time_of_day) == (
        Weather.CLEAR,
        TimeOfDay.NIGHT,
    )
    assert (snow.conditions.weather, snow.conditions.native) == (Weather.SNOWING, "snow")
    other = frames(folder, conditions={"train/001": "rain", "002": "sandstorm"})
    assert other[0].conditions.weather is Weather.RAINING
    assert other[0].frame_id != night.frame_id
    assert (other[2].conditions.weather, other[2].conditions.native) == (
        Weather.UNKNOWN,
        "sandstorm",
    )
    (folder / "conditions.csv").unlink()
    assert {f.conditions.weather for f in frames(folder)} == {Weather.UNKNOWN}


def test_a_sequence_is_a_group_and_other_splits_number_anew(folder: Path) -> None:
    (folder / "train").rename(folder / "val")
    recording.write(folder)
    groups = [frame.group_id for frame in frames(folder)]
    assert len(groups) == 8
    assert len(set(groups)) == 4


def test_a_png_is_preferred_to_a_jpeg(folder: Path) -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    save(folder / "train/img/001/001_00010.png", white)
    assert (frames(folder)[0].image == 255).all()


def test_a_test_sequence_without_labels_is_read_bare(folder: Path) -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    save(folder / "test/img/001/001_00010.jpg", white)
    assert frames(folder)[0].layers == frozenset()


def test_what_is_wrong_is_named(folder: Path) -> None:
    cls = folder / "train/cls/001/001_00010.png"
    recording.save_palette(cls, np.full((HEIGHT, WIDTH), 32, dtype=np.uint8))
    error = refusal(folder)
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "001_00010.png" in error.sentence
    assert "[32]" in error.sentence
    recording.save_palette(cls, np.zeros((HEIGHT, WIDTH - 1), dtype=np.uint8))
    assert refusal(folder).reason is Reason.SIZE_MISMATCH
    cls.unlink()
    assert refusal(folder).reason is Reason.MISSING_FILE


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1", "1,0,0,0,0,1,0,0,0,0,5,0,0,0,0,1"), "rotation"),
        (("10,1.6", "11,1.6"), "a row for frame 00010"),
        (("1.6", "nan"), "finite"),
        (("1.6", "0.2"), "proportions"),
        (("1.6", "-1.6"), "above 0"),
    ],
)
def test_a_broken_camera_is_refused(folder: Path, change: tuple[str, str], wanted: str) -> None:
    path = folder / "train/camera/001.csv"
    text = path.read_text().replace("1.6666666666666667", "1.6", 1).replace("2.5", "2.4", 1)
    path.write_text(text.replace(*change, 1))
    error = refusal(folder)
    assert error.reason is Reason.BAD_CAMERA
    assert wanted in error.sentence


@pytest.mark.parametrize("text", ["24,300,1", "24,300" + ",x" * 26, "24,300.5" + ",1e300" * 26])
def test_a_broken_table_of_boxes_is_refused(folder: Path, text: str) -> None:
    (folder / "train/bb/001/001_00010.csv").write_text(text)
    error = refusal(folder)
    assert error.reason is Reason.BAD_METADATA
    assert "001_00010.csv, line 1" in error.sentence


@pytest.mark.parametrize("header", ["", "classID,instanceID\n"])
def test_a_class_that_is_written_with_a_point_is_no_header(folder: Path, header: str) -> None:
    line = recording.box_line().replace(f"{recording.CAR},", f"{recording.CAR}.0,", 1)
    (folder / "train/bb/001/001_00010.csv").write_text(header + line)
    assert frames(folder)[0].objects[0].distance_m == pytest.approx(recording.AHEAD_M)


def test_a_broken_table_of_conditions_is_refused(folder: Path) -> None:
    (folder / "conditions.csv").write_text("drive,weather\n001,night\n")
    error = refusal(folder)
    assert error.reason is Reason.BAD_METADATA
    assert "sequence, condition" in error.sentence


def test_a_table_of_conditions_with_an_endless_header_is_refused(folder: Path) -> None:
    (folder / "conditions.csv").write_text('"' + "x" * 200_000)
    error = refusal(folder)
    assert error.reason is Reason.BAD_METADATA
    assert "conditions.csv, line 1" in error.sentence
