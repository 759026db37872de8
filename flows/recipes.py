"""Named runs: functions that return one complete config; a variant changes fields of another."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from parhelion.pipeline.budget import BudgetConfig
from parhelion.pipeline.classification import ReaderSettings
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.downstream import DownstreamConfig
from parhelion.pipeline.folded_gate import GateConfig
from parhelion.pipeline.plan import PlanConfig
from parhelion.pipeline.run_config import DrawConfig, Role, RunConfig, SourceConfig
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.segmentation import SegmenterSettings
from parhelion.pipeline.splits import SplitFractions
from parhelion.pipeline.wanted import ParentRule, WantedCell, WantedEdit

Shots = Sequence[tuple[str, float]]  # (weather, hour)

CLEAR_DAY: Shots = (("ExtraSunny", 11.0), ("Clear", 14.0), ("Clear", 9.5), ("Clouds", 12.5))
WANTED: Shots = (("Clear", 22.5), ("Foggy", 9.0), ("Raining", 15.0), ("Snowing", 11.0))
# Lamps and windows are known on our own street; a night is drawn from them.
LAYERS = {"layers": ["stencil", "instances", "depth", "emissive"]}
JUDGED: Shots = (("Clear", 23.5), ("Foggy", 13.0), ("Raining", 10.5), ("Snowing", 14.0))


def demo() -> RunConfig:
    """About 100 clear-day frames of our own street, and the four conditions that they lack."""
    frames: dict[str, Any] = {"width": 192, "height": 108, "samples": 8}
    return RunConfig(
        name="demo",
        title="A street dataset of clear days learns night, fog, rain and snow",
        sources=(
            _street(Role.SOURCE, CLEAR_DAY, frames, scenes=23, first=0, views=4),
            # The targets' own streets by day: twins, from which a generator may learn.
            _street(Role.SOURCE, CLEAR_DAY[1:2], frames, scenes=4, first=100, views=2),
            _street(Role.TARGET, WANTED, frames, scenes=4, first=100, views=2, every=True),
            _street(Role.REFERENCE, WANTED, frames, scenes=10, first=200, views=2, every=True),
            _street(
                Role.JUDGE,
                JUDGED,
                {**frames, "quality": "judge"},
                scenes=5,
                first=300,
                views=3,
                every=True,
            ),
        ),
        generators=(
            DrawConfig(generator="weather"),
            DrawConfig(generator="pix2pix", settings={"steps": 400, "width": 16, **LAYERS}),
        ),
        splits=SplitFractions(train=1, validation=0, test=0),  # the judge frames are the test
        plan=_plan({"weather": 4.0, "pix2pix": 1.0}),
        downstream=DownstreamConfig(network=SegmenterSettings(steps=350)),
    )


def demo_preview() -> RunConfig:
    """The demo's story on small, roughly shaded frames with short trainings."""
    frames: dict[str, Any] = {"width": 128, "height": 72, "quality": "preview"}
    short = SegmenterSettings(steps=60, width=64, height=48)
    return demo().model_copy(
        update={
            "name": "demo-preview",
            "title": "The demo in preview quality: small frames, short trainings",
            "sources": (
                _street(Role.SOURCE, CLEAR_DAY, frames, scenes=8, first=0, views=4),
                _street(Role.SOURCE, CLEAR_DAY[1:2], frames, scenes=2, first=100, views=4),
                _street(Role.TARGET, WANTED, frames, scenes=2, first=100, views=4, every=True),
                _street(Role.REFERENCE, WANTED, frames, scenes=4, first=200, views=2, every=True),
                _street(Role.JUDGE, JUDGED, frames, scenes=4, first=300, views=2, every=True),
            ),
            "generators": (
                DrawConfig(generator="weather"),
                DrawConfig(
                    generator="pix2pix",
                    # No perceptual loss: this run needs no weights beyond the installed package.
                    settings={"steps": 20, "width": 8, "perceptual_weight": 0, **LAYERS},
                ),
            ),
            "gate": GateConfig(oracle=short),
            "downstream": DownstreamConfig(network=short),
        }
    )


def simulated_budget() -> RunConfig:
    """The experiment of Driving in the Matrix on our own street: how many frames are enough?

    Judge frames are of unseen streets in the path tracer's highest fidelity. They come from the
    same simulator, so the curve says nothing of real streets.
    """
    frames: dict[str, Any] = {"width": 192, "height": 108, "samples": 8}
    shots = (CLEAR_DAY[1], *WANTED)
    return RunConfig(
        name="simulated-budget",
        title="How the score of a downstream model grows with the number of simulated frames",
        sources=(
            # 400 frames and some to spare: the integrity check may refuse a few.
            _street(Role.SOURCE, shots, frames, scenes=104, first=0, views=4),
            _street(
                Role.JUDGE,
                (("Clear", 12.0), *JUDGED),
                {**frames, "quality": "judge"},
                scenes=12,
                first=300,
                views=1,
                every=True,
            ),
        ),
        generators=(DrawConfig(generator="weather"),),
        splits=SplitFractions(train=1, validation=0, test=0),
        # Few steps would end every budget's training before its frames are used up.
        budget=BudgetConfig(network=SegmenterSettings(steps=1000)),
    )


def digits() -> RunConfig:
    """Scikit-learn's 1,797 digits, doubled evenly over their classes, judged on unseen hands.

    They have one label each and no sky: the gate and the downstream model are classifiers.
    """
    reader = ReaderSettings(width=16, steps=300)
    unknown = WantedCell(
        weathers=(Weather.UNKNOWN,),
        hours=(),
        count=2400,
        image_class_shares=dict.fromkeys("0123456789", 0.098),
    )
    return RunConfig(
        name="digits",
        title="Digits of a few hands, and as many drawn ones",
        sources=(
            SourceConfig(
                adapter="digits",
                settings={"dataset": "scikit-learn", "size": 32, "margin": 2},
                frames_per_chunk=300,
            ),
        ),
        generators=(
            DrawConfig(generator="pca", frames_per_chunk=300),
            DrawConfig(
                generator="classical", settings={"preset": "geometric"}, frames_per_chunk=300
            ),
        ),
        splits=SplitFractions(train=0.6, validation=0, test=0.4),
        plan=PlanConfig(
            wanted=(unknown,),
            mix={"pca": 1.0, "classical": 1.0},
            parents=ParentRule(skies=("unknown",), times=(TimeOfDay.UNKNOWN,)),
        ),
        gate=GateConfig(label_oracle=reader),
        downstream=DownstreamConfig(label_network=reader),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    "demo": demo,
    "demo-preview": demo_preview,
    "digits": digits,
    "simulated-budget": simulated_budget,
}


def load_config(name_or_path: str) -> RunConfig:
    """A recipe by name, or a YAML file. Raises ValueError that names the wrong field."""
    if name_or_path in RECIPES:
        return RECIPES[name_or_path]()
    path = Path(name_or_path)
    if not path.is_file():
        recipes = ", ".join(RECIPES)
        raise ValueError(f"wanted a YAML file or a recipe ({recipes}), found neither")
    try:
        settings = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"wanted YAML of plain data in {path}: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"wanted settings by name at the top of {path}, got {settings!r}")
    return RunConfig(**settings)


def reading(adapter: str, path: str, size: str | None, settings: Sequence[str]) -> RunConfig:
    """A run over one dataset, to be read and no more. Raises ValueError that names what is wrong.

    `size`: "640x360"; `settings`: "key=value" of the adapter, values as YAML spells them.
    """
    told: dict[str, Any] = {"path": path, **settings_of(settings)}
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{adapter}-{Path(path).resolve().name}")
    source = SourceConfig(adapter=adapter, settings=told, size=_size(size))
    return RunConfig(
        name=name,
        title=f"Frames of {path}",
        sources=(source,),
        generators=(DrawConfig(generator="weather"),),
    )


def settings_of(told: Sequence[str]) -> dict[str, Any]:
    """Settings as "key=value", values as YAML spells them. Raises ValueError."""
    found: dict[str, Any] = {}
    for one in told:
        key, equals, value = one.partition("=")
        if not equals:
            raise ValueError(f"--setting wants KEY=VALUE, got {one!r}")
        found[key] = yaml.safe_load(value)
    return found


def edited(config: RunConfig, text: str, count: int) -> RunConfig:
    """The run with nothing but this wish: its parents are edited until `count` are accepted. It
    has a folder of its own. Raises ValueError for a wish without a word.

    The generator `instruct` is fitted on the same sources, with the run's own settings of it.
    """
    draws = [draw for draw in config.generators if draw.generator == "instruct"]
    edit = WantedEdit(
        name=text, generator="instruct", text=text, count=count, parents=config.plan.parents
    )
    plan = config.plan.model_copy(update={"wanted": (), "mix": {}, "edits": (edit,)})
    return config.model_copy(
        update={
            "name": f"{config.name}-{_folder_of(text)}",
            "generators": tuple(draws) or (DrawConfig(generator="instruct"),),
            "plan": plan,
        }
    )


def _folder_of(text: str) -> str:
    """A name for what comes of a wish; another one for every other wish. Raises ValueError."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    if not words:
        raise ValueError(f'--edit wants a wish such as "make it night", got {text!r}')
    return f"{'-'.join(words)[:40]}-{digest(text)[:6]}"


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise ValueError(f"--size wants WxH in pixels, such as 640x360, got {text!r}")
    return int(found[1]), int(found[2])


def _street(
    role: Role,
    shots: Shots,
    frames: dict[str, Any],
    *,
    scenes: int,
    first: int,
    views: int,
    every: bool = False,
) -> SourceConfig:
    settings = {
        **frames,
        "scenes": scenes,
        "first_scene": first,
        "views": views,
        "conditions": [{"weather": weather, "hour": hour} for weather, hour in shots],
        "pairing": "every" if every else "cycle",
    }
    per_scene = views * (len(shots) if every else 1)
    return SourceConfig(
        adapter="street",
        settings=settings,
        role=role,
        frames_per_chunk=per_scene * max(1, 12 // per_scene),  # whole scenes: twins share them
    )


def _plan(mix: dict[str, float]) -> PlanConfig:
    """A seventh of the final dataset for each of the four conditions."""
    cells = (
        WantedCell(weathers=(Weather.CLEAR,), hours=(21.5, 23.0, 2.0), share=0.14),
        WantedCell(weathers=(Weather.FOGGY,), hours=(8.0, 10.0, 14.0), share=0.14),
        WantedCell(weathers=(Weather.RAINING,), hours=(9.0, 13.0, 16.0), share=0.14),
        WantedCell(weathers=(Weather.SNOWING,), hours=(9.0, 12.0, 15.0), share=0.14),
    )
    return PlanConfig(wanted=cells, mix=mix)
