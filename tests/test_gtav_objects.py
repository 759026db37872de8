"""Cameras and boxes of GTA V, against the numbers of one capture and a scene built by hand."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH
from recordings.gtav import CAMERA, SENTINEL, ahead, car, parked, projection, snapshot

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._gtav_camera import camera_of, planes_of
from parhelion.sim_adapters._gtav_objects import Scene
from parhelion.sim_adapters._gtav_snapshot import SNAPSHOT, Entity, Snapshot, hour_of

# One captured frame of 1920x1057, field of view 50 degrees.
SAMPLE: dict[str, Any] = {
    "proj_matrix": [
        [1.18059574, 0, 0, 0],
        [0, 2.14450692, 0, 0],
        [0, 0, 1.49945045e-05, 0.150002249],
        [0, 0, -1, 0],
    ],
    "view_matrix": [
        [-0.97529279, -0.22067831, 0.01024995, 3699.43380630],
        [0.00993873, 0.00252059, 0.99994743, -83.45423875],
        [-0.22069254, 0.97534339, -0.00026505, -3975.31421882],
        [0, 0, 0, 1],
    ],
    "camera_pos": [2731.53834, 4693.89160, 44.47718],
}
PERSON: dict[str, Any] = {
    "type": "person",
    "class": "Unknown",
    "pos": [2785.25781, 4379.08643, -100.0],
    "rot": [0, 0, -163.0772],
    "model_sizes": [-0.6095, 0.6100, -0.25, 0.25, -1.3, 0.8585],
    "bbox": [[0.530071, 0.991487], [0.527675, 0.983364]],
}


def told(record: dict[str, Any]) -> Snapshot:
    return SNAPSHOT.validate_python(record)


def entity(**changes: Any) -> Entity:
    return Entity.model_validate(car(**changes))


def placed(thing: Entity, dropped: Counter[str] | None = None, **kinds: Any) -> SceneObject | None:
    camera = camera_of(told(snapshot("x")), WIDTH, HEIGHT, "x")
    scene = Scene(camera, kinds.get("stencil"), WIDTH, HEIGHT, "x")
    found = scene.objects_of((thing,), Counter() if dropped is None else dropped)
    return found[0] if found else None


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def test_the_cameras_numbers_are_those_of_the_capture() -> None:
    camera = camera_of(told(SAMPLE), 1920, 1057, "x")
    assert camera is not None
    k = camera.intrinsics
    assert k[0, 0] == pytest.approx(1133.372, abs=0.005)
    assert k[1, 1] == pytest.approx(1133.372, abs=0.005)
    assert k[:2, 2].tolist() == [960, 528.5]
    assert camera.camera_to_world[:3, 3] == pytest.approx(SAMPLE["camera_pos"], abs=1e-3)
    assert k[1, 1] == pytest.approx(1057 / 2 / np.tan(np.radians(25)), rel=1e-5)  # vertical angle


def test_the_box_of_the_capture_comes_out_of_its_own_3d_box() -> None:
    camera = camera_of(told(SAMPLE), 1920, 1057, "x")
    scene = Scene(camera, None, 1920, 1057, "x")
    both = [
        Entity.model_validate(PERSON | {"type": "car"} | changes)
        for changes in ({}, {"bbox": SENTINEL})
    ]
    stored, computed = scene.objects_of(both, Counter())
    assert overlap(stored.box_xyxy, computed.box_xyxy) > 0.95


def test_the_camera_looks_ahead_with_y_down() -> None:
    camera = camera_of(told(snapshot("x")), WIDTH, HEIGHT, "x")
    assert camera is not None
    right_below = camera.project(np.array([ahead(2, -1, 10)]))[0]
    assert right_below[0] > WIDTH / 2
    assert right_below[1] > HEIGHT / 2
    assert right_below[2] == pytest.approx(10)


@pytest.mark.parametrize("shift", [0.002, 1.0, float("inf")])
def test_a_view_that_stands_elsewhere_than_the_camera_is_refused(shift: float) -> None:
    moved = snapshot("x") | {"camera_pos": [CAMERA[0] + shift, *CAMERA[1:]]}
    with pytest.raises(BadFrame, match="camera_pos"):
        camera_of(told(moved), WIDTH, HEIGHT, "x")
    near = snapshot("x") | {"camera_pos": [CAMERA[0] + 5e-4, *CAMERA[1:]]}
    assert camera_of(told(near), WIDTH, HEIGHT, "x") is not None


@pytest.mark.parametrize("scale", [2.0, -1.0, float("nan")])
def test_a_view_that_is_no_rigid_motion_is_refused(scale: float) -> None:
    record = snapshot("x")
    record["view_matrix"] = [[scale * x for x in row] for row in record["view_matrix"]]
    with pytest.raises(BadFrame, match="view matrix"):
        camera_of(told(record), WIDTH, HEIGHT, "x")


def test_without_a_matrix_the_games_planes_are_assumed_and_it_is_told() -> None:
    planes, assumed = planes_of(told({}), "x")
    assert assumed
    assert planes.p23 / planes.p22 == pytest.approx(10003.815)
    planes, assumed = planes_of(told({"cam_near_clip": 1.5, "cam_far_clip": 1500}), "x")
    assert not assumed
    assert planes.p23 / (1 + planes.p22) == pytest.approx(1.5)


def test_boxes_are_read_x_first() -> None:
    thing = placed(entity(bbox=[[0.75, 0.5], [0.25, 0.125]]))
    assert thing is not None
    assert thing.box_xyxy == (0.25 * WIDTH, 0.125 * HEIGHT, 0.75 * WIDTH, 0.5 * HEIGHT)
    assert thing.truncation == 0


def test_a_tightened_box_ends_with_its_last_pixel() -> None:
    best = [[29 / WIDTH, 25 / HEIGHT], [18 / WIDTH, 18 / HEIGHT]]
    thing = placed(entity(best_bbox=best, bbox=SENTINEL))
    assert thing is not None
    assert thing.box_xyxy == pytest.approx((18, 18, 30, 26))


def test_objects_have_distance_and_centre() -> None:
    thing = placed(entity(pos=ahead(0, -1.5, 20), model_sizes=[-1, 1, -2.5, 2.5, -0.5, 1.0]))
    assert thing is not None
    assert thing.distance_m == pytest.approx(20)
    assert thing.centre_m == pytest.approx(ahead(0, -1.25, 20))


def test_a_box_off_the_screen_is_computed_anew_and_cut() -> None:
    whole = placed(entity(bbox=SENTINEL))
    assert whole is not None
    assert whole.truncation == pytest.approx(0)
    half = placed(entity(bbox=SENTINEL, pos=ahead(-8.3, -1.5, 12)))
    assert half is not None
    assert half.box_xyxy[0] == 0
    assert 0.2 < (half.truncation or 0) < 0.8


def test_a_lorry_beside_the_camera_reaches_to_the_edges_of_the_picture() -> None:
    width, height = 1920, 1080
    told_so = snapshot("x") | {"proj_matrix": projection(width, height)}
    camera = camera_of(told(told_so), width, height, "x")
    lorry = entity(
        bbox=SENTINEL, pos=ahead(1.8, -1.2, 3.0), model_sizes=[-1.25, 1.25, -4.5, 4.5, 0, 3]
    )
    scene = Scene(camera, None, width, height, "x")
    (found,) = scene.objects_of((lorry,), Counter())
    x0, y0, x1, y1 = found.box_xyxy
    assert (x1, y0, y1) == (width, 0, height)
    # Its far, left and lowest edge stands 7.5 m ahead, 0.55 m to the right.
    focal = height / 2 / np.tan(np.radians(25))
    assert x0 == pytest.approx(width / 2 + focal * 0.55 / 7.5)
    assert found.truncation is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"bbox": SENTINEL, "pos": ahead(0, 0, -20)}, "boxes behind the camera"),
        ({"bbox": SENTINEL, "pos": ahead(200, 0, 20)}, "boxes outside the picture"),
        ({"bbox": [[1.5, 0.5], [1.2, 0.2]]}, "boxes outside the picture"),
        (
            {"bbox": SENTINEL, "model_sizes": None},
            "boxes off the screen without a box of their own",
        ),
        ({"type": "background"}, "entities of the background"),
    ],
)
def test_what_is_not_in_the_picture_is_dropped_and_counted(
    changes: dict[str, Any], why: str
) -> None:
    dropped: Counter[str] = Counter()
    assert placed(entity(**changes), dropped) is None
    assert dropped == {why: 1}


def test_persons_parked_below_the_map_are_dropped() -> None:
    dropped: Counter[str] = Counter()
    assert placed(Entity.model_validate(PERSON), dropped) is None
    assert placed(Entity.model_validate(parked()), dropped) is None
    assert dropped == {"persons parked below the map": 2}
    walker = placed(entity(**{"type": "person", "class": "Unknown"}))
    assert walker is not None
    assert walker.category is SceneClass.PERSON


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("Sedans", SceneClass.CAR),
        ("Vans", SceneClass.CAR),
        ("Commercial", SceneClass.TRUCK),
        ("Motorcycles", SceneClass.MOTORCYCLE),
        ("Cycles", SceneClass.BICYCLE),
        ("Trains", SceneClass.TRAIN),
        ("Emergency", SceneClass.VEHICLE),
        ("Unknown", SceneClass.VEHICLE),
        ("Boats", SceneClass.OTHER),
        ("Planes", SceneClass.OTHER),
        ("Helicopters", SceneClass.OTHER),
    ],
)
def test_the_class_tells_what_is_called_a_car(word: str, wanted: SceneClass) -> None:
    thing = placed(entity(**{"class": word}))
    assert thing is not None
    assert thing.category is wanted


@pytest.mark.parametrize("changes", [{"class": "Spaceships"}, {"type": "dog"}])
def test_a_word_that_the_game_lacks_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadFrame, match="wanted an entity of a type and class that the game has"):
        placed(entity(**changes))


def test_nothing_of_a_thing_is_seen_where_no_pixel_is_of_its_kind() -> None:
    stencil = np.full((HEIGHT, WIDTH), SceneClass.OTHER, np.uint8)
    hidden = placed(entity(), stencil=stencil)
    assert hidden is not None
    assert hidden.visibility == 0
    stencil[20, 20] = SceneClass.VEHICLE
    seen = placed(entity(), stencil=stencil)
    assert seen is not None
    assert seen.visibility is None


@pytest.mark.parametrize("absurd", [1e300, float("nan"), float("inf")])
def test_a_thing_that_is_not_on_the_map_is_refused(absurd: float) -> None:
    with pytest.raises(BadFrame, match="wanted an entity on the map"):
        placed(entity(bbox=SENTINEL, pos=[absurd, 0, 0]))


@pytest.mark.parametrize(
    ("clock", "hour"),
    [("06:27:56", 6.4656), ("00:00:00", 0), ("23:59:59.5", 23.9997), ("6:30", 6.5)],
)
def test_the_clock_tells_the_hour(clock: str, hour: float) -> None:
    assert hour_of(clock, "x") == pytest.approx(hour, abs=1e-4)


@pytest.mark.parametrize("clock", ["24:00:00", "12:60:00", "noon", "1:2:3", ""])
def test_a_clock_that_is_none_is_refused(clock: str) -> None:
    with pytest.raises(BadFrame, match="wanted a time of day"):
        hour_of(clock, "x")
