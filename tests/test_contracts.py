"""What parts are handed: training groups only, and requests as plain data."""

import pytest
from conftest import make_frame
from pydantic import ValidationError

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import (
    PartConfig,
    Request,
    TestGroupInFit,
    TrainingData,
)
from parhelion.pipeline.frame import Annotation
from parhelion.pipeline.frame_list import FrameList


def frames(*groups: str) -> FrameList:
    return FrameList([make_frame(i, group=group) for i, group in enumerate(groups)])


@pytest.mark.parametrize("where", ["source", "target", "held_out"])
def test_a_test_group_in_fit_is_refused_wherever_it_hides(where: str) -> None:
    sets = {"source": frames("a", "b"), where: frames("c", "secret")}
    with pytest.raises(TestGroupInFit, match=r"1 test groups: \['secret'\]"):
        TrainingData(**sets, test_groups=frozenset({"secret", "d"}))  # type: ignore[arg-type]


def test_groups_digest_is_of_the_groups_alone() -> None:
    one = TrainingData(source=frames("a", "b"), held_out=frames("c"))
    other = TrainingData(source=frames("c", "b", "b"), target=frames("a"))
    assert one.groups == {"a", "b", "c"}
    assert one.groups_digest == other.groups_digest
    assert one.groups_digest != TrainingData(source=frames("a", "b")).groups_digest


def test_a_request_takes_its_labels_from_the_annotation_first() -> None:
    parent = make_frame(0)
    request = Request(conditions=Conditions(weather=Weather.CLEAR), seed=1, parent=parent)
    assert request.y is parent
    y = Annotation(depth=parent.depth)
    assert Request(conditions=parent.conditions, seed=1, parent=parent, annotation=y).y is y
    assert Request(conditions=parent.conditions, seed=1).y is None


def test_configs_are_frozen_and_name_a_wrong_key() -> None:
    with pytest.raises(ValidationError, match="colour"):
        PartConfig(colour=1)  # type: ignore[call-arg]


def test_keys_of_a_frame_list_tell_what_its_frames_say() -> None:
    listed = FrameList([make_frame(4, group="g")], split="test")
    key, frame = listed.keys[0], listed[0]
    assert (key.frame_id, key.group_id, key.split) == (frame.frame_id, "g", "test")
    assert key.conditions == frame.conditions
    assert len(listed) == 1
