"""Edits of a plan: frames as they are, under their own conditions, by one generator."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError
from test_plan import KeepsTheHour, census

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, FrameKey
from parhelion.pipeline.plan import Plan, PlanConfig, fillable, make_plan
from parhelion.pipeline.plan_requests import NoParent, Outcome, requests_for
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.scene_class import SceneClass

DAY, NIGHT = (Conditions(weather=Weather.CLEAR, hour=hour) for hour in (12, 23))
KEYS = [
    FrameKey(frame_id=f"{name}-{i}", group_id=f"group-{i}", conditions=conditions)
    for name, conditions in (("day", DAY), ("night", NIGHT))
    for i in range(6)
]
SHOWN = {
    key.frame_id: frozenset({SceneClass.ROAD} | ({SceneClass.PERSON} if i % 2 else set()))
    for i, key in enumerate(KEYS)
}
PEOPLE: dict[str, Any] = {
    "name": "people at night",
    "generator": "insert",
    "count": 4,
    "parents": {"times": ["night"]},
    "lacking": ["person"],
}


@dataclass
class Reader:
    """A generator that understands one wish."""

    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        return None if conditions.weather in (Weather.CLEAR, Weather.FOGGY) else "saw none"

    def understood(self, text: str, conditions: Conditions) -> Conditions:
        if text != "make it foggy":
            raise CannotHonour(f"did not understand {text!r}")
        return conditions.model_copy(update={"weather": Weather.FOGGY})


@dataclass
class ByDay(Reader):
    """One that understands fog, but not of a night."""

    def understood(self, text: str, conditions: Conditions) -> Conditions:
        if conditions.cell.endswith("night"):
            raise CannotHonour("saw no fog at night")
        return super().understood("make it foggy", conditions)


def plan_of(*edits: dict[str, Any]) -> Plan:
    config = PlanConfig.model_validate({"wanted": (), "mix": {}, "edits": edits})
    return make_plan(census({Weather.CLEAR: 12}), config)


GENERATORS = {"insert": KeepsTheHour(), "instruct": Reader()}


def test_an_edit_asks_for_parents_as_they_are_that_lack_the_class() -> None:
    requests = requests_for(plan_of(PEOPLE), KEYS, 0, {}, 1, generators=GENERATORS, contents=SHOWN)
    assert len(requests) == 4
    assert {r.generator for r in requests} == {"insert"}
    assert {r.conditions for r in requests} == {NIGHT}
    assert all(SceneClass.PERSON not in SHOWN[r.parent_id] for r in requests)
    assert {r.text for r in requests} == {None}
    assert len({r.seed for r in requests}) == 4


def test_a_later_round_goes_on_where_the_last_one_ended() -> None:
    plan = plan_of(PEOPLE)
    first = requests_for(plan, KEYS, 0, {}, 1, generators=GENERATORS, contents=SHOWN)
    done = {plan.needs[0].name: Outcome(asked=4, accepted=2)}
    more = requests_for(plan, KEYS, 1, done, 1, generators=GENERATORS, contents=SHOWN)
    assert len(more) >= 2
    assert not {r.seed for r in first} & {r.seed for r in more}


def test_a_text_goes_with_every_request() -> None:
    edit = {"name": "fog", "generator": "instruct", "count": 3, "text": "make it foggy"}
    plan, unfillable = fillable(plan_of(edit), GENERATORS, KEYS)
    assert not unfillable
    requests = requests_for(plan, KEYS, 0, {}, 1, generators=GENERATORS, contents=SHOWN)
    assert {r.text for r in requests} == {"make it foggy"}
    assert {r.conditions.cell for r in requests} == {"fog/day"}  # whose frames they will be


def test_what_a_text_makes_of_a_parent_is_judged_and_not_the_parents_own_sky() -> None:
    rain = Conditions(weather=Weather.RAINING, hour=12)
    # The reader has seen no rain; but fog it draws, of a rainy day as well.
    wet = [FrameKey(frame_id=f"wet-{i}", group_id="wet", conditions=rain) for i in range(3)]
    rule = {"skies": ["clear", "rain"], "times": ["day", "night"]}
    edit = {"name": "x", "generator": "instruct", "count": 9, "text": "fog", "parents": rule}
    generators = {"instruct": ByDay()}
    plan, unfillable = fillable(plan_of(edit), generators, [*wet, *KEYS])
    assert not unfillable
    requests = requests_for(plan, [*wet, *KEYS], 0, {}, 1, generators=generators)
    assert {r.parent_id.split("-")[0] for r in requests} == {"wet", "day"}
    assert {r.conditions.cell for r in requests} == {"fog/day"}


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"generator": "instruct", "text": "paint it red"}, "did not understand"),
        ({"generator": "insert", "text": "make it foggy"}, "reads no text"),
        ({"generator": "insert", "parents": {"times": ["dawn"]}}, "no frame may be its parent"),
    ],
)
def test_what_cannot_be_edited_is_told_before_anything_is_drawn(
    edit: dict[str, Any], sentence: str
) -> None:
    plan, unfillable = fillable(plan_of({"name": "x", "count": 1, **edit}), GENERATORS, KEYS)
    assert not plan.needs
    assert sentence in str(unfillable[0])


def test_no_parent_that_lacks_the_class_is_told() -> None:
    everywhere = dict.fromkeys(SHOWN, frozenset({SceneClass.PERSON}))
    with pytest.raises(NoParent, match="shows no person"):
        requests_for(plan_of(PEOPLE), KEYS, 0, {}, 1, generators=GENERATORS, contents=everywhere)


def test_two_edits_of_one_name_and_unknown_generators_are_refused() -> None:
    with pytest.raises(ValidationError, match="people at night"):
        plan_of(PEOPLE, PEOPLE)
    with pytest.raises(ValidationError, match="plan names insert"):
        RunConfig.model_validate(
            {
                "name": "x",
                "sources": [{"adapter": "street"}],
                "generators": [{"generator": "weather"}],
                "plan": {"edits": [PEOPLE]},
            }
        )
