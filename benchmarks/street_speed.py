"""CPU seconds a frame of the built-in street: previews and traced frames, streets built anew.

Each street is read from an adapter that knows nothing of it yet, so that building it is counted.
CPU seconds of the process, all threads; of a few rounds the least counts for each street, so that
a busy machine weighs little.
"""

import sys
import time

import cv2
from _figures import Figure, arguments, report

from parhelion.pipeline.conditions import Weather
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

PREVIEW_BAR_S, FULL_BAR_S = 0.100, 3.0
SIZES = ((256, 144), (192, 108))
VIEWS = 4
CONDITIONS = (
    StreetConditions(weather=Weather.CLEAR, hour=13),
    StreetConditions(weather=Weather.FOGGY, hour=22),
    StreetConditions(weather=Weather.RAINING, hour=13),
    StreetConditions(weather=Weather.SNOWING, hour=10),
)
DAY_AND_NIGHT = (StreetConditions(hour=13), StreetConditions(hour=22))


def seconds(config: StreetConfig) -> tuple[float, int]:
    """CPU seconds of all frames of a config, drawn anew, and how many frames they are."""
    start = time.process_time()
    street = Street(config)
    refs = street.index()
    for ref in refs:
        street.read(ref)
    return time.process_time() - start, len(refs)


def least_per_frame(configs: list[StreetConfig], rounds: int) -> float:
    """Mean CPU seconds a frame, each config at its least."""
    spent, frames = 0.0, 0
    for config in configs:
        found = [seconds(config) for _ in range(rounds)]
        spent, frames = spent + min(found)[0], frames + found[0][1]
    return spent / frames


def previews(size: tuple[int, int], pairing: str, streets: int) -> list[StreetConfig]:
    """One config for each street: four views, in turn under one condition or each under all."""
    return [
        StreetConfig.model_validate(
            {
                "first_scene": scene,
                "scenes": 1,
                "views": VIEWS,
                "width": size[0],
                "height": size[1],
                "quality": "preview",
                "conditions": CONDITIONS,
                "pairing": pairing,
            }
        )
        for scene in range(streets)
    ]


def traced(streets: int) -> list[StreetConfig]:
    """One view of each street, by day and by night in turn."""
    settings = {"scenes": 1, "conditions": DAY_AND_NIGHT}
    return [StreetConfig.model_validate({**settings, "first_scene": i}) for i in range(streets)]


def main() -> int:
    args = arguments(__doc__ or "").parse_args()
    cv2.setNumThreads(1)
    streets, rounds = (3, 2) if args.quick else (8, 3)
    seconds(StreetConfig(scenes=1, width=64, height=36, quality="preview", seed=1))
    figures: dict[str, Figure] = {}
    for pairing, name in (("cycle", "each view once"), ("every", "with twins")):
        found = [least_per_frame(previews(size, pairing, streets), rounds) for size in SIZES]
        for (width, height), value in zip(SIZES, found, strict=True):
            figures[f"preview {width}x{height}, {name}"] = Figure(value=value, unit="s")
        mean = sum(found) / len(found)
        figures[f"preview, {name}"] = Figure(
            value=mean, unit="s", bar=PREVIEW_BAR_S, sense="at most", note="mean of both sizes"
        )
    seconds(StreetConfig(scenes=1, width=64, height=36, samples=1, seed=1))
    figures["full 256x144, 16 samples"] = Figure(
        value=least_per_frame(traced(2 if args.quick else 8), 1 if args.quick else 2),
        unit="s", bar=FULL_BAR_S, sense="at most",
    )  # fmt: skip
    packages = ("numpy", "embreex", "mitsuba", "opencv-python-headless")
    return report("street_speed", figures, args.quick, packages)


if __name__ == "__main__":
    sys.exit(main())
