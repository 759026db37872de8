"""Requests of a plan: parents evenly over groups, no request twice, topped up after rejection."""

from collections import Counter
from functools import partial

import pytest
from conftest import make_frame
from test_plan import KeepsTheHour, census

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.plan import Plan, PlanConfig, make_plan
from parhelion.pipeline.plan_requests import (
    NoParent,
    Outcome,
    PlannedRequest,
    to_ask,
)
from parhelion.pipeline.plan_requests import requests_for as requests_of_generators
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.wanted import WantedCell

CLEAR = Conditions(weather=Weather.CLEAR, hour=12)


requests_for = partial(
    requests_of_generators, generators={"a": KeepsTheHour(), "b": KeepsTheHour()}
)


def keys(
    *per_group: int, conditions: Conditions = CLEAR, kind: str = "simulated"
) -> list[FrameKey]:
    """Keys of groups with so many frames each."""
    return [
        FrameKey(frame_id=f"{g}-{i}", group_id=f"group-{g}", conditions=conditions, kind=kind)
        for g, frames in enumerate(per_group)
        for i in range(frames)
    ]


def plan_of(missing: int, **settings: object) -> Plan:
    cell = WantedCell(weathers=(Weather.FOGGY,), hours=(9, 12, 15), count=missing)
    config = PlanConfig.model_validate({"wanted": [cell], "mix": {"a": 1}} | settings)
    return make_plan(census({Weather.CLEAR: 10}), config)


def wish(request: PlannedRequest) -> tuple[str, Conditions, int]:
    return request.parent_id, request.conditions, request.draw


def test_one_request_for_each_missing_frame_and_none_twice() -> None:
    requests = requests_for(plan_of(50), keys(1, 3, 2), 0, {}, seed=1)
    assert len(requests) == 50
    assert len(set(map(wish, requests))) == 50
    assert len({r.seed for r in requests}) == 50
    assert {r.conditions.cell for r in requests} == {"fog/day"}


def test_parents_are_even_over_groups_then_over_their_frames() -> None:
    requests = requests_for(plan_of(60), keys(1, 10, 4), 0, {}, seed=1)
    groups = Counter(r.parent_id.split("-")[0] for r in requests)
    assert set(groups.values()) == {20}
    frames = Counter(r.parent_id for r in requests if r.parent_id.startswith("1-"))
    assert set(frames.values()) == {2}
    assert Counter(r.conditions.hour for r in requests) == {9: 20, 12: 20, 15: 20}


def test_same_seed_same_requests_whatever_the_order_of_parents() -> None:
    parents = keys(2, 3)
    first = requests_for(plan_of(20), parents, 0, {}, seed=1)
    assert requests_for(plan_of(20), parents[::-1], 0, {}, seed=1) == first
    assert requests_for(plan_of(20), parents, 0, {}, seed=2) != first


def test_seed_does_not_know_the_generator() -> None:
    seeds = [
        [r.seed for r in requests_for(plan_of(9, mix={name: 1}), keys(3), 0, {}, seed=1)]
        for name in ("a", "b")
    ]
    assert seeds[0] == seeds[1]


def test_only_clear_dry_days_of_training_frames_are_parents() -> None:
    unfit = [
        *keys(2, conditions=Conditions(weather=Weather.RAINING, hour=12)),
        *keys(2, conditions=Conditions(weather=Weather.CLEAR, hour=23)),
        *keys(2, kind="generated"),
        *(key.model_copy(update={"split": "test"}) for key in keys(2)),
    ]
    good = FrameKey(frame_id="good", group_id="good", conditions=CLEAR)
    requests = requests_for(plan_of(5), [*unfit, good], 0, {}, seed=1)
    assert {r.parent_id for r in requests} == {"good"}
    with pytest.raises(NoParent, match=r"the frames are of clear/day \(generated"):
        requests_for(plan_of(5), unfit, 0, {}, seed=1)


def test_rejected_frames_are_topped_up_with_new_draws_until_the_last_round() -> None:
    plan, parents = plan_of(20, max_rounds=2), keys(3, 2)
    first = requests_for(plan, parents, 0, {}, seed=1)
    half = {"fog/day": Outcome(asked=20, accepted=10)}
    second = requests_for(plan, parents, 1, half, seed=1)
    assert len(second) == 20  # 10 are missing and about one in two is accepted
    assert not set(map(wish, first)) & set(map(wish, second))
    assert requests_for(plan, parents, 1, {"fog/day": Outcome(asked=20, accepted=20)}, 1) == []
    assert requests_for(plan, parents, 2, half, seed=1) == []


def test_ask_for_more_where_less_is_accepted_but_never_without_bound() -> None:
    need = plan_of(100).needs[0]
    asked = [to_ask(need, Outcome(asked=100, accepted=a), 4.0) for a in (100, 75, 50, 25, 0)]
    assert asked == [0, 34, 100, 292, 400]


def test_mix_is_kept_at_every_point_and_over_rounds() -> None:
    plan = plan_of(40, mix={"a": 3, "b": 1})
    parents = keys(4)
    first = requests_for(plan, parents, 0, {}, seed=1)
    assert Counter(r.generator for r in first) == {"a": 30, "b": 10}
    assert Counter(r.generator for r in first[:8]) == {"a": 6, "b": 2}
    more = requests_for(plan, parents, 1, {"fog/day": Outcome(asked=40, accepted=20)}, seed=1)
    assert Counter(r.generator for r in more)["b"] in (len(more) // 4, len(more) // 4 + 1)


class ClearParentsOnly:
    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        clear = parent is None or parent.conditions.weather is Weather.CLEAR
        return None if clear else "wants a clear parent"


def test_nobody_is_asked_for_what_he_refuses_of_a_parent() -> None:
    cloudy = [
        FrameKey(frame_id=f"c-{i}", group_id="cloudy", conditions=cloud)
        for i, cloud in enumerate([Conditions(weather=Weather.CLOUDS, hour=12)] * 3)
    ]
    plan = plan_of(40, mix={"a": 1, "b": 1})
    generators = {"a": KeepsTheHour(), "b": ClearParentsOnly()}
    requests = requests_of_generators(
        plan, [*keys(3), *cloudy], 0, {}, seed=1, generators=generators
    )
    assert len(requests) == 40
    assert {r.generator for r in requests if r.parent_id.startswith("c-")} == {"a"}
    drawn_by = Counter(r.generator for r in requests)
    assert abs(drawn_by["a"] - drawn_by["b"]) <= 2  # every other parent is cloudy: b waits for one
    with pytest.raises(NoParent, match="no generator of the mix draws it from any of the 3"):
        requests_of_generators(
            plan_of(4, mix={"b": 1}), cloudy, 0, {}, 1, generators={"b": ClearParentsOnly()}
        )


def test_class_needs_take_parents_that_show_the_class() -> None:
    cell = WantedCell(
        weathers=(Weather.FOGGY,), hours=(12,), count=10, class_shares={"bicycle": 0.5}
    )
    plan = make_plan(census({Weather.CLEAR: 10}), PlanConfig(wanted=(cell,), mix={"a": 1}))
    with pytest.raises(ValueError, match="wanted `contents`"):
        requests_for(plan, keys(3), 0, {}, seed=1)
    with pytest.raises(NoParent, match="none of the 3 frames that may be parents shows the class"):
        requests_for(plan, keys(3), 0, {}, seed=1, contents={})
    contents = {"0-1": frozenset({SceneClass.BICYCLE})}
    requests = requests_for(plan, keys(3), 0, {}, seed=1, contents=contents)
    by_need = {
        n: [r.parent_id for r in requests if r.need == n] for n in {r.need for r in requests}
    }
    assert by_need["fog/day x bicycle"] == ["0-1"] * 5
    assert set(by_need["fog/day"]) == {"0-0", "0-1", "0-2"}
    assert len({r.seed for r in requests}) == 10


def test_a_plan_that_is_met_asks_for_nothing_and_needs_no_parents() -> None:
    assert requests_for(plan_of(0), [], 0, {}, seed=1) == []


def test_a_planned_request_becomes_a_request_of_its_parent_only() -> None:
    parent = make_frame(0)
    key = FrameKey(frame_id=parent.frame_id, group_id=parent.group_id, conditions=CLEAR)
    planned = requests_for(plan_of(1), [key], 0, {}, seed=1)[0]
    request = planned.request(parent)
    assert request.record().seed == planned.seed
    assert request.parent is parent
    with pytest.raises(ValueError, match="wanted parent"):
        planned.request(make_frame(1))
