"""Thresholds of the gate, per condition, from that condition's own true frames.

A threshold is a conformal quantile (Vovk et al. 2005): the k-th smallest of n scores of true
frames, k = floor(alpha (n + 1)), rejects a further true frame with probability at most k / (n + 1).
With few frames alpha cannot be reached; then k = 1, and the level that holds, 1 / (n + 1), is
recorded.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.gate_scores import Indices
from parhelion.pipeline.scene_class import SceneClass

FEWEST_PIXELS = 400  # of a class in a condition, before its pixels can be judged


class TrueFrame(NamedTuple):
    """A true frame as an oracle saw it that did not see its group."""

    cell: str
    contrast: float
    classes: tuple[SceneClass, ...]
    y: Indices  # (h, w)
    faithfulness: NDArray[np.float32]  # (h, w)


class ClassFloor(BaseModel):
    """Below this faithfulness a pixel of the class becomes IGNORE."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scene_class: SceneClass
    faithfulness: float
    pixels: int


class CellThreshold(BaseModel):
    """What the gate asks of a frame under these conditions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: str
    frames: int  # true frames that it was calibrated on
    contrast: float | None  # the least contrast; None = uncalibrated, too few frames
    level: float | None  # false-reject rate that holds: at most this share of true frames
    floors: tuple[ClassFloor, ...] = ()


def conformal_threshold(scores: Sequence[float], alpha: float) -> tuple[float, float]:
    """The threshold and its level k / (n + 1): scores below the threshold are rejected.

    Raises ValueError without scores.
    """
    n = len(scores)
    if n == 0:
        raise ValueError("a threshold needs scores of true frames, got none")
    k = max(1, int(np.floor(alpha * (n + 1) + 1e-9)))
    return float(np.sort(scores)[k - 1]), k / (n + 1)


def calibrate(
    frames: Iterable[TrueFrame], alpha: float, pixel_alpha: float, fewest: int
) -> tuple[CellThreshold, ...]:
    """Thresholds of every cell of conditions that occurs, sorted by its name.

    Frames: at most a share `alpha` of true frames is rejected; pixels: `pixel_alpha` of the true
    pixels of each class is ignored. A cell with fewer than `fewest` frames stays uncalibrated.
    """
    cells: dict[str, list[TrueFrame]] = defaultdict(list)
    for frame in frames:
        cells[frame.cell].append(frame)
    return tuple(
        _threshold(cell, cells[cell], alpha, pixel_alpha, fewest) for cell in sorted(cells)
    )


def _threshold(
    cell: str, frames: Sequence[TrueFrame], alpha: float, pixel_alpha: float, fewest: int
) -> CellThreshold:
    if len(frames) < fewest:
        return CellThreshold(cell=cell, frames=len(frames), contrast=None, level=None)
    least, level = conformal_threshold([f.contrast for f in frames], alpha)
    floors = _class_floors(frames, pixel_alpha)
    return CellThreshold(cell=cell, frames=len(frames), contrast=least, level=level, floors=floors)


def _class_floors(frames: Sequence[TrueFrame], pixel_alpha: float) -> tuple[ClassFloor, ...]:
    pixels: dict[SceneClass, list[NDArray[np.float32]]] = defaultdict(list)
    for frame in frames:
        for index, c in enumerate(frame.classes):
            pixels[c].append(frame.faithfulness[frame.y == index])
    values = {c: np.concatenate(found) for c, found in sorted(pixels.items())}
    return tuple(
        ClassFloor(scene_class=c, faithfulness=float(np.quantile(v, pixel_alpha)), pixels=len(v))
        for c, v in values.items()
        if len(v) >= FEWEST_PIXELS
    )
