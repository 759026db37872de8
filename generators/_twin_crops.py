"""Training batches for a translator: real crops, and for each the parent and y to draw it from.

Legend: N = batch, H, W = crop in pixels, P = planes of y, D = entries of the condition vector.
"""

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._conditioning import Layers, condition_vector, planes
from parhelion.generators._kept import Kept
from parhelion.pipeline.conditions import PHYSICS
from parhelion.pipeline.contracts import CannotLearn, FrameSet, TrainingData


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """N real crops and what they are to be drawn from."""

    real: Tensor  # (N, 3, H, W) in -1..1
    real_planes: Tensor  # (N, P, H, W), y of `real`
    conditions: Tensor  # (N, D), of `real`: under these the network is to draw
    parent: Tensor  # (N, 3, H, W) in -1..1; zero where there is none
    has_parent: Tensor  # (N,) 0 or 1
    planes: Tensor  # (N, P, H, W), the y that the network reads
    answered: Tensor  # (N,) 1 where `real` is the answer: same scene, same window

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device, pictures with channels last."""
        moved = {}
        for name in (f.name for f in fields(self)):
            tensor: Tensor = getattr(self, name)
            last = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
            moved[name] = tensor.to(device, memory_format=last)
        return Batch(**moved)


class _View(NamedTuple):
    """What is kept of a frame in memory."""

    image: NDArray[np.uint8]
    layers: Layers

    @property
    def nbytes(self) -> int:
        there = [layer.nbytes for layer in self.layers if layer is not None]
        return self.image.nbytes + sum(there)


class TwinCrops:
    """Draws batches from training data; a cell with few frames is drawn as often as a full one.

    A real crop comes from `target` (or `source`, where there is no target). Its parent is

    * a twin of it in `source`: then the crop is the answer, pixel for pixel;
    * else any source frame, at the same place: then only the critic can judge;
    * else (parent dropout, or `uses_parent` off) none: the network draws the crop from its y alone.

    Frames that lack a layer which the network reads are skipped. Raises CannotLearn if none is
    left.
    """

    def __init__(
        self,
        data: TrainingData,
        *,
        crop_px: int,
        read: frozenset[str],
        uses_parent: bool,
        strangers: bool,
        parent_dropout: float,
        condition_dropout: float,
        cache_mb: int,
    ) -> None:
        self.sources: FrameSet = data.source
        self.reals: FrameSet = data.target if data.target is not None else data.source
        if not len(self.reals):
            raise CannotLearn("nothing to learn from: the training data hold no frame to imitate")
        self.crop_px, self.read = crop_px, read
        self.uses_parent, self.strangers = uses_parent, strangers
        self.parent_dropout, self.condition_dropout = parent_dropout, condition_dropout
        self._kept = Kept[_View](cache_mb)
        cells: dict[str, list[int]] = defaultdict(list)
        for i in self._complete(self.reals):
            cells[self.reals.keys[i].conditions.cell].append(i)
        if not cells:
            raise CannotLearn(self._lacking())
        self._cells = [cells[name] for name in sorted(cells)]
        self._twins: dict[str, list[int]] = defaultdict(list)
        self._parents = self._complete(self.sources)
        for i in self._parents:
            if twin_id := self.sources.keys[i].twin_id:
                self._twins[twin_id].append(i)

    def batch(self, n: int, random: np.random.Generator) -> Batch:
        """N crops; equal generators give equal batches."""
        rows = [self._row(cell, random) for cell in self._cells_of_batch(n, random)]
        stacked = {name: torch.from_numpy(np.stack([r[name] for r in rows])) for name in rows[0]}
        return Batch(**stacked)

    def references(self, n: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """N real crops of every cell (K, n, 3, H, W), and a condition vector of each (K, D)."""
        shown, told = [], []
        for cell in self._cells:
            rows = [cell[i] for i in random.integers(len(cell), size=n)]
            crops = [self._crop(self._view(self.reals, i), random.random(2))[0] for i in rows]
            shown.append(np.stack(crops))
            told.append(condition_vector(self.reals.keys[rows[0]].conditions))
        return torch.from_numpy(np.stack(shown)), torch.from_numpy(np.stack(told))

    def _complete(self, frames: FrameSet) -> list[int]:
        """The frames that have every layer that the network reads."""
        return [i for i, key in enumerate(frames.keys) if self.read <= key.layers]

    def _lacking(self) -> str:
        missing = sorted(frozenset().union(*(self.read - key.layers for key in self.reals.keys)))
        return (
            f"nothing to learn from: {len(self.reals)} of {len(self.reals)} training frames were "
            f"skipped, each lacks {' or '.join(missing)}: give it, or take it out of the setting "
            f"`layers` (now {', '.join(sorted(self.read))})"
        )

    def _cells_of_batch(self, n: int, random: np.random.Generator) -> list[list[int]]:
        """N cells of conditions, each once before any comes again."""
        rounds = -(-n // len(self._cells))
        order = np.concatenate([random.permutation(len(self._cells)) for _ in range(rounds)])
        return [self._cells[i] for i in order[:n].tolist()]

    def _row(self, cell: list[int], random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        i = cell[random.integers(len(cell))]
        parent, twin = self._parent_of(i, random)
        real = self._view(self.reals, i)
        place = random.random(2)
        image, y = self._crop(real, place)
        row = {"real": image, "real_planes": y, "conditions": self._told(i, random)}
        if parent is None:
            drawn_from = (np.zeros_like(image), y)
        else:
            drawn_from = self._crop(self._view(self.sources, parent), place)
        row["parent"], row["planes"] = drawn_from
        row["has_parent"] = np.asarray(parent is not None, dtype=np.float32)
        row["answered"] = np.asarray(twin or parent is None, dtype=np.float32)
        return row

    def _parent_of(self, i: int, random: np.random.Generator) -> tuple[int | None, bool]:
        """A source frame to draw real frame i from, and whether it is its twin."""
        dropped, pick = random.random(2)
        key = self.reals.keys[i]
        if not self.uses_parent or dropped < self.parent_dropout:
            return None, False
        twins = [
            j
            for j in self._twins.get(key.twin_id, ())
            if self.sources.keys[j].frame_id != key.frame_id
        ]
        if twins:
            return twins[int(pick * len(twins))], True
        if not self.strangers or not self._parents:
            return None, False
        return self._parents[int(pick * len(self._parents))], False

    def _told(self, i: int, random: np.random.Generator) -> NDArray[np.float32]:
        """The conditions of real frame i; hour and numbers are withheld now and then."""
        withheld = random.random(2) < self.condition_dropout
        hidden = frozenset(PHYSICS if withheld[0] else ()) | ({"hour"} if withheld[1] else set())
        return condition_vector(self.reals.keys[i].conditions, hidden)

    def _crop(
        self, view: _View, place: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Picture (3, H, W) in -1..1 and planes (P, H, W) at `place` (down, right in 0..1)."""
        side = self.crop_px
        height, width = view.image.shape[:2]
        top, left = (
            int(p * (max(n - side, 0) + 1)) for p, n in zip(place, (height, width), strict=True)
        )
        image = view.image[top : top + side, left : left + side]
        layers = view.layers.window(top, left, side, side)
        missing = side - image.shape[0], side - image.shape[1]
        if any(missing):
            image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")
            layers = layers.padded(*missing)
        picture = image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
        return picture, planes(layers, side, side)

    def _view(self, frames: FrameSet, i: int) -> _View:
        def read() -> _View:
            frame = frames[i]
            return _View(frame.image, Layers.of(frame, self.read))

        return self._kept.get((frames is self.sources, i), read)
