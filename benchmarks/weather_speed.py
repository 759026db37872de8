"""How fast weather is drawn, beside albumentations' transforms of the same name, one thread each.

Both sides get one picture after another and draw their parameters for each. The bar is on fog: at
least ten times the frames a second of RandomFog at its defaults, within one grey level of
Koschmieder's formula in float64. Rounds alternate, so that a busy machine slows both sides alike.
"""

import os
import sys
import time
from collections.abc import Callable

import numpy as np
from _figures import Figure, arguments, report

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: N812
import cv2

from parhelion.generators._linear_light import to_linear, to_srgb
from parhelion.generators._surface import Surface
from parhelion.generators._weather_fog import Fog, fogged
from parhelion.generators._weather_rain import Rain, Wet, rained, wetted
from parhelion.generators._weather_recipes import RECIPES
from parhelion.generators._weather_snow import Cover, Flakes, covered, snowed
from parhelion.generators.weather import Weather, WeatherConfig
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.conditions import Weather as Name
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Camera, Frame
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import FINE, SceneClass
from parhelion.pipeline.seeds import rng

WIDTH, HEIGHT = 256, 144
Work = Callable[[int], object]  # takes the row's number


def corridor() -> Frame:
    """A street of planes, 256x144: road, two rows of houses, sky, and a lamp."""
    random = rng("benchmark", "corridor")
    f, cx, cy = WIDTH / 1.2, WIDTH / 2, HEIGHT * 0.55
    x, y = np.meshgrid((np.arange(WIDTH) + 0.5 - cx) / f, (np.arange(HEIGHT) + 0.5 - cy) / f)
    road = 1.5 / np.maximum(y, 1e-6)
    houses = 8 / np.maximum(np.abs(x), 1e-6)
    depth = np.minimum(road, houses)
    stencil = np.where(road < houses, SceneClass.ROAD, SceneClass.BUILDING).astype(np.uint8)
    sky = (-y * houses > 10) | (depth > 300)
    stencil[sky], depth[sky] = SceneClass.SKY, np.inf
    lamp = (slice(40, 42), slice(90, 94))
    stencil[lamp], depth[lamp] = SceneClass.STREET_LIGHT, 20
    emissive = (stencil == SceneClass.STREET_LIGHT).astype(np.uint8)
    return Frame(
        frame_id="corridor",
        image=random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        conditions=Conditions(weather=Name.CLEAR, hour=12),
        stencil=stencil,
        label_space=FINE,
        emissive=emissive,
        depth=depth.astype(np.float32),
        camera=Camera(np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]]), np.eye(4)),
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(adapter="benchmark", dataset="benchmark", native_id="corridor"),
            group_id="corridor",
        ),
    )


def our_fog(frame: Frame) -> Work:
    """Fog alone, its visibility and airlight drawn for each row."""
    low, high = RECIPES[Name.FOGGY].visibility_m or (50.0, 150.0)
    depth = frame.depth
    assert depth is not None

    def work(row: int) -> object:
        a, b = np.random.default_rng(row).random(2)
        light = 0.55 + 0.1 * b
        fog = Fog(visibility_m=low * (high / low) ** a, airlight=(light, light, light))
        return to_srgb(fogged(to_linear(frame.image), depth, fog))

    return work


def exact_fog(frame: Frame, visibility_m: float, airlight: float) -> np.ndarray:
    """Koschmieder's formula, 5 % contrast, IEC 61966-2-1, in float64, not rounded, 0..255."""
    assert frame.depth is not None
    s = frame.image / 255
    j = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    t = np.exp(-np.log(20) / visibility_m * frame.depth.astype(np.float64))[..., None]
    x = j * t + airlight * (1 - t)
    return np.asarray(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055))


def largest_error(frame: Frame) -> float:
    """Largest grey-level difference between our fog and the formula, over densities."""
    assert frame.depth is not None
    worst = 0.0
    for visibility in (10.0, 50.0, 120.0, 400.0, 5000.0):
        fog = Fog(visibility_m=visibility, airlight=(0.62, 0.62, 0.62))
        ours = to_srgb(fogged(to_linear(frame.image), frame.depth, fog))
        worst = max(worst, float(np.abs(ours - exact_fog(frame, visibility, 0.62)).max()))
    return worst


def effects(frame: Frame) -> dict[str, tuple[Work, A.BasicTransform | None]]:
    """Every effect with its albumentations twin, or None where there is none."""

    def linear_effect(
        effect: Callable[[Surface, np.random.Generator], object],
    ) -> Work:
        return lambda row: effect(Surface(frame), np.random.default_rng(row))

    def light() -> np.ndarray:
        return to_linear(frame.image)

    return {
        "fog": (our_fog(frame), A.RandomFog(p=1)),
        "rain streaks": (
            linear_effect(
                lambda s, r: to_srgb(rained(light(), s, Rain(rate_mm_h=r.uniform(5, 50)), r))
            ),
            A.RandomRain(p=1),
        ),
        "wet road": (
            linear_effect(
                lambda s, r: to_srgb(wetted(light(), s, Wet(wetness=r.uniform(0.5, 1)), r))
            ),
            None,
        ),
        "snow flakes": (
            linear_effect(
                lambda s, r: to_srgb(snowed(light(), s, Flakes(rate_mm_h=r.uniform(1, 5)), r))
            ),
            A.RandomSnow(p=1),
        ),
        "snow cover": (
            linear_effect(
                lambda s, r: to_srgb(covered(light(), s, Cover(cover=r.uniform(0.5, 1)), r))
            ),
            A.RandomSnow(p=1, method="texture"),
        ),
        "whole frame: fog": (whole(frame, Name.FOGGY, 12), A.RandomFog(p=1)),
        "whole frame: rain": (whole(frame, Name.RAINING, 12), A.RandomRain(p=1)),
        "whole frame: snow": (whole(frame, Name.SNOWING, 12), A.RandomSnow(p=1)),
        "whole frame: overcast": (whole(frame, Name.OVERCAST, 12), A.RandomGamma(p=1)),
        "whole frame: sunny": (whole(frame, Name.EXTRA_SUNNY, 12), A.RandomSunFlare(p=1)),
        "whole frame: night": (whole(frame, Name.CLEAR, 23), A.RandomBrightnessContrast(p=1)),
    }


def whole(frame: Frame, weather: Name, hour: float) -> Work:
    """A whole row by the generator: relight, sky, effect, labels, provenance."""
    generator = Weather(WeatherConfig())
    asked = Conditions(weather=weather, hour=hour)
    return lambda row: next(
        iter(generator.generate([Request(conditions=asked, seed=row, parent=frame)]))
    )


def twin(transform: A.BasicTransform | None, frame: Frame) -> Work | None:
    if transform is None:
        return None
    chain = A.Compose([transform], seed=0)
    return lambda row: chain(image=frame.image)


def milliseconds(work: Work, rows: int, first: int) -> float:
    """CPU time per row: what other processes do with the machine is not ours."""
    start = time.process_time()
    for row in range(first, first + rows):
        work(row)
    return (time.process_time() - start) * 1000 / rows


def compared(ours: Work, theirs: Work | None, rounds: int, rows: int) -> dict[str, Figure]:
    """Median milliseconds of both sides over alternating rounds, and the ratio with its spread."""
    ours(0), theirs and theirs(0)
    a, b = [], []
    for i in range(rounds):
        a.append(milliseconds(ours, rows, i * rows))
        if theirs is not None:
            b.append(milliseconds(theirs, max(1, rows // 4), i * rows))
    figures = {"ours": Figure(value=float(np.median(a)), unit="ms")}
    if b:
        ratio = np.array(b) / np.array(a)
        spread = (float(np.quantile(ratio, 0.025)), float(np.quantile(ratio, 0.975)))
        figures["albumentations"] = Figure(value=float(np.median(b)), unit="ms")
        figures["ratio"] = Figure(value=float(np.median(ratio)), interval=spread, unit="x")
    return figures


def main() -> int:
    args = arguments(__doc__ or "").parse_args()
    cv2.setNumThreads(1)
    rounds, rows = (7, 12) if args.quick else (25, 24)
    frame = corridor()
    figures: dict[str, Figure] = {}
    for name, (ours, transform) in effects(frame).items():
        slow = name.startswith("whole") or "snow" in name or "rain" in name
        found = compared(ours, twin(transform, frame), rounds, 4 if slow else rows)
        figures |= {f"{name}, {key}": figure for key, figure in found.items()}
    ratio = figures["fog, ratio"]
    figures["fog, ratio"] = Figure(
        value=ratio.value, interval=ratio.interval, unit="x", bar=10, note="spread over rounds"
    )
    figures["fog, largest error"] = Figure(
        value=largest_error(frame), unit="grey levels", bar=1, sense="at most"
    )
    packages = ("albumentations", "numpy", "opencv-python-headless")
    return report("weather_speed", figures, args.quick, packages)


if __name__ == "__main__":
    sys.exit(main())
