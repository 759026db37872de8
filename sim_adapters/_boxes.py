"""Boxes of their sources' objects, made ours: 0-based, half-open, inside the picture."""

import math
from collections import Counter
from collections.abc import Mapping

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Instances, SceneObject
from parhelion.pipeline.layers import Box, clip_box, instance_boxes
from parhelion.pipeline.scene_class import SceneClass


def box_inside(box: Box, width: int, height: int, name: str) -> Box | None:
    """The part of `box` (x0, y0, x1, y1), pixels, inside a picture; None where there is none.

    Raises BadFrame that names `name` for a box that is inside out or not finite.
    """
    x0, y0, x1, y1 = box
    if not all(map(math.isfinite, box)):
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted a box of finite numbers, got {box}")
    if x1 < x0 or y1 < y0:
        sentence = f"{name}: wanted a box with its corners in order, got {box}"
        raise BadFrame(Reason.EMPTY_BOX, sentence)
    left, top, right, bottom = inside = clip_box(box, width, height)
    return inside if right > left and bottom > top else None


def kept_box(
    box: Box, category: SceneClass, size: tuple[int, int], name: str, dropped: Counter[str]
) -> Box | None:
    """The part of an object's box inside a picture of `size` (height, width).

    None, and counted in `dropped`, where there is no such part or the object is to be ignored.
    Raises BadFrame as `box_inside` does.
    """
    inside = box_inside(box, size[1], size[0], name)
    if category is SceneClass.IGNORE:
        dropped["objects to be ignored"] += 1
        return None
    if inside is None:
        dropped["boxes outside the picture"] += 1
    return inside


def instance_objects(
    instances: Instances, per_class: int, classes: Mapping[int, SceneClass], name: str
) -> tuple[SceneObject, ...]:
    """Objects of instances (H, W) that are numbered class * `per_class` + a count.

    Those to be ignored are none. Raises BadFrame for an instance of a class outside `classes`.
    """
    made = []
    for i, box in instance_boxes(instances).items():
        category = classes.get(i // per_class)
        if category is None:
            wanted = f"instances of the classes {min(classes)} to {max(classes)} times {per_class}"
            raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted {wanted}, got {i}")
        if category is not SceneClass.IGNORE:
            made.append(SceneObject(category=category, instance=i, box_xyxy=box))
    return tuple(made)
