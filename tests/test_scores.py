"""Scores by cell, and the guard before anyone compares two."""

import pytest
from conftest import make_frame
from mean_colour import MeanColour

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import Passport, Score
from parhelion.pipeline.scores import NotComparable, comparable, score_table

FOG, RAIN = (Conditions(weather=w, hour=12) for w in (Weather.FOGGY, Weather.RAINING))


def score(name: str = "KID", resize: str = "299", n: int = 9) -> Score:
    passport = Passport(network="net", resize=resize)
    return Score(name=name, value=1.0, n_real=n, n_generated=n, passport=passport)


def test_scores_measured_alike_compare() -> None:
    comparable(score(), score().model_copy(update={"value": 3.0}))


@pytest.mark.parametrize("other", [score(name="FID"), score(resize="224"), score(n=8)])
def test_other_name_passport_or_n_is_refused_with_both_passports(other: Score) -> None:
    with pytest.raises(NotComparable) as refused:
        comparable(score(), other)
    assert "resize '299'" in str(refused.value)
    assert f"resize {other.passport.resize!r}" in str(refused.value)
    assert f"n {other.n_real} real" in str(refused.value)


def test_table_scores_each_cell_against_its_own_targets() -> None:
    real = [make_frame(i, conditions=FOG) for i in range(8)]
    real += [make_frame(20 + i, conditions=RAIN) for i in range(12)]
    drawn = [make_frame(40 + i, conditions=FOG) for i in range(9)]
    drawn += [make_frame(60, conditions=Conditions(weather=Weather.SNOWING, hour=12))]
    table = score_table(real, drawn, MeanColour())
    assert list(table) == ["fog/day"]  # rain was not drawn, snow has no targets
    kernel, frechet = table["fog/day"]
    assert kernel.n_real == 4
    assert kernel.floor is not None
    assert frechet.value is None
    assert "needs 12 frames" in frechet.note
