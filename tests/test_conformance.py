"""One contract over every part there is: a new file is under test the moment it exists.

A part needs an entry below only where its defaults are too large for a test. An adapter of files
needs its `recordings/NAME.py`, which writes some.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import recordings
from conftest import make_frame
from pydantic import ValidationError
from tiny_parts import TINY

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.conditions import Conditions, Event, TimeOfDay, Weather
from parhelion.pipeline.contracts import CannotHonour, FrameRef, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.provenance import Kind

CLEAR, FOG = Conditions(weather=Weather.CLEAR, hour=12), Conditions(weather=Weather.FOGGY, hour=12)
NIGHT = Conditions(weather=Weather.CLEAR, hour=23)
CANDIDATES = (FOG, NIGHT, CLEAR)  # some part may refuse some; none may refuse all
LAYERS = {"depth", "stencil", "emissive", "instances", "camera"}

GENERATORS = parts.names("generators")
ADAPTERS = parts.names("sim_adapters")


def day_frames() -> list[Frame]:
    return [make_frame(seed, conditions=CLEAR) for seed in range(4)]


def training_data() -> TrainingData:
    """Clear days and their twins in fog and at night."""
    twins = [
        replace(frame, frame_id=f"{frame.frame_id}-{c.cell}", conditions=c)
        for c in (FOG, NIGHT)
        for frame in day_frames()
    ]
    return TrainingData(source=FrameList(day_frames()), target=FrameList(twins))


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Generators by name, each fitted once where it needs it."""

    @cache
    def ready(name: str) -> Any:
        written = weights(name, tmp_path_factory.mktemp(f"{name}-weights"))
        made = parts.build("generators", name, **TINY.get(name, {}), **written)
        if made.needs_fit:
            made.fit(training_data(), tmp_path_factory.mktemp(name), seed=1)
        return made

    return ready


def weights(name: str, folder: Path) -> dict[str, Any]:
    """Settings of a generator that is not fitted, but draws with weights of the user's."""
    if name != "hub":
        return {}
    import tiny_pipelines  # late: only one part waits for it

    return tiny_pipelines.write(folder, "img2img")


def requests(generator: Any) -> list[Request]:
    """Three requests of different parents, under conditions that the generator draws of them: of
    clear days, or where it keeps the parent's sky, of that.
    """
    pairs = [(c, c if alike else CLEAR) for alike in (False, True) for c in CANDIDATES]
    drawable = [pair for pair in pairs if draws(generator, *pair)]
    assert drawable, "refuses fog, night and clear day alike"
    chosen = [drawable[i % len(drawable)] for i in range(3)]
    return [
        Request(conditions=c, seed=40 + i, draw=i, parent=make_frame(i, conditions=has))
        for i, (c, has) in enumerate(chosen)
    ]


def draws(generator: Any, conditions: Conditions, has: Conditions) -> bool:
    """Whether it draws these conditions of a parent that `has` those."""
    if generator.refusal(conditions) is not None:
        return False
    parent = make_frame(0, conditions=has)
    try:
        list(generator.generate([Request(conditions=conditions, seed=1, parent=parent)]))
    except CannotHonour:  # such as of a parent under another sky
        return False
    return True


def content(frames: list[Frame]) -> list[tuple[str, str]]:
    return [(frame.frame_id, frame.content_sha256) for frame in frames]


@pytest.mark.parametrize(
    ("folder", "name"),
    [*(("generators", n) for n in GENERATORS), *(("sim_adapters", n) for n in ADAPTERS)],
)
def test_config_has_defaults_is_frozen_and_names_a_wrong_key(folder: Any, name: str) -> None:
    config = parts.config(folder, name, {})
    field = next(iter(type(config).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, field, getattr(config, field))
    with pytest.raises(ValidationError, match="no_such_key"):
        parts.config(folder, name, {"no_such_key": 1})
    assert type(config).model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("name", GENERATORS)
def test_one_frame_per_request_in_order(name: str, generator: Any) -> None:
    part = generator(name)
    asked = requests(part)
    drawn = list(part.generate(asked))
    assert len(drawn) == len(asked)
    for request, frame in zip(asked, drawn, strict=True):
        story = frame.provenance
        assert story.kind is Kind.GENERATED
        assert story.parent_id == request.parent.frame_id
        assert story.group_id == request.parent.group_id
        assert story.request == request.record()
        assert story.steps[-1].part == name
        assert story.steps[-1].version == part.VERSION
        assert frame.conditions.cell == request.conditions.cell
        assert frame.image.any()
    assert len({frame.frame_id for frame in drawn}) == len(drawn)
    assert list(part.generate([])) == []


@pytest.mark.parametrize("name", GENERATORS)
def test_a_frame_does_not_depend_on_neighbours_or_order(name: str, generator: Any) -> None:
    part = generator(name)
    asked = requests(part)
    together = content(list(part.generate(asked)))
    assert content(list(part.generate(asked[::-1]))) == together[::-1]
    assert [content(list(part.generate([request])))[0] for request in asked] == together


@pytest.mark.parametrize("name", GENERATORS)
def test_another_seed_is_another_frame(name: str, generator: Any) -> None:
    part = generator(name)
    request = requests(part)[0]
    frames = [next(iter(part.generate([replace(request, seed=s)]))) for s in range(4)]
    assert len({frame.frame_id for frame in frames}) == 4
    assert len({frame.content_sha256 for frame in frames}) > 1


@pytest.mark.parametrize("event", [Event.FLOOD, Event.PLANE_CRASH])
@pytest.mark.parametrize("name", GENERATORS)
def test_an_event_that_it_cannot_draw_is_refused_by_name(
    name: str, event: Event, generator: Any
) -> None:
    part = generator(name)
    request = requests(part)[0]
    flooded = request.conditions.model_copy(update={"event": event})
    with pytest.raises(CannotHonour, match=f"(?i){event.value.replace('_', '.')}"):
        list(part.generate([replace(request, conditions=flooded)]))


@pytest.mark.parametrize("name", GENERATORS)
def test_unknown_weather_is_refused_by_name_or_means_the_parents(name: str, generator: Any) -> None:
    part = generator(name)
    unknown = Conditions(weather=Weather.UNKNOWN, hour=12)
    request = Request(conditions=unknown, seed=1, parent=make_frame(0))
    if sentence := part.refusal(unknown):
        assert "unknown" in sentence.lower()
        with pytest.raises(CannotHonour, match=r"(?i)unknown"):
            list(part.generate([request]))
    else:
        drawn = next(iter(part.generate([request])))
        assert drawn.conditions.weather is request.parent.conditions.weather


@pytest.mark.parametrize("name", GENERATORS)
def test_a_layer_that_it_needs_and_lacks_is_named(name: str, generator: Any) -> None:
    part = generator(name)
    request = requests(part)[0]
    for layer in sorted(part.needs & LAYERS):
        poor = replace(request.parent, **{layer: None})
        with pytest.raises(CannotHonour, match=layer):
            list(part.generate([replace(request, parent=poor)]))


@pytest.mark.parametrize("name", GENERATORS)
def test_saved_and_loaded_it_draws_the_same(name: str, generator: Any, tmp_path: Path) -> None:
    part = generator(name)
    part.save(tmp_path / "state")
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".pkl", ".pickle", ".pt", ".pth")]
    loaded = type(part).load(tmp_path / "state")
    asked = requests(part)
    assert content(list(loaded.generate(asked))) == content(list(part.generate(asked)))


@pytest.fixture
def adapter(tmp_path: Path) -> Callable[[str], Any]:
    """Adapters by name, over small files of their own where they read any."""

    def ready(name: str) -> Any:
        written = {} if name in TINY else recordings.writer(name)(tmp_path)
        return parts.build("sim_adapters", name, **TINY.get(name, {}), **written)

    return ready


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_index_is_stable_and_its_ids_unique(name: str, adapter: Any) -> None:
    first = adapter(name)
    index = list(first.index())
    assert index
    # Another adapter over the same files: written anew, they would rightly have other stamps.
    assert index == list(type(first)(first.config).index())
    assert len({ref.native_id for ref in index}) == len(index)


@pytest.mark.parametrize("name", ADAPTERS)
def test_reading_gives_the_same_frame_each_time_and_in_any_order(name: str, adapter: Any) -> None:
    one, other = adapter(name), adapter(name)
    refs = list(one.index())[:2]
    frames = [one.read(ref) for ref in refs]
    assert content([other.read(ref) for ref in refs[::-1]])[::-1] == content(frames)
    assert len({frame.frame_id for frame in frames}) == len(frames)
    for ref, frame in zip(refs, frames, strict=True):
        assert frame.group_id == ref.group_id
        assert frame.layers <= one.gives
        assert frame.conditions.time_of_day in TimeOfDay


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_frame_outside_the_index_is_a_bad_frame(name: str, adapter: Any) -> None:
    with pytest.raises(BadFrame):
        adapter(name).read(FrameRef(native_id="no-such-frame", group_id="none"))
