"""CARLA: 24-bit depth, three tables of tags, ids of instances, boxes and Unreal's axes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import carla as drive
from recordings import save, street_pixels

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._carla_camera import matrix_of
from parhelion.sim_adapters._carla_manifest import Pose
from parhelion.sim_adapters._carla_tags import generation_of

CAR = drive.CAR_BOX


def adapter(folder: Path, **settings: Any) -> Any:
    return parts.build("sim_adapters", "carla", path=folder, **settings)


def only(folder: Path, **settings: Any) -> Frame:
    """The only frame there is."""
    made = adapter(folder, **settings)
    (ref,) = made.index()
    frame: Frame = made.read(ref)
    return frame


def refusal(folder: Path, **settings: Any) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        only(folder, **settings)
    return caught.value


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Path]:
    """A recording without a manifest: the pictures that are given, and an image."""

    def written(**layers: NDArray[Any]) -> Path:
        save(tmp_path / "rgb/000001.png", street_pixels(1))
        for layer, pixels in layers.items():
            save(tmp_path / layer / "000001.png", pixels)
        return tmp_path

    return written


def one_frame(folder: Path, **header: Any) -> Path:
    """A recording of one frame, with a manifest."""
    drive.write_drive(folder, [drive.record(120)], **header)
    return folder


def test_a_recording_gives_what_was_written(tmp_path: Path) -> None:
    frame = only(one_frame(tmp_path))
    x0, y0, x1, y1 = CAR
    assert np.isinf(frame.depth[:10]).all()
    np.testing.assert_allclose(frame.depth[y0:y1, x0:x1], drive.CAR_M, atol=1e-4)
    assert (frame.stencil[y0:y1, x0:x1] == SceneClass.CAR).all()
    np.testing.assert_array_equal(frame.stencil_native, drive.tags())
    np.testing.assert_array_equal(frame.image, street_pixels(120))
    (car,) = frame.objects
    assert (car.category, car.box_xyxy) == (SceneClass.CAR, CAR)
    assert car.distance_m == pytest.approx(20)
    assert set(np.unique(frame.instances)) == {0, car.instance}


@pytest.mark.parametrize(
    ("rgb", "wanted"),
    [((1, 0, 0), 5.9604648e-05), ((0, 0, 1), 3.90625), ((255, 255, 255), np.inf)],
)
def test_red_is_the_lowest_byte_of_depth(
    bare: Callable[..., Path], rgb: tuple[int, int, int], wanted: float
) -> None:
    pixels = drive.depth_pixels(drive.metres())
    pixels[5, 7] = rgb
    assert only(bare(depth=pixels)).depth[5, 7] == pytest.approx(wanted, rel=1e-5)


def test_greys_are_no_depth_unless_their_converter_is_stated(bare: Callable[..., Path]) -> None:
    greys = np.full((32, 48), 51, dtype=np.uint8)
    greys[0], greys[1] = 255, 0
    for pixels in (greys, np.stack([greys] * 3, axis=-1)):
        folder = bare(depth=pixels)
        bad = refusal(folder)
        assert bad.reason is Reason.WRONG_TYPE
        assert "set depth_converter" in bad.sentence
        linear = only(folder, depth_converter="Depth").depth
        assert linear[5, 5] == pytest.approx(200)
        assert np.isinf(linear[0]).all()
        log = only(folder, depth_converter="LogarithmicDepth").depth
        assert log[5, 5] == pytest.approx(1000 * np.exp(-0.8 * 5.70378))
        assert np.isnan(log[1]).all()


def test_a_stated_converter_is_believed(bare: Callable[..., Path], tmp_path: Path) -> None:
    all_sky = np.full((32, 48, 3), 255, dtype=np.uint8)
    assert np.isinf(only(bare(depth=all_sky), depth_converter="Raw").depth).all()
    assert "colours" in refusal(bare(depth=street_pixels(2)), depth_converter="Depth").sentence
    sensors = drive.sensors()
    sensors["depth"]["converter"] = "LogarithmicDepth"
    one_frame(tmp_path / "told", sensors=sensors)
    save(tmp_path / "told/depth/000120.png", np.full((32, 48), 255, dtype=np.uint8))
    assert np.isinf(only(tmp_path / "told").depth).all()


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        *(
            ("0.9.9", "A"),
            ("0.9.9.4", "A"),
            ("0.8.2", "A"),
            ("0.9.10", "B"),
            ("0.9.13-12-gab", "B"),
        ),
        *(("0.9.14", "C"), ("0.9.16", "C"), ("0.10.0", "C"), ("1.0.0", "C"), ("ce9ce2d", None)),
    ],
)
def test_a_version_tells_the_table_of_tags(version: str, generation: str | None) -> None:
    assert generation_of(version) == generation


def test_the_same_tag_means_another_class_in_another_generation(bare: Callable[..., Path]) -> None:
    pixels = drive.tag_pixels(np.full((32, 48), 10, dtype=np.uint8))
    pixels[:, :8, 0], pixels[:, 8:16, 0] = 1, 4
    folder = bare(semantic=pixels)
    meant = {g: only(folder, tags=g) for g in "ABC"}
    corner = {g: SceneClass(int(f.stencil[0, 0])) for g, f in meant.items()}
    assert corner == {"A": SceneClass.BUILDING, "B": SceneClass.BUILDING, "C": SceneClass.ROAD}
    rest = {g: SceneClass(int(f.stencil[0, 40])) for g, f in meant.items()}
    assert rest == {"A": SceneClass.VEHICLE, "B": SceneClass.VEHICLE, "C": SceneClass.TERRAIN}
    assert meant["B"].stencil[0, 10] == SceneClass.HUMAN
    assert SceneClass.SKY not in meant["A"].label_space
    assert SceneClass.SKY in meant["B"].label_space
    assert SceneClass.CAR not in meant["B"].label_space
    assert {SceneClass.CAR, SceneClass.RIDER} <= meant["C"].label_space


def test_a_tag_of_a_later_generation_is_refused(bare: Callable[..., Path]) -> None:
    folder = bare(semantic=drive.tag_pixels(np.full((32, 48), 13, dtype=np.uint8)))
    assert refusal(folder, tags="A").reason is Reason.UNKNOWN_CLASS
    assert only(folder, tags="B").stencil[0, 0] == SceneClass.SKY
    assert only(folder, tags="C").stencil[0, 0] == SceneClass.RIDER


def test_a_generation_is_proven_or_asked_for_and_never_guessed(bare: Callable[..., Path]) -> None:
    later, earlier = drive.tags(), drive.tags(sky=13, wall=1, road=7, car=10)
    for ids, generation in ((later, "C"), (earlier, "B")):
        frame = only(bare(semantic=drive.tag_pixels(ids)))
        assert f"tags {generation}, told by the pixels" in frame.conditions.native
    without_sky = drive.tags(sky=drive.BUILDING_TAG)
    bad = refusal(bare(semantic=drive.tag_pixels(without_sky)))
    assert bad.reason is Reason.BAD_METADATA
    assert "set `tags` to A (CARLA up to 0.9.9), B (0.9.10 to 0.9.13) or C" in bad.sentence
    without_sky[20, 20] = 24  # a road line, which only C numbers so
    frame = only(bare(semantic=drive.tag_pixels(without_sky)))
    assert frame.stencil[20, 20] == SceneClass.ROAD
    assert "told by" not in only(bare(semantic=drive.tag_pixels(later)), tags="C").conditions.native


def test_colours_of_the_palette_are_read_by_generation(bare: Callable[..., Path]) -> None:
    pixels = np.full((32, 48, 3), (128, 64, 128), dtype=np.uint8)
    pixels[:10], pixels[12:20, 12:20] = (70, 130, 180), (0, 0, 142)
    folder = bare(semantic=pixels)
    assert only(folder, tags="C").stencil[15, 15] == SceneClass.CAR
    assert only(folder, tags="B").stencil[15, 15] == SceneClass.VEHICLE
    assert only(folder, tags="C").stencil_native is None
    assert refusal(folder).reason is Reason.BAD_METADATA  # sky, road and cars are in B and C
    pixels[0, 0] = 100, 40, 40  # a fence, in B alone
    assert only(bare(semantic=pixels)).stencil[0, 0] == SceneClass.FENCE
    assert refusal(bare(semantic=pixels), tags="C").reason is Reason.UNKNOWN_CLASS
    assert refusal(folder, semantic_converter="Raw").reason is Reason.WRONG_TYPE


def test_instances_that_collide_in_16_bits_differ_by_class(bare: Callable[..., Path]) -> None:
    ids = drive.tags()
    ids[20:24, 2:6] = 12  # a pedestrian
    pixels = drive.instance_pixels(ids)
    pixels[20:24, 2:6, 1:] = 2, 1  # with the bytes of the car
    frame = only(bare(semantic=drive.tag_pixels(ids), instance=pixels), tags="C")
    assert sorted(o.category.label for o in frame.objects) == ["car", "person"]
    assert {o.instance & 0xFFFF for o in frame.objects} == {drive.CAR_ID}
    assert frame.instances.dtype == np.int32
    assert (frame.instances[drive.tags() == drive.BUILDING_TAG] == 0).all()


def test_instances_alone_give_the_stencil_too(bare: Callable[..., Path]) -> None:
    folder = bare(instance=drive.instance_pixels(drive.tags()))
    frame = only(folder, tags="C")
    np.testing.assert_array_equal(frame.stencil_native, drive.tags())
    assert len(frame.objects) == 1
    older = adapter(folder, tags="B")
    blurred = older.read(older.index()[0])  # R may be one too high or too low there
    assert older.dropped == {"instance pictures of 0.9.13 without a semantic camera": 1}
    assert blurred.stencil is None
    assert blurred.instances is None


def test_in_older_tables_the_semantic_camera_says_what_an_instance_is(
    bare: Callable[..., Path],
) -> None:
    ids = drive.tags(sky=13, wall=1, road=7, car=10)
    pixels = drive.instance_pixels(drive.tags())
    pixels[..., 0] = ids + 1
    frame = only(bare(semantic=drive.tag_pixels(ids), instance=pixels), tags="B")
    assert [(o.category, o.box_xyxy) for o in frame.objects] == [(SceneClass.VEHICLE, CAR)]


def test_an_actor_tells_a_distance_only_where_its_box_lies_on_the_instance(tmp_path: Path) -> None:
    elsewhere = drive.record(120)
    elsewhere["actors"][0]["transform"] = {"location": {"x": 130.0, "y": 70.0}}
    drive.write_drive(tmp_path, [elsewhere])
    (car,) = only(tmp_path).objects
    assert (car.distance_m, car.centre_m) == (None, None)


def test_the_centre_of_a_box_projects_onto_its_car(tmp_path: Path) -> None:
    frame = only(one_frame(tmp_path))
    (car,) = frame.objects
    x, y, distance = frame.camera.project(np.array([car.centre_m]))[0]
    # 2 m to the right and 0.8 m below the axis, 20 m ahead, f = 24 for 90 degrees over 48 pixels.
    assert (x, y, distance) == pytest.approx((24 + 24 * 2 / 20, 16 + 24 * 0.8 / 20, 20))
    rotation = frame.camera.camera_to_world[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)  # right-handed


def test_rotations_are_the_simulators_own() -> None:
    pose = Pose.model_validate(
        {
            "location": {"x": 1, "y": 2, "z": 3},
            "rotation": {"pitch": 10, "yaw": 35, "roll": -7},
        }
    )
    # As the client library of 0.9.16 computes it.
    theirs = [
        [0.8067072629928589, -0.5866363048553467, -0.07128261774778366, 1.0],
        [0.5648625493049622, 0.8009079694747925, -0.1986876279115677, 2.0],
        [0.1736481785774231, 0.1200178787112236, 0.9774671196937561, 3.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
    np.testing.assert_allclose(matrix_of(pose), theirs, atol=1e-6)


def test_the_camera_follows_the_car_where_its_own_pose_is_not_told(tmp_path: Path) -> None:
    pose = {"location": {"x": 10.0, "y": 20.0}, "rotation": {"yaw": -90.0}}
    drive.write_drive(tmp_path, [drive.record(120, ego=pose, camera=None)])
    camera = only(tmp_path).camera
    # 1.5 m ahead of a car that looks along -y, 1.6 m up; our y is turned round.
    np.testing.assert_allclose(camera.camera_to_world[:3, 3], (10, -18.5, 1.6), atol=1e-9)


def test_without_a_field_of_view_there_is_no_camera(bare: Callable[..., Path]) -> None:
    folder = bare()
    assert only(folder).camera is None
    camera = only(folder, fov_deg=60).camera
    assert camera.intrinsics[0, 0] == pytest.approx(24 / np.tan(np.radians(30)))
    np.testing.assert_array_equal(camera.camera_to_world, np.eye(4))


def test_boxes_of_actors_stand_in_where_nobody_recorded_instances(tmp_path: Path) -> None:
    sensors = drive.sensors()
    del sensors["instance"]
    hidden = drive.record(140)
    hidden["actors"][0]["transform"] = {"location": {"x": 92.0, "y": 130.0, "z": 0.8}}
    drive.write_drive(tmp_path, [drive.record(120), hidden], sensors=sensors)
    made = adapter(tmp_path)
    seen, behind = (made.read(ref) for ref in made.index())
    (car,) = seen.objects
    assert (car.category, car.box_xyxy) == (SceneClass.CAR, (20, 12, 31.5, 20))
    assert behind.objects == ()  # 80 m away, where a house stands at 60 m


@pytest.mark.parametrize("listed", [True, False])
def test_a_frame_whose_list_of_actors_is_empty_claims_their_classes(
    listed: bool, tmp_path: Path
) -> None:
    sensors = drive.sensors()
    del sensors["instance"], sensors["semantic"]
    record = drive.record(120, actors=[])
    if not listed:
        del record["actors"]
    drive.write_drive(tmp_path, [record], sensors=sensors)
    frame = only(tmp_path)
    assert frame.objects == ()
    expected = {SceneClass.HUMAN, SceneClass.VEHICLE} if listed else set()
    assert frame.label_space == expected


def test_a_twin_is_shared_by_recordings_of_one_group(tmp_path: Path) -> None:
    for name, sky in (("clear", drive.NOON), ("rain", drive.RAINY_NIGHT)):
        drive.write_drive(tmp_path / name, [drive.record(120, sky, twin="7")], group="run")
    drive.write_drive(tmp_path / "other", [drive.record(120, twin="7")])
    made = adapter(tmp_path)
    clear, other, rain = (made.read(ref).provenance for ref in made.index())
    assert clear.twin_id == rain.twin_id != other.twin_id
    assert clear.group_id == rain.group_id != other.group_id
