"""The command `compare`: which generators, on which frames, on what budget; then table and page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic import ValidationError

from parhelion.flows.failures import WrongCommand
from parhelion.flows.tables import print_tables
from parhelion.pipeline import parts
from parhelion.pipeline.compare import compare
from parhelion.pipeline.compare_budget import Budget
from parhelion.pipeline.compare_data import ComparedData, read_by_adapter, stored
from parhelion.pipeline.compare_drawing import Contender, Outcome, Setup
from parhelion.pipeline.compare_page import write_comparison
from parhelion.pipeline.compare_results import Arm
from parhelion.pipeline.compare_table import columns, costs_of, row
from parhelion.pipeline.features import default_network
from parhelion.pipeline.files import make_folder
from parhelion.pipeline.overview import Table
from parhelion.pipeline.run_lock import run_lock

PAGE = "page"


def run_comparison(
    generators: str,
    on: Path | None,
    adapter: str | None,
    *,
    steps: int | None,
    seconds: float | None,
    settings: Sequence[str],
    samples: int,
    most: int | None,
    parents: str,
    seed: int,
    out: Path | None,
) -> Path:
    """Runs it, prints the table, returns the page. Raises WrongCommand, which says what is."""
    try:
        told = _told(settings)
        contenders = contenders_of(generators, told, adapter)
        budget = Budget(steps=steps, seconds=seconds)
        folder = out or Path("runs") / f"compare-{on.resolve().name if on else adapter}"
        make_folder(folder)
        with run_lock(folder):
            data = _data(on, adapter, told.get(adapter or "", {}), folder, most, parents, seed)
            setup = Setup(
                data=data,
                budget=budget,
                n=samples,
                seed=seed,
                network=default_network(),
                folder=folder,
                say=typer.echo,
            )
            outcomes = compare(setup, contenders)
            page = write_comparison(setup, outcomes, folder / PAGE)
    except ValidationError as error:
        raise WrongCommand(f"compare: {_sentences(error)}") from error
    except (ValueError, KeyError) as error:
        raise WrongCommand(f"compare: {error.args[0]}") from error
    print_tables([terminal_table(outcomes)])
    for outcome in outcomes:
        if outcome.arm.refusal:
            typer.echo(f"{outcome.arm.name}: {outcome.arm.refusal}")
        for ailment in outcome.arm.ailments:
            typer.echo(f"{outcome.arm.name}: {ailment.cause}: {ailment.sentence}")
    return page


def contenders_of(
    generators: str, told: dict[str, dict[str, Any]], adapter: str | None
) -> list[Contender]:
    """From "pca,sharp=vae": a generator under its own name, another as "sharp". Raises ValueError,
    KeyError, ValidationError.
    """
    contenders = []
    for one in filter(None, (word.strip() for word in generators.split(","))):
        name, _, generator = one.rpartition("=")
        name = name or generator
        parts.config("generators", generator, told.get(name, {}))
        contenders.append(Contender(name=name, generator=generator, settings=told.get(name, {})))
    names = [contender.name for contender in contenders]
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"--generators wants names, each once, such as pca,vae or pca,wide=vae, got "
            f"{generators!r}"
        )
    if unknown := sorted(told.keys() - {*names, adapter}):
        raise ValueError(
            f"--setting names {', '.join(unknown)}, which is not compared: {', '.join(names)}"
        )
    return contenders


def terminal_table(outcomes: Sequence[Outcome]) -> Table:
    """The measures from top to bottom, the generators from left to right."""
    arms = [outcome.arm for outcome in outcomes if not outcome.arm.refusal]
    heads = columns(arms)
    cells = [[cell.text for cell in row(arm, heads, arms)] for arm in arms]
    spent = [costs_of(o.arm, o.costs) for o in outcomes if not o.arm.refusal]
    titles = [head.title for head in heads]
    lines = [
        *zip(titles, *cells, strict=True),
        *zip(("training", "steps", "per 1,000", "parameters"), *spent, strict=True),
    ]
    return Table(
        title="generators compared",
        columns=("measure", *(_title(arm) for arm in arms)),
        rows=tuple(lines),
    )


def _title(arm: Arm) -> str:
    return f"{arm.name}*" if arm.ailments else arm.name


def _data(
    on: Path | None,
    adapter: str | None,
    told: dict[str, Any],
    folder: Path,
    most: int | None,
    parents: str,
    seed: int,
) -> ComparedData:
    if adapter is not None:
        settings = {**told, "path": str(on)} if on is not None else told
        return read_by_adapter(
            adapter, settings, folder / "frames", most=most, parents=parents, seed=seed
        )
    if on is None:
        raise ValueError("wanted --on with the folder of a dataset, or --adapter with its path")
    if most is not None:
        raise ValueError("--frames goes with --adapter; a dataset is taken whole")
    return stored(on, parents, seed)


def _told(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{"gan": {"width": 32}} from "gan.width=32". Raises ValueError."""
    told: dict[str, dict[str, Any]] = {}
    for one in settings:
        place, equals, value = one.partition("=")
        name, dot, key = place.partition(".")
        if not (equals and dot and name and key):
            raise ValueError(f"--setting wants NAME.KEY=VALUE, such as gan.width=32, got {one!r}")
        told.setdefault(name, {})[key] = yaml.safe_load(value)
    return told


def _sentences(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()
    )
