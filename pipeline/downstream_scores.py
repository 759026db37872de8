"""How well a segmenter reads unseen frames, per condition and class, and what changed between two.

The group, not the row, is the unit: intervals and tests leave out one group at a time, in both arms
at once (a percentile bootstrap over two to five groups is far too narrow). What is called a gain or
a harm holds over all cells together, by Holm's correction. Legend: G = groups, C = classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.contracts import FrameSet
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.jackknife import LEVEL, jackknife_interval, jackknife_p
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.segmentation import IGNORE, Segmenter, class_indices

ALL_CLASSES = "mean over classes"
Counts = NDArray[np.int64]  # (G, C, 3): per group and class, pixels in both, labelled, read
Values = NDArray[np.float64]  # (..., C + 1): per class and, last, their mean


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SliceScore(_Result):
    """IoU of one class, or its mean over classes, in one cell of conditions."""

    cell: str
    scene_class: str  # a label, or ALL_CLASSES
    iou: float
    interval: tuple[float, float] | None  # 95 %, over groups; None below three groups
    frames: int
    groups: int


class SliceChange(_Result):
    """What the generated frames changed in one slice."""

    cell: str
    scene_class: str
    base: float
    treated: float
    difference: float
    interval: tuple[float, float] | None  # 95 %, paired by group; None below three groups
    q: float | None  # p of no change, by Holm over the rows of its kind: means, or classes
    frames: int
    groups: int

    @property
    def tone(self) -> str:
        """Gain or harm where the corrected test says so, else open."""
        if self.q is None or self.q >= LEVEL:
            return "open"
        return "gain" if self.difference > 0 else "harm"


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Pixel counts of one cell of conditions, group by group; arms with equal groups compare."""

    groups: tuple[str, ...]
    frames: int
    classes: tuple[SceneClass, ...] | tuple[str, ...]  # of pixels, or of whole images
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


def scores(cells: Mapping[str, CellCounts]) -> tuple[SliceScore, ...]:
    """IoU per cell and class with its jackknife interval over groups."""
    found = []
    for cell, c in cells.items():
        value, without = values(c.counts), leave_one_out(c.counts)
        for k, name in _slices(c, value):
            found.append(
                SliceScore(
                    cell=cell,
                    scene_class=name,
                    iou=float(value[k]),
                    interval=jackknife_interval(float(value[k]), without[:, k]),
                    frames=c.frames,
                    groups=len(c.groups),
                )
            )
    return tuple(found)


def compare(
    base: Mapping[str, CellCounts], treated: Mapping[str, CellCounts]
) -> tuple[SliceChange, ...]:
    """Difference treated - base per cell and class, each group left out of both arms at once.

    Raises ValueError where the arms were judged on different groups or classes.
    """
    found, p_values = [], []
    for cell, b in base.items():
        t = treated.get(cell)
        if t is None or t.groups != b.groups or t.classes != b.classes:
            raise ValueError(f"arms compare on the same judge frames and classes; {cell} differs")
        before, after = values(b.counts), values(t.counts)
        difference = after - before
        without = leave_one_out(t.counts) - leave_one_out(b.counts)
        for k, name in _slices(b, before):
            value = float(difference[k])
            p_values.append(jackknife_p(value, without[:, k]))
            found.append(
                SliceChange(
                    cell=cell,
                    scene_class=name,
                    base=float(before[k]),
                    treated=float(after[k]),
                    difference=value,
                    interval=jackknife_interval(value, without[:, k]),
                    q=None,
                    frames=b.frames,
                    groups=len(b.groups),
                )
            )
    return _corrected(found, p_values)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """P values (n,) corrected for being n (Holm 1979): smallest times n, next times n - 1."""
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(corrected, 1.0)


def _corrected(
    changes: Sequence[SliceChange], p_values: Sequence[float | None]
) -> tuple[SliceChange, ...]:
    """The changes with q: Holm (1979) over all cells, means and single classes apart."""
    q_of: dict[int, float] = {}
    for means in (True, False):
        rows = [
            (i, p)
            for i, (change, p) in enumerate(zip(changes, p_values, strict=True))
            if p is not None and (change.scene_class == ALL_CLASSES) == means
        ]
        if rows:
            corrected = holm(np.array([p for _, p in rows]))
            q_of |= {i: float(q) for (i, _), q in zip(rows, corrected, strict=True)}
    return tuple(c.model_copy(update={"q": q_of.get(i)}) for i, c in enumerate(changes))


def _frame_counts(segmenter: Segmenter, frame: Frame) -> Counts:
    """(C, 3): pixels labelled and read as the class, labelled so, read so; none ignored."""
    s, n = segmenter.story.settings, len(segmenter.classes)
    y = class_indices(frame, segmenter.classes, s.width, s.height)
    read = segmenter.probabilities(frame.image).argmax(axis=0)
    known = y != IGNORE
    table = np.bincount(y[known].astype(np.int64) * n + read[known], minlength=n * n).reshape(n, n)
    return np.stack([np.diag(table), table.sum(axis=1), table.sum(axis=0)], axis=1)


def values(counts: NDArray[np.integer]) -> Values:
    """IoU per class and, last, its mean over the classes that are there, (..., C + 1)."""
    per_class = iou(counts.sum(axis=-3))
    there = np.isfinite(per_class)
    total = np.where(there, per_class, 0.0).sum(axis=-1)
    mean = np.where(there.any(axis=-1), total / np.maximum(there.sum(axis=-1), 1), np.nan)
    return np.concatenate([per_class, mean[..., None]], axis=-1)


def leave_one_out(counts: Counts) -> Values:
    """(G, C + 1): `values` without each group."""
    return values((counts.sum(axis=0) - counts)[:, None])


def _slices(c: CellCounts, value: Values) -> Sequence[tuple[int, str]]:
    names = [*(k.label if isinstance(k, SceneClass) else k for k in c.classes), ALL_CLASSES]
    return [(k, name) for k, name in enumerate(names) if np.isfinite(value[k])]
