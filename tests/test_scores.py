"""Scores by cell of conditions: each cell's frames against its own targets, with one passport."""

from conftest import make_frame
from mean_colour import MeanColour

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.scores import samples_by_cell, score_pair

FOG, RAIN = (Conditions(weather=w, hour=12) for w in (Weather.FOGGY, Weather.RAINING))


def test_each_cell_is_scored_against_its_own_targets() -> None:
    real = [make_frame(i, conditions=FOG) for i in range(8)]
    real += [make_frame(20 + i, conditions=RAIN) for i in range(12)]
    drawn = [make_frame(40 + i, conditions=FOG) for i in range(9)]
    targets = samples_by_cell(real, MeanColour(), seed=3)
    assert {cell: sample.seen for cell, sample in targets.items()} == {"fog/day": 8, "rain/day": 12}
    generated = samples_by_cell(drawn, MeanColour(), seed=3)["fog/day"]
    kernel, frechet = score_pair(targets["fog/day"], generated, MeanColour())
    assert (kernel.n_real, kernel.n_generated, kernel.floor_n) == (4, 9, 4)
    assert kernel.floor is not None
    assert frechet.value is None
    assert "needs 12 frames" in frechet.note
    assert kernel.passport == frechet.passport
    assert kernel.passport.seed == 3
