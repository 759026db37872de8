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

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Stencil, with_ignored
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._class_tables import stencil_of

BASE = 0x07  # bits that say what it is
PLAYER = 0x80  # bit of the player and of what is the player's
SKY = 7

BASES = {
    0: SceneClass.OTHER,
    1: SceneClass.PERSON,
    2: SceneClass.VEHICLE,
    3: SceneClass.VEGETATION,
    4: SceneClass.TERRAIN,
    SKY: SceneClass.SKY,
}
LABEL_SPACE: LabelSpace = frozenset(BASES.values())
CLASSES = {raw: BASES[raw & BASE] for raw in range(256) if raw & BASE in BASES}


def is_sky(raw: Stencil, farthest: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where there is sky: by id and by depth, (H, W)."""
    sky: NDArray[np.bool_] = ((raw & BASE) == SKY) & farthest
    return sky


def is_player(raw: Stencil) -> NDArray[np.bool_]:
    """Where the player or the player's own vehicle is, such as the bonnet before the camera."""
    player: NDArray[np.bool_] = (raw & PLAYER) != 0
    return player


def classes_of(raw: Stencil, farthest: NDArray[np.bool_] | None, name: str) -> Stencil:
    """Bytes (H, W) -> SceneClass ids (H, W) uint8.

    `farthest` is where the depth is the sky's, None without a depth. Raises BadFrame.
    """
    classes = stencil_of(raw, CLASSES, name)
    if farthest is None:
        return classes
    return with_ignored(classes, (classes == SceneClass.SKY) & ~farthest)
