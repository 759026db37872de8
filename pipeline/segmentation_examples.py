"""Training examples for a segmenter: which frames each batch has, cropped, mirrored, jittered.

Batch k comes from a seed made of (fit seed, k) alone, so a stopped training goes on with the same
batches. Frames are read when they are first drawn and kept small.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import FrameSet
from parhelion.pipeline.layers import resize_nearest
from parhelion.pipeline.scene_class import MIRROR_BREAKS, SceneClass
from parhelion.pipeline.seeds import digest, rng
from parhelion.pipeline.segmentation import (
    IGNORE,
    Mix,
    SegmenterSettings,
    class_indices,
    fitted_image,
    labelled,
)

MOST_KEPT = 10_000  # examples held in memory, about 60 kB each
MOST_COUNTED = 512  # frames from which class frequencies are taken
RAREST = 10.0  # a class weighs at most so many times the most frequent one


class Example(NamedTuple):
    """Image (h, w, 3) uint8 sRGB and its class indices (h, w) uint8, 255 = ignored."""

    image: NDArray[np.uint8]
    target: NDArray[np.uint8]


class Examples:
    """Batches drawn from several sets of frames, each with its share.

    Within a set a cell of conditions is drawn with p ~ sqrt(its frames), then a frame of it: rare
    conditions are seen more often than they occur, but not repeated without end.
    """

    def __init__(
        self, mix: Mix, classes: tuple[SceneClass, ...], settings: SegmenterSettings, seed: int
    ) -> None:
        self._cells = [_by_cell(frames) for frames, _ in mix]
        if not mix or not all(self._cells):
            there = [sum(map(len, cells)) for cells in self._cells]
            raise ValueError(f"wanted sets with labelled frames in them, got {there}")
        self.classes, self.settings, self.seed = classes, settings, seed
        self._mix = mix
        self._kept: dict[tuple[int, int], Example] = {}
        self._broken_by_mirror = [i for i, c in enumerate(classes) if c in MIRROR_BREAKS]

    @property
    def digest(self) -> str:
        """Which frames with which shares; equal digests and seeds give equal batches."""
        sets = [[share, [key.frame_id for key in frames.keys]] for frames, share in self._mix]
        return digest(sets, self.classes, self.settings, self.seed)

    def batch(self, step: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Images (B, h, w, 3) uint8 and class indices (B, h, w) uint8 of one step."""
        random = rng("segmentation.batch", self.seed, step)
        picks = [self._example(s, self._draw(s, random)) for s in self._sets(random)]
        views = [self._view(example, random) for example in picks]
        return np.stack([v.image for v in views]), np.stack([v.target for v in views])

    def class_weights(self) -> NDArray[np.float32]:
        """Loss weights (C,) ~ 1 / sqrt(share of pixels), 1 for the most frequent class."""
        pixels = np.zeros(len(self.classes))
        for s, (_, share) in enumerate(self._mix):
            there = sorted(i for cell in self._cells[s] for i in cell)
            chosen = np.unique(np.linspace(0, len(there) - 1, MOST_COUNTED).astype(int))
            for place in chosen.tolist():
                target = self._example(s, there[place]).target
                counts = np.bincount(target[target != IGNORE], minlength=len(pixels))
                pixels += share * counts / len(chosen)
        weights = np.sqrt(pixels.max() / np.maximum(pixels, 1e-9))
        return np.asarray(np.minimum(weights, RAREST), dtype=np.float32)

    def _sets(self, random: np.random.Generator) -> list[int]:
        """Which set each place of a batch is drawn from; counts within one of the shares."""
        shares = np.array([share for _, share in self._mix], dtype=np.float64)
        places = (random.random() + np.arange(self.settings.batch)) / self.settings.batch
        found = np.searchsorted(np.cumsum(shares / shares.sum()), places, side="right")
        return [int(place) for place in np.minimum(found, len(shares) - 1)]

    def _draw(self, s: int, random: np.random.Generator) -> int:
        cells = self._cells[s]
        p = np.sqrt([len(cell) for cell in cells])
        cell = cells[random.choice(len(cells), p=p / p.sum())]
        return cell[int(random.integers(len(cell)))]

    def _example(self, s: int, i: int) -> Example:
        if (s, i) in self._kept:
            return self._kept[s, i]
        frame, c = self._mix[s][0][i], self.settings
        # Kept larger than the working size, so that the smallest crop is not blown up.
        width, height = round(c.width / c.smallest_crop), round(c.height / c.smallest_crop)
        target = class_indices(frame, self.classes, width, height)
        example = Example(fitted_image(frame.image, width, height), target)
        if len(self._kept) < MOST_KEPT:
            self._kept[s, i] = example
        return example

    def _view(self, example: Example, random: np.random.Generator) -> Example:
        """A random crop at the working size, mirrored half of the time, under other light."""
        c = self.settings
        h, w = example.target.shape
        side = random.uniform(c.smallest_crop, 1.0)
        ch, cw = round(h * side), round(w * side)
        top, left = int(random.integers(h - ch + 1)), int(random.integers(w - cw + 1))
        window = (slice(top, top + ch), slice(left, left + cw))
        image = fitted_image(np.ascontiguousarray(example.image[window]), c.width, c.height)
        target = resize_nearest(example.target[window], c.width, c.height)
        if c.flips and random.random() < 0.5:
            image, target = image[:, ::-1], target[:, ::-1]
            broken = np.isin(target, self._broken_by_mirror)
            target = np.where(broken, np.uint8(IGNORE), target)
        return Example(_jittered(image, c.jitter, random), target)


def _jittered(
    image: NDArray[np.uint8], reach: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Contrast about mid-grey and gain per channel, each within 1 +- reach."""
    contrast = random.uniform(1 - reach, 1 + reach)
    gain = random.uniform(1 - reach, 1 + reach) * random.uniform(1 - reach / 2, 1 + reach / 2, 3)
    levels = np.arange(256, dtype=np.float64)
    table = ((levels - 128) * contrast + 128)[:, None] * gain
    levels_table = np.clip(table, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), levels_table), dtype=np.uint8)


def _by_cell(frames: FrameSet) -> Sequence[list[int]]:
    """Indices of the labelled frames of each cell of conditions, cells in order of their name."""
    cells: dict[str, list[int]] = {}
    for i, key in enumerate(frames.keys):
        if labelled(key):
            cells.setdefault(key.conditions.cell, []).append(i)
    return [cells[name] for name in sorted(cells)]
