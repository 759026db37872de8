"""What a source digit may look like in another hand: turned, sheared, stretched, of another stroke.

All arms of a benchmark get the same copies, source only included.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import FrameKey, FrameSet
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.seeds import rng

TURN_DEG, SHEAR, STRETCH = 12.0, 0.3, 1.25  # largest, either way
SHIFT_PX = 2.0
SMOOTH_PX = (0.4, 1.2)  # of the blur whose level line becomes the new edge of the stroke
LEVEL = (0.25, 0.55)  # of that line: low makes strokes thick
EDGE = (6.0, 14.0)  # steepness there


class Copies:
    """A FrameSet of `n` strayed copies of each frame; each is drawn from its own seed."""

    def __init__(self, frames: FrameSet, n: int) -> None:
        self._frames, self._n = frames, n
        self.keys: Sequence[FrameKey] = [
            key.model_copy(update={"frame_id": f"{key.frame_id}-{copy}"})
            for key in frames.keys
            for copy in range(n)
        ]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int, /) -> Frame:
        frame, name = self._frames[i // self._n], self.keys[i].frame_id
        return replace(frame, frame_id=name, image=strayed(frame.image, rng("stray", name)))


def strayed(image: Image, random: np.random.Generator) -> Image:
    """A copy (H, W, 3) of a grey digit on black."""
    moved = cv2.warpAffine(
        image[..., 0].astype(np.float32) / 255, _affine(image, random), image.shape[1::-1]
    )
    smooth = cv2.GaussianBlur(moved, (0, 0), random.uniform(*SMOOTH_PX))
    level, edge = random.uniform(*LEVEL), random.uniform(*EDGE)
    level *= max(float(smooth.max()), 1e-3)
    drawn = 1 / (1 + np.exp(-edge * (smooth - level)))
    floor = 1 / (1 + math.exp(edge * level))
    grey = np.clip(255 * (drawn - floor) / (1 - floor), 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=2)


def _affine(image: Image, random: np.random.Generator) -> NDArray[np.float64]:
    """(2, 3) about the middle of the picture."""
    turn, shear, across, down = random.uniform(-1, 1, 4)
    angle = math.radians(TURN_DEG * turn)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = rotation @ np.array([[STRETCH**across, SHEAR * shear], [0, STRETCH**down]])
    middle = np.array(image.shape[1::-1]) / 2 - 0.5
    shift = middle - linear @ middle + random.uniform(-SHIFT_PX, SHIFT_PX, 2)
    return np.column_stack([linear, shift])
