"""Replicator: colours with alpha, inclusive records, prims as instances, USD's camera axes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recordings import HEIGHT, WIDTH, street_pixels
from recordings import replicator as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.replicator import Replicator, ReplicatorConfig


def adapter(folder: Path, **settings: Any) -> Replicator:
    return Replicator(ReplicatorConfig(path=folder, **{"classes": recording.CLASSES, **settings}))


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = adapter(folder, **settings)
    return {ref.native_id: source.read(ref) for ref in source.index()}


def refusal(folder: Path, **settings: Any) -> BadFrame:
    source = adapter(folder, **settings)
    with pytest.raises(BadFrame) as caught:
        source.read(source.index()[0])
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def test_colours_that_differ_in_alpha_are_two(folder: Path) -> None:
    frame = frames(folder)["0_0000"]
    assert np.array_equal(frame.image, street_pixels(0))
    pixels = recording.semantic()
    for colour, wanted in (
        (recording.BACKGROUND, SceneClass.SKY),  # the settings say so
        (recording.UNLABELLED, SceneClass.IGNORE),
        (recording.CAR, SceneClass.CAR),
        (recording.FORKLIFT, SceneClass.OTHER),
        (recording.ROAD, SceneClass.ROAD),  # "road,ground": the first part that is known
    ):
        assert np.array_equal(frame.stencil == wanted, np.all(pixels == colour, axis=2))
    assert frame.label_space == {
        *(SceneClass.SKY, SceneClass.CAR, SceneClass.OTHER, SceneClass.ROAD)
    }
    told = {**recording.CLASSES, "background": "ignore"}
    assert SceneClass.SKY not in frames(folder, classes=told)["0_0000"].label_space


def test_boxes_end_behind_their_last_pixels(folder: Path) -> None:
    frame = frames(folder)["0_0000"]
    car, forklift = frame.objects
    assert (car.category, car.box_xyxy) == (SceneClass.CAR, (10, 14, 22, 22))
    assert (forklift.category, forklift.box_xyxy) == (SceneClass.OTHER, (40, 12, 48, 22))
    assert (car.visibility, forklift.visibility) == (0.75, None)  # -1: nobody knows
    assert frame.instances is not None
    for found in frame.objects:  # instances are prims: masks fill their boxes
        y, x = np.nonzero(frame.instances == found.instance)
        assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == found.box_xyxy
    exclusive = frames(folder, box_max_inclusive=False)["0_0000"].objects
    assert exclusive[0].box_xyxy == (10, 14, 21, 21)


def test_the_camera_sees_what_lies_ahead_of_it(folder: Path) -> None:
    """It looks along y with z up: a point ahead, to the right and below lands right and below."""
    camera = frames(folder)["0_0000"].camera
    assert camera is not None
    focal = WIDTH * recording.FOCAL / recording.APERTURE[0]
    eye = np.array(recording.EYE) * recording.METRES
    ahead, right, down = 10.0, 2.0, 1.0
    seen = camera.project((eye + np.array([right, ahead, -down]))[None])
    wanted = WIDTH / 2 + focal * right / ahead, HEIGHT / 2 + focal * down / ahead, ahead
    assert seen[0] == pytest.approx(wanted)


def test_depth_to_the_plane_and_along_the_ray(folder: Path) -> None:
    planar, ray = (frames(folder)[name] for name in ("0_0000", "1_0000"))
    assert np.array_equal(planar.depth, recording.depth_m())
    assert ray.depth is not None
    assert ray.camera is not None
    assert np.isinf(ray.depth[:8]).all()
    way = np.linalg.solve(ray.camera.intrinsics, [3.5, 30.5, 1])
    assert np.linalg.norm(way * ray.depth[30, 3]) == pytest.approx(recording.DEPTH_M)
    (folder / "camera_params_0_0000.json").rename(folder / "camera_params_9_0000.json")
    (folder / "distance_to_image_plane_0_0000.npy").rename(folder / "distance_to_camera_0_0000.npy")
    assert refusal(folder).reason is Reason.BAD_CAMERA


def test_render_products_of_a_moment_are_one_group(tmp_path: Path) -> None:
    for product in ("Left", "Right"):
        for number in (3, 204):
            recording.frame(tmp_path / product, f"{number:04d}", number, apart=True)
    groups = {ref.native_id: ref.group_id for ref in adapter(tmp_path).index()}
    assert groups == {
        "Left/0003": "replicator/0",
        "Right/0003": "replicator/0",
        "Left/0204": "replicator/2",
        "Right/0204": "replicator/2",
    }
    assert {len(frame.objects) for frame in frames(tmp_path).values()} == {2}


def test_a_sequence_is_a_group(tmp_path: Path) -> None:
    for key in ("0_0000", "0_0950", "1_0000"):
        recording.frame(tmp_path / "run", key, 0)
    groups = {ref.native_id: ref.group_id for ref in adapter(tmp_path).index()}
    assert groups == {
        "run/0_0000": "replicator/run/0",
        "run/0_0950": "replicator/run/0",
        "run/1_0000": "replicator/run/1",
    }


def test_ids_instead_of_colours(folder: Path) -> None:
    """What is not colourised is in 16 bits, and its labels are named by number."""
    numbers = {colour: i for i, colour in enumerate(recording.LABELS)}
    for kind, picture, words in (
        ("semantic_segmentation", recording.semantic(), numbers),
        ("instance_segmentation", recording.instances(), None),
    ):
        table = words or {
            colour: i
            for i, colour in enumerate(
                [recording.BACKGROUND, recording.UNLABELLED, *recording.PRIMS]
            )
        }
        ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
        for colour, i in table.items():
            ids[np.all(picture == colour, axis=2)] = i
        Image.fromarray(ids).save(folder / f"{kind}_0_0000.png")
        file = "labels" if words else "mapping"
        path = folder / f"{kind}_{file}_0_0000.json"
        told = json.loads(path.read_text())
        path.write_text(json.dumps({str(i): told[str(c)] for c, i in table.items()}))
    plain, coloured = (frames(folder)[name] for name in ("0_0000", "1_0000"))
    assert np.array_equal(plain.stencil, coloured.stencil)
    assert plain.instances is not None
    assert coloured.instances is not None
    assert np.array_equal(plain.instances > 0, coloured.instances > 0)
    for found in plain.objects:
        y, x = np.nonzero(plain.instances == found.instance)
        assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == found.box_xyxy


def test_a_word_without_a_class_is_refused_by_name(folder: Path) -> None:
    error = refusal(folder, classes={"background": "sky"})
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "'forklift'" in error.sentence
    assert "classes" in error.sentence


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("semantic_segmentation_labels", '{"(300, 0, 0, 255)": {"class": "car"}}', "bad_metadata"),
        ("semantic_segmentation_labels", '{"__import__": {"class": "car"}}', "bad_metadata"),
        ("semantic_segmentation_labels", '{"(1, 1, 1, 255)": {"class": "car"}}', "unknown_class"),
        ("bounding_box_2d_tight_labels", '{"0": {"class": "car"}}', "unknown_class"),
        ("bounding_box_2d_tight_labels", '{"0": {"shape": "cone"}}', "unknown_class"),
        ("camera_params", "{}", "bad_metadata"),
    ],
)
def test_torn_labels_are_refused(folder: Path, file: str, text: str, reason: str) -> None:
    (folder / f"{file}_0_0000.json").write_text(text)
    error = refusal(folder)
    assert error.reason == reason
    assert "_0_0000" in error.sentence


def test_a_picture_of_labels_without_its_words_is_refused(folder: Path) -> None:
    (folder / "semantic_segmentation_labels_0_0000.json").unlink()
    error = refusal(folder)
    assert error.reason is Reason.MISSING_FILE
    assert "semantic_segmentation_labels" in error.sentence


def test_records_of_objects_are_never_unpickled(folder: Path) -> None:
    path = folder / "bounding_box_2d_tight_0_0000.npy"
    np.save(path, np.array([{"semanticId": 0}], dtype=object), allow_pickle=True)
    assert refusal(folder).reason is Reason.UNREADABLE_LAYER
    np.save(path, np.array([[0, 1, 2, 3, 4]]))
    assert refusal(folder).reason is Reason.WRONG_TYPE


def test_another_lens_has_no_intrinsics(folder: Path) -> None:
    path = folder / "camera_params_0_0000.json"
    for change in ({"cameraModel": "fisheyePolynomial"}, {"cameraApertureOffset": [0.5, 0.0]}):
        path.write_text(json.dumps(recording.camera() | change))
        assert frames(folder)["0_0000"].camera is None
    path.write_text(json.dumps(recording.camera() | {"cameraViewTransform": [0.0] * 16}))
    assert refusal(folder).reason is Reason.BAD_CAMERA


def test_a_class_that_one_frame_lacks_is_annotated_all_the_same(tmp_path: Path) -> None:
    for key in ("0_0000", "1_0000"):
        recording.frame(tmp_path, key, 0)
    labels = tmp_path / "semantic_segmentation_labels_1_0000.json"
    told = json.loads(labels.read_text()) | {"(1, 2, 3, 255)": {"class": "bus"}}
    labels.write_text(json.dumps(told))
    (tmp_path / "bounding_box_2d_tight_labels_9_0000.json").write_text("[")  # is its frame's matter
    source = adapter(tmp_path)
    refs = [ref for ref in source.index() if ref.native_id != "9_0000"]  # whose picture is missing
    spaces = [source.read(ref).label_space for ref in refs]
    assert SceneClass.BUS in spaces[0]
    assert spaces[0] == spaces[1]
