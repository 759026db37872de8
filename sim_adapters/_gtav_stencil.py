"""GTA V's stencil byte: what a pixel belongs to, in the low bits, and flags in the high ones.

    0 road, building, prop, sign    1 person, animal    2 any vehicle    3 vegetation    4 terrain
    7 sky    8 underground entrance    0x81, 0x89 the player    0x82 the player's vehicle

Decisions:
* What counts is the lowest three bits, so that 0x89 is a person; 8 becomes 0, which loses nothing.
* 0 is OTHER: a road, a house and a sign carry the same number, and no coarser class of ours holds
  all three. Compared with a source that tells roads from houses, OTHER is left out.
* 5 and 6 are documented nowhere: a frame with either is refused, as any unknown id is.
* Sky leaks over thin wires. Where 7 stands at a finite depth something is before the sky, nobody
  knows what: IGNORE.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Stencil
from parhelion.pipeline.scene_class import LabelSpace, SceneClass

BASE = 0x07  # bits that say what it is
SKY = 7
UNKNOWN = 254  # no SceneClass

BASES = {
    0: SceneClass.OTHER,
    1: SceneClass.PERSON,
    2: SceneClass.VEHICLE,
    3: SceneClass.VEGETATION,
    4: SceneClass.TERRAIN,
    SKY: SceneClass.SKY,
}
LABEL_SPACE: LabelSpace = frozenset(BASES.values())


class Surfaces(NamedTuple):
    classes: Stencil  # (H, W) SceneClass ids
    sky: NDArray[np.bool_]  # (H, W)


def surfaces_of(raw: Stencil, farthest: NDArray[np.bool_] | None, name: str) -> Surfaces:
    """What the bytes (H, W) show.

    `farthest` is where the depth is the sky's; without a depth the id alone tells the sky. Raises
    BadFrame for an id that means nothing.
    """
    classes = cv2.LUT(raw, _table()).astype(np.uint8, copy=False)
    if classes.max() == UNKNOWN:
        got = np.unique(raw[classes == UNKNOWN])[:8].tolist()
        sentence = f"{name}: wanted stencils of {sorted(BASES)} in the low bits, got unknown {got}"
        raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
    sky = classes == SceneClass.SKY
    if farthest is not None:
        classes |= np.negative((sky & ~farthest).view(np.uint8))  # IGNORE is all bits
        sky &= farthest
    return Surfaces(classes, sky)


@cache
def _table() -> NDArray[np.uint8]:
    """Class by byte, (256,); UNKNOWN is larger than all of them."""
    return np.array([BASES.get(byte & BASE, UNKNOWN) for byte in range(256)], np.uint8)
