"""nuScenes: rectangles of boxes in space, skies from words, hours by the log's clock."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH
from recordings import nuscenes as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame, SceneObject
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.nuscenes import Nuscenes, NuscenesConfig

TABLES = "v1.0-mini"


def adapter(folder: Path, **settings: Any) -> Nuscenes:
    return Nuscenes(NuscenesConfig(path=folder, **settings))


def frames(folder: Path, **settings: Any) -> list[Frame]:
    source = adapter(folder, **settings)
    return [source.read(ref) for ref in source.index()]


def rewrite(folder: Path, table: str, **changes: Any) -> None:
    """Changes columns of the first row of a table."""
    path = folder / TABLES / f"{table}.json"
    rows = json.loads(path.read_text())
    rows[0] |= changes
    path.write_text(json.dumps(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


@pytest.fixture
def rainy(folder: Path) -> Frame:
    return next(f for f in frames(folder) if f.group_id == "nuscenes/scene-0061")


def by_class(frame: Frame) -> dict[SceneClass, SceneObject]:
    return {found.category: found for found in frame.objects}


def test_a_body_ahead_is_the_rectangle_of_its_corners(rainy: Frame) -> None:
    """2 m wide, 1.5 m high, its near end 8 m away."""
    car = by_class(rainy)[SceneClass.CAR]
    half_x, half_y = 40 * 1.0 / 8, 40 * 0.75 / 8
    assert car.box_xyxy == pytest.approx((24 - half_x, 16 - half_y, 24 + half_x, 16 + half_y))
    assert car.distance_m == pytest.approx(10)
    assert car.centre_m == pytest.approx((100, 211.5, 1.5))
    assert car.visibility == pytest.approx(0.9)  # of 80-100 %


def test_a_body_at_the_edge_is_the_part_inside(rainy: Frame) -> None:
    """Its near corner at the right is out of view; the part inside ends at the picture's edge."""
    walker = by_class(rainy)[SceneClass.PERSON]
    assert walker.box_xyxy[2] == WIDTH
    assert walker.box_xyxy[0] == pytest.approx(24 + 40 * 4.1 / 8.3)
    # At the picture's edge, x = z * 24 / 40: of the face nearest to the camera, z >= 7.7, all is in
    # view that lies left of 4.62 m, so the box keeps the height of that face.
    assert walker.box_xyxy[1] == pytest.approx(16 + 40 * (0.5 - 0.9) / 7.7)
    assert walker.visibility == pytest.approx(0.5)


def test_a_body_beside_the_camera_is_cut_where_it_leaves_the_view(rainy: Frame) -> None:
    """A bus from 4 m behind the camera to 8 m ahead, 1.7 m to the right: seen from 2.83 m on."""
    bus = by_class(rainy)[SceneClass.BUS]
    enters = 1.7 * 40 / 24  # where its left side enters the view at the right edge
    assert bus.box_xyxy[0] == pytest.approx(24 + 40 * 1.7 / 8)
    assert bus.box_xyxy[1] == pytest.approx(max(0, 16 - 40 * 2 / enters))
    assert bus.box_xyxy[2] == WIDTH
    assert bus.box_xyxy[3] == pytest.approx(16 + 40 * 1 / enters)
    assert bus.visibility == pytest.approx(0.2)


def test_what_lies_behind_is_seen_by_the_other_camera(folder: Path, rainy: Frame) -> None:
    assert SceneClass.OTHER not in by_class(rainy)
    back = [f for f in frames(folder, cameras=("CAM_BACK",)) if f.group_id == rainy.group_id]
    cone = by_class(back[0])[SceneClass.OTHER]
    assert cone.distance_m == pytest.approx(10)
    assert cone.visibility is None  # nobody judged it
    assert SceneClass.CAR not in by_class(back[0])


def test_boxes_are_those_of_a_dense_sampling(rainy: Frame) -> None:
    """Points all over each body's surface, projected one by one: their extent is the box."""
    assert rainy.camera is not None
    steps = np.linspace(-0.5, 0.5, 72)  # none of them in the plane of the camera
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    for name, _, place, (width, length, height) in recording.BODIES[:3]:
        faces = [np.insert(grid, axis, side, axis=1) for axis in range(3) for side in (-0.5, 0.5)]
        # The car looks north: its length lies along the world's y.
        points = np.concatenate(faces) * [width, length, height] + recording.in_world(place)
        seen = rainy.camera.project(points)
        inside = seen[:, 2] > 0.1
        inside &= np.all((seen[:, :2] >= 0) & (seen[:, :2] <= [WIDTH, HEIGHT]), axis=1)
        low, high = seen[inside, :2].min(axis=0), seen[inside, :2].max(axis=0)
        category = {"bus": SceneClass.BUS, "car": SceneClass.CAR}.get(name.split(".")[1])
        box = by_class(rainy)[category or SceneClass.PERSON].box_xyxy
        assert box == pytest.approx((*low, *high), abs=0.5)


def test_the_camera_stands_in_the_car_and_the_car_in_the_world(rainy: Frame) -> None:
    assert rainy.camera is not None
    pose = rainy.camera.camera_to_world
    assert pose[:3, 3] == pytest.approx([100, 201.5, 1.5])
    assert np.allclose(pose[:3, :3], np.transpose([[1, 0, 0], [0, 0, -1], [0, 1, 0]]))
    assert rainy.camera.intrinsics.tolist() == recording.intrinsics()


def test_skies_and_hours(folder: Path) -> None:
    wet, dry = (f.conditions for f in frames(folder))
    if wet.native != recording.WORDS[0]:
        wet, dry = dry, wet
    assert (wet.weather, wet.time_of_day) == (Weather.RAINING, TimeOfDay.NIGHT)  # as its words say
    assert wet.hour == pytest.approx(11 + 28 / 60)  # the words of a test; real nights are later
    assert dry.weather is Weather.UNKNOWN  # a train is no rain
    assert dry.native == recording.WORDS[1]
    assert dry.hour == pytest.approx(23 + 28 / 60)  # in Boston, the day before


@pytest.mark.parametrize(
    ("words", "weather"),
    [
        ("Rain, parked cars", Weather.RAINING),
        ("turn left, after rain", Weather.CLEARING),
        ("terrain, training", Weather.UNKNOWN),
    ],
)
def test_words_of_rain(folder: Path, words: str, weather: Weather) -> None:
    rewrite(folder, "scene", description=words)
    assert {f.conditions.native: f.conditions.weather for f in frames(folder)}[words] is weather


def test_sweeps_have_no_labels(folder: Path) -> None:
    all_frames = frames(folder, sweeps=True)
    assert len(all_frames) == 4
    for frame in all_frames:
        key = frame.provenance.source.native_id.startswith("samples/")
        assert bool(frame.objects) == bool(frame.label_space) == key
    assert {f.group_id for f in all_frames} == {"nuscenes/scene-0061", "nuscenes/scene-0062"}


def refusals(folder: Path) -> list[BadFrame]:
    source, found = adapter(folder), []
    for ref in source.index():
        try:
            source.read(ref)
        except BadFrame as error:
            found.append(error)
    return found


def test_what_is_wrong_is_refused_by_name(folder: Path) -> None:
    rewrite(folder, "category", name="vehicle.spaceship")
    assert {e.reason for e in refusals(folder)} == {Reason.UNKNOWN_CLASS}
    assert "'vehicle.spaceship'" in refusals(folder)[0].sentence


@pytest.mark.parametrize(
    ("table", "changes", "reason", "words"),
    [
        ("sample_data", {"width": 50}, Reason.SIZE_MISMATCH, "50x32"),
        ("sample_data", {"ego_pose_token": "gone"}, Reason.BAD_METADATA, "'gone'"),
        ("sample_data", {"sample_token": "gone"}, Reason.BAD_METADATA, "'gone'"),
        ("ego_pose", {"rotation": [0, 0, 0, 0]}, Reason.BAD_METADATA, "rotation"),
        ("ego_pose", {"rotation": [1e200, 0, 0, 0]}, Reason.BAD_METADATA, "1.e+200"),
        ("calibrated_sensor", {"camera_intrinsic": []}, Reason.BAD_CAMERA, "camera_intrinsic"),
        ("instance", {"category_token": "gone"}, Reason.BAD_METADATA, "category"),
    ],
)
def test_one_bad_row_is_one_bad_frame(
    folder: Path, table: str, changes: dict[str, Any], reason: Reason, words: str
) -> None:
    rewrite(folder, table, **changes)
    (error,) = refusals(folder)
    assert error.reason is reason
    assert words in error.sentence


@pytest.mark.parametrize("table", ["sample_data", "ego_pose", "sample_annotation", "scene"])
def test_a_torn_table_is_told(folder: Path, table: str) -> None:
    path = folder / TABLES / f"{table}.json"
    path.write_bytes(path.read_bytes()[:-40])
    errors = refusals(folder)
    assert {e.reason for e in errors} == {Reason.BAD_METADATA}
    assert all(f"{table}.json" in e.sentence for e in errors)


def test_a_camera_that_is_not_there_is_told(folder: Path) -> None:
    source = adapter(folder, cameras=("CAM_TOP",))
    (ref,) = source.index()
    with pytest.raises(BadFrame, match=r"sample_data\.json.*CAM_TOP"):
        source.read(ref)


def test_tables_are_read_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [f.content_sha256 for f in frames(folder)]
    for size in (700, 1001):
        monkeypatch.setattr("parhelion.sim_adapters._flat_records.PIECE_BYTES", size)
        assert [f.content_sha256 for f in frames(folder)] == whole


def test_another_table_is_another_stamp(folder: Path) -> None:
    before = [ref.stamp for ref in adapter(folder).index()]
    rewrite(folder, "sample_annotation", size=[1.0, 1.0, 1.0])
    after = [ref.stamp for ref in adapter(folder).index()]
    assert not set(before) & set(after)


def test_of_two_versions_one_must_be_named(folder: Path) -> None:
    (folder / "v1.0-test").mkdir()
    (folder / "v1.0-test/sample_data.json").write_text("[]")
    with pytest.raises(FileNotFoundError, match=r"version.*v1.0-mini, v1.0-test"):
        adapter(folder).index()
    assert len(adapter(folder, version=TABLES).index()) == 2
