"""The pictures that every generator is asked for: the same y and the same seeds for all.

Each request is for a picture like one training frame, its like: of its class, under its conditions,
and of its other layers where a generator draws p(x | y). A generator of p(x | y, parent) is given
a parent besides: a frame of the source with the same class, or the like itself where parents are
of no other domain. Test frames are never asked about, so that nothing drawn descends from them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from parhelion.pipeline.compare_data import ComparedData
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameKey, Request
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.gallery import choose_evenly
from parhelion.pipeline.seeds import rng, seed_of


@dataclass(frozen=True)
class Ask:
    """One picture to be drawn, by numbers of stored frames."""

    like: int  # of `wanted`
    parent: int  # of `source`
    draw: int
    seed: int


def asks(data: ComparedData, n: int, seed: int) -> list[Ask]:
    """`n` asks over the training frames in random order; they come again where n is more."""
    likes = data.wanted.keys
    order = rng("compare.likes", seed).permutation(len(likes)).tolist()
    of_class: dict[int, list[int]] = defaultdict(list)
    for i, key in enumerate(data.source.keys):
        of_class[y_of(key)[0]].append(i)
    made = []
    for i in range(n):
        like, draw = order[i % len(order)], i // len(order)
        own = seed_of("compare", seed, likes[like].frame_id, draw)
        parent = like
        if data.target is not None:
            choices = of_class.get(y_of(likes[like])[0]) or range(len(data.source))
            parent = choices[int(rng("compare.parent", own).integers(len(choices)))]
        made.append(Ask(like, parent, draw, own))
    return made


def request_of(ask: Ask, data: ComparedData, models: str) -> Request:
    """The request as a generator of `models` takes it: "p(x)", "p(x | y)", ..."""
    like = data.wanted[ask.like]
    plain = Request(conditions=asked_conditions(like), seed=ask.seed, draw=ask.draw)
    if models == "p(x | y)":
        return replace(plain, annotation=annotation_of(like))
    if models == "p(x | y, parent)":
        return replace(plain, parent=data.source[ask.parent])
    return plain


def asked_conditions(frame: Frame) -> Conditions:
    """Weather, light and event of a frame. Its physics, such as millimetres of rain, is not asked
    for: a generator draws its own, and many refuse to be told.
    """
    c = frame.conditions
    return Conditions(
        weather=c.weather,
        hour=c.hour,
        time_of_day=c.time_of_day,
        event=c.event,
        driving_side=c.driving_side,
    )


def annotation_of(frame: Frame) -> Annotation:
    """The labels of a frame, without its image."""
    told = {field.name: getattr(frame, field.name) for field in fields(Annotation)}
    return Annotation(**{**told, "conditions": asked_conditions(frame)})


def y_of(key: FrameKey | Frame) -> tuple[int, str]:
    """What stands for y where pictures of one y are compared: class (-1 = none) and cell."""
    return key.label.index if key.label is not None else -1, key.conditions.cell


def shown(made: Sequence[Ask], data: ComparedData, most: int) -> list[int]:
    """Places in `made` of at most `most` asks, dealt out over the ys."""
    keys = data.wanted.keys
    return choose_evenly(range(len(made)), lambda i: _spelt(keys[made[i].like]), most)


def _spelt(key: FrameKey) -> str:
    label, cell = y_of(key)
    return f"{label:06d} {cell}"
