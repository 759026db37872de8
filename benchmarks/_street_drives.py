"""Short drives down rendered streets for benchmarks: three frames a step apart, the middle one in
every weather at some hour. Drawn once and kept on disk; nothing but the camera moves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from _street_sets import CACHE

from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.files import replacing
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.seeds import digest, rng, seed_of
from parhelion.pipeline.shards import StoredFrames, write_frames
from parhelion.sim_adapters import _street_preview, _street_weather
from parhelion.sim_adapters._street_gbuffer import GBuffer, gbuffer
from parhelion.sim_adapters._street_light import Ambience, ambience
from parhelion.sim_adapters._street_mesh import View
from parhelion.sim_adapters._street_scene import LABEL_SPACE
from parhelion.sim_adapters.street import Stage, Street, StreetConditions

WEATHERS = tuple(weather for weather in Weather if weather is not Weather.UNKNOWN)
HOURS = (6.0, 9.0, 13.0, 17.0, 19.5, 22.0, 2.0)
STEP_M = (0.5, 1.5)  # 18 to 54 km/h at ten frames a second
SEED, WIDTH, HEIGHT, SAMPLES = 33, 256, 144, 4
VERSION = 1  # raise it when the same number would give another drive


@dataclass(frozen=True)
class Drive:
    """One street: `before` and `after` are previews, whose layers are as exact as all others."""

    before: Frame
    after: Frame
    now: tuple[Frame, ...]  # twins, one in each of WEATHERS; the hours take turns


def drives(first: int, count: int) -> Iterator[Drive]:
    """Drives down consecutive streets, drawn or read where they lie."""
    for number in range(first, first + count):
        frames = StoredFrames([_drive_file(number)])
        before, after, *now = (frames[i] for i in range(len(frames)))
        yield Drive(before, after, tuple(now))


def _drive_file(number: int) -> Path:
    told = (Street.VERSION, VERSION, SEED, number, WIDTH, HEIGHT, SAMPLES)
    path = CACHE / f"drive-{digest(*told)[:24]}.parquet"
    if not path.is_file():
        with replacing(path) as draft:
            write_frames(draft, ((frame, "train") for frame in _drawn(number)))
    return path


def _drawn(number: int) -> Iterator[Frame]:
    stage = Stage(seed_of("street", SEED, number), 1, StreetConditions().happening)
    step_m = float(rng("drive", SEED, number).uniform(*STEP_M))
    view = stage.geometry.street.views[0]
    for name, ahead_m in (("before", -step_m), ("after", step_m)):
        air = ambience(Weather.CLEAR, 13.0, stage.seed)
        g = gbuffer(stage.geometry, _moved(view, ahead_m), WIDTH, HEIGHT)
        linear = _street_preview.shade(stage.geometry, g, air)
        yield _frame(number, name, linear, g, air, stage)
    g = stage.gbuffer(0, WIDTH, HEIGHT)
    inside = stage.guides(0, g)
    for i, weather in enumerate(WEATHERS):
        air = ambience(weather, HOURS[(number + i) % len(HOURS)], stage.seed)
        seed = seed_of(stage.seed, weather.value)
        linear = stage.tracer.radiance(g, inside, air, SAMPLES, seed)
        hazy = _street_weather.between(linear, g, inside.depth, stage.geometry.street.lights, air)
        yield _frame(number, f"now-{weather.value}", hazy, g, air, stage)


def _moved(view: View, ahead_m: float) -> View:
    pose = view.camera_to_world.copy()
    ahead = pose[:3, 2] * (1, 1, 0)
    pose[:3, 3] += ahead_m * ahead / np.linalg.norm(ahead)
    return replace(view, camera_to_world=pose)


def _frame(
    number: int, name: str, linear: np.ndarray, g: GBuffer, air: Ambience, stage: Stage
) -> Frame:
    group = f"drive-{SEED}-{number:05d}"
    return Frame(
        frame_id=digest(group, name, VERSION)[:32],
        image=_street_weather.camera(linear, air),
        conditions=air.conditions(stage.geometry.street.driving_side),
        stencil=g.stencil,
        label_space=LABEL_SPACE,
        emissive=g.emissive,
        depth=g.depth_seen,
        instances=g.instances,
        objects=g.objects,
        camera=g.camera,
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(
                adapter="street",
                dataset=f"drive-{SEED}",
                native_id=f"{group}/{name}",
                licence="Apache-2.0",
            ),
            group_id=group,
            seed=stage.seed,
        ),
    )
