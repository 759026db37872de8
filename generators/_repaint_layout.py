"""The labels of a picture of which a part was drawn anew: none may be left stale.

Outside the mask everything is the parent's. Inside it everything is the edited annotation's; what
that does not say, or the network did not read, is unknown there. Boxes are those of what is left.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import LAYERS, Annotation, Frame, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import CHILDREN, SceneClass

Mask = NDArray[np.bool_]  # (H, W)

UNKNOWN: dict[str, Any] = {"stencil": SceneClass.IGNORE, "depth": np.nan}  # else nought
SOURCES_OWN = "stencil_native"  # a simulator's byte of a pixel that it did not draw is no byte


def merged(parent: Frame, edited: Annotation, mask: Mask, read: frozenset[str]) -> Annotation:
    """The parent's labels with those of `edited` inside the mask; ids name the same things in both.

    Layers that the network does not read it does not obey: inside they are unknown. Light has no
    value for that, so that where it is not obeyed it is unknown of the whole picture.
    """
    if not mask.any():
        return parent
    dropped = {SOURCES_OWN, *({"emissive"} - read)}
    kept = [n for n in LAYERS if n not in dropped and getattr(parent, n) is not None]
    layers: dict[str, Any] = {
        name: _laid(name, getattr(parent, name), getattr(edited, name), mask, name in read)
        for name in kept
    }
    return Annotation(
        label=parent.label,
        label_space=edited.label_space if _all_is_told(mask, read) else parent.label_space,
        camera=parent.camera,
        objects=tuple(_objects(parent, edited, layers.get("instances"), mask)),
        **layers,
    )


def _all_is_told(mask: Mask, read: frozenset[str]) -> bool:
    return bool(mask.all()) and "stencil" in read


def strangers(parent: Frame, edited: Annotation, mask: Mask) -> list[str]:
    """Classes inside the mask that the parent does not tell apart outside of it: with them its
    label space would promise what the rest of it does not keep.
    """
    if edited.stencil is None or mask.all():
        return []
    there = {SceneClass(c) for c in np.unique(edited.stencil[mask]).tolist()}
    return [c.label for c in sorted(there - parent.label_space - {SceneClass.IGNORE})]


def become(parent: Frame, c: SceneClass, mask: Mask) -> Annotation:
    """The parent's labels with class c where the mask is, as part of no thing.

    How far it is the ground beside it tells, row by row, where that is ground of the same class.
    """
    assert parent.stencil is not None
    stencil, depth, instances = parent.stencil.copy(), parent.depth, parent.instances
    if depth is not None:
        depth = np.where(mask, _depth_of(c, parent.stencil, depth, mask), depth)
    stencil[mask] = c
    if instances is not None:
        instances = np.where(mask, np.int32(0), instances)
    return Annotation(
        label_space=parent.label_space | {c}, stencil=stencil, depth=depth, instances=instances
    )


def _depth_of(
    c: SceneClass, stencil: NDArray[np.uint8], depth: NDArray[np.float32], mask: Mask
) -> NDArray[np.float32]:
    """(H, W): the sky is infinitely far, ground of class c as far as its median in each row."""
    if c is SceneClass.SKY:
        return np.full(depth.shape, np.inf, dtype=np.float32)
    same = np.where((stencil == c) & ~mask & np.isfinite(depth), depth, np.nan)
    rows = np.full(len(depth), np.nan, dtype=np.float32)
    there = np.isfinite(same).any(axis=1)
    if c in CHILDREN[SceneClass.FLAT]:
        rows[there] = np.nanmedian(same[there], axis=1)
    return np.broadcast_to(rows[:, None], depth.shape)


def _laid(
    name: str, own: NDArray[Any], edited: NDArray[Any] | None, mask: Mask, obeyed: bool
) -> NDArray[Any]:
    laid = own.copy()
    laid[mask] = UNKNOWN.get(name, 0) if edited is None or not obeyed else edited[mask]
    return laid


def _objects(
    parent: Frame, edited: Annotation, instances: NDArray[np.int32] | None, mask: Mask
) -> Iterator[SceneObject]:
    """Things that are still there or came, with the boxes of what is seen of them."""
    if instances is None:
        yield from (o for o in parent.objects if not _touches(o, mask))
        return
    boxes = instance_boxes(instances)
    known = {o.instance: o for o in edited.objects} | {o.instance: o for o in parent.objects}
    for instance, box in boxes.items():
        if (thing := known.get(instance)) is None:
            continue
        same = parent.instances is not None and np.array_equal(
            instances == instance, parent.instances == instance
        )
        yield thing if same else thing.model_copy(update={"box_xyxy": box, "visibility": None})
    yield from (o for o in parent.objects if o.instance is None and not _touches(o, mask))


def _touches(thing: SceneObject, mask: Mask) -> bool:
    """Whether part of the thing's box lies in the mask."""
    x0, y0, x1, y1 = thing.box_xyxy
    rows = slice(max(int(np.floor(y0)), 0), int(np.ceil(y1)))
    return bool(mask[rows, max(int(np.floor(x0)), 0) : int(np.ceil(x1))].any())
