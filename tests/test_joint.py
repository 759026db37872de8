"""Joint draws: a recombined annotation is as lawful as a true one, and says where it comes from."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_frame
from pydantic import ValidationError

from parhelion.generators import _joint_recombine
from parhelion.generators._joint_layouts import Layout
from parhelion.generators.joint import Joint, JointConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng

CLEAR, FOG = Conditions(weather=Weather.CLEAR, hour=12), Conditions(weather=Weather.FOGGY, hour=12)
DIGITS = tuple("0123456789")
PIX2PIX: dict[str, Any] = {
    "uses_parent": False,
    "layers": ("stencil", "instances", "depth"),
    "width": 4,
    "levels": 2,
    "style_size": 8,
    "noise_size": 3,
    "critic_width": 4,
    "critic_layers": 3,
    "crop_px": 16,
    "batch_size": 2,
    "steps": 1,
    "min_frames_per_cell": 2,
    "perceptual_weight": 0,
}
PCA: dict[str, Any] = {"min_frames_per_cell": 2}


def street(seed: int, conditions: Conditions = CLEAR) -> Frame:
    """A street of another group for every seed, its car anywhere across the road."""
    return make_frame(seed, width=64, height=48, conditions=conditions)


def streets(n: int = 5) -> TrainingData:
    days = [street(seed) for seed in range(n)]
    fogs = [replace(f, frame_id=f"{f.frame_id}-fog", conditions=FOG) for f in days]
    return TrainingData(source=FrameList(days), target=FrameList(fogs))


def digit(i: int, index: int) -> Frame:
    """A grey picture with a class and nothing else."""
    frame = make_frame(i, width=8, height=8)
    return replace(
        frame,
        conditions=Conditions(),
        label=ImageLabel(index=index, vocabulary=DIGITS),
        stencil=None,
        emissive=None,
        depth=None,
        instances=None,
        objects=(),
        camera=None,
        label_space=frozenset(),
    )


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Joint:
    made = Joint(JointConfig(inner="pix2pix", inner_settings=PIX2PIX, most_objects=3))
    made.fit(streets(), tmp_path_factory.mktemp("joint"), seed=1)
    return made


def drawn(part: Joint, **request: Any) -> Frame:
    return next(iter(part.generate([Request(**{"conditions": FOG, "seed": 1, **request})])))


def story_of(frame: Frame) -> dict[str, Any]:
    (told,) = [s.settings for s in frame.provenance.steps if s.part == "recombined"]
    found: dict[str, Any] = json.loads(told)
    return found


# The law of the record


@pytest.mark.parametrize("seed", range(12))
def test_a_recombined_annotation_obeys_the_record(joint: Joint, seed: int) -> None:
    parent = street(30 + seed)
    frame = drawn(joint, parent=parent, seed=seed)
    assert frame.instances is not None
    assert frame.stencil is not None
    boxes = instance_boxes(frame.instances)
    assert {o.instance: o.box_xyxy for o in frame.objects} == boxes  # each its own, none missing
    for o in frame.objects:
        own = frame.instances == o.instance
        assert (frame.stencil[own] == o.category).all()
        assert o.visibility is not None
        assert 0 < o.visibility <= 1
        assert o.truncation is not None
        assert 0 <= o.truncation < 1
    assert set(np.unique(frame.stencil).tolist()) <= {int(c) for c in frame.label_space}
    assert frame.label_space == parent.label_space


@pytest.mark.parametrize("seed", range(12))
def test_at_least_one_object_is_put_in_and_the_rest_stays(joint: Joint, seed: int) -> None:
    parent = street(30 + seed)
    frame = drawn(joint, parent=parent, seed=seed)
    new = frame.instances != parent.instances
    assert new.any()
    for layer in ("stencil", "depth", "instances", "emissive"):
        ours, theirs = getattr(frame, layer), getattr(parent, layer)
        assert np.array_equal(ours[~new], theirs[~new])
    assert (frame.depth[new] < parent.depth[new]).all()  # type: ignore[index]
    told = story_of(frame)["objects"]
    assert 1 <= len(told) <= 3
    assert {o["from"]["group_id"] for o in told}.isdisjoint({parent.group_id})


def wall(distance_m: float, columns: slice) -> Frame:
    """A parent with a wall before its road, as near as is told."""
    frame = street(77)
    assert frame.depth is not None
    assert frame.stencil is not None
    depth, stencil = frame.depth.copy(), frame.stencil.copy()
    depth[:, columns], stencil[:, columns] = distance_m, SceneClass.BUILDING
    return replace(
        frame, depth=depth, stencil=stencil, objects=(), instances=np.zeros_like(frame.instances)
    )


def piece() -> _joint_recombine.Piece:
    (found,) = _joint_recombine.pieces(Layout.of(street(3)))
    return found


def test_what_is_nearer_hides_it_and_it_hides_what_is_farther() -> None:
    hidden = 0
    for seed in range(8):
        parent = wall(5.0, slice(30, 34))
        assert parent.depth is not None
        done = _joint_recombine.placed(parent, piece(), rng("test", seed), least_seen=0.1)
        assert done is not None
        where = done.y.instances == done.instance
        assert not where[:, 30:34].any()
        (what,) = done.y.objects
        whole = int(piece().mask.sum())
        inside = round(whole * (1 - (what.truncation or 0)))
        assert what.visibility == pytest.approx(where.sum() / inside)
        hidden += what.visibility < 1
    assert hidden > 0
    far = _joint_recombine.placed(wall(90.0, slice(0, 64)), piece(), rng("test"), least_seen=0.1)
    assert far is None  # no road is left to stand on


def test_it_stands_on_the_same_ground_as_far_away() -> None:
    cut, parent = piece(), street(8)
    assert parent.depth is not None
    assert parent.stencil is not None
    half = parent.stencil.copy()
    half[:, :32] = SceneClass.BUILDING  # as far away as the road beside it
    parent = replace(parent, stencil=half)
    for seed in range(8):
        done = _joint_recombine.placed(parent, cut, rng("test", seed), least_seen=0.1)
        assert done is not None
        right, down = done.moved_px
        row, column = cut.foot[0] + down, cut.foot[1] + right
        ground, distance_m = cut.ground
        assert parent.stencil[row, column] == ground
        assert parent.depth[row, column] == pytest.approx(distance_m, rel=0.05)
        what = done.y.objects[-1]
        assert what.distance_m == pytest.approx((cut.what.distance_m or 0) + done.moved_m)


def test_the_centre_moves_with_the_picture_of_the_object() -> None:
    cut, parent = piece(), street(8)
    assert parent.camera is not None
    done = _joint_recombine.placed(parent, cut, rng("test"), least_seen=0.1)
    assert done is not None
    before, after = (
        parent.camera.project(np.array([o.centre_m]))[0] for o in (cut.what, done.y.objects[-1])
    )
    assert after[:2] - before[:2] == pytest.approx(done.moved_px)
    assert after[2] - before[2] == pytest.approx(done.moved_m)


def test_what_is_covered_is_seen_less_and_what_is_gone_is_no_object() -> None:
    parent = street(8)
    car = parent.objects[0]
    assert parent.instances is not None
    assert parent.depth is not None
    shares = set()
    for seed in range(40):
        far = replace(parent, depth=np.where(parent.instances == 7, np.float32(70), parent.depth))
        done = _joint_recombine.placed(far, piece(), rng("test", seed), least_seen=0.1)
        assert done is not None
        left = int((done.y.instances == 7).sum()) / int((parent.instances == 7).sum())
        old = [o for o in done.y.objects if o.instance == 7]
        assert bool(old) == (left > 0)
        shares.add(left)
        if old:
            assert old[0].visibility == pytest.approx(left * (car.visibility or 0))
    assert min(shares) < 1


@pytest.mark.parametrize(
    "changes",
    [{"visibility": 0.5}, {"truncation": 0.2}, {"category": SceneClass.BUILDING}],
)
def test_only_whole_things_that_move_are_cut_out(changes: dict[str, Any]) -> None:
    frame = street(3)
    cut = (frame.objects[0].model_copy(update=changes),)
    assert list(_joint_recombine.pieces(Layout.of(frame)))
    assert not list(_joint_recombine.pieces(Layout.of(replace(frame, objects=cut))))


# Whose it is


def test_the_same_seed_draws_the_same_and_another_another(joint: Joint) -> None:
    frames = [drawn(joint, seed=s) for s in (4, 4, 5)]
    assert frames[0].content_sha256 == frames[1].content_sha256
    assert not np.array_equal(frames[0].instances, frames[2].instances)


def test_without_a_parent_it_is_of_its_layouts_group_and_names_both(joint: Joint) -> None:
    frame = drawn(joint, seed=6)
    told = story_of(frame)
    assert frame.group_id == told["layout"]["group_id"]
    assert frame.provenance.twin_id == ""
    for o in told["objects"]:
        assert o["from"]["group_id"] != frame.group_id
        assert {"frame_id", "source"} <= set(o["from"])
    assert [s.part for s in frame.provenance.steps] == ["recombined", "pix2pix", "joint"]
    assert frame.conditions == FOG


def test_an_annotation_is_a_layout_too(joint: Joint) -> None:
    y = Layout.of(street(50)).y
    frame = drawn(joint, annotation=y)
    assert len(frame.objects) > 0
    assert not np.array_equal(frame.instances, y.instances)
    assert frame.provenance.parent_id == ""


def test_conditions_that_nobody_states_are_drawn(joint: Joint) -> None:
    cells = {drawn(joint, conditions=Conditions(), seed=s).conditions.cell for s in range(4)}
    assert cells == {"fog/day"}  # the one that pix2pix learnt


def test_what_cannot_be_drawn_is_refused_by_name(joint: Joint) -> None:
    night = Conditions(weather=Weather.CLEAR, hour=23)
    assert "clear/night" in (joint.refusal(night) or "")
    with pytest.raises(CannotHonour, match="clear/night"):
        drawn(joint, conditions=night)
    with pytest.raises(CannotHonour, match="instances"):
        drawn(joint, parent=replace(street(9), instances=None))
    with pytest.raises(CannotHonour, match="found no place"):
        drawn(joint, parent=make_frame(9, width=32, height=32))
    with pytest.raises(CannotHonour, match="joint reads no text"):
        drawn(joint, text="rain")


def test_nothing_to_recombine_is_told_at_fit(tmp_path: Path) -> None:
    bare = TrainingData(source=FrameList([replace(street(1), objects=())]))
    part = Joint(JointConfig(inner="pix2pix", inner_settings=PIX2PIX))
    with pytest.raises(ValueError, match="none whole and on the ground in 1 training"):
        part.fit(bare, tmp_path, seed=1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"inner": "joint"}, "got joint"),
        ({"inner": "no_such"}, "no part 'no_such'"),
        ({"inner": "pix2pix", "inner_settings": {}}, "models p\\(x \\| y, parent\\)"),
        ({"inner": "pca", "inner_settings": {}}, "reads a stencil, and pca reads none"),
        ({"annotations": "classes"}, "reads no layers, and pix2pix reads depth"),
    ],
)
def test_an_inner_generator_that_does_not_fit_is_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        JointConfig(**settings)


# Image-level classes


@pytest.mark.parametrize("classes", ["empirical", "uniform"])
def test_classes_come_as_often_as_is_asked(classes: str, tmp_path: Path) -> None:
    frames = [digit(i, index) for i, index in enumerate([0] * 12 + [1] * 4 + [2])]
    part = Joint(
        JointConfig(inner="pca", inner_settings=PCA, annotations="classes", classes=classes)  # type: ignore[arg-type]
    )
    part.fit(TrainingData(source=FrameList(frames)), tmp_path, seed=1)
    asked = [Request(conditions=Conditions(), seed=s) for s in range(200)]
    labels = [frame.label for frame in part.generate(asked)]
    counts = Counter(label.index for label in labels if label is not None)
    assert set(counts) == {0, 1}  # of class 2 the inner generator saw too few
    share = 0.75 if classes == "empirical" else 0.5
    assert counts[0] / 200 == pytest.approx(share, abs=0.1)
    wanted = ImageLabel(index=1, vocabulary=DIGITS)
    told = drawn(part, conditions=Conditions(), annotation=Annotation(label=wanted))
    assert told.label == wanted


def test_frames_without_a_class_are_told_at_fit(tmp_path: Path) -> None:
    part = Joint(JointConfig(inner="pca", inner_settings=PCA, annotations="classes"))
    with pytest.raises(ValueError, match="no training frame has a label"):
        part.fit(streets(), tmp_path, seed=1)
