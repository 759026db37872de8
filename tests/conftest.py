"""Small frames for tests, made on the spot."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from image_folder import write_street

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Camera, Frame, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.pretrained import mobilenet_path
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest, rng
from parhelion.pipeline.threads import one_thread

one_thread()  # as the product computes; two spin when anything else runs

# The same examples in every run, and no clock: a busy machine is no failure.
settings.register_profile("parhelion", deadline=None, derandomize=True)
settings.load_profile("parhelion")

LABEL_SPACE = frozenset({SceneClass.ROAD, SceneClass.SKY, SceneClass.BUILDING, SceneClass.CAR})


def make_frame(
    seed: int = 0,
    width: int = 48,
    height: int = 32,
    group: str = "",
    conditions: Conditions | None = None,
) -> Frame:
    """A little street: sky above, buildings at the sides, a road below and one car on it."""
    random = rng("tests.frame", seed)
    stencil = np.full((height, width), SceneClass.BUILDING, dtype=np.uint8)
    stencil[: height // 3] = SceneClass.SKY
    stencil[2 * height // 3 :] = SceneClass.ROAD
    instances = np.zeros((height, width), dtype=np.int32)
    left, top = int(random.integers(2, width // 2)), height // 2
    car = (slice(top, top + height // 4), slice(left, left + width // 4))
    stencil[car], instances[car] = SceneClass.CAR, 7
    rows = np.linspace(80, 4, height, dtype=np.float32)[:, None]
    depth = np.broadcast_to(rows, (height, width)).copy()
    depth[stencil == SceneClass.SKY] = np.inf
    depth[car] = 12.0
    f = width / 1.2
    intrinsics = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]])
    box = instance_boxes(instances)[7]
    centre = ((box[0] + box[2]) / 2 - width / 2, (box[1] + box[3]) / 2 - height / 2)
    car_object = SceneObject(
        category=SceneClass.CAR,
        instance=7,
        box_xyxy=box,
        distance_m=12.0,
        visibility=1.0,
        truncation=0.0,
        centre_m=(centre[0] * 12 / f, centre[1] * 12 / f, 12.0),
    )
    group = group or f"group-{seed}"
    return Frame(
        frame_id=digest("tests.frame", seed, group)[:32],
        image=random.integers(0, 256, (height, width, 3), dtype=np.uint8),
        conditions=conditions or Conditions(weather=Weather.CLEAR, hour=12),
        stencil=stencil,
        label_space=LABEL_SPACE,
        emissive=np.zeros((height, width), dtype=np.uint8),
        depth=depth,
        instances=instances,
        objects=(car_object,),
        camera=Camera(intrinsics, np.eye(4)),
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(adapter="tests", dataset="tests", native_id=f"{group}/{seed}"),
            group_id=group,
            twin_id=f"{group}/{seed}",
        ),
    )


@pytest.fixture
def frame() -> Frame:
    return make_frame()


@pytest.fixture
def frames() -> Callable[[int], list[Frame]]:
    """N frames of n groups."""
    return lambda n: [make_frame(seed) for seed in range(n)]


@pytest.fixture
def no_mobilenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nothing is installed that has the packaged weights: torch's empty cache folder."""
    monkeypatch.setattr("importlib.metadata.files", lambda _: None)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    mobilenet_path.cache_clear()
    yield tmp_path
    mobilenet_path.cache_clear()


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """An image folder of two sound frames."""
    return write_street(tmp_path)
