"""BDD100K's bitmasks: RGBA pictures whose channels are a class, flags, and the two bytes of an id.

R = class, G = truncated << 3 | occluded << 2 | crowd << 1 | ignored, id = B * 256 + A. Whoever
drops alpha, or multiplies by it, loses ids.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Instances, SceneObject, Stencil
from parhelion.pipeline.layers import Box, instance_boxes
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._class_tables import stencil_of

# Classes of ins_seg: the detection categories that are things, numbered from 1.
INSTANCE_CLASSES = {
    0: SceneClass.IGNORE,
    1: SceneClass.PERSON,
    2: SceneClass.RIDER,
    3: SceneClass.CAR,
    4: SceneClass.TRUCK,
    5: SceneClass.BUS,
    6: SceneClass.TRAIN,
    7: SceneClass.MOTORCYCLE,
    8: SceneClass.BICYCLE,
}
LAST_PANOPTIC_ID = 40
FIRST_PANOPTIC_THING = 31  # the ids of areas are their classes, and no instances
# Ids in between, such as caravan (36) and traffic cone (23), have no train class.
PANOPTIC_CLASSES = dict.fromkeys(range(LAST_PANOPTIC_ID + 1), SceneClass.IGNORE) | {
    7: SceneClass.ROAD,
    8: SceneClass.SIDEWALK,
    10: SceneClass.BUILDING,
    11: SceneClass.FENCE,
    15: SceneClass.WALL,
    20: SceneClass.POLE,
    22: SceneClass.STREET_LIGHT,
    25: SceneClass.TRAFFIC_LIGHT,
    26: SceneClass.TRAFFIC_SIGN,
    28: SceneClass.TERRAIN,
    29: SceneClass.VEGETATION,
    30: SceneClass.SKY,
    31: SceneClass.PERSON,
    32: SceneClass.RIDER,
    33: SceneClass.BICYCLE,
    34: SceneClass.BUS,
    35: SceneClass.CAR,
    37: SceneClass.MOTORCYCLE,
    39: SceneClass.TRAIN,
    40: SceneClass.TRUCK,
}

CROWD_OR_IGNORED, OCCLUDED, TRUNCATED, FLAGS = 0b0011, 0b0100, 0b1000, 0b1111
ID_BITS, FLAGS_SHIFT, CLASS_SHIFT = 0xFFFF, 16, 20

Bitmask = NDArray[np.uint8]  # (H, W, 4)


def bitmask_classes(bitmask: Bitmask, classes: Mapping[int, SceneClass], name: str) -> Stencil:
    """The stencil (H, W) uint8. Raises BadFrame for a class id outside the table."""
    return stencil_of(_channels(bitmask, name)[0], classes, name)


def bitmask_things(
    bitmask: Bitmask, classes: Mapping[int, SceneClass], first_thing: int, name: str
) -> tuple[Instances, tuple[SceneObject, ...]]:
    """Ids of single things (H, W) int32, and the things; crowds and the ignored have none.

    Raises BadFrame for a class outside the table, a thing without id and an id of two classes.
    """
    r, g, b, a = _channels(bitmask, name)
    if int(r.max()) > max(classes):  # tables have no gaps
        stencil_of(r, classes, name)
    single = ((r >= first_thing) & ((g & CROWD_OR_IGNORED) == 0)).view(np.uint8) * np.uint8(255)
    low, high, upper, top = (c & single for c in (a, b, (g & FLAGS) | (r << 4), r >> 4))
    keys = cv2.merge([low, high, upper, top]).view(np.int32)[..., 0]
    boxes = instance_boxes(keys)
    ids = {key & ID_BITS for key in boxes}
    if 0 in ids or len(ids) < len(boxes):
        wanted = "an id above 0 for each thing, and one class and one set of flags for each id"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got others")
    in_order = sorted(boxes.items(), key=lambda item: item[0] & ID_BITS)
    things = (_thing(key, box, classes) for key, box in in_order)
    return keys & ID_BITS, tuple(thing for thing in things if thing is not None)


def _thing(key: int, box: Box, classes: Mapping[int, SceneClass]) -> SceneObject | None:
    """None for a thing without a class of ours, such as a caravan."""
    category = classes[key >> CLASS_SHIFT]
    if category is SceneClass.IGNORE:
        return None
    flags = key >> FLAGS_SHIFT
    return SceneObject(
        category=category,
        instance=key & ID_BITS,
        box_xyxy=box,
        visibility=None if flags & OCCLUDED else 1.0,
        truncation=None if flags & TRUNCATED else 0.0,
    )


def _channels(bitmask: Bitmask, name: str) -> Sequence[NDArray[np.uint8]]:
    """R, G, B, A (H, W) each."""
    if bitmask.dtype != np.uint8 or bitmask.shape[2] != 4:
        got = f"{bitmask.shape[2]} of {bitmask.dtype}"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted four channels of 8 bits, got {got}")
    return cast(Sequence[NDArray[np.uint8]], cv2.split(bitmask))
