"""Classes of whole images: counted, planned for, asked of parents that have them, stored."""

from dataclasses import replace
from pathlib import Path

import pytest
from digit_frames import WORDS, digit_frame, digit_frames, label
from pydantic import ValidationError

from parhelion.pipeline.bias import Census, census_of
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.frame_list import key_of
from parhelion.pipeline.plan import PlanConfig, make_plan
from parhelion.pipeline.plan_requests import NoParent, Outcome, requests_for
from parhelion.pipeline.representation import representation_table, wilson
from parhelion.pipeline.shards import StoredFrames, write_frames
from parhelion.pipeline.wanted import ParentRule, WantedCell

NONE = ParentRule(skies=("unknown",), times=(TimeOfDay.UNKNOWN,))
FOG = Conditions(weather=Weather.FOGGY, hour=12)


class Draws:
    """A generator that refuses nothing."""

    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: object, parent: object = None) -> None:
        return None


def plan_config(**shares: float) -> PlanConfig:
    cell = WantedCell(
        weathers=(Weather.UNKNOWN,), hours=(), share=0, image_class_shares=dict(shares)
    )
    return PlanConfig(wanted=(cell,), mix={"some": 1}, parents=NONE)


def test_a_class_is_a_share_of_the_frames_with_a_label() -> None:
    unlabelled = replace(digit_frame(90, 0), label=None)
    frames = [digit_frame(0, 0), digit_frame(1, 0), digit_frame(2, 2, conditions=FOG), unlabelled]
    rows = {(row.axis, row.name): row for row in representation_table(census_of(frames))}
    left = rows["image class", "left"]
    assert (left.count, left.total, left.groups) == (2, 3, 3)
    assert left.interval == pytest.approx(wilson(2 / 3, 3))
    assert rows["image class", "middle"].count == 0  # a class of the vocabulary that nobody has
    crossed = rows["weather x time of day x image class", "fog/day x right"]
    assert (crossed.count, crossed.total) == (1, 1)
    assert ("weather x image class", f"{Weather.FOGGY.value} x right") in rows


def test_censuses_merge_as_if_counted_together() -> None:
    frames = digit_frames(7)
    apart = census_of(frames[:3]).merged(census_of(frames[3:]))
    assert apart == census_of(frames)
    assert apart.merged(Census()) == apart
    assert census_of(frames).label_of("right") == label(2)
    assert census_of(frames).label_of("up") is None


def test_a_plan_raises_each_class_to_its_share_of_the_final_dataset() -> None:
    frames = [digit_frame(i, 0) for i in range(8)] + [digit_frame(9, 1)]
    plan = make_plan(census_of(frames), plan_config(middle=0.3, right=0.2))
    missing = {need.class_name: need.missing for need in plan.needs}
    total = len(frames) + plan.missing
    assert missing[""] == 0
    assert (1 + missing["middle"]) / total >= 0.3
    assert missing["right"] / total >= 0.2
    assert (missing["middle"]) / (total - 1) < 0.3  # one less would be too few


def test_requests_go_to_parents_of_the_class_and_carry_its_label() -> None:
    frames = digit_frames(9)
    plan = make_plan(census_of(frames), plan_config(right=0.6))
    wanted = requests_for(
        plan, [key_of(f) for f in frames], 0, {}, seed=1, generators={"some": Draws()}
    )
    (need,) = [need for need in plan.needs if need.missing]
    assert len(wanted) == need.missing > 0
    assert need.name == "unknown/unknown x right"
    by_id = {frame.frame_id: frame for frame in frames}
    for planned in wanted:
        request = planned.request(by_id[planned.parent_id])
        assert planned.image_label == label(2)
        assert request.y is not None
        assert request.y.label == label(2)
    other = replace(by_id[wanted[0].parent_id], label=label(0))
    with pytest.raises(ValueError, match="wanted a parent of the class right, got left"):
        wanted[0].request(other)


def test_later_rounds_ask_for_what_was_rejected() -> None:
    frames = digit_frames(9)
    plan = make_plan(census_of(frames), plan_config(right=0.6))
    asked = sum(need.missing for need in plan.needs)
    so_far = {"unknown/unknown x right": Outcome(asked=asked, accepted=asked - 2)}
    keys = [key_of(f) for f in frames]
    more = requests_for(plan, keys, 1, so_far, seed=1, generators={"some": Draws()})
    assert len(more) >= 2


def test_a_class_that_no_frame_has_is_named() -> None:
    with pytest.raises(ValueError, match="got up; there are: left, middle, right"):
        make_plan(census_of(digit_frames(3)), plan_config(up=0.2))
    with pytest.raises(ValueError, match="no labels at all"):
        make_plan(Census(), plan_config(left=0.2))
    plan = make_plan(census_of([digit_frame(0, 0)]), plan_config(right=0.2))
    with pytest.raises(NoParent, match="unknown/unknown x right"):
        requests_for(plan, [key_of(digit_frame(0, 0))], 0, {}, seed=1, generators={"some": Draws()})


def test_shares_of_classes_leave_room_for_others() -> None:
    with pytest.raises(ValidationError, match="image_class_shares must sum to less than 1, got 1"):
        plan_config(left=0.5, right=0.5)


def test_labels_survive_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    frames = digit_frames(4)
    file = tmp_path / "train.parquet"
    write_frames(file, [(frame, "train") for frame in frames])
    stored = StoredFrames([file])
    for i, frame in enumerate(frames):
        assert stored[i].label == frame.label == stored.keys[i].label
        assert stored[i].content_sha256 == frame.content_sha256
        assert stored.keys[i].layers == {"label"}
    table = pq.read_table(file, columns=["label", "label_name"])
    assert table["label"].to_pylist() == [0, 1, 2, 0]
    assert table["label_name"].to_pylist() == [*WORDS, "left"]
