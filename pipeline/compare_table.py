"""The table of a comparison: which columns it has, and how a number is written in them.

The page and the terminal print the same cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from parhelion.pipeline.compare_results import REAL, Arm, Costs
from parhelion.pipeline.compare_scores import (
    ACCURACY,
    COPIES,
    FINE,
    LIKELIHOOD,
    MANIFOLDS,
    VARIETY,
)
from parhelion.pipeline.contracts import Score
from parhelion.pipeline.report import number, percent, seconds

Best = Literal["high", "low", "one", "none"]  # which value is the best one
TIMES = "\N{MULTIPLICATION SIGN}"
AT_MOST = "\N{LESS-THAN OR EQUAL TO}"
MISSING = "–"


@dataclass(frozen=True)
class Column:
    """One measure, as the table heads it."""

    score: str  # name of the score
    title: str
    says: str  # what it tells, in a sentence
    best: Best
    written: Callable[[Score], str]


@dataclass(frozen=True)
class Cell:
    """One number with what stands beside it."""

    text: str
    beside: str = ""  # its floor or interval
    note: str = ""
    best: bool = False
    bad: bool = False


def _three(score: Score) -> str:
    assert score.value is not None
    return f"{score.value:.3g}".replace("-", "\N{MINUS SIGN}")


def _share(score: Score) -> str:
    return percent(score.value)


def _times(score: Score) -> str:
    return f"{score.value:.2f}{TIMES}"


def _bits(score: Score) -> str:
    bound = f"{AT_MOST} " if score.note == "upper bound" else ""
    return f"{bound}{score.value:.2f}"


KNOWN: dict[str, tuple[str, str, Best, Callable[[Score], str]]] = {
    "precision": ("precision", "share of drawn pictures among real ones", "high", _share),
    "recall": ("recall", "share of real pictures among drawn ones", "high", _share),
    "density": (
        "density",
        "real neighbourhoods around a drawn picture, 1 = real",
        "none",
        _three,
    ),
    "coverage": ("coverage", "share of real neighbourhoods that were drawn into", "high", _share),
    ACCURACY: (
        "accuracy",
        "classifier trained on drawn pictures, tested on real ones",
        "high",
        _share,
    ),
    LIKELIHOOD: ("bits/dim", "minus log likelihood of test frames, base 2", "low", _bits),
    COPIES: (
        "near copies",
        "nearer to a training picture than 99 % of unseen ones",
        "none",
        _share,
    ),
    FINE: ("fine detail", "power above half of Nyquist, relative to real", "one", _times),
    VARIETY: ("variety", "distance between pictures of one y, relative to real", "one", _times),
}
ORDER = (*MANIFOLDS, ACCURACY, LIKELIHOOD, COPIES, FINE, VARIETY)


def columns(arms: Sequence[Arm]) -> list[Column]:
    """The measures that any arm has: distances first."""
    names = dict.fromkeys(score.name for arm in arms for score in arm.measured.scores)
    distances = [_distance(name) for name in names if name not in KNOWN]
    return [*distances, *(Column(name, *KNOWN[name]) for name in ORDER if name in names)]


def _distance(name: str) -> Column:
    """A distance is called after its network; the head of its column has no room for that."""
    title = name.split(" on ")[0]
    return Column(name, title, f"to unseen real frames, on {name.split(' on ')[-1]}", "low", _three)


def row(arm: Arm, heads: Sequence[Column], arms: Sequence[Arm]) -> list[Cell]:
    """The cells of one arm, the best of all generators marked."""
    return [_cell(arm, column, arms) for column in heads]


def _cell(arm: Arm, column: Column, arms: Sequence[Arm]) -> Cell:
    score = arm.score(column.score)
    if score is None:
        return Cell(MISSING)
    if score.value is None:
        return Cell(MISSING, note=score.note)
    beside = "" if score.floor is None else f"real {column.written(_floor(score))}"
    return Cell(
        column.written(score),
        "" if arm.name == REAL else beside,
        score.note,
        best=_is_best(arm, column, arms),
        bad=column.score == COPIES and copies(arm),
    )


def copies(arm: Arm) -> bool:
    """Whether more of its pictures are near copies of training frames than chance explains."""
    score = arm.score(COPIES)
    if score is None or score.interval is None or score.floor is None:
        return False
    return score.interval[0] > score.floor


def _floor(score: Score) -> Score:
    return score.model_copy(update={"value": score.floor, "note": ""})


def _is_best(arm: Arm, column: Column, arms: Sequence[Arm]) -> bool:
    """Whether nobody who does not copy has a better value; nobody is best alone."""
    found = {
        other.name: score.value
        for other in arms
        if other.name != REAL
        and not copies(other)
        and (score := other.score(column.score)) is not None
        and score.value is not None
    }
    alike = len(set(found.values())) < 2
    if arm.name not in found or alike or column.best == "none":
        return False
    badness = {
        name: {"high": -value, "low": value, "one": abs(value - 1)}[column.best]
        for name, value in found.items()
    }
    return badness[arm.name] == min(badness.values())


def costs_of(arm: Arm, costs: Costs) -> tuple[str, str, str, str]:
    """(training, steps, seconds per thousand pictures, parameters) in words."""
    fit = MISSING if costs.fit_s is None or arm.steps is None else seconds(costs.fit_s)
    draw = MISSING if costs.draw_s_per_1000 is None else seconds(costs.draw_s_per_1000)
    steps = MISSING if arm.steps is None else f"{arm.steps:,}"
    return fit, steps, draw, _size(arm.parameters) if arm.parameters else MISSING


def _size(count: int) -> str:
    for unit, name in ((10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return number(count)
