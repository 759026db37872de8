"""Training pictures taken whole, with their class and conditions, for generators of p(x | y).

Legend: N = batch, C = channels (1 where all pictures are grey), H, W = pixels, K = classes,
Y = entries of a y vector: K of the class, then those of the conditions.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._conditioning import CONDITION_SIZE, condition_vector
from parhelion.pipeline.conditions import PHYSICS, Conditions
from parhelion.pipeline.contracts import CannotHonour, CannotLearn, FrameSet, TrainingData
from parhelion.pipeline.frame import Image, ImageLabel

GREY_SAMPLE = 64  # pictures looked at to tell whether all are grey
MEASURED = 64  # frames of each class under each condition whose y is measured


class Pictures(NamedTuple):
    """A batch of whole pictures."""

    x: Tensor  # (N, C, H, W) float32 in -1..1
    y: Tensor  # (N, Y) float32


class WholeImages:
    """The pictures of `target`, or of `source` where there is none, at one size.

    Raises ValueError for an empty set and for frames of two label vocabularies.
    """

    def __init__(self, data: TrainingData, *, size: tuple[int, int] | None, cache_mb: int) -> None:
        self.frames = data.target if data.target is not None else data.source
        if not len(self.frames):
            raise CannotLearn("nothing to learn from: the training data hold no frame to imitate")
        self.vocabulary = _vocabulary(data)
        self.size = size or self.frames[0].size  # (H, W)
        self.channels = 1 if all_grey(self.frames, range(len(self))) else 3
        self._room = cache_mb * 2**20 // (self.channels * self.size[0] * self.size[1])
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._told: dict[tuple[int, Conditions], NDArray[np.float32]] = {}
        of_cell: dict[tuple[int, str], list[int]] = defaultdict(list)
        for i, key in enumerate(self.frames.keys):
            of_cell[key.label.index if key.label else -1, key.conditions.cell].append(i)
        self.cells = [np.array(of_cell[cell]) for cell in sorted(of_cell)]  # rows by class, cell

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def y_size(self) -> int:
        """Entries of a y vector."""
        return len(self.vocabulary) + CONDITION_SIZE

    def frames_per_class(self, cells: Sequence[NDArray[np.int_]]) -> dict[str, int]:
        """How many pictures of these cells each class has, by its name."""
        counts = dict.fromkeys(self.vocabulary, 0)
        for cell in cells:
            if (label := self.frames.keys[cell[0]].label) is not None:
                counts[self.vocabulary[label.index]] += len(cell)
        return counts

    def unlabelled(self, cells: Sequence[NDArray[np.int_]]) -> int:
        """How many pictures of these cells have no class."""
        return sum(len(cell) for cell in cells if self.frames.keys[cell[0]].label is None)

    @property
    def known(self) -> dict[str, object]:
        """What `SeenImages` keeps of them."""
        return {
            "size": self.size,
            "channels": self.channels,
            "vocabulary": self.vocabulary,
            "frames_per_class": self.frames_per_class(self.cells),
            "unlabelled": self.unlabelled(self.cells),
        }

    def batch(self, n: int, random: np.random.Generator) -> Pictures:
        """N pictures; every class under every condition equally often. Equal generators, equal
        batches.
        """
        rounds = -(-n // len(self.cells))
        order = np.concatenate([random.permutation(len(self.cells)) for _ in range(rounds)])
        cells = [self.cells[i] for i in order[:n].tolist()]
        return self.rows([int(cell[random.integers(len(cell))]) for cell in cells])

    def rows(self, rows: list[int]) -> Pictures:
        """The pictures with these numbers."""
        return Pictures(self.x(rows), torch.from_numpy(np.stack([self._y(i) for i in rows])))

    def told(self) -> Tensor:
        """Y vectors (n, Y) of `typical` frames, by which y is scaled."""
        rows = typical(self.frames, self.cells)
        return torch.from_numpy(np.stack([self._y(i) for i in rows]))

    def x(self, rows: list[int]) -> Tensor:
        """(N, C, H, W) float32 in -1..1 of the pictures with these numbers."""
        return scaled(np.stack([self._pixels(i) for i in rows]))

    def references(self, most: int, each: int) -> tuple[Tensor, Tensor]:
        """Pictures (K, `each`, C, H, W) of at most `most` values of y that have so many, and those
        values (K, Y): what an examination compares with. K may be 0.
        """
        full = [cell for cell in self.cells if len(cell) >= each]
        chosen = [full[i] for i in np.linspace(0, len(full) - 1, min(most, len(full))).astype(int)]
        sets = [self.rows(cell[:each].tolist()) for cell in chosen]
        if not sets:
            shape = (0, each, self.channels, *self.size)
            return torch.empty(shape), torch.empty(0, self.y_size)
        return torch.stack([s.x for s in sets]), torch.stack([s.y[0] for s in sets])

    def _y(self, i: int) -> NDArray[np.float32]:
        """The y vector of picture i; many pictures share one, which takes longer to make than x."""
        key = self.frames.keys[i]
        told = key.label.index if key.label else -1, key.conditions
        if told not in self._told:
            self._told[told] = y_vector(key.label, key.conditions, self.vocabulary)
        return self._told[told]

    def _pixels(self, i: int) -> NDArray[np.uint8]:
        """(C, H, W) of picture i."""
        if i in self._kept:
            return self._kept[i]
        pixels = pixels_of(self.frames[i].image, self.size, self.channels)
        if len(self._kept) < self._room:
            self._kept[i] = pixels
        return pixels


def typical(frames: FrameSet, cells: Sequence[NDArray[np.int_]]) -> list[int]:
    """Rows of frames, MEASURED of each of these cells, from all through it; and one more of every
    weather, event and set of stated numbers in it, however rare: what never varies is not read.
    """
    rows: list[int] = []
    for cell in cells:
        rows += cell[np.linspace(0, len(cell) - 1, MEASURED).astype(int)].tolist()
        rows += {_kind(frames.keys[i].conditions): i for i in cell.tolist()}.values()
    return rows


def _kind(conditions: Conditions) -> tuple[str, ...]:
    stated = [name for name in ("hour", *PHYSICS) if getattr(conditions, name) is not None]
    return conditions.weather.value, conditions.event.value, *sorted(stated)


def pixels_of(image: Image, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """(H, W, 3) -> (C, `size`): shrunk by area, grey by luma."""
    if image.shape[:2] != size:
        shrunk = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        image = shrunk.astype(np.uint8, copy=False)
    planes = image.transpose(2, 0, 1) if channels == 3 else grey(image)[None]
    return np.ascontiguousarray(planes)


def y_vector(
    label: ImageLabel | None,
    conditions: Conditions,
    vocabulary: tuple[str, ...],
    hidden: frozenset[str] = frozenset(),
) -> NDArray[np.float32]:
    """(Y,) float32: the class one-hot (all zero where none is told), then the conditions, of which
    those named in `hidden` count as unknown.

    Raises CannotHonour for a class of another vocabulary.
    """
    told = np.zeros(len(vocabulary), dtype=np.float32)
    if label is not None:
        if label.vocabulary != vocabulary:
            name = label.vocabulary[label.index]
            raise CannotHonour(
                f"the class {name!r} is of the vocabulary {label.vocabulary}; learnt were the "
                f"classes {vocabulary}"
            )
        told[label.index] = 1.0
    return np.concatenate([told, condition_vector(conditions, hidden)])


def scaled(levels: NDArray[np.uint8]) -> Tensor:
    """Grey levels 0..255 as float32 in -1..1."""
    return torch.from_numpy(levels.astype(np.float32) / 127.5 - 1)


def grey(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) -> (H, W), by luma; a grey picture stays as it is."""
    luma = image[..., 0] if _is_grey(image) else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return luma.astype(np.uint8, copy=False)


def to_image(x: Tensor) -> Image:
    """(C, H, W) in -1..1 -> (H, W, 3) uint8."""
    levels = ((x.detach().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(levels.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())


def all_grey(frames: FrameSet, rows: Sequence[int]) -> bool:
    """Whether a sample of these frames is grey."""
    sample = np.linspace(0, len(rows) - 1, min(len(rows), GREY_SAMPLE)).astype(int).tolist()
    return all(_is_grey(frames[rows[i]].image) for i in sample)


def _is_grey(image: Image) -> bool:
    return bool((image == image[..., :1]).all())


def _vocabulary(data: TrainingData) -> tuple[str, ...]:
    frames = data.target if data.target is not None else data.source
    found = {key.label.vocabulary for key in frames.keys if key.label is not None}
    if len(found) > 1:
        raise CannotLearn(
            f"wanted image labels of one vocabulary, got {sorted(found)[:2]}: drop a source"
        )
    return next(iter(found), ())
