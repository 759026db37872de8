"""The record's door: what is refused, with which code and words, and what a frame promises."""

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from conftest import make_frame

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Annotation, Camera, Frame, SceneObject, with_ignored
from parhelion.pipeline.scene_class import SceneClass

Change = Callable[[Frame], dict[str, object]]


def box(*xyxy: float) -> tuple[SceneObject, ...]:
    return (SceneObject(category=SceneClass.CAR, box_xyxy=xyxy),)


def with_pixel(layer: str, value: float) -> Change:
    def change(frame: Frame) -> dict[str, object]:
        changed = getattr(frame, layer).copy()
        changed[3, 4] = value
        return {layer: changed}

    return change


REFUSED: dict[str, tuple[Change, Reason, str]] = {
    "float image": (
        lambda f: {"image": f.image.astype(np.float32)},
        Reason.WRONG_TYPE,
        "image: wanted a uint8 array, got float32",
    ),
    "list as image": (
        lambda f: {"image": f.image.tolist()},
        Reason.WRONG_TYPE,
        "image: wanted a uint8 array, got list",
    ),
    "grey image": (
        lambda f: {"image": f.image[..., 0]},
        Reason.WRONG_SHAPE,
        r"image: wanted shape \(H, W, 3\), got \(32, 48\)",
    ),
    "image with alpha": (
        lambda f: {"image": np.dstack([f.image, f.image[..., :1]])},
        Reason.WRONG_SHAPE,
        r"wanted shape \(H, W, 3\), got \(32, 48, 4\)",
    ),
    "empty image": (
        lambda f: {"image": f.image[:0]},
        Reason.WRONG_SHAPE,
        r"got \(0, 48, 3\)",
    ),
    "depth of another size": (
        lambda f: {"depth": f.depth[:-1]},
        Reason.SIZE_MISMATCH,
        r"depth: wanted \(32, 48\) like the other layers, got \(31, 48\)",
    ),
    "double depth": (
        lambda f: {"depth": f.depth.astype(np.float64)},
        Reason.WRONG_TYPE,
        "depth: wanted a float32 array, got float64",
    ),
    "unknown class": (with_pixel("stencil", 77), Reason.UNKNOWN_CLASS, r"got unknown \[77\]"),
    "class outside the label space": (
        with_pixel("stencil", SceneClass.BUS),
        Reason.OUTSIDE_LABEL_SPACE,
        "label space, got also bus",
    ),
    "negative depth": (
        with_pixel("depth", -1.5),
        Reason.NEGATIVE_DEPTH,
        "depth: wanted metres of 0 or more, got -1.500",
    ),
    "negative instance": (
        with_pixel("instances", -2),
        Reason.NEGATIVE_INSTANCE,
        "instances: wanted ids of 0 or more, got -2",
    ),
    "box outside": (
        lambda f: {"objects": box(40, 2, 49, 9)},
        Reason.BOX_OUTSIDE,
        r"object 0 \(car\): wanted a box inside 48x32",
    ),
    "empty box": (
        lambda f: {"objects": box(9, 2, 9, 9)},
        Reason.EMPTY_BOX,
        r"object 0 \(car\): wanted a box with an area",
    ),
    "box of no numbers": (
        lambda f: {"objects": box(float("nan"), 2, 9, 9)},
        Reason.EMPTY_BOX,
        "wanted a box with an area",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_content_is_refused_with_its_code_and_a_sentence(what: str, frame: Frame) -> None:
    change, reason, sentence = REFUSED[what]
    with pytest.raises(BadFrame, match=sentence) as refused:
        replace(frame, **change(frame))
    assert refused.value.reason is reason


def test_bad_frames_travel_between_processes() -> None:
    there = pickle.loads(pickle.dumps(BadFrame(Reason.GATE, "why")))  # noqa: S301
    assert (there.reason, there.sentence) == (Reason.GATE, "why")


@pytest.mark.parametrize(
    "intrinsics", [np.eye(4), np.full((3, 3), np.inf)], ids=["shape", "not finite"]
)
def test_a_camera_of_wrong_numbers_is_refused(intrinsics: np.ndarray) -> None:
    with pytest.raises(BadFrame, match=r"camera intrinsics: wanted finite numbers \(3, 3\)"):
        Camera(intrinsics, np.eye(4))


def test_sky_and_unknown_depth_and_ignored_pixels_are_allowed(frame: Frame) -> None:
    for change in (
        with_pixel("depth", np.inf),
        with_pixel("depth", np.nan),
        with_pixel("stencil", SceneClass.IGNORE),
    ):
        replace(frame, **change(frame))


def test_a_rounding_step_outside_is_not_an_absurd_box(frame: Frame) -> None:
    assert replace(frame, objects=box(0, 0, 48.0000001, 32)).objects


def test_a_frame_cannot_be_changed(frame: Frame) -> None:
    with pytest.raises(FrozenInstanceError):
        frame.frame_id = "other"  # type: ignore[misc]
    for name in ("image", "stencil", "depth", "instances", "emissive"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(frame, name)[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        frame.camera.intrinsics[0, 0] = 1


def test_missing_layers_are_none_and_named(frame: Frame) -> None:
    bare = replace(frame, depth=None, objects=(), camera=None)
    assert frame.layers - bare.layers == {"depth", "objects", "camera"}
    assert bare.depth is None
    assert "stencil_native" not in frame.layers


def test_size_is_the_layers_or_told_to_be_missing(frame: Frame) -> None:
    assert frame.size == (32, 48)
    assert Annotation(depth=frame.depth).size == (32, 48)
    with pytest.raises(ValueError, match="give it a stencil or a depth"):
        _ = Annotation().size


CONTENT: dict[str, Change] = {
    "pixel": lambda f: {"image": f.image ^ np.uint8(1)},
    "depth": with_pixel("depth", 3),
    "stencil": with_pixel("stencil", SceneClass.ROAD),
    "conditions": lambda f: {"conditions": Conditions(weather=Weather.SMOG)},
    "objects": lambda f: {"objects": box(0, 0, 4, 4)},
    "camera": lambda f: {"camera": Camera(f.camera.intrinsics * 2, np.eye(4))},
    "label space": lambda f: {"label_space": f.label_space | {SceneClass.BUS}},
    "layer gone": lambda f: {"emissive": None},
}


@pytest.mark.parametrize("what", CONTENT)
def test_content_digest_sees_every_change(what: str, frame: Frame) -> None:
    changed = replace(frame, **CONTENT[what](frame))
    assert changed.content_sha256 != frame.content_sha256


def test_content_digest_is_of_content_alone(frame: Frame) -> None:
    renamed = replace(frame, frame_id="other").with_provenance(group_id="elsewhere")
    assert renamed.content_sha256 == make_frame().content_sha256
    assert renamed.group_id == "elsewhere"
    assert frame.group_id == "group-0"


def test_projection_is_the_pinhole_formula() -> None:
    camera = Camera(np.array([[100, 0, 50], [0, 90, 40], [0, 0, 1.0]]), np.eye(4))
    np.testing.assert_allclose(camera.project(np.array([[1, 2, 4.0]])), [[75, 85, 4]])
    # A camera 3 m to the right that looks back along -z.
    pose = np.diag([-1.0, 1, -1, 1])
    pose[0, 3] = 3
    back = Camera(camera.intrinsics, pose)
    np.testing.assert_allclose(back.project(np.array([[1, 2, -4.0]])), [[100, 85, 4]])


def test_ignoring_pixels_leaves_the_others(frame: Frame) -> None:
    where = frame.stencil == SceneClass.CAR
    ignored = with_ignored(frame.stencil, where)
    assert (ignored[where] == SceneClass.IGNORE).all()
    np.testing.assert_array_equal(ignored[~where], frame.stencil[~where])
    assert not (frame.stencil == SceneClass.IGNORE).any()
