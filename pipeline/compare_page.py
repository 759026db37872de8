"""Draws the page of a comparison: one folder that opens from disk, with no network and no server.

`index.html` with its style, script, plots and pictures; `comparison.json` with the same numbers;
`timings.json` with the seconds, which differ from run to run.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from plotly.offline import get_plotlyjs

from parhelion.pipeline.compare_drawing import Outcome, Setup
from parhelion.pipeline.compare_plots import distances, figures
from parhelion.pipeline.compare_requests import Ask, asks, shown
from parhelion.pipeline.compare_results import REAL, Arm, Comparison, CopyPair, Shown, Timed
from parhelion.pipeline.compare_table import MISSING, columns, costs_of, row
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.encoding import image_to_bytes
from parhelion.pipeline.files import replacing
from parhelion.pipeline.frame import Image
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.report import environment, template
from parhelion.pipeline.seeds import canonical_json
from parhelion.pipeline.version import __version__

PICTURES = "pictures"
NARROW, SHOWN_NARROW, SHOWN_WIDE = 80, 12, 6  # pixels of width; samples in a row
NAMES_SHOWN = 12  # classes and conditions by name


def write_comparison(setup: Setup, outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Puts the page in the place of `folder`, whole or not at all; returns its `index.html`."""
    with replacing(folder) as draft:
        (draft / PICTURES).mkdir(parents=True)
        data, timed = comparison(setup, outcomes, draft / PICTURES)
        texts = {
            "report.css": template("report.css"),
            "compare.css": template("compare.css"),
            "report.js": template("report.js"),
            "plotly.min.js": get_plotlyjs(),
            "comparison.json": canonical_json(data),
            "timings.json": canonical_json(timed),
            "index.html": page(data, timed),
        }
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
    return folder / "index.html"


def page(data: Comparison, timed: Timed) -> str:
    """The HTML of the page; whatever comes from the data is escaped."""
    heads = columns(data.arms)
    rows = [(arm, row(arm, heads, data.arms), _costs(arm, timed)) for arm in data.arms]
    return (
        environment()
        .get_template("compare.html")
        .render(
            data=data,
            heads=heads,
            rows=rows,
            missing=dict.fromkeys(
                f"{head.title}, {cell.note}"
                for _, cells, _ in rows
                for head, cell in zip(heads, cells, strict=True)
                if cell.text == MISSING and cell.note
            ),
            costs=timed.costs,
            distances=distances(data.arms),
            figures=figures(data.arms),
            real=REAL,
            narrow=data.size[1] <= NARROW,
            version=__version__,
        )
    )


def _costs(arm: Arm, timed: Timed) -> tuple[str, str, str, str]:
    return costs_of(arm, timed.costs[arm.name])


def comparison(
    setup: Setup, outcomes: Sequence[Outcome], pictures: Path
) -> tuple[Comparison, Timed]:
    """Everything that the page says; the pictures are written into the folder `pictures`."""
    made = asks(setup.data, setup.n, setup.seed)
    most = SHOWN_NARROW if setup.size[1] <= NARROW else SHOWN_WIDE
    chosen = shown(made, setup.data, most)
    pictured = [_pictured(setup, outcome, chosen, pictures) for outcome in outcomes]
    data = Comparison(
        data=setup.data.name,
        facts=tuple(_facts(setup)),
        notes=setup.data.notes,
        budget=setup.budget.sentence,
        seed=setup.seed,
        size=setup.size,
        shown=tuple(_column(setup, made[i], i, pictures) for i in chosen),
        arms=tuple(outcome.arm for outcome in pictured),
        versions=(("parhelion", __version__), *Numerics.of("numpy", "torch").packages),
    )
    return data, Timed(costs={outcome.arm.name: outcome.costs for outcome in outcomes})


def _pictured(setup: Setup, outcome: Outcome, chosen: Sequence[int], folder: Path) -> Outcome:
    """The outcome whose arm names the pictures that were written."""
    frames, name = outcome.frames, outcome.arm.name
    if frames is None:
        return outcome
    place = {ask: i for i, ask in enumerate(outcome.asked)}
    samples = tuple(
        _write(frames[place[i]].image, folder, f"{name}-{i}.png") if i in place else None
        for i in chosen
    )
    pairs = []
    for k, pair in enumerate(outcome.arm.measured.pairs):
        training = setup.data.training_frame(pair.training)
        files = (
            _write(frames[pair.drawn].image, folder, f"{name}-near-{k}.png"),
            _write(training.image, folder, f"{name}-near-{k}-training.png"),
        )
        pairs.append(CopyPair(**{**pair.model_dump(), "files": files}))
    measured = outcome.arm.measured.model_copy(update={"pairs": tuple(pairs)})
    arm = outcome.arm.model_copy(update={"samples": samples, "measured": measured})
    return replace(outcome, arm=arm)


def _column(setup: Setup, ask: Ask, i: int, folder: Path) -> Shown:
    """What one column of the samples asks for."""
    key = setup.data.wanted.keys[ask.like]
    parent = ""
    if setup.data.target is not None:
        parent = _write(setup.data.source[ask.parent].image, folder, f"parent-{i}.png")
    return Shown(label=spoken(key), parent=parent)


def spoken(key: FrameKey) -> str:
    """Class and conditions of a frame, as far as they are known."""
    label = key.label.vocabulary[key.label.index] if key.label is not None else ""
    cell = "" if key.conditions.cell.startswith("unknown/unknown") else key.conditions.cell
    return ", ".join(filter(None, (label, cell))) or "any"


def _write(image: Image, folder: Path, name: str) -> str:
    (folder / name).write_bytes(image_to_bytes(image))
    return name


def _facts(setup: Setup) -> list[tuple[str, str]]:
    data, likes = setup.data, setup.data.wanted.keys
    learnt = [key for s in (data.source, data.target) if s is not None for key in s.keys]
    return [
        ("training frames", f"{len(learnt):,}"),
        ("training groups", f"{len({key.group_id for key in learnt}):,}"),
        ("test frames that judge", f"{len(setup.judges):,}"),
        ("drawn by each", f"{setup.n:,}"),
        ("pixels", f"{setup.size[1]}\N{MULTIPLICATION SIGN}{setup.size[0]}"),
        ("kinds of y", _listed({spoken(key) for key in likes})),
    ]


def _listed(names: set[str]) -> str:
    few = sorted(names)[:NAMES_SHOWN]
    more = len(names) - len(few)
    return "; ".join(few) + (f"; and {more} more" if more else "")
