"""What an oracle's reading says about a stencil: contrast, agreement and local faithfulness.

Legend: p = the oracle's probabilities (C, h, w), y = class indices of the stencil under judgement
(h, w), 255 = ignored; everything at the oracle's working size and at the finest common level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Annotation, Image, with_ignored
from parhelion.pipeline.layers import resize_nearest
from parhelion.pipeline.scene_class import SceneClass, common_level
from parhelion.pipeline.segmentation import IGNORE, Segmenter, class_indices

FLOOR = 0.01  # probabilities below it weigh as it: one sure error must not decide over a frame
SURE = -float(np.log(FLOOR))  # the largest advantage; held where no alternative can be told
SHIFT = 8 / 256  # of the width: the displacement that the gate must notice
NEIGHBOURHOOD = 5  # pixels of the box over which faithfulness is averaged
FEWEST_CHANGED = 12  # pixels that an alternative must change to count as one
EXTINCTION_AT_VISIBILITY = np.log(20.0)  # 5 % contrast is left at the meteorological visibility

Indices = NDArray[np.uint8]
LogProbabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reading:
    """A stencil and the oracle's reading of its image, at the finest level both know."""

    classes: tuple[SceneClass, ...]
    log_p: LogProbabilities  # (C, h, w), never below log FLOOR
    y: Indices  # (h, w)

    @property
    def own(self) -> NDArray[np.float32]:
        """Log p of the stencil's own class, (h, w); 0 where it is ignored."""
        return taken(self.log_p, self.y)


def read(segmenter: Segmenter, image: Image, y: Annotation, lost: float) -> Reading:
    """The oracle's reading of `image` beside the stencil of `y`.

    Pixels of which a share below `lost` of the light still comes through are left out. Classes
    outside the annotation's label space are not compared.
    """
    s = segmenter.story.settings
    level = common_level(y.label_space, frozenset(segmenter.classes))
    mapped = level[np.array(segmenter.classes, dtype=np.intp)]
    classes = tuple(SceneClass(c) for c in np.unique(mapped).tolist() if c != IGNORE)
    p = segmenter.probabilities(image)
    merged = np.stack([p[mapped == c].sum(axis=0) for c in classes]) if classes else p[:0]
    indices = class_indices(y, classes, s.width, s.height)
    hidden = resize_nearest(lost_pixels(y, lost), s.width, s.height)
    log_p = np.log(np.clip(merged, FLOOR, 1.0))
    return Reading(classes, log_p, np.where(hidden, np.uint8(IGNORE), indices))


def lost_pixels(y: Annotation, lost: float) -> NDArray[np.bool_]:
    """(H, W): where fog lets less than `lost` of a surface's light through (Koschmieder 1924)."""
    visibility = y.conditions.visibility_m
    if visibility is None or y.depth is None:
        return np.zeros(y.size, dtype=np.bool_)
    surface = np.isfinite(y.depth)
    depth = np.where(surface, y.depth, 0.0)
    through = np.exp(-EXTINCTION_AT_VISIBILITY * depth / visibility)
    hidden: NDArray[np.bool_] = surface & (through < lost)
    return hidden


def taken(log_p: LogProbabilities, y: Indices) -> NDArray[np.float32]:
    """Log p of class y at each pixel (h, w); 0 where y is ignored."""
    safe = np.where(y == IGNORE, 0, y).astype(np.intp)
    own = np.take_along_axis(log_p, safe[None], axis=0)[0]
    return np.where(y == IGNORE, np.float32(0), own)


def contrast(reading: Reading) -> float:
    """How much better the stencil fits than its own displaced and mirrored copies.

    For each alternative y' (moved by 8 px of 256 to either side, up, down; mirrored) the mean of
    log p(y) - log p(y') over the pixels where they differ. The smallest of these falls below 0
    where another position fits better; the mean over the displaced ones falls to 0 for a stencil
    that lies nowhere on the image, such as another frame's. Contrast is the smallest plus half of
    that mean: one score, so that one threshold bounds one error rate. It compares a frame with
    itself: fog and night lower it, but do not turn its sign.
    """
    *displaced_ones, mirrored = (_advantage(reading, y) for y in alternatives(reading.y))
    known = [a for a in displaced_ones if a is not None]
    least = min([*known, *([mirrored] if mirrored is not None else [])], default=SURE)
    return float(least + 0.5 * (np.mean(known) if known else SURE))


def alternatives(y: Indices) -> Sequence[Indices]:
    """The stencil moved to four sides and mirrored; what comes in from outside is ignored."""
    h, w = y.shape
    step = max(1, round(SHIFT * w))
    return [
        displaced(y, step, 0),
        displaced(y, -step, 0),
        displaced(y, 0, max(1, round(step * h / w * 16 / 9))),
        displaced(y, 0, -max(1, round(step * h / w * 16 / 9))),
        np.ascontiguousarray(y[:, ::-1]),
    ]


def displaced(y: Indices, right: int, down: int) -> Indices:
    """Indices (h, w) moved by whole pixels, 255 where nothing is known."""
    h, w = y.shape
    moved = np.full_like(y, IGNORE)
    moved[max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)] = y[
        max(0, -down) : h + min(0, -down), max(0, -right) : w + min(0, -right)
    ]
    return moved


def _advantage(reading: Reading, other: Indices) -> float | None:
    """Mean log p(y) - log p(other) where the two differ; None where they hardly do."""
    differ = (reading.y != other) & (reading.y != IGNORE) & (other != IGNORE)
    if np.count_nonzero(differ) < FEWEST_CHANGED:
        return None
    return float((reading.own - taken(reading.log_p, other))[differ].mean())


def agreement(reading: Reading) -> float:
    """Mean over the stencil's classes of the share of its pixels that the oracle reads alike."""
    if not reading.classes:
        return 0.0
    read_as = reading.log_p.argmax(axis=0)
    there = [c for c in range(len(reading.classes)) if (reading.y == c).any()]
    shares = [float((read_as[reading.y == c] == c).mean()) for c in there]
    return float(np.mean(shares)) if shares else 0.0


def faithfulness(reading: Reading) -> NDArray[np.float32]:
    """Log p of the stencil's own class, averaged over a neighbourhood of labelled pixels, (h, w).

    The mean over a box keeps a class border that is off by a pixel from counting as a fault.
    """
    known = (reading.y != IGNORE).astype(np.float32)
    box = (NEIGHBOURHOOD, NEIGHBOURHOOD)
    total = cv2.boxFilter(reading.own, -1, box, normalize=False, borderType=cv2.BORDER_REPLICATE)
    count = cv2.boxFilter(known, -1, box, normalize=False, borderType=cv2.BORDER_REPLICATE)
    mean: NDArray[np.float32] = total / np.maximum(count, 1)
    return mean


def without_lost(y: Annotation, lost: float, unfaithful: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The stencil (H, W) with IGNORE where the light is lost or `unfaithful` (h, w) says so."""
    if y.stencil is None:
        raise ValueError("wanted a frame with a stencil, got one without")
    height, width = y.size
    return with_ignored(y.stencil, lost_pixels(y, lost) | resize_nearest(unfaithful, width, height))
