"""Fits one arm of a comparison and lets it draw what all are asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, JsonValue, field_validator

from parhelion.pipeline.compare_budget import Budget, computing_s
from parhelion.pipeline.compare_data import ComparedData
from parhelion.pipeline.compare_requests import Ask, request_of
from parhelion.pipeline.compare_results import REAL, Arm, Costs
from parhelion.pipeline.contracts import (
    CannotHonour,
    FitReport,
    Generator,
    PartConfig,
    Progress,
)
from parhelion.pipeline.files import discard, replacing, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.shards import StoredFrames, write_frames

Say = Callable[[str], None]
MODEL, DRAWN, STORY, WORK = "model", "drawn.parquet", "drawn.json", "work"
TENTHS = 10  # a long fit says so many times how far it is


class Contender(PartConfig):
    """One generator with its settings, under a name of its own: two settings of one may compete."""

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    generator: str
    settings: dict[str, JsonValue] = {}

    @field_validator("name")
    @classmethod
    def _is_its_own(cls, name: str) -> str:
        if name == REAL:
            raise ValueError(f"{REAL} is the name of the real frames' row: give another name")
        return name


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all arms of a comparison share."""

    data: ComparedData
    budget: Budget
    n: int  # pictures that each generator is asked for
    seed: int
    network: str  # of the distances, by name
    folder: Path
    say: Say = lambda sentence: None

    @property
    def judges(self) -> list[int]:
        """Places of the test frames that judge: twice n, since their floor takes halves."""
        order = rng("compare.judges", self.seed).permutation(len(self.data.test))
        return [int(place) for place in order[: 2 * self.n]]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) at which pictures are compared, pixels."""
        return self.data.test[0].size


class Story(PartConfig):
    """How the fitting and drawing of one arm went."""

    arm: Arm
    costs: Costs
    asked: tuple[int, ...]  # the ask that each drawn picture answers


@dataclass(frozen=True, eq=False)
class Outcome:
    """An arm with its pictures."""

    arm: Arm
    costs: Costs
    frames: StoredFrames | None  # None where the arm was refused
    asked: tuple[int, ...] = ()  # the ask that each picture answers


def lacking(generator: Generator, data: ComparedData) -> str:
    """Why a generator cannot work on these frames at all; "" where it may."""
    layers = frozenset.intersection(*(key.layers for key in data.wanted.keys))
    if missing := sorted(generator.needs - layers):
        return f"needs the layers {', '.join(missing)}, which not all frames of {data.name} have"
    return generator.unready() or ""


def fit_and_draw(
    setup: Setup, generator: Generator, arm: Arm, folder: Path, made: Sequence[Ask]
) -> Story | str:
    """The story of an arm, or why there is none."""
    setup.say(f"{arm.name}: learns")
    start = computing_s()
    try:
        report = generator.fit(
            setup.data.training(),
            folder / WORK,
            seed_of(setup.seed, "fit"),
            _spoken(setup.say, arm.name),
        )
    except ValueError as error:  # CannotHonour among them: what it says of these frames
        return str(error)
    fit_s = computing_s() - start
    discard(folder / MODEL)
    generator.save(folder / MODEL)
    setup.say(f"{arm.name}: draws")
    answered, seconds, refused = list[int](), list[float](), list[str]()
    with replacing(folder / DRAWN) as draft:
        write_frames(draft, _pictures(setup, generator, made, answered, seconds, refused))
    if not answered:
        return refused[0]
    story = _story(arm, report, folder, answered, refused, fit_s, seconds)
    write_json(folder / STORY, story)
    discard(folder / WORK)
    return story


def _story(
    arm: Arm,
    report: FitReport,
    folder: Path,
    answered: Sequence[int],
    refused: Sequence[str],
    fit_s: float,
    seconds: Sequence[float],
) -> Story:
    timed = seconds[1:] or seconds  # the first picture pays for what is imported late
    return Story(
        arm=arm.model_copy(
            update={
                "steps": report.steps or None,
                "parameters": parameters(folder / MODEL),
                "ailments": report.ailments,
                "drawn": len(answered),
                "refused": len(refused),
                "why_refused": refused[0] if refused else "",
                "size": StoredFrames([folder / DRAWN])[0].size,
            }
        ),
        costs=Costs(fit_s=fit_s, draw_s_per_1000=1000 * float(np.mean(timed))),
        asked=tuple(answered),
    )


def _pictures(
    setup: Setup,
    generator: Generator,
    made: Sequence[Ask],
    answered: list[int],
    seconds: list[float],
    refused: list[str],
) -> Iterator[tuple[Frame, str]]:
    """(frame, split) of every ask that is honoured; the lists say which, how long, why not."""
    for i, ask in enumerate(made):
        request = request_of(ask, setup.data, generator.models)
        start = computing_s()
        try:
            (frame,) = generator.generate([request])
        except CannotHonour as error:
            refused.append(str(error))
            continue
        seconds.append(computing_s() - start)
        answered.append(i)
        yield frame, "train"


def parameters(model: Path) -> int:
    """Numbers in the safetensors files of a fitted state, buffers included."""
    import safetensors

    total = 0
    for path in sorted(model.rglob("*.safetensors")):
        with safetensors.safe_open(path, "numpy") as file:
            shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118 (no mapping)
        total += sum(int(np.prod(shape)) for shape in shapes)
    return total


def _spoken(say: Say, name: str) -> Progress:
    """A progress that says every tenth."""
    said = [0]

    def progress(done: int, total: int) -> None:
        tenth = TENTHS * done // max(total, 1)
        if tenth > said[0]:
            said[0] = tenth
            say(f"{name}: step {done} of {total}")

    return progress
