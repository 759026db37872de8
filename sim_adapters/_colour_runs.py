"""From colours to ids where every frame has colours of its own: a table per frame, run by run."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason

Colour = tuple[int, int, int, int]  # R, G, B, A, 0-255


def ids_of_colours(pixels: NDArray[Any], ids: Mapping[Colour, int], name: str) -> NDArray[np.int32]:
    """Colours (H, W, 3 or 4) uint8 -> ids (H, W) int32. Raises BadFrame for a strange colour.

    Pixels without alpha are opaque. Only where a colour changes along a line is it looked up: runs
    are thousands where pixels are millions.
    """
    if pixels.dtype != np.uint8:
        sentence = f"{name}: wanted 8 bits a channel, got {pixels.dtype}"
        raise BadFrame(Reason.WRONG_TYPE, sentence)
    rgba = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA) if pixels.shape[2] == 3 else pixels
    codes = np.ascontiguousarray(rgba).view(np.uint32).reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    keys = np.array(list(ids), dtype=np.uint8).reshape(-1, 4).view(np.uint32).reshape(-1)
    order = np.argsort(keys)
    keys, values = keys[order], np.array(list(ids.values()), dtype=np.int32)[order]
    there = codes[starts]
    places = np.minimum(np.searchsorted(keys, there), len(keys) - 1)
    strange = keys[places] != there
    if strange.any():
        some = np.unique(there[strange])[:4].view(np.uint8).reshape(-1, 4)
        got = ", ".join(str(tuple(map(int, colour))) for colour in some)
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted colours of its table, got {got}")
    runs = np.diff(starts, append=len(codes))
    return np.repeat(values[places], runs).reshape(pixels.shape[:2])
