"""PreSIL: KITTI's columns, the game's buffers without headers, and its own planes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH
from recordings import presil as written

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.presil import PreSil, PreSilConfig

TRAINING = "object/training"


def adapter(folder: Path) -> PreSil:
    written.write(folder)
    return adapter_at(folder)


def adapter_at(folder: Path) -> PreSil:
    return PreSil(PreSilConfig(path=folder))


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    source = adapter(tmp_path)
    return source.read(source.index()[0])


def test_depth_is_in_metres_by_its_planes(frame: Frame) -> None:
    assert frame.depth is not None
    finite = np.isfinite(written.depth_m())
    np.testing.assert_allclose(frame.depth[finite], written.depth_m()[finite], rtol=1e-5)
    sky = ~finite & (written.stencil() == 7)
    assert np.isposinf(frame.depth[sky]).all()
    assert frame.depth[7, 44] == pytest.approx(10001.5, rel=1e-5)  # far, and no sky


def test_the_formula_of_its_tools_is_not_used(frame: Frame) -> None:
    """It is 0.9 % off at 100 m on the axis."""
    row = int(np.abs(written.depth_m()[:, 0] - 100).argmin())
    assert frame.depth is not None
    assert frame.depth[row, 24] == pytest.approx(written.depth_m()[row, 0], rel=1e-4)


def test_the_byte_is_kept_and_its_classes_are_those_of_the_game(frame: Frame) -> None:
    assert frame.stencil is not None
    assert np.array_equal(frame.stencil_native, written.stencil())
    assert frame.stencil[0, 0] == SceneClass.SKY
    assert frame.stencil[7, 44] == SceneClass.OTHER  # 8, an entrance
    assert frame.stencil[29, 20] == SceneClass.VEHICLE  # 0x82, the player's


def test_labels_have_kittis_columns_and_a_share_that_is_hidden(tmp_path: Path) -> None:
    source = adapter(tmp_path)
    car, person, bike = source.read(source.index()[0]).objects
    assert car.category is SceneClass.CAR
    assert car.box_xyxy == (0, 12, 14, 24)
    assert car.truncation == 0.25
    assert car.visibility == pytest.approx(0.6)
    assert car.distance_m == 10
    assert car.centre_m == pytest.approx((-2, 1.6 - 0.75, 10))
    assert person.visibility == 0
    assert bike.category is SceneClass.MOTORCYCLE
    assert source.dropped == {"DontCare regions": 1, "boxes outside the picture": 1}


def test_a_frame_claims_the_classes_of_the_layers_that_it_has(tmp_path: Path) -> None:
    source = adapter(tmp_path)
    whole = source.read(source.index()[0]).label_space
    assert {SceneClass.TRUCK, SceneClass.RIDER, SceneClass.ANIMAL, SceneClass.SKY} <= whole
    assert whole == PreSil.about.label_space
    shutil.rmtree(tmp_path / TRAINING / "stencil")
    source = adapter_at(tmp_path)
    of_objects = source.read(source.index()[0]).label_space
    assert SceneClass.TRUCK in of_objects
    assert SceneClass.SKY not in of_objects
    for folder in ("label_2", "depth"):
        shutil.rmtree(tmp_path / TRAINING / folder)
    source = adapter_at(tmp_path)
    assert source.read(source.index()[0]).label_space == frozenset()


def test_the_camera_is_that_of_p2(frame: Frame) -> None:
    assert frame.camera is not None
    assert frame.camera.intrinsics[0].tolist() == [written.FOCAL, 0, WIDTH / 2]
    assert np.array_equal(frame.camera.camera_to_world, np.eye(4))


def test_without_a_calibration_the_stated_angle_counts(tmp_path: Path) -> None:
    source = adapter(tmp_path)
    for path in (tmp_path / TRAINING / "calib").iterdir():
        path.unlink()
    camera = source.read(source.index()[0]).camera
    assert camera is not None
    assert camera.intrinsics[1, 1] == pytest.approx(HEIGHT / 2 / np.tan(np.radians(29.5)))


def test_groups_are_neighbours_in_number(tmp_path: Path) -> None:
    assert [ref.group_id for ref in adapter(tmp_path).index()] == ["presil/3", "presil/7"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("depth/000342.bin", b"\0" * 100, Reason.WRONG_SHAPE),
        ("stencil/000342.raw", b"\0" * 100, Reason.WRONG_SHAPE),
        ("depth/000342.bin", b"\xff" * (4 * WIDTH * HEIGHT), Reason.UNREADABLE_LAYER),
        ("stencil/000342.raw", b"\6" * (WIDTH * HEIGHT), Reason.UNKNOWN_CLASS),
        ("label_2/000342.txt", b"Ufo" + b" 0" * 14, Reason.UNKNOWN_CLASS),
        ("label_2/000342.txt", b"Car 0 0", Reason.BAD_METADATA),
        ("label_2/000342.txt", b"Car" + b" nan" * 14, Reason.BAD_METADATA),
        ("calib/000342.txt", b"P2: 1 2 3", Reason.BAD_CAMERA),
        ("image_2/000342.png", b"", Reason.UNREADABLE_IMAGE),
        ("depth/000342.bin", None, Reason.MISSING_FILE),
        ("image_2/000342.png", None, Reason.MISSING_FILE),
    ],
)
def test_a_bad_file_is_refused_by_reason(
    name: str, data: bytes | None, reason: Reason, tmp_path: Path
) -> None:
    source = adapter(tmp_path)
    path = tmp_path / TRAINING / name
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadFrame) as caught:
        source.read(source.index()[0])
    assert caught.value.reason is reason
    assert "000342" in caught.value.sentence
    source.read(source.index()[1])
