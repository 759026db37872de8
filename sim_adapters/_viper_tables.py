"""VIPER's class ids and the rows of its tables of boxes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera
from parhelion.pipeline.layers import Box
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._poses import FLIP_Y_AND_Z, numbers

BoxRows = dict[int, NDArray[np.float64]]

NEAREST_M = 0.1  # nothing is closer to the lens

CLASSES: dict[str, tuple[int, SceneClass]] = {
    "unlabeled": (0, SceneClass.IGNORE),
    "ambiguous": (1, SceneClass.IGNORE),
    "sky": (2, SceneClass.SKY),
    "road": (3, SceneClass.ROAD),
    "sidewalk": (4, SceneClass.SIDEWALK),
    "railtrack": (5, SceneClass.OTHER),
    "terrain": (6, SceneClass.TERRAIN),
    "tree": (7, SceneClass.VEGETATION),
    "vegetation": (8, SceneClass.VEGETATION),
    "building": (9, SceneClass.BUILDING),
    "infrastructure": (10, SceneClass.IGNORE),  # poles, walls and bridges in one
    "fence": (11, SceneClass.FENCE),
    "billboard": (12, SceneClass.OTHER),
    "trafficlight": (13, SceneClass.TRAFFIC_LIGHT),
    "trafficsign": (14, SceneClass.TRAFFIC_SIGN),
    "mobilebarrier": (15, SceneClass.OTHER),
    "firehydrant": (16, SceneClass.OTHER),
    "chair": (17, SceneClass.OTHER),
    "trash": (18, SceneClass.DEBRIS),
    "trashcan": (19, SceneClass.OTHER),
    "person": (20, SceneClass.PERSON),
    "animal": (21, SceneClass.ANIMAL),
    "bicycle": (22, SceneClass.BICYCLE),
    "motorcycle": (23, SceneClass.MOTORCYCLE),
    "car": (24, SceneClass.CAR),
    "van": (25, SceneClass.CAR),
    "bus": (26, SceneClass.BUS),
    "truck": (27, SceneClass.TRUCK),
    "trailer": (28, SceneClass.OTHER),
    "train": (29, SceneClass.TRAIN),
    "plane": (30, SceneClass.OTHER),
    "boat": (31, SceneClass.OTHER),
}
BY_ID: Mapping[int, SceneClass] = dict(CLASSES.values())
LABEL_SPACE: LabelSpace = frozenset(BY_ID.values()) - {SceneClass.IGNORE}
# What is counted one by one: whatever moves, and what the makers' benchmark tells apart.
FIRST_MOVING = 20
COUNTED = (13, 16, 17, 19)
THINGS: LabelSpace = frozenset(c for i, c in BY_ID.items() if i >= FIRST_MOVING or i in COUNTED)


def box_rows(text: str, name: str) -> BoxRows:
    """{instance as in our layer: its 2D box (4), 3D box (6) and matrix (16)}. Raises BadFrame."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split(",")
        if not line.strip() or (number == 1 and not _is_number(cells[0])):
            continue
        what = f"{name}, line {number}"
        row = numbers(cells, what)
        if len(row) != 28 or not (0 < row[0] < 256 and 0 <= row[1] < 1 << 16):
            wanted = "a class, an instance and 26 numbers"
            raise BadFrame(Reason.BAD_METADATA, f"{what}: wanted {wanted}, got {line[:60]!r}")
        found[int(row[0]) << 16 | int(row[1])] = row[2:]
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def distance_m(row: NDArray[np.float64], box: Box, camera: Camera) -> float | None:
    """Along the optical axis to the model's origin; None where that is not seen in `box`."""
    x, y, z = FLIP_Y_AND_Z[:3, :3] @ row[10:].reshape(4, 4)[:3, 3]
    if z < NEAREST_M:
        return None
    column, line, _ = camera.intrinsics @ (x / z, y / z, 1.0)
    x0, y0, x1, y1 = box
    inside = x0 - 1 <= column <= x1 + 1 and y0 - 1 <= line <= y1 + 1
    return float(z) if inside else None
