"""Little streets whose colours tell their classes: a tiny network learns them in seconds."""

import numpy as np

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest, rng

LABEL_SPACE = frozenset({SceneClass.ROAD, SceneClass.SKY, SceneClass.BUILDING, SceneClass.CAR})
DAY = Conditions(weather=Weather.CLEAR, hour=12)
FOG = Conditions(weather=Weather.FOGGY, hour=12)
COLOURS = {
    SceneClass.ROAD: (70, 70, 75),
    SceneClass.SKY: (130, 180, 240),
    SceneClass.BUILDING: (190, 120, 80),
    SceneClass.CAR: (200, 20, 40),
}


def toy_street(
    seed: int, group: str = "", conditions: Conditions = DAY, width: int = 64, height: int = 32
) -> Frame:
    """A skyline of random roofs, a road and two cars; in fog everything is drawn towards grey."""
    random = rng("tests.toy_street", seed)
    stencil = np.full((height, width), SceneClass.SKY, dtype=np.uint8)
    for left in range(0, width, 8):
        stencil[int(random.integers(2, height // 2)) :, left : left + 8] = SceneClass.BUILDING
    stencil[int(height * random.uniform(0.6, 0.7)) :] = SceneClass.ROAD
    for left in random.integers(0, width - 12, 2).tolist():
        top = int(random.integers(height // 2, height - 8))
        stencil[top : top + 6, left : left + 12] = SceneClass.CAR
    palette = np.zeros((256, 3))
    for c, rgb in COLOURS.items():
        palette[c] = rgb
    image = palette[stencil] + random.normal(0, 6, (height, width, 3))
    if conditions.sky_kind == "fog":
        image = 0.5 * image + 0.5 * 190
    group = group or f"toy-{seed}"
    return Frame(
        frame_id=digest("toy", seed, group, conditions)[:32],
        image=np.clip(image, 0, 255).astype(np.uint8),
        conditions=conditions,
        stencil=stencil,
        label_space=LABEL_SPACE,
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(adapter="tests", dataset="toy", native_id=f"{group}/{seed}"),
            group_id=group,
        ),
    )
