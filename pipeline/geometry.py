"""Resize, crop and mirror: every layer of a frame moves together, or none does."""

from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import LAYERS, Camera, Frame, SceneObject, with_ignored
from parhelion.pipeline.layers import Box, box_area, clip_box, instance_boxes, resize_nearest
from parhelion.pipeline.provenance import Step
from parhelion.pipeline.scene_class import MIRROR_BREAKS, ids
from parhelion.pipeline.seeds import canonical_json, digest

VERSION = "1"


def resized(frame: Frame, width: int, height: int) -> Frame:
    """See `Frame.resized`. Raises ValueError for a size below 1x1."""
    _positive(width, height)
    h, w = frame.size
    sx, sy = width / w, height / h
    shrinks = width <= w and height <= h
    image = cv2.resize(
        frame.image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    moved = {name: resize_nearest(layer, width, height) for name, layer in _layers(frame)}
    scale = np.diag([sx, sy, 1.0])
    objects = [
        (o, (o.box_xyxy[0] * sx, o.box_xyxy[1] * sy, o.box_xyxy[2] * sx, o.box_xyxy[3] * sy))
        for o in frame.objects
    ]
    return _moved(frame, image, moved, scale, objects, ("resized", width, height))


def cropped(frame: Frame, left: int, top: int, width: int, height: int) -> Frame:
    """See `Frame.cropped`. Raises ValueError where the window leaves the image."""
    _positive(width, height)
    h, w = frame.size
    if left < 0 or top < 0 or left + width > w or top + height > h:
        raise ValueError(
            f"a crop must lie inside {w}x{h}, got left {left}, top {top}, {width}x{height}"
        )
    window = (slice(top, top + height), slice(left, left + width))
    moved = {name: layer[window] for name, layer in _layers(frame)}
    shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    objects = [
        (o, tuple(np.subtract(o.box_xyxy, (left, top, left, top)).tolist())) for o in frame.objects
    ]
    args = ("cropped", left, top, width, height)
    return _moved(frame, frame.image[window], moved, shift, objects, args)


def flipped(frame: Frame) -> Frame:
    """See `Frame.flipped`. Mirrored signs become IGNORE; the driving side changes over.

    Raises ValueError where the image label does not survive a mirror (digits, arrows).
    """
    if frame.label is not None and not frame.label.mirror_safe:
        name = frame.label.vocabulary[frame.label.index]
        raise ValueError(f"a mirror would change the class {name!r} of this image: do not flip it")
    _, w = frame.size
    moved = {name: layer[:, ::-1] for name, layer in _layers(frame)}
    if frame.stencil is not None:
        moved["stencil"] = with_ignored(
            moved["stencil"], np.isin(moved["stencil"], ids(MIRROR_BREAKS))
        )
    objects = [
        (_mirrored_object(o), (w - o.box_xyxy[2], o.box_xyxy[1], w - o.box_xyxy[0], o.box_xyxy[3]))
        for o in frame.objects
        if o.category not in MIRROR_BREAKS
    ]
    out = _moved(frame, frame.image[:, ::-1], moved, np.eye(3), objects, ("flipped",))
    other = {"left": "right", "right": "left", None: None}[frame.conditions.driving_side]
    conditions = frame.conditions.model_copy(update={"driving_side": other})
    camera = None if frame.camera is None else _mirrored_camera(frame.camera, w)
    return replace(out, camera=camera, conditions=conditions)


def _mirrored_camera(camera: Camera, width: int) -> Camera:
    # The mirrored picture is a true picture of the mirrored world (x -> -x), taken by the mirrored
    # camera; mirroring both sides keeps the pose a proper rotation.
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    intrinsics = camera.intrinsics.copy()
    intrinsics[0, 1:] = -intrinsics[0, 1], width - intrinsics[0, 2]
    return Camera(intrinsics, mirror @ camera.camera_to_world @ mirror)


def _mirrored_object(o: SceneObject) -> SceneObject:
    if o.centre_m is None:
        return o
    x, y, z = o.centre_m
    return o.model_copy(update={"centre_m": (-x, y, z)})


def _positive(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"a frame is at least 1x1 pixels, got {width}x{height}")


def _layers(frame: Frame) -> list[tuple[str, NDArray[Any]]]:
    return [(n, layer) for n in LAYERS if (layer := getattr(frame, n)) is not None]


def _moved(
    frame: Frame,
    image: NDArray[Any],
    layers: dict[str, NDArray[Any]],
    intrinsics_by: NDArray[np.float64],
    objects: list[tuple[SceneObject, Box]],
    operation: tuple[str | int, ...],
) -> Frame:
    """The frame with moved layers; a box comes anew from its instance where there is one."""
    height, width = image.shape[:2]
    tight = instance_boxes(layers["instances"]) if "instances" in layers else {}
    kept = [o for old, box in objects if (o := _moved_object(old, box, tight, width, height))]
    camera = frame.camera and Camera(
        intrinsics_by @ frame.camera.intrinsics, frame.camera.camera_to_world
    )
    step = Step(part=str(operation[0]), version=VERSION, settings=canonical_json(operation[1:]))
    provenance = frame.provenance.model_copy(update={"steps": (*frame.provenance.steps, step)})
    return replace(
        frame,
        frame_id=digest(frame.frame_id, operation)[:32],
        image=np.ascontiguousarray(image),
        **cast(dict[str, Any], layers),
        objects=tuple(kept),
        camera=camera,
        provenance=provenance,
    )


def _moved_object(
    o: SceneObject, moved: Box, tight: dict[int, Box], width: int, height: int
) -> SceneObject | None:
    """The object with its box where it is now, or None where nothing of it is left."""
    inside = clip_box(moved, width, height)
    left = box_area(inside) / max(box_area(moved), 1e-12)
    if o.instance is not None and tight:
        if o.instance not in tight:
            return None
        inside = tight[o.instance]
    if box_area(inside) <= 0:
        return None
    truncation = None if o.truncation is None else min(1.0, 1 - (1 - o.truncation) * min(left, 1.0))
    if left >= 1:
        truncation = o.truncation
    return o.model_copy(update={"box_xyxy": inside, "truncation": truncation})
