"""How well a segmenter reads unseen frames, per condition and class, and what changed between two.

The group, not the row, is the unit: intervals come from a cluster bootstrap over groups, and a
difference is taken on the same drawn groups in both arms. Legend: G = groups, C = classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.contracts import FrameSet
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.segmentation import IGNORE, Segmenter, class_indices

ALL_CLASSES = "mean over classes"
Counts = NDArray[np.int64]  # (G, C, 3): per group and class, pixels in both, labelled, read
Draws = NDArray[np.float64]  # (bootstrap draws, ...)


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SliceScore(_Result):
    """IoU of one class, or its mean over classes, in one cell of conditions."""

    cell: str
    scene_class: str  # a label, or ALL_CLASSES
    iou: float
    interval: tuple[float, float] | None  # 95 %, over groups; None below two groups
    frames: int
    groups: int


class SliceChange(_Result):
    """What the generated frames changed in one slice."""

    cell: str
    scene_class: str
    base: float
    treated: float
    difference: float
    interval: tuple[float, float] | None  # 95 %, paired by group
    frames: int
    groups: int

    @property
    def tone(self) -> str:
        """Gain or harm where the interval excludes zero, else open."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "open"
        return "gain" if self.difference > 0 else "harm"


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Pixel counts of one cell of conditions, group by group; arms with equal groups compare."""

    groups: tuple[str, ...]
    frames: int
    classes: tuple[SceneClass, ...]
    counts: Counts  # (G, C, 3)


def evaluate(segmenter: Segmenter, judge: FrameSet) -> dict[str, CellCounts]:
    """Pixel counts of every cell of conditions in `judge`, group by group, at the working size."""
    tallies: dict[str, dict[str, Counts]] = {}
    frames: dict[str, int] = {}
    for i in range(len(judge)):
        frame = judge[i]
        if frame.stencil is None:
            continue
        cell = frame.conditions.cell
        groups = tallies.setdefault(cell, {})
        counts = _frame_counts(segmenter, frame)
        groups[frame.group_id] = groups.get(frame.group_id, np.zeros_like(counts)) + counts
        frames[cell] = frames.get(cell, 0) + 1
    return {
        cell: CellCounts(
            groups=tuple(sorted(groups)),
            frames=frames[cell],
            classes=segmenter.classes,
            counts=np.stack([groups[g] for g in sorted(groups)]),
        )
        for cell, groups in sorted(tallies.items())
    }


def iou(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union from counts (..., C, 3), (..., C); nan where a class is not there."""
    both, labelled, read = np.moveaxis(counts.astype(np.float64), -1, 0)
    union = labelled + read - both
    # A class that no pixel is labelled with has no IoU in this slice, whatever was read there.
    return np.where(labelled > 0, both / np.maximum(union, 1), np.nan)


def scores(cells: Mapping[str, CellCounts], draws: int, seed: int) -> tuple[SliceScore, ...]:
    """IoU per cell and class with its bootstrap interval over groups."""
    found = []
    for cell, c in cells.items():
        value, drawn = _values(c.counts), _bootstrap(c.counts, draws, seed)
        for k, name in _slices(c, value):
            found.append(
                SliceScore(
                    cell=cell,
                    scene_class=name,
                    iou=float(value[k]),
                    interval=_interval(drawn[:, k], len(c.groups)),
                    frames=c.frames,
                    groups=len(c.groups),
                )
            )
    return tuple(found)


def compare(
    base: Mapping[str, CellCounts], treated: Mapping[str, CellCounts], draws: int, seed: int
) -> tuple[SliceChange, ...]:
    """Difference treated - base per cell and class: both arms on the same drawn groups.

    Raises ValueError where the arms were judged on different groups or classes.
    """
    found = []
    for cell, b in base.items():
        t = treated.get(cell)
        if t is None or t.groups != b.groups or t.classes != b.classes:
            raise ValueError(f"arms compare on the same judge frames and classes; {cell} differs")
        before, after = _values(b.counts), _values(t.counts)
        drawn = _bootstrap(t.counts, draws, seed) - _bootstrap(b.counts, draws, seed)
        for k, name in _slices(b, before):
            found.append(
                SliceChange(
                    cell=cell,
                    scene_class=name,
                    base=float(before[k]),
                    treated=float(after[k]),
                    difference=float(after[k] - before[k]),
                    interval=_interval(drawn[:, k], len(b.groups)),
                    frames=b.frames,
                    groups=len(b.groups),
                )
            )
    return tuple(found)


def _frame_counts(segmenter: Segmenter, frame: Frame) -> Counts:
    """(C, 3): pixels labelled and read as the class, labelled so, read so; none ignored."""
    s, n = segmenter.story.settings, len(segmenter.classes)
    y = class_indices(frame, segmenter.classes, s.width, s.height)
    read = segmenter.probabilities(frame.image).argmax(axis=0)
    known = y != IGNORE
    table = np.bincount(y[known].astype(np.int64) * n + read[known], minlength=n * n).reshape(n, n)
    return np.stack([np.diag(table), table.sum(axis=1), table.sum(axis=0)], axis=1)


def _values(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """IoU per class and, last, its mean over the classes that are there, (..., C + 1)."""
    per_class = iou(counts.sum(axis=-3))
    there = np.isfinite(per_class)
    total = np.where(there, per_class, 0.0).sum(axis=-1)
    mean = np.where(there.any(axis=-1), total / np.maximum(there.sum(axis=-1), 1), np.nan)
    return np.concatenate([per_class, mean[..., None]], axis=-1)


def _bootstrap(counts: Counts, draws: int, seed: int) -> Draws:
    """(draws, C + 1): `_values` of groups drawn with replacement; equal seeds draw equal groups."""
    groups = len(counts)
    chosen = rng("downstream.bootstrap", seed, groups).integers(groups, size=(draws, groups))
    return np.stack([_values(counts[rows]) for rows in chosen])


def _interval(drawn: NDArray[np.float64], groups: int) -> tuple[float, float] | None:
    drawn = drawn[np.isfinite(drawn)]
    if groups < 2 or not len(drawn):
        return None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _slices(c: CellCounts, value: NDArray[np.float64]) -> Sequence[tuple[int, str]]:
    names = [*(k.label for k in c.classes), ALL_CLASSES]
    return [(k, name) for k, name in enumerate(names) if np.isfinite(value[k])]
