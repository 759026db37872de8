"""Boxes as their sources write them, made ours: 0-based, half-open, inside the picture."""

import math
from collections import Counter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.layers import Box, clip_box
from parhelion.pipeline.scene_class import SceneClass


def kept_box(
    box: Box, category: SceneClass, size: tuple[int, int], name: str, dropped: Counter[str]
) -> Box | None:
    """The part of `box` (x0, y0, x1, y1), pixels, inside a picture of `size` (height, width).

    None, and counted in `dropped`, where there is no such part or the object is to be ignored.
    Raises BadFrame that names `name` for a box that is inside out or not finite.
    """
    x0, y0, x1, y1 = box
    if not all(map(math.isfinite, box)):
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted a box of finite numbers, got {box}")
    if x1 < x0 or y1 < y0:
        sentence = f"{name}: wanted a box with its corners in order, got {box}"
        raise BadFrame(Reason.EMPTY_BOX, sentence)
    left, top, right, bottom = inside = clip_box(box, size[1], size[0])
    if category is SceneClass.IGNORE:
        dropped["objects to be ignored"] += 1
        return None
    if right <= left or bottom <= top:
        dropped["boxes outside the picture"] += 1
        return None
    return inside
