"""Laws of `instruct`: how wishes are read, what stays, how words and picture are weighed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_frame
from stopped_training import stopped
from tiny_instruct import (
    DATA,
    DAY,
    FOG,
    HELD_OUT,
    NIGHT,
    NOTHING,
    RAINS,
    READS,
    SURE,
    TINY,
    step_of,
)

from parhelion.generators._instruct_draw import weighed
from parhelion.generators._instruct_step import InstructStep
from parhelion.generators._text_encoder import TextEncoder
from parhelion.generators._wishes import Grammar, Lexicon, Phrase, Wish
from parhelion.generators.instruct import Instruct, InstructConfig, SeenEdits
from parhelion.pipeline.conditions import Conditions, Event, TimeOfDay, Weather
from parhelion.pipeline.contracts import CannotHonour, CannotLearn, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.seeds import rng


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Instruct:
    """One that reads, and hardly draws."""
    made = Instruct(READS)
    made.fit(DATA, tmp_path_factory.mktemp("instruct"), seed=1)
    return made


@pytest.fixture(scope="module")
def encoder(part: Instruct) -> TextEncoder:
    found = part.whole_fit.network.encoder
    assert isinstance(found, TextEncoder)
    return found


def ask(parent: Frame | None = None, **changes: Any) -> Request:
    wanted = {"conditions": NOTHING, "seed": 3, "parent": parent or make_frame(9, conditions=DAY)}
    return Request(**{**wanted, **changes})


def drawn(part: Instruct, *requests: Request) -> list[Frame]:
    return list(part.generate(requests))


def share_read(encoder: TextEncoder, phrases: Sequence[Phrase]) -> float:
    """How many are read as they were meant, or refused where nothing was meant."""
    right = 0
    for phrase in phrases:
        wish, sure = encoder.read(phrase.text)
        right += sure < 0.5 if phrase.wish is None else (sure >= 0.5 and wish == phrase.wish)
    return right / len(phrases)


def test_a_sentence_is_read_alike_beside_a_longer_one(encoder: TextEncoder) -> None:
    short, long = ["fog"], ["please", "show", "it", "in", "heavy", "rain", "at", "night"]
    with torch.inference_mode():
        alone = encoder(encoder.numbered([short]))
        beside = encoder(encoder.numbered([short, long]))
    for one, first in zip(alone, beside, strict=True):
        torch.testing.assert_close(one, first[:1])


def test_without_a_step_of_the_denoiser_nothing_is_drawn() -> None:
    step = InstructStep(TINY, DATA, 1, torch.device("cpu"))
    for done, draws in ((0, False), (TINY.reading_steps, False), (TINY.reading_steps + 1, True)):
        step.state().step = done
        assert step.seen(SeenEdits()).draws is draws


def test_phrases_are_read_as_they_were_meant(encoder: TextEncoder) -> None:
    phrases = Grammar(HELD_OUT).phrases(400, rng("tests.phrases"), strange=False)
    assert share_read(encoder, [p for p in phrases if p.wish]) > 0.97
    assert share_read(encoder, [p for p in phrases if not p.wish]) > 0.95


def test_verbs_and_forms_that_were_never_read_are_mostly_understood(encoder: TextEncoder) -> None:
    phrases = Grammar().wishes(3500, rng("tests.held"))
    phrases = [p for p in phrases if "{bare}" not in p.form]  # "insert the fog" might be less
    forms = [p for p in phrases if p.form in HELD_OUT and not set(p.verbs) & set(HELD_OUT)]
    verbs = [p for p in phrases if set(p.verbs) & set(HELD_OUT)]
    assert len(forms) > 50
    assert len(verbs) > 50
    assert share_read(encoder, verbs) > 0.9
    assert share_read(encoder, forms) > 0.75


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("erase fog", Wish(without="fog")),
        ("delete the rain", Wish(without="rain")),
        ("less fog", Wish(Weather.FOGGY, amount="light")),
        ("more rain", Wish(Weather.RAINING, amount="heavy")),
        ("it isn't raining", Wish(without="rain")),
        ("it is not foggy any more", Wish(without="fog")),
        ("there is no fog", Wish(without="fog")),
        ("stop raining", Wish(without="rain")),
        ("no sun", Wish(without="sun")),
        ("remove the bad weather", Wish(without="bad weather")),
        ("snow instead of rain", Wish(Weather.SNOWING)),
        ("fog rather than sun", Wish(Weather.FOGGY)),
        ("add sunshine but keep the time of day", Wish(Weather.CLEAR)),
        ("keep the weather but make it night", Wish(time=TimeOfDay.NIGHT)),
        ("rain at 9 o'clock in the evening", Wish(Weather.RAINING, TimeOfDay.NIGHT, hour=21.0)),
    ],
)
def test_what_is_to_go_or_to_stay_is_read(encoder: TextEncoder, text: str, wish: Wish) -> None:
    read, sure = encoder.read(text)
    assert (read, sure > SURE) == (wish, True)


@pytest.mark.parametrize("text", ["don't make it night", "never remove the fog", "it isn't night"])
def test_other_negatives_are_no_wishes(encoder: TextEncoder, text: str) -> None:
    assert encoder.read(text)[1] < SURE


@pytest.mark.parametrize("verb", ["expunge", "vanquish", "annul", "banish"])
def test_a_verb_that_it_never_saw_brings_no_weather_that_is_there(
    encoder: TextEncoder, verb: str
) -> None:
    for noun in ("fog", "rain", "snow"):
        wish, sure = encoder.read(f"{verb} the {noun}")
        assert sure < SURE or wish.without == noun


def test_a_wish_changes_what_it_names_and_no_more(part: Instruct) -> None:
    raining = part.understood("make it rain", DAY)
    assert (raining.weather, raining.hour) == (Weather.RAINING, 12)
    assert part.understood("make it night", DAY).weather is Weather.CLEAR
    both = part.understood("a clear day", NIGHT)
    assert (both.weather, both.time_of_day) == (Weather.CLEAR, TimeOfDay.DAY)
    assert part.understood("remove the fog", FOG).weather is Weather.CLEAR
    assert part.understood("remove the fog", RAINS[0]) == RAINS[0]
    sunny = part.understood("add sunshine but keep the time of day", NIGHT)
    assert (sunny.weather, sunny.hour) == (Weather.CLEAR, 23)


def test_amounts_are_those_of_the_training_frames(part: Instruct) -> None:
    light, heavy = part.understood("light rain", DAY), part.understood("add heavy rain", DAY)
    assert (light.rain_mm_h, heavy.rain_mm_h) == (2.0, 12.0)
    assert heavy.wetness is None
    wetter = part.understood("add heavy rain", RAINS[0].model_copy(update={"native": "drizzle"}))
    assert (wetter.rain_mm_h, wetter.wetness, wetter.native) == (12.0, None, "")
    told = "no training frame of Foggy states its visibility_m: it can draw clear/day"
    with pytest.raises(CannotHonour, match=f"wanted heavy fog: {told}"):
        part.understood("add heavy fog", DAY)


@pytest.mark.parametrize(
    "text", ["paint the car red", "add a dog", "make it anime", "", "夜にして"]
)
def test_what_it_cannot_do_is_refused_with_what_it_can(part: Instruct, text: str) -> None:
    offer = "it can draw clear/day, clear/night, fog/day, rain/day, light or heavy rain"
    with pytest.raises(CannotHonour, match=offer):
        part.understood(text, DAY)
    with pytest.raises(CannotHonour, match=offer):
        drawn(part, ask(text=text))


def test_what_it_saw_too_little_of_is_refused_with_what_it_saw(part: Instruct) -> None:
    with pytest.raises(CannotHonour, match=r"0 training frames of snow/day .* it can draw clear"):
        drawn(part, ask(text="add snow"))
    foggy_night = Conditions(weather=Weather.FOGGY, hour=23)
    assert "0 training frames of fog/night" in (part.refusal(foggy_night) or "")
    assert part.refusal(Conditions(weather=Weather.FOGGY)) is None  # by day, if the parent is
    assert part.refusal(Conditions(weather=Weather.FOGGY), key_of(make_frame(conditions=NIGHT)))
    daring = Instruct(READS.model_copy(update={"composes": True}))
    daring._fitted = part._fitted
    assert daring.refusal(foggy_night) is None
    assert daring.refusal(Conditions(weather=Weather.SNOWING, hour=23))


def test_requests_that_are_no_edit_are_refused(part: Instruct) -> None:
    with pytest.raises(CannotHonour, match="give a parent"):
        drawn(part, Request(conditions=NIGHT, seed=1))
    with pytest.raises(CannotHonour, match="got a mask"):
        drawn(part, ask(conditions=NIGHT, mask=np.ones((32, 48), dtype=bool)))
    with pytest.raises(CannotHonour, match="keeps the parent's labels and got others"):
        drawn(part, ask(conditions=NIGHT, annotation=make_frame(1)))
    flooded = NIGHT.model_copy(update={"event": Event.FLOOD})
    with pytest.raises(CannotHonour, match="wanted the event flood, got a parent with none"):
        drawn(part, ask(conditions=flooded))
    with pytest.raises(CannotHonour, match="has not been fitted"):
        Instruct(TINY).understood("make it night", DAY)


def test_words_and_conditions_are_the_same_request(part: Instruct) -> None:
    by_text = drawn(part, ask(text="make it night"))[0]
    told = Conditions(time_of_day=TimeOfDay.NIGHT)
    by_conditions = drawn(part, ask(conditions=told))[0]
    assert by_text.content_sha256 == by_conditions.content_sha256
    assert by_text.frame_id != by_conditions.frame_id  # asked for otherwise
    overruled = drawn(part, ask(text="make it night", conditions=DAY))[0]
    assert np.array_equal(overruled.image, by_text.image)


def test_the_record_says_what_was_asked_and_the_frame_what_was_understood(part: Instruct) -> None:
    request = ask(text="heavy rain, please")
    frame = drawn(part, request)[0]
    assert frame.provenance.request == request.record()
    assert frame.provenance.request.text == "heavy rain, please"
    assert frame.conditions == part.understood("heavy rain, please", DAY)
    assert frame.conditions.rain_mm_h == 12.0
    parent = request.parent
    assert parent is not None
    assert (frame.layers, frame.objects) == (parent.layers, parent.objects)


def test_pictures_do_not_depend_on_their_neighbours(part: Instruct) -> None:
    texts = ("make it night", "fog", "rain", "make it night")
    requests = [ask(make_frame(i, conditions=DAY), text=t, seed=i) for i, t in enumerate(texts)]
    together = [frame.content_sha256 for frame in drawn(part, *requests)]
    assert [drawn(part, request)[0].content_sha256 for request in requests] == together
    assert len(set(together)) == 4


def test_weights_are_those_of_equation_3() -> None:
    step = step_of()
    for k in range(3):
        step(k + TINY.reading_steps)
    known = step.told(step.crops.of_cells(1, 2, rng(7))[0])
    x, sigma = torch.randn(2, 3, 32, 48), torch.full((2,), 0.7)

    def said(text: float, image: float) -> torch.Tensor:
        terms = weighed(text, image)(known)
        assert sum(term.weight for term in terms) == pytest.approx(1)
        with torch.inference_mode():
            return sum((t.weight * step.D(x, sigma, t.told) for t in terms), torch.zeros(()))

    with torch.inference_mode():
        plain = step.D(x, sigma, known)
    assert len(weighed(1, 1)(known)) == 1
    assert torch.equal(said(1, 1), plain)
    nothing, picture = said(0, 0), said(0, 1)
    assert not torch.equal(nothing, picture)
    assert not torch.equal(picture, plain)
    wanted = nothing + 1.5 * (picture - nothing) + 7 * (plain - picture)
    torch.testing.assert_close(said(7, 1.5), wanted, rtol=1e-4, atol=1e-4)


def test_without_twins_there_is_nothing_to_learn(tmp_path: Path) -> None:
    alone = TrainingData(source=FrameList([make_frame(i, conditions=DAY) for i in range(4)]))
    with pytest.raises(CannotLearn, match="share their twin_id, got none among 4 training frames"):
        Instruct(TINY).fit(alone, tmp_path, seed=1)
    assert not Instruct(TINY).learnt(alone)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_stopped_in_either_stage_it_learns_the_same(stop_at: int, tmp_path: Path) -> None:
    whole = Instruct(TINY).fit(DATA, tmp_path / "whole", seed=2)
    stopped(Instruct(TINY), DATA, 2, tmp_path / "halves", stop_at)
    halves = Instruct(TINY).fit(DATA, tmp_path / "halves", seed=2)
    assert whole.checkpoint_sha256 == halves.checkpoint_sha256


def test_saved_and_loaded_it_reads_and_draws_the_same(part: Instruct, tmp_path: Path) -> None:
    part.save(tmp_path)
    loaded = Instruct.load(tmp_path)
    request = ask(text="add heavy rain")
    assert drawn(loaded, request)[0].content_sha256 == drawn(part, request)[0].content_sha256


def test_a_stored_reader_keeps_the_words_that_it_was_taught(
    part: Instruct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.save(tmp_path)
    texts = ("add heavy rain", "no fog", "at nihgt", "a dog")
    before = [part.whole_fit.network.encoder.read(text) for text in texts]
    taught = Lexicon(("aardvark", "fog"), ("fog",))
    monkeypatch.setattr(Grammar, "lexicon", taught)
    loaded = Instruct.load(tmp_path)
    assert [loaded.whole_fit.network.encoder.read(text) for text in texts] == before
    assert loaded.whole_fit.seen.lexicon == part.whole_fit.seen.lexicon != taught


def test_settings_of_reading_and_weighing_do_not_make_another_fit() -> None:
    asked = TINY.model_copy(update={"text_guidance": 3.0, "image_guidance": 1.5, "sure": 0.9})
    assert Instruct(asked)._fit_digest(DATA, 1) == Instruct(TINY)._fit_digest(DATA, 1)
    with pytest.raises(ValueError, match="set text_guidance and image_guidance"):
        InstructConfig(guidance=2.0)
    with pytest.raises(ValueError, match="got words_dropout 0: raise it"):
        InstructConfig(text_guidance=1.5, words_dropout=0)
    with pytest.raises(ValueError, match="got unconditional_share 0: raise it"):
        InstructConfig(image_guidance=1.5, text_guidance=1.5, unconditional_share=0)
    with pytest.raises(ValueError, match=r"forms and verbs of the grammar, got \['conjure'\]"):
        InstructConfig(held_out=("conjure",))


def test_a_wish_that_is_too_long_is_refused_as_that(part: Instruct) -> None:
    with pytest.raises(CannotHonour, match="wishes of 24 words at most, got 30: shorten it"):
        part.understood("night " * 30, DAY)
