"""Descent: id, labels, group and story of a drawn frame follow from its request."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_frame

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, PartConfig, Request
from parhelion.pipeline.descent import descend, generator_step, require_layers
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind, Numerics

FOG = Conditions(weather=Weather.FOGGY, hour=12)
STEP = generator_step("grey", "1", PartConfig(), drawn={"b": 2.0, "a": 1.0})


def drawn(request: Request, **more: object) -> Frame:
    image = np.full((32, 48, 3), 9, np.uint8)
    return descend(request, image, more.pop("step", STEP), Numerics(), **more)  # type: ignore[arg-type]


def test_a_child_has_its_parents_labels_group_and_twins(frame: Frame) -> None:
    child = drawn(Request(conditions=FOG, seed=5, parent=frame))
    assert replace(child, image=frame.image, conditions=frame.conditions).content_sha256 == (
        frame.content_sha256
    )
    story = child.provenance
    assert (story.kind, story.group_id, story.twin_id) == (
        Kind.GENERATED,
        frame.group_id,
        frame.provenance.twin_id,
    )
    assert (story.parent_id, story.parent_sha256) == (frame.frame_id, frame.content_sha256)
    assert story.seed == 5
    assert story.request is not None
    assert story.request.conditions == FOG
    assert story.steps == (STEP,)
    assert story.source == frame.provenance.source
    assert dict(STEP.drawn) == {"a": 1.0, "b": 2.0}


def test_id_follows_from_parent_request_step_and_numerics(frame: Frame) -> None:
    request = Request(conditions=FOG, seed=5, parent=frame)
    same = drawn(request)
    assert same.frame_id == drawn(Request(conditions=FOG, seed=5, parent=frame)).frame_id
    others = [
        drawn(Request(conditions=FOG, seed=6, parent=frame)),
        drawn(Request(conditions=FOG, seed=5, draw=1, parent=frame)),
        drawn(Request(conditions=FOG, seed=5, parent=make_frame(1))),
        drawn(Request(conditions=FOG.model_copy(update={"hour": 9}), seed=5, parent=frame)),
        drawn(request, step=generator_step("grey", "2", PartConfig())),
        drawn(request, step=generator_step("grey", "1", PartConfig(), checkpoint_sha256="ab")),
    ]
    assert len({same.frame_id, *(o.frame_id for o in others)}) == 7


def test_a_grandchild_tells_every_step(frame: Frame) -> None:
    child = drawn(Request(conditions=FOG, seed=5, parent=frame))
    grandchild = drawn(Request(conditions=FOG, seed=6, parent=child))
    assert grandchild.provenance.steps == (STEP, STEP)
    assert grandchild.group_id == frame.group_id
    assert grandchild.provenance.parent_id == child.frame_id


def test_labels_may_come_from_an_annotation_and_conditions_from_the_draw(frame: Frame) -> None:
    other = replace(frame, depth=None, objects=())
    request = Request(conditions=FOG, seed=5, parent=frame, annotation=other)
    exact = FOG.model_copy(update={"visibility_m": 80.0})
    child = drawn(request, conditions=exact)
    assert child.depth is None
    assert child.conditions.visibility_m == 80
    assert child.provenance.request is not None
    assert child.provenance.request.conditions == FOG
    assert drawn(request, y=frame).depth is not None


def test_without_a_parent_a_frame_is_a_group_of_its_own() -> None:
    orphans = [drawn(Request(conditions=FOG, seed=s)) for s in (1, 2)]
    assert len({o.group_id for o in orphans}) == 2
    assert orphans[0].layers == frozenset()
    assert orphans[0].provenance.parent_id == ""


def test_missing_layers_are_named(frame: Frame) -> None:
    needs = frozenset({"depth", "stencil"})
    assert require_layers("fog", frame, needs) is frame
    with pytest.raises(CannotHonour, match=r"fog needs the layers .* the request lacks depth"):
        require_layers("fog", replace(frame, depth=None), needs)
    with pytest.raises(CannotHonour, match="lacks depth, stencil"):
        require_layers("fog", None, needs)
    with pytest.raises(CannotHonour, match="lacks annotation"):
        require_layers("fog", None, frozenset())
