"""Requests for what a plan misses: parents evenly over groups, topped up after rejection.

The j-th request of a need is a function of plan, parents, seed and j alone. So a later round goes
on where the last one ended, and no two requests of a need share parent, conditions and draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameKey, Request
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.plan import Need, Option, Plan
from parhelion.pipeline.scene_class import LabelSpace
from parhelion.pipeline.seeds import rng, seed_of

Count = Annotated[int, Field(ge=0)]


class PlannedRequest(BaseModel):
    """A request as plain data: it travels between tasks, the parent is read where it is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    need: str  # name of the need it serves
    parent_id: str
    generator: str
    conditions: Conditions
    draw: Count  # 0, 1, 2 ... of this parent for this need
    seed: int

    def request(self, parent: Frame) -> Request:
        """The request that a generator draws. Raises ValueError for another frame's parent."""
        if parent.frame_id != self.parent_id:
            raise ValueError(f"wanted parent {self.parent_id}, got {parent.frame_id}")
        return Request(conditions=self.conditions, seed=self.seed, draw=self.draw, parent=parent)


class Outcome(BaseModel):
    """What came of the requests of one need in all rounds so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: Count = 0
    accepted: Count = 0


class NoParent(ValueError):
    """A need without a single frame that may be its parent."""


def requests_for(
    plan: Plan,
    parents: Sequence[FrameKey],
    round: int,  # noqa: A002 - the word of the plan
    accepted: Mapping[str, Outcome],
    seed: int,
    *,
    contents: Mapping[str, LabelSpace] | None = None,
) -> list[PlannedRequest]:
    """The requests of one round, 0 the first; none after the plan's last round.

    `accepted` has the outcome so far by name of need; `contents` the classes that each parent
    shows, by frame id, for plans with needs of a class. Raises NoParent.
    """
    if round >= plan.config.max_rounds:
        return []
    fitting = [key for key in parents if plan.config.parents.fits(key)]
    wanted: list[PlannedRequest] = []
    for need in plan.needs:
        before = accepted.get(need.name, Outcome())
        count = to_ask(need, before, plan.config.max_oversampling)
        if count:
            of_need = _Sequence(plan.config.mix, need, _parents_of(need, fitting, contents), seed)
            wanted += of_need.requests(before.asked, before.asked + count)
    return wanted


def to_ask(need: Need, before: Outcome, max_oversampling: float) -> int:
    """Requests that should give the frames still missing, at the acceptance seen so far.

    The rate is (accepted + 1) / (asked + 1): all at first, and never zero.
    """
    still = max(need.missing - before.accepted, 0)
    rate = (before.accepted + 1) / (before.asked + 1)
    return min(ceil(still / rate), ceil(still * max_oversampling))


def _parents_of(
    need: Need, fitting: Sequence[FrameKey], contents: Mapping[str, LabelSpace] | None
) -> list[FrameKey]:
    if need.scene_class is None:
        chosen = list(fitting)
    elif contents is None:
        raise ValueError(f"{need.name}: wanted `contents`, the classes that each parent shows")
    else:
        chosen = [k for k in fitting if need.scene_class in contents.get(k.frame_id, ())]
    if not chosen:
        raise NoParent(
            f"{need.name}: no frame may be a parent, of {len(fitting)} that fit the plan's rule "
            "for parents: give more frames or widen the rule"
        )
    return chosen


@dataclass(frozen=True)
class _Sequence:
    """All requests of one need, by number."""

    mix: Mapping[str, float]
    need: Need
    parents: Sequence[FrameKey]
    seed: int

    def requests(self, start: int, stop: int) -> list[PlannedRequest]:
        """Requests start <= j < stop."""
        by_group = self._by_group()
        asked = dict.fromkeys(self.mix, 0)
        made = []
        for j in range(stop):
            option = self._option(j)
            generator = _next_of_mix(self.mix, asked, option)
            asked[generator] += 1
            if j >= start:
                made.append(self._request(j, by_group, option.conditions, generator))
        return made

    def _request(
        self,
        j: int,
        by_group: Mapping[str, list[str]],
        conditions: Conditions,
        generator: str,
    ) -> PlannedRequest:
        visit, place = divmod(j, len(by_group))
        frames = by_group[self._shuffled(sorted(by_group), "groups", visit)[place]]
        draw, i = divmod(visit, len(frames))
        parent_id = frames[i]
        purpose = f"plan {self.need.name}"
        return PlannedRequest(
            need=self.need.name,
            parent_id=parent_id,
            generator=generator,
            conditions=conditions,
            draw=draw,
            seed=seed_of(self.seed, parent_id, conditions, draw, purpose),
        )

    def _by_group(self) -> dict[str, list[str]]:
        """Frame ids of each group, in an order of the seed's own."""
        groups: dict[str, list[str]] = {}
        for key in sorted(self.parents, key=lambda k: k.frame_id):
            groups.setdefault(key.group_id, []).append(key.frame_id)
        return {group: self._shuffled(ids, "frames", group) for group, ids in groups.items()}

    def _option(self, j: int) -> Option:
        """Every option once in each turn, in an order that says nothing about the parent."""
        turn, place = divmod(j, len(self.need.options))
        numbers = self._shuffled([str(i) for i in range(len(self.need.options))], "options", turn)
        return self.need.options[int(numbers[place])]

    def _shuffled(self, names: list[str], what: str, which: int | str) -> list[str]:
        order = rng("plan", self.seed, self.need.name, what, which).permutation(len(names))
        return [names[i] for i in order]


def _next_of_mix(mix: Mapping[str, float], asked: Mapping[str, int], option: Option) -> str:
    """Of the generators that draw this option, the one that lies furthest behind its share."""
    total = sum(asked.values()) + 1
    whole = sum(mix.values())
    return max(sorted(option.generators), key=lambda name: mix[name] / whole * total - asked[name])
