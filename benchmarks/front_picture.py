"""The README's picture, made by the project: streets by day, and as night, fog, rain and snow."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from _picture_grid import write_grid

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.gallery import colourise_depth
from parhelion.pipeline.scene_class import colourise
from parhelion.pipeline.seeds import seed_of

WANTED = (
    Conditions(weather=Weather.CLEAR, hour=22),
    Conditions(weather=Weather.FOGGY, hour=9),
    Conditions(weather=Weather.RAINING, hour=15),
    Conditions(weather=Weather.SNOWING, hour=11),
)


def parents(first_scene: int) -> list[Frame]:
    """A clear-day frame for each of the wanted conditions, each of another street."""
    street = parts.build(
        "sim_adapters",
        "street",
        scenes=len(WANTED),
        first_scene=first_scene,
        width=320,
        height=180,
        samples=32,
    )
    return [street.read(ref) for ref in street.index()]


def rows(first_scene: int) -> Iterator[list[Image]]:
    """Parent, drawn frame, its stencil and its depth."""
    weather = parts.build("generators", "weather")
    for parent, conditions in zip(parents(first_scene), WANTED, strict=True):
        seed = seed_of("front picture", parent.frame_id)
        request = Request(conditions=conditions, seed=seed, parent=parent)
        (drawn,) = weather.generate([request])
        assert drawn.stencil is not None
        assert drawn.depth is not None
        yield [parent.image, drawn.image, colourise(drawn.stencil), colourise_depth(drawn.depth)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-scene", type=int, default=40)
    parser.add_argument("--to", type=Path, default=Path("docs/front.png"))
    arguments = parser.parse_args()
    header = ("parent", "generated", "stencil", "depth")
    write_grid(arguments.to, header, list(rows(arguments.first_scene)))
    print(arguments.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
