"""Laws of `insert`: what is put in is labelled, stands on its ground, and the rest stays."""

from pathlib import Path

import numpy as np
import pytest
from conftest import make_frame
from pydantic import ValidationError
from tiny_parts import REPAINT

from parhelion.generators.insert import Insert, InsertConfig, changed
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import SceneClass

NIGHT = Conditions(weather=Weather.CLEAR, hour=23)
SETTINGS = {**REPAINT, "layers": ("stencil", "instances", "depth"), "resamples": 1}


def street(seed: int) -> Frame:
    """A street of another group for every seed, its car anywhere across the road."""
    return make_frame(seed, width=64, height=48, conditions=NIGHT)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Insert:
    made = Insert(InsertConfig(classes=(SceneClass.VEHICLE,), repaint=SETTINGS))
    data = TrainingData(source=FrameList([street(seed) for seed in range(5)]))
    made.fit(data, tmp_path_factory.mktemp("insert"), seed=1)
    return made


def drawn(part: Insert, seed: int) -> tuple[Frame, Frame]:
    parent = street(40 + seed)
    request = Request(conditions=NIGHT, seed=seed, parent=parent)
    return parent, next(iter(part.generate([request])))


@pytest.mark.parametrize("seed", range(4))
def test_a_thing_is_put_in_with_its_labels_and_the_rest_stays(part: Insert, seed: int) -> None:
    parent, frame = drawn(part, seed)
    assert frame.instances is not None
    assert frame.stencil is not None
    assert {o.instance: o.box_xyxy for o in frame.objects} == instance_boxes(frame.instances)
    assert len(frame.objects) == len(parent.objects) + 1
    new = frame.instances != parent.instances
    assert (frame.stencil[new] == SceneClass.CAR).all()
    painted = changed(parent, frame, part.config.margin_px)
    assert np.array_equal(frame.image[~painted], parent.image[~painted])
    assert not np.array_equal(frame.image[new], parent.image[new])
    for layer in ("stencil", "depth", "instances"):
        assert np.array_equal(getattr(frame, layer)[~new], getattr(parent, layer)[~new])


def test_the_story_tells_what_was_put_in_and_how_it_was_painted(part: Insert) -> None:
    _, frame = drawn(part, 1)
    names = [step.part for step in frame.provenance.steps]
    assert names[-3:] == ["recombined", "repaint", "insert"]
    record = frame.provenance.request
    assert record is not None
    assert record.mask == ""  # found by the seed: nothing else is needed to draw the row again


def test_the_same_seed_gives_the_same_frame_before_and_after_saving(
    part: Insert, tmp_path: Path
) -> None:
    _, first = drawn(part, 2)
    part.save(tmp_path)
    _, again = drawn(Insert.load(tmp_path), 2)
    assert again.content_sha256 == first.content_sha256
    assert again.frame_id == first.frame_id
    _, other = drawn(part, 3)
    assert other.content_sha256 != first.content_sha256


def test_what_cannot_be_inserted_is_told(part: Insert, tmp_path: Path) -> None:
    with pytest.raises(CannotHonour, match="give a parent"):
        next(iter(part.generate([Request(conditions=NIGHT, seed=1)])))
    crowded = Insert(InsertConfig(classes=(SceneClass.PERSON,), repaint=SETTINGS))
    data = TrainingData(source=FrameList([street(seed) for seed in range(2)]))
    with pytest.raises(ValueError, match="objects of person on the ground, found none"):
        crowded.fit(data, tmp_path, seed=1)
    with pytest.raises(ValidationError, match="colour"):
        InsertConfig(repaint={"colour": 1})


def test_a_parent_by_day_is_no_picture_by_night_with_a_thing_in_it(part: Insert) -> None:
    day = Conditions(weather=Weather.CLEAR, hour=12)
    parent = make_frame(41, width=64, height=48, conditions=day)
    assert "keeps the parent's conditions" in (part.refusal(NIGHT, key_of(parent)) or "")
    assert part.refusal(NIGHT, key_of(street(41))) is None
    with pytest.raises(CannotHonour, match="keeps the parent's conditions, clear/day"):
        next(iter(part.generate([Request(conditions=NIGHT, seed=1, parent=parent)])))


def test_things_put_in_together_are_those_put_in_alone(part: Insert) -> None:
    requests = [Request(conditions=NIGHT, seed=seed, parent=street(40 + seed)) for seed in range(3)]
    assert part.at_once == REPAINT["draw_batch"] > 1
    together = [frame.content_sha256 for frame in part.generate(requests)]
    alone = [next(iter(part.generate([request]))).content_sha256 for request in requests]
    assert together == alone
