"""Wishes in words on street scenes that nobody saw: are they read, granted, and are labels kept?

`instruct` learns from twins of some scenes. Clear days of others are edited by phrases whose verbs
or whole form its reader never saw; an oracle trained on true frames of further scenes says which
condition it sees, the gate whether the stencil still fits. Snowy nights and rain at dusk are in no
training frame: their weather and their light are, apart from each other. Wishes written by hand say
what is refused, rightly and wrongly.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from _condition_oracle import ConditionOracle
from _figures import Figure, arguments, report
from _instruct_wishes import CAN, CANNOT, known_things
from _picture_grid import INK, write_grid
from _street_sets import ALSO, CONDITIONS, Scenes, named, rendered
from numpy.typing import NDArray

from parhelion.generators._wishes import Grammar
from parhelion.generators.instruct import Instruct, InstructConfig
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.gate import Gate, GateConfig, fit_gate
from parhelion.pipeline.jackknife import jackknife_interval
from parhelion.pipeline.seeds import digest, rng, seed_of
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.threads import one_thread
from parhelion.sim_adapters.street import StreetConfig

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "instruct_street"
PICTURE = ROOT / "docs" / "instruct_street.png"

STREET = StreetConfig(seed=8, width=192, height=108, samples=8)
ASKED = {  # what of the day frame is to change
    "night": (None, TimeOfDay.NIGHT),
    "fog": (Weather.FOGGY, None),
    "rain": (Weather.RAINING, None),
    "snow": (Weather.SNOWING, None),
    "foggy night": (Weather.FOGGY, TimeOfDay.NIGHT),
    "rainy night": (Weather.RAINING, TimeOfDay.NIGHT),
    "snowy night": (Weather.SNOWING, TimeOfDay.NIGHT),
    "rain at dusk": (Weather.RAINING, TimeOfDay.DUSK),
}
SINGLE = ("night", "fog", "rain", "snow")
UNSEEN = ("snowy night", "rain at dusk")  # in no training frame
COMPOSED = ("foggy night", "rainy night", *UNSEEN)
ALL = ("day", "dusk", *ASKED)

HELD_OUT = (
    *("render", "convert", "switch", "insert", "imagine", "i need"),
    "{show} {it} {at} in {sky}",
    "{time} and {sky}",
    "{want} {sky} {at}",
    "{want} to see {it} in {sky} {at}",
    "what would {it} look like {at}",
    "as if {time_clause}",
    "{it} with {sky}",
)
SETTINGS = InstructConfig(
    width=32,
    multiples=(1, 2, 3, 4),
    crop=(112, 192),  # whole frames, and four rows more
    batch_size=8,
    steps=3200,  # with this batch an hour of one CPU core
    held_out=HELD_OUT,
    text_guidance=1.5,
    composes=True,
)
REACHED, COMPOSED_REACHED, REFUSED, READ = 90.0, 70.0, 18, 16

Figures = dict[str, Figure]


@dataclass(frozen=True, eq=False)
class Sets:
    """Frames of scenes apart from each other."""

    train: StoredFrames
    judge: StoredFrames  # for the oracles that look at pictures
    calm: StoredFrames  # clear days, from which the gate's oracles learn too
    test: StoredFrames


@dataclass(frozen=True, eq=False, kw_only=True)
class Edit:
    """One wish and what came of it."""

    asked: str  # name of the condition
    text: str
    parent: Frame
    drawn: Frame | None  # None where the wish was refused


def sets(street: StreetConfig, quick: bool) -> Sets:
    """Rendered, or read where they lie."""
    train, judge, calm, test = (3, 8, 8, 2) if quick else (40, 25, 16, 12)
    seen = tuple(name for name in ALL if name not in UNSEEN)
    return Sets(
        rendered(Scenes(first=0, count=train, named=seen), street),
        rendered(Scenes(first=1000, count=judge, named=ALL), street),
        rendered(Scenes(first=4000, count=calm, named=("day",)), street),
        rendered(Scenes(first=2000, count=test, named=ALL), street),
    )


def work(frames: StoredFrames) -> Path:
    """Where trainings on these frames keep their state."""
    return WORK / digest([key.frame_id for key in frames.keys])[:12]


def fitted(train: StoredFrames, settings: InstructConfig) -> Instruct:
    """Trained on all pairs of twins; taken up where a stopped run left it."""

    def progress(done: int, total: int) -> None:
        if done % 50 == 0:
            print(f"\rtraining instruct: {done}/{total}", end="", flush=True)

    part = Instruct(settings)
    part.fit(TrainingData(source=train), work(train) / f"instruct-{settings.steps}", 1, progress)
    print()
    return part


def wishes(asked: str, n: int) -> list[str]:
    """N phrases that ask for it, each with a verb or of a form that was held out."""
    weather, time = ASKED[asked]
    unread = set(HELD_OUT)
    phrases = Grammar().wishes(30000, rng("instruct_street.wishes", asked))
    found = [
        phrase.text
        for phrase in phrases
        if phrase.wish is not None
        and phrase.wish == (weather, time, None, None)
        and (phrase.form in unread or unread.intersection(phrase.verbs))
    ]
    return list(dict.fromkeys(found))[:n]


def edits(part: Instruct, test: StoredFrames) -> list[Edit]:
    """Every clear day of the test scenes under every wish, each in words of its own."""
    days = [frame for name, frame in named(test) if name == "day"]
    made = []
    for asked in ASKED:
        texts = wishes(asked, len(days))
        requests = [
            Request(
                conditions=frame.conditions,
                text=text,
                parent=frame,
                seed=seed_of("instruct_street", frame.frame_id, asked),
            )
            for frame, text in zip(days, texts, strict=True)
        ]
        there = [
            read(part, text, frame.conditions) for frame, text in zip(days, texts, strict=True)
        ]
        drawn = part.generate([r for r, can in zip(requests, there, strict=True) if can])
        made += [
            Edit(asked=asked, text=text, parent=parent, drawn=next(drawn) if can else None)
            for parent, text, can in zip(days, texts, there, strict=True)
        ]
        print(f"drawn: {asked}", flush=True)
    return made


def read(part: Instruct, text: str, conditions: Conditions) -> Conditions | None:
    """What the wish is understood to ask for; None where it is refused."""
    try:
        return part.understood(text, conditions)
    except CannotHonour as error:
        print(f"refused: {error}")
        return None


def condition_figures(judge: StoredFrames, test: StoredFrames, made: Sequence[Edit]) -> Figures:
    """In how many edits the oracle sees what was asked for; a refused one counts as none."""
    oracle = ConditionOracle(ALL, seed=1)
    true = list(named(judge))
    oracle.fit([frame.image for _, frame in true], [name for name, _ in true])
    figures = {}
    for name in ALL:
        frames = [frame for found, frame in named(test) if found == name]
        right = [seen == name for seen in oracle.look([f.image for f in frames]).names]
        figures[f"oracle right on true frames, {name}"] = _share(right, frames)
    hits = [
        edit.drawn is not None and oracle.look([edit.drawn.image]).names == [edit.asked]
        for edit in made
    ]
    groups = {name: (name,) for name in ASKED}
    summed = {"single": SINGLE, "composed": COMPOSED, "of these never seen together": UNSEEN}
    bars = {"single": REACHED, "composed": COMPOSED_REACHED}
    for name, asked in (groups | summed).items():
        chosen = [(hit, e.parent) for hit, e in zip(hits, made, strict=True) if e.asked in asked]
        of_these = _share([hit for hit, _ in chosen], [frame for _, frame in chosen])
        figures[f"wish reached, {name}"] = Figure(
            value=of_these.value, unit="%", interval=of_these.interval, bar=bars.get(name)
        )
    read = [edit.drawn is not None for edit in made]
    figures["unread wishes that were granted"] = _share(read, [edit.parent for edit in made])
    return figures


def _share(hits: Sequence[bool], frames: Sequence[Frame]) -> Figure:
    """How many, in percent, with an interval that leaves out a scene at a time."""
    values: NDArray[np.float64] = 100 * np.asarray(hits, dtype=np.float64)
    groups = np.array([frame.group_id for frame in frames])
    without = np.array([values[groups != group].mean() for group in np.unique(groups)])
    mean = float(values.mean())
    return Figure(value=mean, unit="%", interval=jackknife_interval(mean, without))


def gate_figures(gate: Gate, test: StoredFrames, made: Sequence[Edit]) -> Figures:
    """How many edits the gate lets pass, beside true frames of the same condition."""
    figures = {}
    for name in ASKED:
        true = [frame for found, frame in named(test) if found == name]
        ours = [e for e in made if e.asked == name and e.drawn is not None]
        if not ours:
            continue
        passed = [gate.judge(e.drawn, e.parent).accepted for e in ours if e.drawn is not None]
        figures[f"gate passed, {name}"] = _share(passed, [e.parent for e in ours])
        figures[f"gate passed, {name}, true frames"] = _share(
            [gate.judge(frame).accepted for frame in true], true
        )
    return figures


def gate_of(calm: StoredFrames, judge: StoredFrames) -> Gate:
    """Calibrated on true frames of all conditions."""

    def progress(done: int, total: int) -> None:
        if done % 50 == 0:
            print(f"\rgate: {done}/{total}", end="", flush=True)

    gate = fit_gate(calm, judge, GateConfig(), work(judge) / "gate", 1, progress)
    print()
    return gate


def hand_written_figures(part: Instruct, day: Conditions) -> Figures:
    """Wishes that cannot be granted and are refused, and such as can and are read aright."""
    if listed := known_things():
        raise ValueError(f"wanted wishes of words that the grammar has not, got {listed}")
    wanted = {text: read(part, text, day) for text in (*CAN, *CANNOT)}
    cells = {text: conditions.cell if conditions else "" for text, conditions in wanted.items()}
    for text, cell in cells.items():
        print(f"{text!r}: {cell or 'refused'}")
    refused = sum(not cells[text] for text in CANNOT)
    return {
        "hand-written, cannot be granted: refused": Figure(
            value=refused, unit=f"of {len(CANNOT)}", bar=REFUSED
        ),
        "hand-written, can be granted: read aright": Figure(
            value=sum(cells[text] == cell for text, cell in CAN.items()),
            unit=f"of {len(CAN)}",
            bar=READ,
        ),
        "hand-written, can be granted: refused": Figure(
            value=sum(not cells[text] for text in CAN), unit=f"of {len(CAN)}"
        ),
    }


def save_pictures(made: Sequence[Edit], test: StoredFrames) -> None:
    """Six wishes: the parent, the words, what was drawn, and the true twin."""
    twins = {(frame.provenance.twin_id, name): frame.image for name, frame in named(test)}
    rows = []
    for row, asked in enumerate(("night", "fog", "rain", "snow", *UNSEEN)):
        drawn = [edit for edit in made if edit.asked == asked and edit.drawn is not None]
        if drawn:
            edit = drawn[2 * row % len(drawn)]
            assert edit.drawn is not None
            true = twins[edit.parent.provenance.twin_id, asked]
            words = written(edit.text, edit.parent.image.shape)
            rows.append([edit.parent.image, words, edit.drawn.image, true])
    if rows:
        write_grid(PICTURE, ("parent", "wish", "edited", "true twin"), rows)


def written(text: str, shape: tuple[int, ...]) -> Image:
    """The words on white, a few to a line."""
    page, line, lines = np.full(shape, 255, np.uint8), "", []
    for word in text.split():
        if len(line) + len(word) > 20:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    for i, words in enumerate([*lines, line]):
        cv2.putText(page, words, (6, 40 + 18 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, 16)
    return page


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=SETTINGS.steps, help="of the denoiser")
    parser.add_argument("--quality", choices=("preview", "full"), default="full")
    given = parser.parse_args()
    one_thread()
    frames = sets(STREET.model_copy(update={"quality": given.quality}), given.quick)
    fewest = 4 if given.quick else 40
    settings = {"steps": given.steps, "min_frames_per_cell": fewest}
    part = fitted(frames.train, SETTINGS.model_copy(update=settings))
    assert set(ASKED) <= set(CONDITIONS | ALSO)
    day = next(frame.conditions for name, frame in named(frames.test) if name == "day")
    figures = hand_written_figures(part, day)
    made = edits(part, frames.test)
    figures |= condition_figures(frames.judge, frames.test, made)
    figures |= gate_figures(gate_of(frames.calm, frames.judge), frames.test, made)
    save_pictures(made, frames.test)
    return report("instruct_street", figures, given.quick, ("mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
