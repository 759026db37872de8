"""The grammar of wishes: sentences of many forms, each with what it asks for, or with nothing.

A network that is to read people's wishes learns them from here. Strange words stand where any verb
may stand, so that a verb that it never saw is no reason to refuse; and they stand for things, so
that a thing that it never saw is one.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from parhelion.generators._wish_forms import (
    AFTER,
    BEFORE,
    FORMS,
    IMPERATIVE,
    IT,
    REFUSED,
    SAME_TIME,
    VERBS,
)
from parhelion.generators._wish_words import (
    COLOURS,
    NEAR_MISSES,
    OTHER_DEEDS,
    PAINTERS,
    PLACES,
    QUALITIES,
    SKIES,
    STYLES,
    TAKEN,
    THINGS,
    TIMES,
    WATCHES,
    Amount,
    Gone,
    Sky,
    Time,
)
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather, time_of_day

GRANTABLE = 0.55  # of the phrases
STRANGE_VERB, STRANGE_THING = 0.35, 0.35  # of verbs and of things, that are no words at all
STRANGE_DEED = 0.6  # of verbs with "the rain" alone, which may ask for less of it
ADORNED = 0.25  # of phrases with a word of courtesy before, and of those with one behind
NUMBERED = 0.25  # of moments that are told by the clock

SLOT = re.compile(r"{(\w+)}")
OF_SKY = {"sky", "bare", "sky_adjective", "sky_clause", "both"}  # slots that say a weather
OF_TIME = {"time", "at", "hour", "time_clause", "both"}
OF_GONE = {"gone", "gone_adjective", "gone_falling"}
LESS = {"remove", "stop", "vanish"}  # slots of verbs that take away

# Of syllables
ONSETS = (*"bcdfghjklmnprstvwz", "st", "tr", "ch", "pl", "gr", "sh")
NUCLEI = (*"aeiou", "ea", "oo", "ai", "ou")
CODAS = (*"nrsltm", "nd", "ck", "", "", "")

T = TypeVar("T")


class Wish(NamedTuple):
    """What a sentence asks for; what is None stays as it is."""

    weather: Weather | None = None
    time: TimeOfDay | None = None
    amount: Amount | None = None  # of rain or fog
    hour: float | None = None  # on the clock
    without: Gone | None = None  # what goes, if the parent has it; where no weather is asked for


class Phrase(NamedTuple):
    """A sentence and its meaning."""

    text: str
    wish: Wish | None  # None: it asks for what weather and hour are not
    form: str  # the pattern that it has
    verbs: tuple[str, ...] = ()


class Lexicon(NamedTuple):
    """The words that a reader knows; stored with it, so that it outlives a change of the lists."""

    words: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of these, those that alone name a weather or a time of day


class Grammar:
    """Makes phrases; `held_out` are forms and verbs that it does without."""

    def __init__(self, held_out: Collection[str] = ()) -> None:
        known = {*FORMS, *(verb for verbs in VERBS.values() for verb in verbs)}
        if strange := sorted(set(held_out) - known):
            raise ValueError(f"held_out wants forms and verbs of the grammar, got {strange}")
        self.forms = tuple(form for form in FORMS if form not in held_out)
        self.deeds = tuple(form for form in IMPERATIVE if form not in held_out)
        self.verbs = {
            slot: tuple(v for v in verbs if v not in held_out) for slot, verbs in VERBS.items()
        }
        if not (self.forms and self.deeds and all(self.verbs.values())):
            raise ValueError("held_out leaves a slot without a word: hold out fewer")

    @property
    def lexicon(self) -> Lexicon:
        """The words of what can be granted, and those around what cannot; no thing, no place."""
        rows = [*SKIES, *TIMES, *TAKEN.values()]
        called = [text for row in rows for part in row if isinstance(part, tuple) for text in part]
        said = [verb for verbs in self.verbs.values() for verb in verbs]
        said += [SLOT.sub(" ", form) for form in (*self.forms, *REFUSED)]
        said += ["a", "an", *IT, *BEFORE, *AFTER, *called]
        words = {word for text in said for word in text.split()}
        return Lexicon(tuple(sorted(words)), tuple(sorted(words & {*called})))

    def phrases(self, n: int, random: np.random.Generator, strange: bool = True) -> list[Phrase]:
        """N phrases, some of which no weather and no hour can grant.

        `strange`: now and then with words that do not exist.
        """
        told = _Sentence(self, random, strange)
        return [told.granted() if random.random() < GRANTABLE else told.refused() for _ in range(n)]

    def wishes(self, n: int, random: np.random.Generator) -> list[Phrase]:
        """N phrases that can be granted, of words that exist."""
        told = _Sentence(self, random, strange=False)
        return [told.granted() for _ in range(n)]


class _Sentence:
    """Fills the slots of one form after the other."""

    def __init__(self, grammar: Grammar, random: np.random.Generator, strange: bool) -> None:
        self.grammar, self.random, self.strange = grammar, random, strange
        self.verbs: list[str] = []

    def granted(self) -> Phrase:
        form = self.one(self.grammar.forms)
        return self._adorned(*self._wish(form), form)

    def refused(self) -> Phrase:
        """Of a form of its own; or two weathers at once, which no weather is."""
        if self.random.random() < 0.06:
            one, other = self._two_skies()
            form = self.one(("{a} and {b}", "{a} with {b}", "a bit of {a}, and {b}"))
            return self._adorned(form.format(a=one, b=other), None, form)
        form = self.one(REFUSED)
        return self._adorned(self._filled(form, self._slots_of_refusals()), None, form)

    def one(self, of: Sequence[T]) -> T:
        """One of them."""
        return of[int(self.random.integers(len(of)))]

    def _wish(self, form: str) -> tuple[str, Wish]:
        """The form in words, and what these ask for."""
        slots = set(SLOT.findall(form))
        timed = bool(slots & OF_TIME)
        sky = self._sky(form, timed, "bare" in slots)
        time, (clock, hour) = self.one(TIMES), self._clock()
        moment = self.one(time.moments)
        wish = Wish(time=time.time if timed else None)
        if "hour" in slots or ("at" in slots and self.random.random() < NUMBERED):
            moment, wish = f"at {clock}", Wish(time=time_of_day(hour), hour=hour)
        gone = self._gone(slots, sky)
        if slots & OF_SKY:
            implied = None if form in SAME_TIME else sky.time
            wish = wish._replace(weather=sky.weather, amount=sky.amount, time=wish.time or implied)
        elif slots & OF_GONE:
            wish = wish._replace(without=gone)
        words = self._slots_of_wishes(sky, time, moment, gone) | {"hour": lambda: clock}
        return self._filled(form, words), wish

    def _sky(self, form: str, timed: bool, bare: bool) -> Sky:
        """One that does not gainsay the time; where that is to stay, often one that implies it."""
        if form in SAME_TIME and self.random.random() < 0.5:
            return self.one([sky for sky in SKIES if sky.time])
        fits = [sky for sky in SKIES if not (timed and sky.time) and (sky.bare or not bare)]
        return self.one(fits)

    def _gone(self, slots: set[str], sky: Sky) -> Gone:
        """What goes, of which all these slots can be told; none that the sky has."""
        kind = Conditions(weather=sky.weather).sky_kind
        fits = [
            gone
            for gone, taken in TAKEN.items()
            if not (slots & {"other", "other_adjective"} and kind in taken.kinds)
            and (taken.adjectives or not slots & {"gone_adjective", "other_adjective"})
            and (taken.falling or "gone_falling" not in slots)
        ]
        return self.one(fits)

    def _slots_of_wishes(
        self, sky: Sky, time: Time, moment: str, gone: Gone
    ) -> dict[str, Callable[[], str]]:
        taken = TAKEN[gone]
        return {
            "sky": lambda: self.one(sky.nouns),
            "bare": lambda: self.one(sky.bare),
            "sky_adjective": lambda: self.one(sky.adjectives),
            "sky_clause": lambda: self.one(sky.clauses),
            "time": lambda: self.one(time.nouns),
            "at": lambda: moment,
            "time_clause": lambda: self.one(time.clauses),
            "both": lambda: _with_article(f"{self.one(sky.adjectives)} {self.one(time.bare)}"),
            "gone": lambda: self.one(taken.nouns),
            "other": lambda: self.one(taken.nouns),
            "other_adjective": lambda: self.one(taken.adjectives),
            "gone_adjective": lambda: self.one(taken.adjectives),
            "gone_falling": lambda: self.one(taken.falling),
        }

    def _slots_of_refusals(self) -> dict[str, Callable[[], str]]:
        return {
            "thing": lambda: self._strange_or((THINGS, NEAR_MISSES)[self.random.random() < 0.1]),
            "quality": lambda: self._strange_or(QUALITIES),
            "style": lambda: self._strange_or(STYLES),
            "place": lambda: self._strange_or(PLACES),
            "painter": lambda: self._strange_or(PAINTERS),
            "colour": lambda: self.one(COLOURS),
            "count": lambda: self.one(("two", "three", "five", "many", "10", "4")),
            "deed": lambda: self.one(OTHER_DEEDS),
            "granted": lambda: self._wish(self.one(self.grammar.forms))[0],
            "granted_adjective": lambda: self.one(self.one(SKIES).adjectives),
            "granted_deed": lambda: self._wish(self.one(self.grammar.deeds))[0],
            "at": lambda: self.one(self.one(TIMES).moments),
            "gone": lambda: self.one(self.one(tuple(TAKEN.values())).nouns),
            "watch": lambda: self._strange_or(WATCHES, STRANGE_DEED),
            "daytime": lambda: self.one(self.one(TIMES).bare),
        }

    def _filled(self, form: str, slots: dict[str, Callable[[], str]]) -> str:
        def word(found: re.Match[str]) -> str:
            slot = found.group(1)
            if slot in self.grammar.verbs:
                return self._verb(slot, strange=_asks_for_more(slot, form))
            return self.one(IT) if slot == "it" else slots[slot]()

        return SLOT.sub(word, form)

    def _verb(self, slot: str, strange: bool) -> str:
        if self.strange and strange and self.random.random() < STRANGE_VERB:
            return self._pseudo_word()
        self.verbs.append(self.one(self.grammar.verbs[slot]))
        return self.verbs[-1]

    def _strange_or(self, words: Sequence[str], share: float = STRANGE_THING) -> str:
        strange = self.strange and self.random.random() < share
        return self._pseudo_word() if strange else self.one(words)

    def _pseudo_word(self) -> str:
        """One to three syllables that mean nothing."""
        parts = (ONSETS, NUCLEI, CODAS) * int(self.random.integers(1, 4))
        return "".join(self.one(part) for part in parts)

    def _clock(self) -> tuple[str, float]:
        """What the clock says, and its hour."""
        hour, minute = int(self.random.integers(24)), self.one((0, 0, 15, 30))
        half = f"{hour % 12 or 12}{f':{minute:02d}' if minute else ''}"
        said = self.one((f"{hour:02d}:{minute:02d}", f"{half} {'ap'[hour >= 12]}m"))
        return said, hour + minute / 60

    def _two_skies(self) -> tuple[str, str]:
        groups = (Weather.FOGGY, Weather.RAINING, Weather.SNOWING, Weather.CLEAR)
        one, other = self.random.permutation(len(groups))[:2].tolist()
        nouns = [
            self.one(self.one([sky for sky in SKIES if sky.weather is groups[i]]).nouns)
            for i in (one, other)
        ]
        return nouns[0], nouns[1]

    def _adorned(self, text: str, wish: Wish | None, form: str) -> Phrase:
        """With courtesies around it."""
        before, after = (self.random.random(2) < ADORNED).tolist()
        parts = (self.one(BEFORE) if before else "", text, self.one(AFTER) if after else "")
        verbs, self.verbs = tuple(self.verbs), []
        return Phrase(" ".join(part for part in parts if part), wish, form, verbs)


def _asks_for_more(slot: str, form: str) -> bool:
    """Whether a verb that nobody knows asks for more of what it goes with: of "the rain" it may ask
    for less, but not of "the rain to the street".
    """
    return slot not in LESS and ("{bare}" not in form or " to {it}" in form)


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
