"""Wishes put to frames of every condition, and what should come of them.

A wish changes what it names and leaves the rest: "make it night" of a foggy day is a foggy night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from _street_sets import ALSO, CONDITIONS, named

from parhelion.generators._wishes import Grammar, Wish
from parhelion.generators.instruct import Instruct
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather, time_of_day
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.shards import StoredFrames

Sky = tuple[Weather, TimeOfDay]

ASKED: dict[str, tuple[Weather | None, TimeOfDay | None]] = {  # what is to change
    "night": (None, TimeOfDay.NIGHT),
    "fog": (Weather.FOGGY, None),
    "rain": (Weather.RAINING, None),
    "snow": (Weather.SNOWING, None),
    "sunny day": (Weather.CLEAR, TimeOfDay.DAY),
    "foggy night": (Weather.FOGGY, TimeOfDay.NIGHT),
    "rainy night": (Weather.RAINING, TimeOfDay.NIGHT),
    "snowy night": (Weather.SNOWING, TimeOfDay.NIGHT),
    "rain at dusk": (Weather.RAINING, TimeOfDay.DUSK),
}
PARENTS = ("day", "night", "day", "fog", "day", "rain", "day", "snow")  # half of them clear days
PHRASES, ROUNDS = 10000, 30  # of the grammar, among which held-out ones are looked for

NAMES: dict[Sky, str] = {
    (sky.weather, time_of_day(sky.hour)): name for name, sky in (CONDITIONS | ALSO).items()
}
SKIES = {name: sky for sky, name in NAMES.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Edit:
    """One wish of one frame, and what came of it."""

    asked: str  # the wish, as named in `ASKED`
    text: str
    was: str  # the condition of the parent
    expected: str  # the condition that it should take on
    parent: Frame
    drawn: Frame | None  # None where the wish was refused


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a wish was understood to ask for, or why it was refused."""

    conditions: Conditions | None = None
    reason: str = ""

    @property
    def not_read(self) -> bool:
        """Refused as no wish for weather or time, with the list of what can be done."""
        return "does not read" in self.reason and "it can draw" in self.reason


def read(part: Instruct, text: str, conditions: Conditions) -> Reading:
    """How the wish is read for a frame under these conditions."""
    try:
        return Reading(conditions=part.understood(text, conditions))
    except CannotHonour as error:
        return Reading(reason=str(error))


def outcome(asked: str, was: str) -> str | None:
    """The condition that a parent takes on; None where it would change nothing, or has no name."""
    (weather, time), (old_weather, old_time) = ASKED[asked], SKIES[was]
    found = NAMES.get((weather or old_weather, time or old_time))
    return None if found == was else found


def parents(asked: str, n: int) -> Iterator[tuple[str, str]]:
    """N conditions of parents that this wish changes, and what they become."""
    for i in range(n):
        turns = islice(cycle(PARENTS), i, i + len(PARENTS))
        yield next((was, new) for was in turns if (new := outcome(asked, was)))


def phrases(wish: Wish, n: int, held_out: Sequence[str], seed: str) -> list[str]:
    """N phrases that ask for it, each with a verb or of a form that was held out. Raises ValueError
    where the grammar makes too few.
    """
    unread, random, found = set(held_out), rng("instruct_street.wishes", seed), dict[str, None]()
    for _ in range(ROUNDS):
        for phrase in Grammar().wishes(PHRASES, random):
            unlike = phrase.form in unread or unread.intersection(phrase.verbs)
            if phrase.wish == wish and unlike:
                found[phrase.text] = None
        if len(found) >= n:
            return list(found)[:n]
    raise ValueError(f"wanted {n} unread phrases for {seed}, the grammar made {len(found)}")


def texts(n: int, held_out: Sequence[str]) -> dict[str, list[str]]:
    """N wishes of every kind in `ASKED`."""
    wishes = {name: Wish(weather=weather, time=time) for name, (weather, time) in ASKED.items()}
    return {name: phrases(wish, n, held_out, name) for name, wish in wishes.items()}


def edits(part: Instruct, test: StoredFrames, asked_for: dict[str, list[str]]) -> list[Edit]:
    """Every view of the test scenes under every wish, each in words of its own."""
    frames = {(f.provenance.twin_id, name): f for name, f in named(test)}
    views = list(dict.fromkeys(twin for twin, _ in frames))
    made: list[Edit] = []
    for asked, words in asked_for.items():
        found = list(parents(asked, len(views)))
        chosen = [frames[view, was] for view, (was, _) in zip(views, found, strict=True)]
        made += [
            Edit(asked=asked, text=text, was=was, expected=new, parent=parent, drawn=drawn)
            for text, (was, new), parent, drawn in zip(
                words, found, chosen, edited(part, words, chosen), strict=True
            )
        ]
        print(f"drawn: {asked}", flush=True)
    return made


def edited(part: Instruct, texts: Sequence[str], frames: Sequence[Frame]) -> list[Frame | None]:
    """Each frame as its wish has it; None where it is refused, which is printed."""
    readings = [
        read(part, text, frame.conditions) for text, frame in zip(texts, frames, strict=True)
    ]
    drawn = part.generate(
        [
            Request(
                conditions=Conditions(),
                text=text,
                parent=frame,
                seed=seed_of("instruct_street", frame.frame_id, text),
            )
            for text, frame, reading in zip(texts, frames, readings, strict=True)
            if reading.conditions is not None
        ]
    )
    for reading in readings:
        if reading.reason:
            print(f"refused: {reading.reason}")
    return [next(drawn) if reading.conditions is not None else None for reading in readings]
