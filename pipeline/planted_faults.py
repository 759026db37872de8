"""Labels made wrong on purpose: how many of them the gate catches is its measured catch rate.

Only the stencil is moved; image, depth and everything else stay, as with a real label fault.
"""

from dataclasses import replace
from enum import StrEnum

import numpy as np

from parhelion.pipeline.frame import Frame, Stencil
from parhelion.pipeline.layers import resize_nearest
from parhelion.pipeline.seeds import digest, rng

SHIFT = 8 / 256  # of the width
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Fault(StrEnum):
    SHIFTED = "shifted"  # by 8 pixels of 256, to one of four sides
    MIRRORED = "mirrored"  # left and right exchanged
    SWAPPED = "swapped"  # another frame's stencil


def plant(frame: Frame, fault: Fault, other: Frame, seed: int) -> Frame:
    """`frame` with a wrong stencil. `other` lends its stencil to a swap; the seed picks a side."""
    if fault is Fault.SWAPPED:
        return swapped(frame, other)
    if fault is Fault.MIRRORED:
        return mirrored(frame)
    random = rng("planted_faults", seed, frame.frame_id)
    x, y = DIRECTIONS[int(random.integers(len(DIRECTIONS)))]
    pixels = max(1, round(SHIFT * frame.size[1]))
    return shifted(frame, x * pixels, y * pixels)


def shifted(frame: Frame, right_px: int, down_px: int) -> Frame:
    """The stencil moved over the image; the classes at the border are drawn out."""
    stencil = _stencil(frame)
    h, w = stencil.shape
    rows = np.clip(np.arange(h) - down_px, 0, h - 1)
    columns = np.clip(np.arange(w) - right_px, 0, w - 1)
    return _with_stencil(frame, stencil[rows[:, None], columns[None, :]], f"{right_px},{down_px}")


def mirrored(frame: Frame) -> Frame:
    """The stencil with left and right exchanged."""
    return _with_stencil(frame, np.ascontiguousarray(_stencil(frame)[:, ::-1]), "mirrored")


def swapped(frame: Frame, other: Frame) -> Frame:
    """The stencil of `other`, resized where the sizes differ."""
    h, w = frame.size
    lent = resize_nearest(_stencil(other), w, h)
    wider = replace(frame, label_space=frame.label_space | other.label_space)
    return _with_stencil(wider, lent, other.frame_id)


def _stencil(frame: Frame) -> Stencil:
    if frame.stencil is None:
        raise ValueError(f"a label fault needs a stencil; frame {frame.frame_id} has none")
    return frame.stencil


def _with_stencil(frame: Frame, stencil: Stencil, how: str) -> Frame:
    faulty = digest(frame.frame_id, "planted_faults", how)[:32]
    return replace(frame, frame_id=faulty, stencil=stencil)
