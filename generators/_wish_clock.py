"""The words of a wish and the hour that its clock says, by rule."""

import re
from typing import NamedTuple

from parhelion.generators._wishes import Wish
from parhelion.pipeline.conditions import TimeOfDay, time_of_day

HOUR, NUMBER = "<hour>", "<number>"  # words that stand for figures
LONGEST = 24  # words of a wish

# Hours that the words beside a clock may mean, and a time of day; those past 24 are of the morning.
PARTS = {"morning": (0, 12), "afternoon": (12, 19), "evening": (16, 24), "night": (18, 30)}
SPANS = {
    TimeOfDay.DAWN: (3, 9),
    TimeOfDay.DAY: (6, 19),
    TimeOfDay.DUSK: (16, 24),
    TimeOfDay.NIGHT: (18, 30),
}

_NAMED_HOURS = {"noon": 12.0, "midday": 12.0, "midnight": 0.0}
_PART = rf"(?:early |late )?(?:in the|at)(?: early| late)? (?P<part>{'|'.join(PARTS)})\b"
_CLOCK = re.compile(
    rf"\b(?P<name>{'|'.join(_NAMED_HOURS)})\b"
    r"|\b(?P<h>\d{1,2})(?::(?P<m>[0-5]\d))?\s*(?P<half>[ap]\.?m\b\.?)?"
    rf"(?P<mark>o'?clock|h\b|(?={_PART}))?"
)
_FIGURES = re.compile(r"\d+(?:[:.]\d+)*(?:\s*[ap]\.?m\b\.?)?")
_WORD = re.compile(r"<\w+>|[^\W\d_]+(?:['-][^\W\d_]+)*")


class Sentence(NamedTuple):
    """A text as it is read."""

    words: tuple[str, ...]  # lower case; figures as HOUR or NUMBER
    hours: tuple[float, ...] | None  # that the clock may mean, the likelier first; None: no clock


def sentence(text: str) -> Sentence:
    """Words and hours of a text; a second hour is a number like any other.

    "In the morning" and its like say which half of the day the clock means, and are no words then.
    """
    plain = _in_full(text.lower().replace("’", "'"))
    found = next((f for f in _CLOCK.finditer(plain) if _on_the_clock(f)), None)
    hours = None
    if found is not None:
        parts = [PARTS[part["part"]] for part in re.finditer(_PART, plain)]
        hours = tuple(h for h in _on_the_clock(found) if all(_within(h, p) for p in parts))
        plain = f"{plain[: found.start()]} {HOUR} {plain[found.end() :]}"
        plain = re.sub(_PART, " ", plain)
    return Sentence(tuple(_WORD.findall(_FIGURES.sub(f" {NUMBER} ", plain))), hours)


def _in_full(text: str) -> str:
    """Without contractions: "it's" and "isn't" in two words each."""
    text = re.sub(r"\b(is|are|was|were|do|does|did|should)n'?t\b", r"\1 not", text)
    return re.sub(r"\b(it|there|that|what|how)'s\b", r"\1 is", text)


def _on_the_clock(found: re.Match[str]) -> tuple[float, ...]:
    """Hours of a day in 0..24 that `found` may mean; none where it is no time of day."""
    if found["name"]:
        return (_NAMED_HOURS[found["name"]],)
    if not (found["m"] or found["half"] or found["mark"] is not None):
        return ()
    hour, minutes = int(found["h"]), int(found["m"] or 0) / 60
    if found["half"]:
        return (hour % 12 + 12 * (found["half"][0] == "p") + minutes,) if 1 <= hour <= 12 else ()
    if hour > 12 or found["h"][0] == "0":  # of the twenty-four
        return (hour + minutes,) if hour < 24 else ()
    return (hour + minutes, (hour + 12) % 24 + minutes)


def _within(hour: float, span: tuple[int, int]) -> bool:
    return any(span[0] <= h < span[1] for h in (hour, hour + 24))


def with_hour(wish: Wish, hours: tuple[float, ...] | None) -> Wish | None:
    """The wish at the first of these hours that its time of day may mean; None where it means none.

    The hour then decides the time of day: nine in the evening is night.
    """
    if hours is None:
        return wish
    fitting = [h for h in hours if wish.time in (None, time_of_day(h))]
    fitting += [h for h in hours if wish.time is not None and _within(h, SPANS[wish.time])]
    if not fitting:
        return None
    return wish._replace(time=time_of_day(fitting[0]), hour=fitting[0])
