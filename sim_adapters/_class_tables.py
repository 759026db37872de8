"""From a source's ids and colours to scene classes, by tables; an id outside a table is refused."""

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Stencil
from parhelion.pipeline.scene_class import SceneClass

Colour = tuple[int, int, int]  # R, G, B, 0-255

MOST_IDS = 1 << 16
NOT_A_CLASS = 254  # stands in tables where an id or a colour means nothing


def stencil_of(ids: NDArray[np.integer], classes: Mapping[int, SceneClass], name: str) -> Stencil:
    """Ids (H, W) -> SceneClass ids (H, W) uint8. Raises BadFrame for an id that has no class."""
    made: Stencil
    if ids.dtype == np.uint8:
        made = cv2.LUT(ids, _table(tuple(classes.items()), 256)).astype(np.uint8, copy=False)
    else:
        inside = np.clip(ids, 0, MOST_IDS - 1)
        made = _table(tuple(classes.items()), MOST_IDS)[inside]
        made[inside != ids] = NOT_A_CLASS
    strange = made == NOT_A_CLASS
    if strange.any():
        got = f"unknown {np.unique(ids[strange])[:8].tolist()}"
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted ids of its class table, got {got}")
    return made


def stencil_of_colours(
    pixels: NDArray[np.uint8], classes: Mapping[Colour, SceneClass], name: str
) -> Stencil:
    """Colours (H, W, 3) -> SceneClass ids (H, W) uint8. Raises BadFrame for a strange colour."""
    if pixels.dtype != np.uint8:
        got = f"{8 * pixels.dtype.itemsize}"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted 8 bits a channel, got {got}")
    made: Stencil = _colour_table(tuple(classes.items()))[codes(pixels)]
    strange = made == NOT_A_CLASS
    if strange.any():
        got = ", ".join(str(tuple(map(int, c))) for c in np.unique(pixels[strange], axis=0)[:4])
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted colours of its table, got {got}")
    return made


def codes(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours (H, W, 3) uint8 -> one number each (H, W): R * 65536 + G * 256 + B."""
    rgb = np.ascontiguousarray(pixels[..., :3])
    # In memory B G R A is the number itself, but for A: four bytes at a time, not one by one.
    found: NDArray[np.int32] = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA).view("<i4")[..., 0]
    found &= 0xFFFFFF
    return found


@lru_cache(maxsize=64)
def _table(classes: tuple[tuple[int, SceneClass], ...], size: int) -> NDArray[np.uint8]:
    table = np.full(size, NOT_A_CLASS, dtype=np.uint8)
    for i, c in classes:
        table[i] = c
    return table


@lru_cache(maxsize=4)  # 16 MB each
def _colour_table(classes: tuple[tuple[Colour, SceneClass], ...]) -> NDArray[np.uint8]:
    table = np.full(1 << 24, NOT_A_CLASS, dtype=np.uint8)
    for (r, g, b), c in classes:
        table[(r << 16) | (g << 8) | b] = c
    return table
