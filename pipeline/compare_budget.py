"""The budget of a comparison: the same steps for all, or as many steps as fit into some seconds.

Training until a clock runs out gives other bytes each time. So the clock is asked once, on short
fits; the number of steps that it comes to is kept, printed and used from then on.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import Generator, PartConfig, TrainingData
from parhelion.pipeline.files import discard

FIRST_STEPS, GROWTH, MOST_STEPS = 16, 4, 65_536  # of the short fits
SKIPPED = 4  # steps of each that are not timed: they pay for what a fit makes once
TIMED_SHARE, TIMED_MOST_S = 0.1, 20.0  # of the budget: how long a fit must last to be believed
STEPS = "steps"  # the setting by which trained generators call their number of updates


class Budget(PartConfig):
    """What every generator may spend on training; neither = each its own default."""

    steps: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None  # of computing

    @model_validator(mode="after")
    def _one_of_them(self) -> "Budget":
        if self.steps is not None and self.seconds is not None:
            raise ValueError("a budget is in steps or in seconds, got both: give one")
        return self

    @property
    def sentence(self) -> str:
        """As the page prints it."""
        if self.steps is not None:
            return f"{self.steps:,} steps each"
        if self.seconds is not None:
            return f"{self.seconds:g} seconds of training each"
        return "each generator's own default"


class Pace(PartConfig):
    """What a short fit came to, and the steps that follow from it."""

    steps_per_s: float
    timed_steps: int
    steps: int


@dataclass
class _Clock:
    """A fit's progress: steps and seconds from the first few steps on to the last."""

    now: Callable[[], float]
    first: tuple[int, float] | None = None
    last: tuple[int, float] = (0, 0.0)

    def __call__(self, done: int, total: int) -> None:
        self.last = done, self.now()
        if done >= SKIPPED and self.first is None:
            self.first = self.last

    @property
    def steps(self) -> int:
        return self.last[0] - self.first[0] if self.first else 0

    @property
    def seconds(self) -> float:
        return self.last[1] - self.first[1] if self.first else 0.0


def computing_s() -> float:
    """Seconds of this process's computing; on a GPU, which these do not count, of the wall."""
    import torch

    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def refuse_own_steps(name: str, settings: Mapping[str, Any], budget: Budget) -> None:
    """Raises ValueError where the settings name steps of their own against the budget's."""
    if STEPS in settings and (budget.steps is not None or budget.seconds is not None):
        raise ValueError(
            f"{name}: its steps are the budget's ({budget.sentence}), got {STEPS} = "
            f"{settings[STEPS]} in its settings: leave one of them out"
        )


def budgeted(generator: str) -> bool:
    """Whether training goes by steps: a closed form, or what is not fitted, has no budget."""
    part = parts.part("generators", generator)
    return bool(part.needs_fit) and STEPS in part.Config.model_fields


def pace(
    generator: str,
    settings: Mapping[str, Any],
    data: TrainingData,
    seconds: float,
    workdir: Path,
    seed: int,
    now: Callable[[], float] = computing_s,
) -> Pace:
    """Steps per second of fits that grow until one lasts long enough; whole fits, because what a
    step costs may change on the way. Reading the data before the first step is not counted, nor a
    first fit, which pays for what a process makes once.
    """
    enough, steps = min(TIMED_SHARE * seconds, TIMED_MOST_S), FIRST_STEPS

    def timed() -> _Clock:
        clock = _Clock(now)
        made: Generator = parts.build("generators", generator, **{**settings, STEPS: steps})
        made.fit(data, workdir, seed, clock)
        discard(workdir)
        return clock

    timed()
    while True:
        clock = timed()
        went_wrong = clock.steps < steps - SKIPPED
        if clock.seconds >= enough or went_wrong or steps >= MOST_STEPS:
            break
        steps *= GROWTH
    rate = max(clock.steps, 1) / max(clock.seconds, 1e-6)
    return Pace(steps_per_s=rate, timed_steps=clock.steps, steps=max(1, round(rate * seconds)))
