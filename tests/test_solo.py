"""SOLO: colours named in each frame, left-handed axes turned over, depth along axis or ray."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import solo as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.solo import Solo, SoloConfig

FIRST = "sequence.0/step0"


def adapter(folder: Path, **settings: Any) -> Solo:
    return Solo(SoloConfig(path=folder, **{"classes": recording.CLASSES, **settings}))


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = adapter(folder, **settings)
    return {ref.native_id: source.read(ref) for ref in source.index()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the first frame's JSON."""
    path = folder / f"{FIRST}.frame_data.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def refusal(folder: Path, native_id: str = f"{FIRST}/camera", **settings: Any) -> BadFrame:
    source = adapter(folder, **settings)
    ref = next(ref for ref in source.index() if ref.native_id == native_id)
    with pytest.raises(BadFrame) as caught:
        source.read(ref)
    return caught.value


def test_layers_by_the_colours_that_the_frame_names(folder: Path) -> None:
    frame = frames(folder)[f"{FIRST}/camera"]
    assert np.array_equal(frame.image, street_pixels(0))
    pixels = recording.semantic()
    for colour, wanted in (
        (recording.CAR, SceneClass.CAR),
        (recording.WALKER, SceneClass.PERSON),
        (recording.ROAD, SceneClass.ROAD),
        ((0, 0, 0, 255), SceneClass.IGNORE),
    ):
        there = np.all(pixels == colour, axis=2)
        assert there.any()
        assert np.array_equal(frame.stencil == wanted, there)
    first = np.all(recording.instances() == recording.FIRST, axis=2)
    assert np.array_equal(frame.instances == recording.FIRST_ID, first)
    assert frame.label_space == {SceneClass.CAR, SceneClass.PERSON, SceneClass.ROAD}
    assert frame.depth is None


def test_boxes_are_clipped_and_carry_their_instances(folder: Path) -> None:
    car, walker = frames(folder)[f"{FIRST}/camera"].objects
    assert (car.category, car.box_xyxy) == (SceneClass.CAR, (10, 14, 22, 22))
    assert (walker.category, walker.box_xyxy) == (SceneClass.PERSON, (40, 12, 48, 22))
    assert (car.instance, walker.instance) == (recording.FIRST_ID, recording.SECOND_ID)


def test_a_sequence_is_a_group(folder: Path) -> None:
    groups = {ref.native_id: ref.group_id for ref in adapter(folder).index()}
    assert groups == {
        "sequence.0/step0/camera": "solo/sequence.0",
        "sequence.0/step1/camera": "solo/sequence.0",
        "sequence.1/step0/camera": "solo/sequence.1",
        "sequence.1/step1/camera": "solo/sequence.1",
    }


def test_the_camera_projects_as_unity_does(folder: Path) -> None:
    """A point in Unity's world, through Unity's own matrices, lands on the same pixel."""
    camera = frames(folder)[f"{FIRST}/camera"].camera
    assert camera is not None
    assert np.linalg.det(camera.camera_to_world[:3, :3]) == pytest.approx(1)
    x, y, z, w = recording.ROTATION
    turn = np.array(  # of a unit quaternion
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    local = np.array([0.7, -0.4, 6.0])  # right, up, ahead of the camera
    world = turn @ local + recording.POSITION
    m = np.reshape(recording.MATRIX, (3, 3))
    right, up = m[0, 0] * local[0] / local[2], m[1, 1] * local[1] / local[2]
    pixel = (right + 1) * WIDTH / 2, (1 - up) * HEIGHT / 2
    seen = camera.project(np.array([[world[0], -world[1], world[2]]]))
    assert seen[0] == pytest.approx([*pixel, local[2]], rel=1e-5)


def test_depth_is_planar_and_what_was_not_drawn_is_far(folder: Path) -> None:
    depth = frames(folder)["sequence.1/step0/camera"].depth
    assert depth is not None
    assert np.isinf(depth[:4]).all()
    assert np.array_equal(depth[4:], recording.depth_m()[4:])


def test_depth_along_rays_is_made_planar(folder: Path) -> None:
    """A point at that depth lies at the written distance from the camera."""
    frame = frames(folder)["sequence.1/step1/camera"]
    assert frame.depth is not None
    assert frame.camera is not None
    for row, column in ((10, 3), (31, 47), (16, 24)):
        ray = np.linalg.solve(frame.camera.intrinsics, [column + 0.5, row + 0.5, 1])
        away = np.linalg.norm(ray * frame.depth[row, column])
        assert away == pytest.approx(recording.depth_m()[row, column], rel=1e-5)


def test_a_label_without_a_class_is_refused_by_name(folder: Path) -> None:
    error = refusal(folder, classes={"Street Surface": "road"})
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "'Taxi'" in error.sentence
    assert "classes" in error.sentence
    ignored = frames(folder, classes={"Taxi": "ignore", "Street Surface": "road"})
    frame = ignored[f"{FIRST}/camera"]
    assert [o.category for o in frame.objects] == [SceneClass.PERSON]
    assert SceneClass.CAR not in frame.label_space


def test_a_colour_that_no_label_has_is_refused(folder: Path) -> None:
    edit(folder, lambda v: v["captures"][0]["annotations"][0]["instances"].pop())
    error = refusal(folder)
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "(80, 80, 80, 255)" in error.sentence


def test_two_cameras_are_two_frames_of_a_group(folder: Path) -> None:
    def double(value: dict[str, Any]) -> None:
        value["captures"].append({**value["captures"][0], "id": "rear", "annotations": []})

    edit(folder, double)
    path = folder / "sensor_definitions.json"
    path.write_text(path.read_text().replace("]", ',{"id": "rear", "modality": "camera"}]'))
    both = {f"{FIRST}/camera", f"{FIRST}/rear"}
    found = {ref.native_id: ref for ref in adapter(folder).index()}
    assert both <= found.keys()
    assert {found[name].group_id for name in both} == {"solo/sequence.0"}
    rear = adapter(folder).read(found[f"{FIRST}/rear"])
    assert rear.stencil is None
    assert rear.label_space == frozenset()
    assert "'rear'" in refusal(folder, "sequence.1/step0/rear").sentence
    path.unlink()  # nobody knows of cameras: a frame of one is read, one of two must be told apart
    assert "'camera', 'rear'" in refusal(folder, FIRST).sentence
    assert "sequence.1/step0" in {ref.native_id for ref in adapter(folder).index()}


@pytest.mark.parametrize(
    "name", ["../../a.png", "/etc/hostname", "step9.camera.png", "frame", None]
)
def test_a_picture_that_is_not_beside_its_frame_is_refused(folder: Path, name: str | None) -> None:
    edit(folder, lambda v: v["captures"][0].update(filename=name))
    error = refusal(folder)
    assert error.reason is Reason.MISSING_FILE
    assert "step0.frame_data.json" in error.sentence


def test_pictures_without_their_json_are_a_bad_frame(folder: Path) -> None:
    (folder / f"{FIRST}.frame_data.json").unlink()
    assert refusal(folder).reason is Reason.MISSING_FILE


def test_a_camera_of_another_kind_is_none(folder: Path) -> None:
    edit(folder, lambda v: v["captures"][0].update(projection="orthographic"))
    assert frames(folder)[f"{FIRST}/camera"].camera is None
    path = folder / "sequence.1/step1.frame_data.json"
    path.write_text(path.read_text().replace("Perspective", "Orthographic"))
    error = refusal(folder, "sequence.1/step1/camera")
    assert error.reason is Reason.BAD_CAMERA
    assert "rays" in error.sentence


@pytest.mark.parametrize("name", ["sensor_definitions.json", "annotation_definitions.json"])
def test_a_torn_shared_document_is_told_and_the_frames_are_read(folder: Path, name: str) -> None:
    (folder / name).write_text('{"')
    assert refusal(folder, name).reason is Reason.BAD_METADATA
    source = adapter(folder)
    read = [source.read(ref) for ref in source.index() if ref.native_id != name]
    assert len(read) == 4


def test_only_annotations_must_name_their_type(folder: Path) -> None:
    before = {name: frame.objects for name, frame in frames(folder).items()}
    for path in (folder / "annotation_definitions.json", *folder.glob("sequence.*/*.json")):
        told = json.loads(path.read_text())
        for one in (*told.get("captures", ()), *told.get("annotationDefinitions", ())):
            del one["@type"]
        path.write_text(json.dumps(told))
    assert {name: frame.objects for name, frame in frames(folder).items()} == before


def test_boxes_of_two_labellers_are_joined(folder: Path) -> None:
    def split(value: dict[str, Any]) -> None:
        told = value["captures"][0]["annotations"]
        first = next(one for one in told if "values" in one and "templateId" not in one)
        told.append({**first, "values": [first["values"].pop()]})

    wanted = frames(folder)[f"{FIRST}/camera"].objects
    edit(folder, split)
    assert len(wanted) == 2
    assert frames(folder)[f"{FIRST}/camera"].objects == wanted


@pytest.mark.parametrize("kind", ["Semantic", "Instance"])
def test_two_segmentations_that_differ_are_refused(folder: Path, kind: str) -> None:
    def again(value: dict[str, Any], **changes: Any) -> None:
        told = value["captures"][0]["annotations"]
        told.append(next(one for one in told if kind in one["@type"]) | changes)

    wanted = frames(folder)[f"{FIRST}/camera"]
    edit(folder, again)
    assert np.array_equal(frames(folder)[f"{FIRST}/camera"].stencil, wanted.stencil)
    black = f"{FIRST.rpartition('/')[2]}.camera.black.png"
    save(folder / FIRST.partition("/")[0] / black, np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8))
    edit(folder, lambda value: again(value, filename=black))
    assert refusal(folder).reason is Reason.BAD_METADATA
