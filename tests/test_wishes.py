"""Laws of the grammar of wishes: every form means what a table says, and no more."""

import numpy as np
import pytest

from parhelion.generators import _wish_words as words
from parhelion.generators._text_encoder import mended
from parhelion.generators._wish_forms import FORMS, REFUSED, SAME_TIME, VERBS
from parhelion.generators._wish_words import SKIES, TAKEN, TIMES
from parhelion.generators._wishes import LESS, SLOT, Grammar, Phrase
from parhelion.pipeline.conditions import Conditions, TimeOfDay, time_of_day
from parhelion.pipeline.seeds import rng

HELD_OUT = ("render", "insert", "erase", "give me", "end", "no more {gone}")

# What each form asks for: a weather, a time, or that something goes.
MEANINGS = {
    "weather": """
        {make} {it} {sky_adjective}; {turn} {it} into {sky}; {change} {it} to {sky}; {add} {sky}
        {add} {sky} to {it}; {show} {it} in {sky}; {want} {sky}; {want} {it} {sky_adjective}; {sky}
        {sky_adjective}; {add} the {bare}; {add} the {bare} to {it}; let there be {sky}
        let it be {sky_adjective}; as if {sky_clause}; {make} it so that {sky_clause}; {sky_clause}
        {it} where {sky_clause}; {it} should be {sky_adjective}; {it} in {sky}; {it} with {sky}
        {it} but {sky_clause}; now with {sky}; how does {it} look in {sky}; what if {sky_clause}
        what would {it} look like in {sky}; keep the time of day but {add} {sky}
        keep the hour as it is but {add} {sky}; {add} {sky} but keep the time of day
        leave the time as it is and {make} {it} {sky_adjective}; {sky} at the same time of day
        {make} {it} {sky_adjective} but keep the time of day
        {sky} instead of {other}; {sky} rather than {other}; {sky} and not {other}
        {sky} but no {other}; {sky} without {other}; not {other} but {sky}; no {other} but {sky}
        {add} {sky} instead of {other}; {show} {it} in {sky} instead of {other}
        instead of {other} {show} {sky}; {remove} the {other} and {add} {sky}
        {add} {sky} and {remove} the {other}; {change} the {other} to {sky}
        {turn} the {other} into {sky}; replace the {other} with {sky}
        it is not {other_adjective} but {sky_adjective}
        it is not {other_adjective} and {sky_clause}
    """,
    "time": """
        {make} {it} {time}; {turn} {it} into {time}; {change} {it} to {time}; {show} {it} {at}
        {want} {time}; {want} {it} {at}; {time}; {at}; {hour}; {make} it {hour}
        {change} the time to {hour}; let it be {time}; as if {time_clause}; {time_clause}
        {make} it so that {time_clause}; {it} should look like {time}; {it} {at}
        {it} but {time_clause}; {show} how {it} looks {at}; what if it were {time}
        what would {it} look like {at}; {want} to see {it} {at}
        keep the weather but {make} it {time}; keep the weather as it is but {make} it {time}
    """,
    "weather and time": """
        {make} {it} {both}; {turn} {it} into {both}; {change} {it} to {both}; {add} {sky} {at}
        {show} {it} {at} in {sky}; {show} {both}; {want} {both}; {want} {sky} {at}; {both}
        {sky} {at}; {at} in {sky}; {time} with {sky}; {time} and {sky}; let there be {both}
        as if it were {both}; {sky_clause} {at}; {time_clause} and {sky_clause}
        {it} should look like {both}; {it} with {sky} {at}; {it} but {time_clause} and {sky_clause}
        {add} {sky} and {make} {it} {time}; {make} {it} {time} and {add} {sky}
        {make} {it} {sky_adjective} and {time}; {it} on {both}; {want} to see {it} in {sky} {at}
    """,
    "without": """
        {remove} the {gone}; {remove} {gone}; {remove} all {gone}; {remove} the {gone} from {it}
        {stop} {gone_falling}; no {gone}; no more {gone}; without {gone}; with no {gone} at all
        there should be no {gone}; there is no {gone}; there is not any {gone}
        there is no more {gone}; the {gone} is gone; the {gone} stops; the {gone} clears
        free of {gone}; {want} no {gone}; i do not want {gone}; i do not want any {gone}
        {it} with no {gone}; {it} but without {gone}; {show} {it} without {gone}
        as if there were no {gone}; what if there were no {gone}; not {gone_adjective}
        it is not {gone_adjective}; it is not {gone_adjective} any more
        it is no longer {gone_adjective}; it should not be {gone_adjective}
        as if it were not {gone_adjective}; let the {gone} {vanish}; {make} the {gone} {vanish}
        the {gone} should {vanish}; let it {stop} {gone_falling}; it should {stop} {gone_falling}
    """,
    "without and time": """
        {remove} all {gone} and {make} it {time}; {it} without any {gone} {at}
        {time} without {gone}
    """,
}


@pytest.fixture(scope="module")
def phrases() -> list[Phrase]:
    return Grammar().wishes(6000, rng("tests.wishes"))


def named(called: tuple[tuple[str, ...], ...], text: str) -> bool:
    return any(f" {name} " in f" {text} " for names in called for name in names)


def test_every_form_asks_for_what_the_table_says(phrases: list[Phrase]) -> None:
    table = {
        form.strip(): meaning
        for meaning, forms in MEANINGS.items()
        for form in forms.strip().replace("\n", ";").split(";")
    }
    assert set(table) == set(FORMS)
    assert {phrase.form for phrase in phrases} == set(FORMS)
    for phrase in phrases:
        wish, meaning = phrase.wish, table[phrase.form].split(" and ")
        assert wish is not None
        assert (wish.weather is not None) == ("weather" in meaning), phrase
        assert (wish.without is not None) == ("without" in meaning), phrase
        implied = wish.weather is not None and wish.time is TimeOfDay.DAY
        assert (wish.time is not None) == ("time" in meaning) or implied, phrase


def test_what_is_asked_for_stands_in_the_words(phrases: list[Phrase]) -> None:
    for text, wish, *_ in phrases:
        assert wish is not None
        if wish.weather is not None:
            assert any(
                named((sky.nouns, sky.adjectives, sky.clauses), text)
                or any(f"{adjective} " in text for adjective in sky.adjectives)
                for sky in SKIES
                if (sky.weather, sky.amount) == (wish.weather, wish.amount)
            ), text
        if wish.without is not None:
            assert named(TAKEN[wish.without][1:4], text), text
        if wish.hour is not None:
            assert wish.time is time_of_day(wish.hour)
        elif wish.time is not None and wish.weather is None:
            time = next(time for time in TIMES if time.time is wish.time)
            assert named((time.nouns, time.moments, time.clauses), text), text


def test_where_the_time_is_to_stay_no_weather_brings_its_own(phrases: list[Phrase]) -> None:
    staying = [phrase for phrase in phrases if phrase.form in SAME_TIME]
    assert any("sunshine" in phrase.text for phrase in staying)
    assert not [phrase for phrase in staying if phrase.wish and phrase.wish.time]


def test_what_another_weather_replaces_is_none_that_it_has(phrases: list[Phrase]) -> None:
    for text, wish, form, _ in phrases:
        if "{other" in form:
            assert wish is not None
            assert wish.weather is not None
            kind = Conditions(weather=wish.weather).sky_kind
            others = [taken for taken in TAKEN.values() if kind not in taken.kinds]
            assert any(named((taken.nouns, taken.adjectives), text) for taken in others), text


@pytest.mark.parametrize("seed", range(3))
def test_what_is_held_out_is_in_no_slot_and_never_said(seed: int) -> None:
    grammar = Grammar(HELD_OUT)
    slots = {verb for verbs in grammar.verbs.values() for verb in verbs}
    assert not slots & set(HELD_OUT)
    for phrase in grammar.phrases(600, rng("tests.without", seed)):
        assert phrase.form not in HELD_OUT
        assert not {"render", "insert", "erase"} & set(phrase.text.split()), phrase
    assert not {"render", "insert", "erase"} & set(grammar.lexicon.words)


def test_no_verb_has_two_meanings() -> None:
    becomes = {"make", "turn", "change", "show"}  # all of them: be that from now on
    slots = {slot: set(verbs) for slot, verbs in VERBS.items()}
    groups = [
        set().union(*(slots[slot] for slot in becomes)),
        set().union(*(slots[slot] for slot in LESS)),
        slots["add"],
        slots["want"],
    ]
    assert sum(map(len, groups)) == len(set().union(*groups))
    literal = {SLOT.sub(" ", form).strip() for form in (*FORMS, *REFUSED)}
    assert not literal & set().union(*groups)


def test_grammars_without_a_word_for_a_slot_are_refused() -> None:
    with pytest.raises(ValueError, match=r"forms and verbs of the grammar, got \['conjure'\]"):
        Grammar(("conjure",))
    with pytest.raises(ValueError, match="hold out fewer"):
        Grammar(FORMS)
    with pytest.raises(ValueError, match="hold out fewer"):
        Grammar(VERBS["stop"])


def test_strange_words_stand_for_no_verb_that_takes_away() -> None:
    taking = {f"{{{slot}}}" for slot in LESS}
    phrases = Grammar().phrases(3000, rng("tests.strange"))
    assert any(p.wish and "{add}" in p.form and not p.verbs for p in phrases)
    assert all(p.verbs for p in phrases if p.wish and taking & set(p.form.split()))


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        *(("nihgt", "night"), ("nigth", "night"), ("nght", "night"), ("fogy", "foggy")),
        *(("foogy", "foggy"), ("suuny", "sunny"), ("rainny", "rainy"), ("sonw", "snow")),
    ],
)
def test_slips_of_the_pen_are_mended(slip: str, meant: str) -> None:
    known, names = Grammar().lexicon
    assert mended(slip, known, names) == meant


def test_other_words_are_left_alone() -> None:
    known, names = Grammar().lexicon
    lists = (words.THINGS, words.NEAR_MISSES, words.QUALITIES, words.STYLES, words.PLACES)
    others = [f"{word}{ending}" for of in lists for word in of for ending in ("", "s")]
    others += [*words.COLOURS, *words.PAINTERS, *words.WATCHES]
    others += ["cold", "cat", "raim", "railing", "clean", "story", "show", "fist", "tick", "snob"]
    assert [mended(word, known, names) for word in others] == others
    assert all(len(name.split()) == 1 for name in names)
    assert not set(names) & {"could", "can", "a", "the", "at", "light", "heavy"}


def test_one_seed_makes_the_same_phrases() -> None:
    one, other = (Grammar().phrases(50, np.random.default_rng(3)) for _ in range(2))
    assert one == other
