"""Geometric changes that move all layers together: a zoomed window, a mirror, a small roll.

Window and mirror are the record's own operations. A roll turns the picture about its middle: every
layer is gathered by one map of source pixels, so that none can go its own way, and what comes from
outside the picture is IGNORE, unknown or background.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import LAYERS, Camera, Frame, SceneObject
from parhelion.pipeline.layers import Box, box_area, clip_box, instance_boxes
from parhelion.pipeline.scene_class import SceneClass

FILL: dict[str, float] = {
    "stencil": SceneClass.IGNORE,
    "stencil_native": 0,
    "emissive": 0,
    "depth": math.nan,
    "instances": 0,
}


@dataclass(frozen=True, kw_only=True)
class Move:
    """One draw of the geometry."""

    zoom: float = 1.0  # the window is 1/zoom of the picture, and is drawn at full size again
    across: float = 0.5  # where the window lies, 0 = left, 1 = right
    down: float = 0.5
    mirrored: bool = False
    roll_deg: float = 0.0  # clockwise

    def numbers(self) -> dict[str, float]:
        return {
            "zoom": self.zoom,
            "across": self.across,
            "down": self.down,
            "mirrored": float(self.mirrored),
            "roll_deg": self.roll_deg,
        }


def draw(random: np.random.Generator, zoom: float, roll_deg: float, may_mirror: bool) -> Move:
    """A move within the ranges: zoom 1..`zoom`, roll +-`roll_deg`, mirrored half the time."""
    share, across, down, coin, roll = random.uniform(0, 1, 5)
    return Move(
        zoom=float(zoom**share),
        across=float(across),
        down=float(down),
        mirrored=bool(may_mirror and coin < 0.5),
        roll_deg=float((2 * roll - 1) * roll_deg),
    )


def moved(frame: Frame, move: Move) -> Frame:
    """The frame after the move, at its old size: roll, window, mirror."""
    height, width = frame.size
    out = rolled(frame, move.roll_deg) if move.roll_deg else frame
    if move.zoom > 1:
        w, h = max(1, round(width / move.zoom)), max(1, round(height / move.zoom))
        left, top = round(move.across * (width - w)), round(move.down * (height - h))
        out = out.cropped(left, top, w, h).resized(width, height)
    return out.flipped() if move.mirrored else out


def roll_matrix(size: tuple[int, int], degrees: float) -> NDArray[np.float64]:
    """Old pixel coordinates -> new (3, 3), centres at +0.5: clockwise about the middle."""
    height, width = size
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = width / 2, height / 2
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1.0]])


def rolled(frame: Frame, degrees: float) -> Frame:
    """The frame turned clockwise by `degrees` about its middle.

    The camera stays a pinhole: its intrinsics take the turn (K' = A K), its pose stays.
    """
    matrix = roll_matrix(frame.size, degrees)
    source = _source_pixels(frame.size, matrix)
    inside = source >= 0
    layers: dict[str, Any] = {}
    for name in LAYERS:
        layer = getattr(frame, name)
        if layer is not None:
            fill = np.asarray(FILL[name]).astype(layer.dtype)
            layers[name] = np.where(inside, layer.ravel()[np.maximum(source, 0)], fill)
    camera = frame.camera and Camera(matrix @ frame.camera.intrinsics, frame.camera.camera_to_world)
    image = _turned(frame.image, matrix)
    objects = _objects(frame, layers.get("instances"), matrix)
    return replace(frame, image=image, objects=objects, camera=camera, **layers)


def _turned(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from pixel centres
    index = np.linalg.inv(half) @ matrix @ half
    height, width = image.shape[:2]
    turned = cv2.warpAffine(image, index[:2], (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, dtype=np.uint8)


def _source_pixels(size: tuple[int, int], matrix: NDArray[np.float64]) -> NDArray[np.intp]:
    """Flat index of the source pixel under each new pixel's centre, -1 outside, (H, W)."""
    height, width = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    back = np.linalg.inv(matrix)
    old_x = np.floor(back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.intp)
    old_y = np.floor(back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.intp)
    inside = (old_x >= 0) & (old_x < width) & (old_y >= 0) & (old_y < height)
    return np.where(inside, old_y * width + old_x, -1)


def _objects(
    frame: Frame, instances: NDArray[np.int32] | None, matrix: NDArray[np.float64]
) -> tuple[SceneObject, ...]:
    """Objects with boxes from their turned instances; those without any pixel left are gone."""
    height, width = frame.size
    tight = {} if instances is None else instance_boxes(instances)
    kept = []
    for o in frame.objects:
        turned = _turned_box(o.box_xyxy, matrix)
        box = clip_box(turned, width, height)
        if o.instance is not None and instances is not None:
            if o.instance not in tight:
                continue
            box = tight[o.instance]
        if box_area(box) <= 0:
            continue
        left = _share_left(frame, o, instances, box_area(clip_box(turned, width, height)), turned)
        truncation = None if o.truncation is None else 1 - (1 - o.truncation) * left
        kept.append(o.model_copy(update={"box_xyxy": box, "truncation": truncation}))
    return tuple(kept)


def _share_left(
    frame: Frame,
    o: SceneObject,
    instances: NDArray[np.int32] | None,
    area_left: float,
    turned: Box,
) -> float:
    """How much of an object stayed in the picture: by its pixels, else by its box."""
    if o.instance is None or instances is None or frame.instances is None:
        return area_left / box_area(turned)
    before = int(np.count_nonzero(frame.instances == o.instance))
    return min(1.0, int(np.count_nonzero(instances == o.instance)) / max(before, 1))


def _turned_box(box: Box, matrix: NDArray[np.float64]) -> Box:
    x0, y0, x1, y1 = box
    corners = matrix[:2] @ np.array([[x0, x1, x0, x1], [y0, y0, y1, y1], [1, 1, 1, 1]])
    low, high = corners.min(axis=1), corners.max(axis=1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
