"""A street of upright boards at many distances: depth, stencil and image that belong together."""

import numpy as np

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Camera, Frame, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest, rng

WIDTH, HEIGHT, FOCAL, EYE_M = 192, 128, 160.0, 1.5
BOARDS = (SceneClass.BUILDING, SceneClass.VEGETATION, SceneClass.POLE, SceneClass.CAR)
LABEL_SPACE = frozenset({*BOARDS, SceneClass.SKY, SceneClass.ROAD, SceneClass.PERSON})
NOON = Conditions(weather=Weather.CLEAR, hour=12)


def block_frame(
    seed: int, ahead_m: float = 0.0, *, kind: Kind = Kind.SIMULATED, twin: str = ""
) -> Frame:
    """The scene of a seed, `ahead_m` metres down the street."""
    random = rng("tests.block_scene", seed)
    depth, stencil, image = _ground()
    instances = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    boards = sorted(_boards(random), key=lambda board: -board[0])
    for i, (far_m, x_m, wide_m, high_m, grey) in enumerate(boards):
        z = far_m - ahead_m
        left, right = (round(WIDTH / 2 + FOCAL * (x_m + s * wide_m / 2) / z) for s in (-1, 1))
        top, bottom = (round(HEIGHT / 2 - FOCAL * (y - EYE_M) / z) for y in (high_m, 0.0))
        where = (slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0)))
        depth[where], stencil[where], instances[where] = z, BOARDS[i % len(BOARDS)], i + 1
        image[where] = grey
    noisy = image + rng("tests.block_scene", seed, ahead_m).normal(0, 4, (HEIGHT, WIDTH, 3))
    pose = np.eye(4)
    pose[2, 3] = ahead_m
    intrinsics = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    return Frame(
        frame_id=digest("tests.block_scene", seed, ahead_m)[:32],
        image=np.clip(noisy, 0, 255).astype(np.uint8),
        conditions=NOON,
        stencil=stencil,
        label_space=LABEL_SPACE,
        depth=depth,
        instances=instances,
        objects=tuple(_objects(instances, depth)),
        camera=Camera(intrinsics, pose),
        provenance=Provenance(
            kind=kind,
            source=Source(adapter="tests", dataset="blocks", native_id=f"{seed}/{ahead_m}"),
            group_id=f"blocks-{seed}",
            twin_id=twin,
        ),
    )


def _ground() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth, stencil and grey levels of road and sky alone."""
    below = np.arange(HEIGHT) + 0.5 - HEIGHT / 2
    rows = np.where(below > 0, FOCAL * EYE_M / np.maximum(below, 0.5), np.inf)
    depth = np.repeat(rows[:, None], WIDTH, axis=1).astype(np.float32)
    stencil = np.where(np.isinf(depth), SceneClass.SKY, SceneClass.ROAD).astype(np.uint8)
    image = np.where(np.isinf(depth), 200.0, 90.0)[..., None].repeat(3, axis=2)
    return depth, stencil, image


def _boards(random: np.random.Generator) -> list[tuple[float, float, float, float, float]]:
    """(distance, x, width, height, grey level) of each, metres."""
    return [
        (
            float(random.uniform(6, 40)),
            float(random.choice((-1, 1)) * random.uniform(1.5, 9)),
            float(random.uniform(0.4, 3)),
            float(random.uniform(1, 6)),
            float(random.uniform(20, 235)),
        )
        for _ in range(28)
    ]


def _objects(instances: np.ndarray, depth: np.ndarray) -> list[SceneObject]:
    found = []
    for instance, box in instance_boxes(instances).items():
        metres = float(depth[instances == instance][0])
        category = BOARDS[(instance - 1) % len(BOARDS)]
        found.append(
            SceneObject(category=category, instance=instance, box_xyxy=box, distance_m=metres)
        )
    return found
