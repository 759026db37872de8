"""Thresholds of the gate, per condition, from that condition's own true frames.

The threshold is the k-th smallest score of n independent true scores, with the largest k at which,
with the stated confidence over their draw, at most a share alpha of further ones falls below it:
P(Binomial(n, alpha) < k) <= 1 - confidence (Vovk 2012, training-conditional validity of conformal
predictors, proposition 2). Frames of one group are not independent, so a score is the lowest of a
group: what is bounded is the share of groups with a frame rejected, and so that of frames. With few
groups alpha cannot be reached; then k = 1, and the level that holds is recorded.
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
    group_id: str
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
    groups: int  # that they came from
    contrast: float | None  # the least contrast; None = uncalibrated, too few frames
    level: float | None  # at most this share of groups has a true frame rejected, with confidence
    floors: tuple[ClassFloor, ...] = ()


def conformal_threshold(
    scores: Sequence[float], alpha: float, confidence: float
) -> tuple[float, float]:
    """The threshold and its level: scores below the threshold are rejected.

    With the stated confidence at most a share `level` of further independent true scores is
    rejected: the quantile of Beta(k, n + 1 - k). Raises ValueError without scores.
    """
    from scipy import stats

    n = len(scores)
    if n == 0:
        raise ValueError("a threshold needs scores of true frames, got none")
    k = max(1, int(stats.binom.ppf(1 - confidence, n, alpha)))
    return float(np.sort(scores)[k - 1]), float(stats.beta.ppf(confidence, k, n + 1 - k))


def calibrate(
    frames: Iterable[TrueFrame], alpha: float, confidence: float, pixel_alpha: float, fewest: int
) -> tuple[CellThreshold, ...]:
    """Thresholds of every cell of conditions that occurs, sorted by its name.

    Frames: at most a share `alpha` of groups has a true frame rejected, with `confidence`; pixels:
    a share `pixel_alpha` of the true pixels of each class is ignored. A cell with fewer than
    `fewest` frames stays uncalibrated.
    """
    cells: dict[str, list[TrueFrame]] = defaultdict(list)
    for frame in frames:
        cells[frame.cell].append(frame)
    return tuple(
        _threshold(cell, cells[cell], alpha, confidence, pixel_alpha, fewest)
        for cell in sorted(cells)
    )


def _threshold(
    cell: str,
    frames: Sequence[TrueFrame],
    alpha: float,
    confidence: float,
    pixel_alpha: float,
    fewest: int,
) -> CellThreshold:
    lowest: dict[str, float] = {}
    for frame in frames:
        lowest[frame.group_id] = min(frame.contrast, lowest.get(frame.group_id, frame.contrast))
    made = CellThreshold(
        cell=cell, frames=len(frames), groups=len(lowest), contrast=None, level=None
    )
    if len(frames) < fewest:
        return made
    least, level = conformal_threshold([*lowest.values()], alpha, confidence)
    floors = _class_floors(frames, pixel_alpha)
    return made.model_copy(update={"contrast": least, "level": level, "floors": floors})


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
