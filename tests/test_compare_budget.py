"""A budget in steps is the same for all; one in seconds becomes steps by a pace measured once."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from toy_shapes import shapes_dataset

from parhelion.pipeline import compare_budget, parts
from parhelion.pipeline.compare import compare, settled
from parhelion.pipeline.compare_budget import FIRST_STEPS, GROWTH, Budget, budgeted, pace
from parhelion.pipeline.compare_data import stored
from parhelion.pipeline.compare_drawing import Contender, Setup
from parhelion.pipeline.contracts import PartConfig


class Paced:
    """A generator whose every step takes 0.25 s by the test's clock, after 100 s of reading."""

    needs_fit = True
    fits: list[int] = []
    now_s = 0.0

    class Config(PartConfig):
        steps: int = 9
        width: int = 1

    def __init__(self, config: Any) -> None:
        self.config = config

    def fit(self, data: object, workdir: Path, seed: int, progress: Any) -> None:
        Paced.now_s += 100
        for done in range(self.config.steps + 1):
            progress(done, self.config.steps)
            Paced.now_s += 0.25
        Paced.fits.append(self.config.steps)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    real = parts.part
    monkeypatch.setattr(parts, "part", lambda f, n: Paced if n == "paced" else real(f, n))
    monkeypatch.setattr("parhelion.pipeline.compare._code", lambda generator: generator)
    monkeypatch.setattr(Paced, "fits", [])
    data = stored(shapes_dataset(tmp_path / "shapes", 6, 6), "", 0)
    return Setup(data=data, budget=Budget(), n=2, seed=0, network="", folder=tmp_path)


def with_budget(setup: Setup, **budget: float) -> Setup:
    return Setup(**{**vars(setup), "budget": Budget(**budget)})


PACED = Contender(name="paced", generator="paced", settings={"width": 3})


def test_steps_are_the_same_for_all_that_train_in_steps(setup: Setup) -> None:
    assert settled(with_budget(setup, steps=7), PACED) == ({"width": 3, "steps": 7}, None)
    assert settled(setup, PACED) == ({"width": 3}, None)
    for name in ("pca", "classical", "weather"):
        assert not budgeted(name)
        free = Contender(name=name, generator=name)
        assert settled(with_budget(setup, steps=7), free) == ({}, None)


def test_seconds_become_steps_without_the_time_that_reading_takes(setup: Setup) -> None:
    data = setup.data.training()
    found = pace("paced", {}, data, 600.0, setup.folder / "w", 0, now=lambda: Paced.now_s)
    assert found.steps_per_s == pytest.approx(4)
    assert found.steps == 2400
    # Fits grow until one lasts as long as can be believed.
    timed = Paced.fits[1:]  # the first pays for what a process makes once
    assert timed == [FIRST_STEPS * GROWTH**i for i in range(len(timed))]
    assert found.timed_steps * 0.25 >= compare_budget.TIMED_MOST_S


def test_the_pace_is_measured_once_and_said(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_budget, "computing_s", lambda: Paced.now_s)
    monkeypatch.setattr(pace, "__defaults__", (lambda: Paced.now_s,))
    said: list[str] = []
    asked = Setup(**{**vars(with_budget(setup, seconds=20)), "say": said.append})
    settings, found = settled(asked, PACED)
    assert settings == {"width": 3, "steps": 80}
    fits = len(Paced.fits)
    assert settled(asked, PACED) == (settings, found)
    assert len(Paced.fits) == fits
    assert said[-1] == "paced: 4 steps per second over 12 steps, so 80 steps"


def test_steps_of_its_own_against_the_budget_are_refused(setup: Setup) -> None:
    own = Contender(name="wide", generator="paced", settings={"steps": 4})
    assert settled(setup, own) == ({"steps": 4}, None)
    with pytest.raises(ValueError, match=r"wide: its steps are the budget's \(7 steps each\), got"):
        compare(with_budget(setup, steps=7), [own])
    with pytest.raises(ValidationError, match="in steps or in seconds, got both: give one"):
        Budget(steps=1, seconds=1)
