"""The plan: deficits as worked out by hand, and cells that nobody can draw."""

import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parhelion.pipeline.bias import Census, Tally, TallyKey
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.plan import (
    Plan,
    PlanConfig,
    UnfillableCell,
    WantedCell,
    fillable,
    make_plan,
)
from parhelion.pipeline.scene_class import SceneClass

SPACE = (SceneClass.ROAD, SceneClass.CAR, SceneClass.BICYCLE)


def census(
    counts: dict[Weather, int], bicycles: dict[Weather, int] | None = None, group: str = "g"
) -> Census:
    """So many frames of each weather at day, and so many of them with a bicycle."""
    tallies = []
    for weather, frames in sorted(counts.items()):
        key = TallyKey(
            group_id=group, weather=weather, time_of_day=TimeOfDay.DAY, label_space=SPACE
        )
        seen = {SceneClass.BICYCLE: (bicycles or {}).get(weather, 0)}
        tallies.append((key, Tally(frames=frames, frames_with=seen)))
    return Census(tallies=tuple(tallies))


def wanted(weather: Weather, share: float = 0.0, **more: object) -> WantedCell:
    return WantedCell(weathers=(weather,), hours=(12,), share=share, **more)


def missing(plan: Plan) -> dict[str, int]:
    return {need.name: need.missing for need in plan.needs}


def plan_for(counts: dict[Weather, int], *cells: WantedCell) -> Plan:
    return make_plan(census(counts), PlanConfig(wanted=cells))


def test_one_cell_worked_out_by_hand() -> None:
    # 90 others are to be 90 %: 100 in the end, 10 of them fog, 4 are there.
    plan = plan_for({Weather.CLEAR: 90, Weather.FOGGY: 4}, wanted(Weather.FOGGY, 0.1))
    assert missing(plan) == {"fog/day": 6}
    assert (plan.needs[0].have, plan.needs[0].target) == (4, 10)


def test_shares_of_several_cells_hold_at_once() -> None:
    # 100 clear frames are to be 60 %: 166.7 in the end; 34 + 34 of 168 are just over 20 % each.
    cells = wanted(Weather.FOGGY, 0.2), wanted(Weather.RAINING, 0.2)
    assert missing(plan_for({Weather.CLEAR: 100}, *cells)) == {"fog/day": 34, "rain/day": 34}


def test_a_cell_that_additions_elsewhere_dilute_is_topped_up() -> None:
    # Rain has its 10 % of 100 frames now, and lacks 10 of the 200 that there will be: with 80
    # clear frames as 40 %, fog gets 50 % = 100 of 200 and rain 10 % = 20 of 200.
    cells = wanted(Weather.FOGGY, 0.5), wanted(Weather.RAINING, 0.1)
    plan = plan_for({Weather.CLEAR: 80, Weather.RAINING: 10, Weather.FOGGY: 10}, *cells)
    assert missing(plan) == {"fog/day": 90, "rain/day": 10}


def test_a_cell_above_its_share_gets_nothing() -> None:
    cells = wanted(Weather.FOGGY, 0.1), wanted(Weather.RAINING, 0.1)
    plan = plan_for({Weather.CLEAR: 40, Weather.RAINING: 50}, *cells)
    assert missing(plan) == {"fog/day": 10, "rain/day": 0}


def test_a_count_in_place_of_a_share() -> None:
    cells = wanted(Weather.FOGGY, count=30), wanted(Weather.RAINING, 0.5)
    plan = plan_for({Weather.CLEAR: 70, Weather.FOGGY: 10}, *cells)
    assert missing(plan) == {"fog/day": 20, "rain/day": 100}


def test_classes_crossed_with_conditions() -> None:
    # Fog: 10 of 100 in the end. Bicycles: 40 % of those 10 = 4, 1 is there; the other 3 missing
    # foggy frames may show anything.
    counts = census({Weather.CLEAR: 90, Weather.FOGGY: 4}, {Weather.FOGGY: 1})
    cell = wanted(Weather.FOGGY, 0.1, class_shares={"bicycle": 0.4})
    plan = make_plan(counts, PlanConfig(wanted=(cell,)))
    assert missing(plan) == {"fog/day": 3, "fog/day x bicycle": 3}
    assert plan.missing == 6


def test_a_class_alone_can_ask_for_frames() -> None:
    # The cell is full, but 0 of 10 show a bicycle; 50 % of 20 are 10 new ones.
    counts = census({Weather.CLEAR: 10, Weather.FOGGY: 10})
    cell = wanted(Weather.FOGGY, 0.1, class_shares={SceneClass.BICYCLE: 0.5})
    plan = make_plan(counts, PlanConfig(wanted=(cell,)))
    assert missing(plan) == {"fog/day": 0, "fog/day x bicycle": 10}


SHARES = st.lists(st.integers(0, 30), min_size=3, max_size=3)


@given(st.lists(st.integers(0, 60), min_size=4, max_size=4), SHARES)
def test_additions_hold_all_shares_and_none_is_too_many(
    have: list[int], percent: list[int]
) -> None:
    weathers = (Weather.FOGGY, Weather.RAINING, Weather.SNOWING)
    counts = dict(zip((Weather.CLEAR, *weathers), have, strict=True))
    cells = [wanted(w, p / 100) for w, p in zip(weathers, percent, strict=True)]
    added = [need.missing for need in plan_for(counts, *cells).needs]

    def holds(a: list[int]) -> bool:
        total = sum(have) + sum(a)
        shares = zip(have[1:], a, percent, strict=True)
        return all(n + more >= Fraction(p, 100) * total for n, more, p in shares)

    assert holds(added)
    fewer = [[a - (i == j) for j, a in enumerate(added)] for i in range(3) if added[i]]
    assert not any(holds(a) for a in fewer)


def test_config_refuses_what_cannot_be() -> None:
    with pytest.raises(ValidationError, match="shares must sum to less than 1"):
        PlanConfig(wanted=(wanted(Weather.FOGGY, 0.6), wanted(Weather.RAINING, 0.4)))
    with pytest.raises(ValidationError, match="got twice: fog/day"):
        PlanConfig(wanted=(wanted(Weather.FOGGY, 0.1), wanted(Weather.FOGGY, 0.2)))
    with pytest.raises(ValidationError, match="must all lie in one cell, got fog/day, fog/night"):
        WantedCell(weathers=(Weather.FOGGY,), hours=(12, 23))
    with pytest.raises(ValidationError, match="no class 'unicorn'"):
        wanted(Weather.FOGGY, 0.1, class_shares={"unicorn": 0.1})
    with pytest.raises(ValidationError, match="at least one generator"):
        PlanConfig(mix={})
    with pytest.raises(ValidationError, match="max_round"):
        PlanConfig(max_round=3)  # type: ignore[call-arg]


class NoSnow:
    """Draws anything but snow."""

    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        return "no snow was ever seen" if conditions.sky_kind == "snow" else None


class OnlyNoon(NoSnow):
    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        return None if conditions.hour == 12 else "draws noon only"


def snowy_plan(**mix: float) -> Plan:
    cells = (
        WantedCell(weathers=(Weather.FOGGY,), hours=(9, 12), share=0.1),
        WantedCell(weathers=(Weather.SNOWING,), hours=(9, 15), share=0.1),
    )
    return make_plan(census({Weather.CLEAR: 80}), PlanConfig(wanted=cells, mix=mix))


def test_a_cell_that_no_generator_draws_is_named_with_every_sentence() -> None:
    plan, refused = fillable(snowy_plan(a=1, b=1), {"a": NoSnow(), "b": OnlyNoon()}, [])
    assert [need.cell for need in plan.needs] == ["fog/day"]
    assert [error.cell for error in refused] == ["snow/day"]
    assert "snow/day (a: no snow was ever seen; b: draws noon only)" in str(refused[0])
    assert pickle.loads(pickle.dumps(refused[0])).refusals == refused[0].refusals  # noqa: S301


def test_options_keep_only_the_generators_that_draw_them() -> None:
    plan, _ = fillable(snowy_plan(a=1, b=1), {"a": NoSnow(), "b": OnlyNoon()}, [])
    able = {o.conditions.hour: o.generators for o in plan.needs[0].options}
    assert able == {9: ("a",), 12: ("a", "b")}


class KeepsTheHour:
    """Draws any weather, by the parent's own light."""

    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        if parent is None or conditions.time_of_day is parent.conditions.time_of_day:
            return None
        return f"keeps the parent's {parent.conditions.time_of_day.value}"


def test_a_cell_that_no_generator_draws_from_any_parent_is_named() -> None:
    night = WantedCell(weathers=(Weather.CLEAR,), hours=(23,), share=0.1)
    fog = WantedCell(weathers=(Weather.FOGGY,), hours=(9,), share=0.1)
    config = PlanConfig(wanted=(night, fog), mix={"a": 1})
    day = FrameKey(
        frame_id="1", group_id="1", conditions=Conditions(weather=Weather.CLEAR, hour=12)
    )
    made = make_plan(census({Weather.CLEAR: 80}), config)
    plan, refused = fillable(made, {"a": KeepsTheHour()}, [day])
    assert [need.cell for need in plan.needs] == ["fog/day"]
    assert str(refused[0]) == (
        "no generator can draw the cell clear/night (a: keeps the parent's day)"
    )


def test_a_cell_whose_layers_are_missing_is_named() -> None:
    class ReadsDepth(NoSnow):
        needs = frozenset({"depth", "stencil"})

    fog = PlanConfig(
        wanted=(WantedCell(weathers=(Weather.FOGGY,), hours=(9,), share=0.1),), mix={"a": 1}
    )
    made = make_plan(census({Weather.CLEAR: 80}), fog)
    bare = FrameKey(
        frame_id="1", group_id="1", conditions=Conditions(weather=Weather.CLEAR, hour=12)
    )
    flat = bare.model_copy(update={"layers": frozenset({"stencil"})})
    whole = bare.model_copy(update={"layers": frozenset({"stencil", "depth"})})
    (refused,) = fillable(made, {"a": ReadsDepth()}, [flat])[1]
    assert "(a: it needs depth, which the frames at hand lack)" in str(refused)
    assert fillable(made, {"a": ReadsDepth()}, [flat, whole])[1] == ()


def test_a_full_cell_is_not_refused_and_an_absent_generator_is_named() -> None:
    full = make_plan(
        census({Weather.CLEAR: 1, Weather.SNOWING: 9}),
        PlanConfig(wanted=(wanted(Weather.SNOWING, 0.1),), mix={"a": 1}),
    )
    assert fillable(full, {"a": NoSnow()}, [])[1] == ()
    with pytest.raises(KeyError, match="not there: ghost"):
        fillable(snowy_plan(ghost=1), {"a": NoSnow()}, [])


def test_error_and_plan_are_plain_data() -> None:
    plan = snowy_plan(a=1)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    error = UnfillableCell("fog/day", (("a", "cannot"),))
    assert error.cell == "fog/day"
