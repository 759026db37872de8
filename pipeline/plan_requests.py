"""Requests for what a plan misses: parents evenly over groups, topped up after rejection.

The j-th request of a need is a function of plan, parents, seed and j alone. So a later round goes
on where the last one ended, and no two requests of a need share parent, conditions and draw.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from math import ceil
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import CannotHonour, FrameKey, Request
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.plan import Need, Option, Plan, Refuses, conditions_after, refusal_of
from parhelion.pipeline.scene_class import LabelSpace
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.wanted import ParentRule, WantedEdit

Count = Annotated[int, Field(ge=0)]
Item = TypeVar("Item")
Options = Mapping[Conditions, Sequence[Option]]  # what may be asked, by conditions of the parent


class PlannedRequest(BaseModel):
    """A request as plain data: it travels between tasks, the parent is read where it is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    need: str  # name of the need it serves
    parent_id: str
    generator: str
    conditions: Conditions  # that are asked; with a text, those that it was understood to ask for
    draw: Count  # 0, 1, 2 ... of this parent for this need
    seed: int
    image_label: ImageLabel | None = None  # that the frame shall have; its parent has it
    text: str | None = None  # what to do with the parent

    def request(self, parent: Frame) -> Request:
        """The request that a generator draws. Raises ValueError for another frame's parent.

        The image-level class is handed on by the parent, so that `replay` needs nothing else.
        """
        if parent.frame_id != self.parent_id:
            raise ValueError(f"wanted parent {self.parent_id}, got {parent.frame_id}")
        if self.image_label is not None and parent.label != self.image_label:
            got = "none" if parent.label is None else parent.label.name
            raise ValueError(f"wanted a parent of the class {self.image_label.name}, got {got}")
        return Request(
            conditions=self.conditions,
            seed=self.seed,
            draw=self.draw,
            parent=parent,
            text=self.text,
        )


class Outcome(BaseModel):
    """What came of the requests of one need in all rounds so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: Count = 0
    accepted: Count = 0


class NoParent(ValueError):
    """Nothing to draw from: no frame, or none with the class, may be a parent."""


def requests_for(
    plan: Plan,
    parents: Sequence[FrameKey],
    round: int,  # noqa: A002 - the word of the plan
    accepted: Mapping[str, Outcome],
    seed: int,
    *,
    generators: Mapping[str, Refuses],
    contents: Mapping[str, LabelSpace] | None = None,
) -> list[PlannedRequest]:
    """The requests of one round, 0 the first; none after the plan's last round.

    `accepted` has the outcome so far by name of need; `generators` are asked what they draw from
    which parent; `contents` has the classes that each parent shows, by frame id, for plans with
    needs of a class. Raises NoParent.
    """
    config = plan.config
    before = {need.name: accepted.get(need.name, Outcome()) for need in plan.needs}
    more = {n.name: to_ask(n, before[n.name], config.max_oversampling) for n in plan.needs}
    if round >= config.max_rounds or not any(more.values()):
        return []
    wanted: list[PlannedRequest] = []
    for need in plan.needs:
        if not more[need.name]:
            continue
        if need.edit is not None:
            chosen, mix = _edited(need.edit, parents, contents), {need.edit.generator: 1.0}
        else:
            fitting = _fitting(config.parents, parents)
            chosen, mix = _parents_of(need, fitting, contents), config.mix
        options = options_of(need, chosen, generators)
        drawable = _drawable(need, chosen, options, generators)
        of_need = _Sequence(mix, need, drawable, options, generators, seed)
        start = before[need.name].asked
        wanted += of_need.requests(start, start + more[need.name])
    return wanted


def to_ask(need: Need, before: Outcome, max_oversampling: float) -> int:
    """Requests that should give the frames still missing, at the acceptance seen so far.

    The rate is (accepted + 1) / (asked + 1): all at first, and never zero.
    """
    still = max(need.missing - before.accepted, 0)
    rate = (before.accepted + 1) / (before.asked + 1)
    return min(ceil(still / rate), ceil(still * max_oversampling))


def _fitting(rule: ParentRule, parents: Sequence[FrameKey]) -> list[FrameKey]:
    fitting = [key for key in parents if rule.fits(key)]
    if not fitting:
        there = sorted({f"{k.conditions.cell} ({k.kind}, {k.split})" for k in parents})
        raise NoParent(
            f"plan: no frame may be a parent under the rule {rule!r}; the frames are of "
            f"{', '.join(there) or 'no cell at all'}: widen plan.parents or give other frames"
        )
    return fitting


def _parents_of(
    need: Need, fitting: Sequence[FrameKey], contents: Mapping[str, LabelSpace] | None
) -> list[FrameKey]:
    if need.image_label is not None:
        chosen = [key for key in fitting if key.label == need.image_label]
    elif need.scene_class is None:
        chosen = list(fitting)
    elif contents is None:
        raise ValueError(f"{need.name}: wanted `contents`, the classes that each parent shows")
    else:
        chosen = [k for k in fitting if need.scene_class in contents.get(k.frame_id, ())]
    if not chosen:
        raise NoParent(
            f"{need.name}: none of the {len(fitting)} frames that may be parents shows the class: "
            "give frames that do, or drop its class share"
        )
    return chosen


def _edited(
    edit: WantedEdit, parents: Sequence[FrameKey], contents: Mapping[str, LabelSpace] | None
) -> list[FrameKey]:
    if edit.lacking and contents is None:
        raise ValueError(f"{edit.need}: wanted `contents`, the classes that each parent shows")
    chosen = edit.fitting(parents, contents or {})
    if not chosen:
        lacking = ", ".join(c.label for c in edit.lacking)
        raise NoParent(
            f"{edit.need}: none of {len(parents)} frames fits its rule for parents"
            f"{' and shows no ' + lacking if lacking else ''}: widen `parents` or `lacking`"
        )
    return chosen


def options_of(
    need: Need, parents: Sequence[FrameKey], generators: Mapping[str, Refuses]
) -> Options:
    """What may be asked of these parents: the need's options, or what an edit makes of each."""
    found = dict.fromkeys((key.conditions for key in parents), need.options)
    if need.edit is None:
        return found
    name = need.edit.generator
    for conditions in found:
        try:
            after = conditions_after(need.edit, generators[name], conditions)
        except CannotHonour:
            continue  # a parent of which nothing can be asked
        found[conditions] = (Option(conditions=after, generators=(name,)),)
    return found


def _able(option: Option, parent: FrameKey, generators: Mapping[str, Refuses]) -> list[str]:
    """The option's generators that draw it from this parent."""
    refused = {
        name: refusal_of(generators[name], option.conditions, parent) for name in option.generators
    }
    return [name for name, sentence in refused.items() if sentence is None]


def _drawable(
    need: Need, parents: Sequence[FrameKey], options: Options, generators: Mapping[str, Refuses]
) -> list[FrameKey]:
    """The parents of which every option is drawn, else those of which some is."""
    counts = [
        sum(bool(_able(o, key, generators)) for o in options[key.conditions]) for key in parents
    ]
    most = max(counts)
    if not most:
        raise NoParent(
            f"{need.name}: no generator of the mix draws it from any of the {len(parents)} frames "
            "that may be parents: widen plan.parents or add a generator to the mix"
        )
    return [key for key, drawn in zip(parents, counts, strict=True) if drawn == most]


@dataclass(frozen=True)
class _Sequence:
    """All requests of one need, in an order of the seed's own."""

    mix: Mapping[str, float]
    need: Need
    parents: Sequence[FrameKey]
    options: Options
    generators: Mapping[str, Refuses]
    seed: int

    def requests(self, start: int, stop: int) -> list[PlannedRequest]:
        """Requests start <= j < stop."""
        asked = dict.fromkeys(self.mix, 0)
        made = []
        for parent, draw, option, able in islice(self._wishes(), stop):
            generator = _next_of_mix(self.mix, asked, able)
            asked[generator] += 1
            made.append(self._request(parent.frame_id, draw, option, generator))
        return made[start:]

    def _wishes(self) -> Iterator[tuple[FrameKey, int, Option, list[str]]]:
        """Parents and options side by side, without those that nobody draws."""
        for turn, (parent, draw) in enumerate(self._parents()):
            option = self._option(turn, parent)
            if able := _able(option, parent, self.generators):
                yield parent, draw, option, able

    def _request(self, parent_id: str, draw: int, option: Option, generator: str) -> PlannedRequest:
        conditions, purpose = option.conditions, f"plan {self.need.name}"
        return PlannedRequest(
            need=self.need.name,
            parent_id=parent_id,
            generator=generator,
            conditions=conditions,
            draw=draw,
            seed=seed_of(self.seed, parent_id, conditions, draw, purpose),
            image_label=self.need.image_label,
            text=(self.need.edit.text or None) if self.need.edit is not None else None,
        )

    def _parents(self) -> Iterator[tuple[FrameKey, int]]:
        """(parent, draw) without end: each visit takes one frame of every group."""
        groups: dict[str, list[FrameKey]] = {}
        for key in sorted(self.parents, key=lambda k: k.frame_id):
            groups.setdefault(key.group_id, []).append(key)
        frames = {group: self._shuffled(keys, "frames", group) for group, keys in groups.items()}
        for visit in count():
            for group in self._shuffled(sorted(groups), "groups", visit):
                draw, i = divmod(visit, len(frames[group]))
                yield frames[group][i], draw

    def _option(self, turn: int, parent: FrameKey) -> Option:
        """Every option once in each round, in an order that says nothing about the parent."""
        options = self.options[parent.conditions]
        round_, place = divmod(turn, len(options))
        return self._shuffled(options, "options", round_)[place]

    def _shuffled(self, items: Sequence[Item], what: str, which: int | str) -> list[Item]:
        order = rng("plan", self.seed, self.need.name, what, which).permutation(len(items))
        return [items[i] for i in order]


def _next_of_mix(mix: Mapping[str, float], asked: Mapping[str, int], able: Sequence[str]) -> str:
    """Of the generators that are able, the one that lies furthest behind its share."""
    total = sum(asked.values()) + 1
    whole = sum(mix.values())
    return max(sorted(able), key=lambda name: mix[name] / whole * total - asked[name])
