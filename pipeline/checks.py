"""The door of the record: shapes, dtypes and ranges, refused with what was wanted and what came."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.scene_class import SceneClass, ids
from parhelion.pipeline.seeds import canonical_json

if TYPE_CHECKING:
    from parhelion.pipeline.frame import Annotation, Frame

DTYPES: dict[str, type[np.generic]] = {
    "stencil": np.uint8,
    "stencil_native": np.uint8,
    "emissive": np.uint8,
    "depth": np.float32,
    "instances": np.int32,
}
KNOWN_IDS = frozenset(map(int, SceneClass))
BOX_SLACK_PX = 1e-3  # boxes come as floats; a rounding step outside is not an absurd box


def matrix(name: str, value: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """`value` as a read-only float64 matrix of `shape`. Raises BadFrame."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise BadFrame(
            Reason.BAD_CAMERA, f"camera {name}: wanted finite numbers {shape}, got {array.shape}"
        )
    array.flags.writeable = False
    return array


def _frozen(owner: Annotation, name: str, dims: int, dtype: type[np.generic]) -> NDArray[Any]:
    array = getattr(owner, name)
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        came = getattr(array, "dtype", type(array).__name__)
        raise BadFrame(
            Reason.WRONG_TYPE, f"{name}: wanted a {np.dtype(dtype).name} array, got {came}"
        )
    if array.ndim != dims or 0 in array.shape:
        wanted = "(H, W, 3)" if dims == 3 else "(H, W)"
        raise BadFrame(Reason.WRONG_SHAPE, f"{name}: wanted shape {wanted}, got {array.shape}")
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    object.__setattr__(owner, name, view)
    return view


def image(frame: Frame) -> None:
    """Checks and freezes the image. Raises BadFrame."""
    pixels = _frozen(frame, "image", 3, np.uint8)
    if pixels.shape[2] != 3:
        raise BadFrame(Reason.WRONG_SHAPE, f"image: wanted shape (H, W, 3), got {pixels.shape}")


def annotation(y: Annotation) -> None:
    """Checks and freezes every layer of `y`, then its values and boxes. Raises BadFrame."""
    present = [name for name in DTYPES if getattr(y, name) is not None]
    for name in present:
        layer = _frozen(y, name, 2, DTYPES[name])
        if layer.shape != y.size:
            raise BadFrame(
                Reason.SIZE_MISMATCH,
                f"{name}: wanted {y.size} like the other layers, got {layer.shape}",
            )
    _stencil(y)
    _depth_and_instances(y)
    for i in range(len(y.objects)):
        _box(y, i)


def _stencil(y: Annotation) -> None:
    if y.stencil is None:
        return
    there = _values(y.stencil)
    unknown = there - KNOWN_IDS
    if unknown:
        raise BadFrame(
            Reason.UNKNOWN_CLASS, f"stencil: wanted SceneClass ids, got unknown {sorted(unknown)}"
        )
    outside = there - set(ids(y.label_space).tolist()) - {int(SceneClass.IGNORE)}
    if outside:
        names = sorted(SceneClass(c).label for c in outside)
        raise BadFrame(
            Reason.OUTSIDE_LABEL_SPACE,
            f"stencil: wanted only classes of the label space, got also {', '.join(names)}",
        )


def _values(stencil: NDArray[np.uint8]) -> set[int]:
    """All values in it; NumPy would first make whole words of its bytes, at twice the time."""
    import cv2  # not before it is needed: whoever only names the record need not wait for it

    return set(np.flatnonzero(cv2.calcHist([stencil], [0], None, [256], [0, 256])).tolist())


def _depth_and_instances(y: Annotation) -> None:
    if y.depth is not None and (y.depth < 0).any():
        raise BadFrame(
            Reason.NEGATIVE_DEPTH,
            f"depth: wanted metres of 0 or more, got {np.nanmin(y.depth):.3f}",
        )
    if y.instances is not None and y.instances.min() < 0:
        raise BadFrame(
            Reason.NEGATIVE_INSTANCE, f"instances: wanted ids of 0 or more, got {y.instances.min()}"
        )


def _box(y: Annotation, i: int) -> None:
    x0, y0, x1, y1 = box = y.objects[i].box_xyxy
    what = f"object {i} ({y.objects[i].category.label})"
    if not (all(map(math.isfinite, box)) and x1 > x0 and y1 > y0):
        raise BadFrame(Reason.EMPTY_BOX, f"{what}: wanted a box with an area, got {box}")
    height, width = y.size
    slack = BOX_SLACK_PX
    if x0 < -slack or y0 < -slack or x1 > width + slack or y1 > height + slack:
        raise BadFrame(
            Reason.BOX_OUTSIDE, f"{what}: wanted a box inside {width}x{height}, got {box}"
        )


def content_sha256(frame: Frame) -> str:
    """sha256 over pixels, layers and labels: equal for equal content, whatever made it."""
    hasher = hashlib.sha256()
    for name in ("image", *DTYPES):
        layer = getattr(frame, name)
        if layer is not None:
            hasher.update(f"{name}{layer.shape}{layer.dtype.str}".encode())
            hasher.update(layer.tobytes())
    if frame.camera is not None:
        hasher.update(frame.camera.intrinsics.tobytes() + frame.camera.camera_to_world.tobytes())
    labels = [frame.conditions, frame.label, list(frame.objects), sorted(frame.label_space)]
    hasher.update(canonical_json(labels).encode())
    return hasher.hexdigest()
