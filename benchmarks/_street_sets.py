"""Rendered street frames for benchmarks: sets of unlike groups, drawn once and kept on disk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.files import replacing
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.shards import StoredFrames, write_frames
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

CACHE = Path(__file__).parent.parent / "runs" / "street"

CONDITIONS = {
    "day": StreetConditions(weather=Weather.CLEAR, hour=13.0),
    "night": StreetConditions(weather=Weather.CLEAR, hour=23.0),
    "fog": StreetConditions(weather=Weather.FOGGY, hour=13.0),
    "rain": StreetConditions(weather=Weather.RAINING, hour=13.0),
    "snow": StreetConditions(weather=Weather.SNOWING, hour=13.0),
}
ALSO = {  # drawn only where they are named
    "dusk": StreetConditions(weather=Weather.CLEAR, hour=19.2),
    "foggy night": StreetConditions(weather=Weather.FOGGY, hour=23.0),
    "rainy night": StreetConditions(weather=Weather.RAINING, hour=23.0),
    "snowy night": StreetConditions(weather=Weather.SNOWING, hour=23.0),
    "rain at dusk": StreetConditions(weather=Weather.RAINING, hour=19.2),
}


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Consecutive scenes, each from `views` cameras under every named condition: twins."""

    first: int
    count: int
    views: int = 2
    named: tuple[str, ...] = tuple(CONDITIONS)


def rendered(scenes: Scenes, base: StreetConfig, *more: Scenes) -> StoredFrames:
    """Twins of the scenes in their conditions, drawn scene by scene, or read where they lie."""
    return StoredFrames([path for some in (scenes, *more) for path in _scene_files(some, base)])


def shrunk(frames: StoredFrames, width: int, height: int) -> StoredFrames:
    """The same frames at another size, kept on disk: pixels of many samples, and quick to learn."""
    path = CACHE / f"{digest(width, height, [key.frame_id for key in frames.keys])[:24]}.parquet"
    if not path.is_file():
        with replacing(path) as draft:
            write_frames(draft, ((frame.resized(width, height), "train") for frame in frames))
    return StoredFrames([path])


def named(frames: Iterable[Frame]) -> Iterator[tuple[str, Frame]]:
    """Frames with the name of their condition in `CONDITIONS` or `ALSO`."""
    names = {(c.weather, c.hour): name for name, c in (CONDITIONS | ALSO).items()}
    for frame in frames:
        yield names[frame.conditions.weather, frame.conditions.hour or 0.0], frame


def _scene_files(scenes: Scenes, base: StreetConfig) -> list[Path]:
    shared = {
        "scenes": 1,
        "views": scenes.views,
        "conditions": tuple((CONDITIONS | ALSO)[name] for name in scenes.named),
        "pairing": "every",
    }
    numbers = range(scenes.first, scenes.first + scenes.count)
    return [_scene_file(base.model_copy(update={**shared, "first_scene": i})) for i in numbers]


def _scene_file(config: StreetConfig) -> Path:
    path = CACHE / f"{digest(Street.VERSION, config)[:24]}.parquet"
    if not path.is_file():
        street = Street(config)
        with replacing(path) as draft:
            write_frames(draft, ((street.read(ref), "train") for ref in street.index()))
    return path
