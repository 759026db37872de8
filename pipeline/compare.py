"""Compares generators: the same data, the same budget, the same requests, one table.

What is done is kept, one folder per arm, and not done again for the same settings, data and code:

    arms/NAME-DIGEST/model/          fitted state
                     drawn.parquet   the pictures that it drew
                     drawn.json      how fitting and drawing went
                     measured-DIGEST.json
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from parhelion.pipeline import parts
from parhelion.pipeline.code_digest import code_digest
from parhelion.pipeline.compare_budget import (
    STEPS,
    Pace,
    budgeted,
    pace,
    refuse_own_steps,
)
from parhelion.pipeline.compare_drawing import (
    DRAWN,
    MODEL,
    STORY,
    WORK,
    Contender,
    Outcome,
    Setup,
    Story,
    fit_and_draw,
    lacking,
)
from parhelion.pipeline.compare_requests import Ask, asks
from parhelion.pipeline.compare_results import REAL, Arm, CopyPair, Costs, Measured
from parhelion.pipeline.compare_scores import Judge
from parhelion.pipeline.compare_taken import taken
from parhelion.pipeline.contracts import Generator
from parhelion.pipeline.features import feature_network
from parhelion.pipeline.files import model_from, write_json
from parhelion.pipeline.fitting import rests_on
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.shards import StoredFrames

WORST = 6  # pairs of nearest pictures that are shown


def compare(setup: Setup, contenders: Sequence[Contender]) -> list[Outcome]:
    """The outcome of every arm, real training frames first. Raises ValueError for wrong settings,
    WeightsMissing where the feature network is not at hand.
    """
    for contender in contenders:
        refuse_own_steps(contender.name, contender.settings, setup.budget)
    made = asks(setup.data, setup.n, setup.seed)
    drawn = [(_real(setup, made), setup.folder / "arms" / REAL)]
    drawn += [_drawn(setup, contender, made) for contender in contenders]
    judge = cache(lambda: _judge(setup))  # costly, and not needed where all is done
    outcomes = [_measured(setup, judge, outcome, folder) for outcome, folder in drawn]
    real = outcomes[0].arm
    return [replace(outcome, arm=_with_floors(outcome.arm, real)) for outcome in outcomes]


def settled(setup: Setup, contender: Contender) -> tuple[dict[str, JsonValue], Pace | None]:
    """The settings with the steps that the budget allows, and the pace where it is in seconds.

    The pace is measured once and kept. Raises ValueError where a short fit does.
    """
    settings, budget = dict(contender.settings), setup.budget
    if (budget.steps is None and budget.seconds is None) or not budgeted(contender.generator):
        return settings, None
    if budget.steps is not None:
        return {**settings, STEPS: budget.steps}, None
    assert budget.seconds is not None
    asked = digest(contender, setup.data.digest, budget, setup.seed, _code(contender.generator))
    path = setup.folder / "paces" / f"{contender.name}-{asked[:12]}.json"
    found = model_from(path, Pace)
    if not isinstance(found, Pace):
        setup.say(f"{contender.name}: measures its pace")
        found = pace(
            contender.generator,
            settings,
            setup.data.training(),
            budget.seconds,
            setup.folder / "paces" / WORK,
            seed_of(setup.seed, "fit"),
        )
        write_json(path, found)
    setup.say(
        f"{contender.name}: {found.steps_per_s:.3g} steps per second over {found.timed_steps} "
        f"steps, so {found.steps} steps"
    )
    return {**settings, STEPS: found.steps}, found


def _real(setup: Setup, made: Sequence[Ask]) -> Outcome:
    """Real training frames in the place of drawn ones."""
    chosen = [i for i, ask in enumerate(made) if ask.draw == 0]
    frames = setup.data.wanted.subset([made[i].like for i in chosen])
    arm = Arm(name=REAL, drawn=len(frames), size=frames[0].size)
    return Outcome(arm, Costs(), frames, tuple(chosen))


def _drawn(setup: Setup, contender: Contender, made: Sequence[Ask]) -> tuple[Outcome, Path]:
    """Fits and draws one arm, or takes up what an earlier run kept; and its folder."""
    generator: Generator = parts.build("generators", contender.generator, **contender.settings)
    arm = _arm(contender, generator, contender.settings)
    folder = setup.folder / "arms"
    if refusal := lacking(generator, setup.data):
        return _refused(setup, arm, refusal), folder
    try:
        settings, found = settled(setup, contender)
    except ValueError as error:  # of a short fit: what it says of these frames
        return _refused(setup, arm, str(error)), folder
    generator = parts.build("generators", contender.generator, **settings)
    arm = _arm(contender, generator, settings)
    folder /= f"{contender.name}-{_asked(setup, arm)[:12]}"
    kept = model_from(folder / STORY, Story)
    told = kept if isinstance(kept, Story) else fit_and_draw(setup, generator, arm, folder, made)
    if isinstance(told, str):
        return _refused(setup, arm, told), folder
    costs = told.costs.model_copy(update={"pace": found})
    return Outcome(told.arm, costs, StoredFrames([folder / DRAWN]), told.asked), folder


def _refused(setup: Setup, arm: Arm, sentence: str) -> Outcome:
    """An arm without numbers."""
    setup.say(f"{arm.name}: {sentence}")
    return Outcome(arm.model_copy(update={"refusal": sentence}), Costs(), None)


def _arm(contender: Contender, generator: Generator, settings: dict[str, JsonValue]) -> Arm:
    return Arm(
        name=contender.name,
        generator=contender.generator,
        version=generator.VERSION,
        models=generator.models,
        settings=settings,
    )


def _asked(setup: Setup, arm: Arm) -> str:
    """Digest of all that fitted state and drawn pictures of an arm depend on."""
    taken_up = rests_on(arm.generator, arm.settings)
    return digest(arm, taken_up, setup.data.digest, setup.n, setup.seed, _code(arm.generator))


def _measured(setup: Setup, judge: Callable[[], Judge], outcome: Outcome, folder: Path) -> Outcome:
    """The outcome with its scores, from an earlier run where nothing has changed."""
    if outcome.frames is None:
        return outcome
    asked = digest(
        setup.data.digest,
        setup.n,
        setup.seed,
        setup.network,
        code_digest("parhelion.pipeline.compare_scores", "parhelion.pipeline.compare_requests"),
    )
    path = folder / f"measured-{asked[:12]}.json"
    measured = model_from(path, Measured)
    if not isinstance(measured, Measured):
        setup.say(f"{outcome.arm.name}: judges {len(outcome.frames)} pictures")
        measured = _judged(judge(), outcome.arm, outcome.frames, folder, setup)
        write_json(path, measured)
    return replace(outcome, arm=outcome.arm.model_copy(update={"measured": measured}))


def _judged(judge: Judge, arm: Arm, frames: StoredFrames, folder: Path, setup: Setup) -> Measured:
    drawn = taken(frames, setup.size, judge.network, setup.seed)
    scores, spectrum = judge.scores(drawn), judge.relative_spectrum(drawn)
    if arm.name == REAL:  # training pictures are near to themselves
        return Measured(scores=scores, spectrum=spectrum)
    copies, near = judge.near_copies(drawn)
    generator: Any = parts.part("generators", arm.generator).load(folder / MODEL)
    bits = judge.likelihood(generator, setup.judges[: setup.n])
    pairs = tuple(
        CopyPair(
            drawn=i,
            training=int(near.drawn.places[i]),
            distance=float(near.drawn.distances[i]),
        )
        for i in near.worst(WORST)
    )
    return Measured(scores=(*scores, *bits, copies), spectrum=spectrum, pairs=pairs)


def _judge(setup: Setup) -> Judge:
    setup.say("reads the real frames")
    network = feature_network(setup.network)
    return Judge(setup.data, setup.judges, setup.size, network, setup.seed)


def _with_floors(arm: Arm, real: Arm) -> Arm:
    """What has no floor of its own gets that of real training frames, drawn by nobody."""
    scores = []
    for score in arm.measured.scores:
        same = real.score(score.name)
        if arm.name != REAL and score.floor is None and same is not None:
            update = {"floor": same.value, "floor_n": same.n_generated}
            score = score.model_copy(update=update)
        scores.append(score)
    measured = arm.measured.model_copy(update={"scores": tuple(scores)})
    return arm.model_copy(update={"measured": measured})


def _code(generator: str) -> str:
    """Digest of the code that fitted states and drawn pictures depend on."""
    return code_digest(
        f"parhelion.generators.{generator}",
        "parhelion.pipeline.compare_drawing",
        "parhelion.pipeline.compare_requests",
    )
