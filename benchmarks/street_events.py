"""The picture of the street's events: a flood at three levels, a crash under three skies."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from _picture_grid import write_grid

from parhelion.pipeline.conditions import Event, Weather
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.scene_class import colourise
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

LEVELS_M = (0.15, 0.5, 1.2)
SKIES = ((Weather.CLEAR, 11.0), (Weather.RAINING, 15.0), (Weather.CLEAR, 22.0))


def frames(seed: int, scene: int, conditions: tuple[StreetConditions, ...]) -> Iterator[Frame]:
    """One view of one street under each of `conditions`."""
    config = StreetConfig(
        seed=seed,
        first_scene=scene,
        scenes=1,
        width=288,
        height=162,
        samples=16,
        conditions=conditions,
        pairing="every",
    )
    street = Street(config)
    for ref in street.index():
        yield street.read(ref)


def rows(seed: int, flooded: int, crashed: int) -> Iterator[list[Image]]:
    """A flooded picture, its stencil, a crash, its stencil."""
    rising = tuple(StreetConditions(event=Event.FLOOD, water_level_m=m) for m in LEVELS_M)
    skies = tuple(
        StreetConditions(weather=weather, hour=hour, event=Event.PLANE_CRASH)
        for weather, hour in SKIES
    )
    pairs = zip(frames(seed, flooded, rising), frames(seed, crashed, skies), strict=True)
    for flood, crash in pairs:
        assert flood.stencil is not None
        assert crash.stencil is not None
        yield [flood.image, colourise(flood.stencil), crash.image, colourise(crash.stencil)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--flooded", type=int, default=3, help="number of the flooded street")
    parser.add_argument("--crashed", type=int, default=2, help="number of the street of the crash")
    parser.add_argument("--to", type=Path, default=Path("docs/street_events.png"))
    a = parser.parse_args()
    header = (
        "flood at 0.15, 0.5 and 1.2 m",
        "stencil",
        "plane crash: clear, rain, night",
        "stencil",
    )
    write_grid(a.to, header, list(rows(a.seed, a.flooded, a.crashed)))
    print(a.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
