"""Random crops of one domain, with the sky that they were taken under.

Legend: N = crops, H, W = pixels, S = entries of the sky vector.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._conditioning import WORDS_SIZE, condition_vector
from parhelion.generators._kept import Kept
from parhelion.generators._unpaired_domains import Domain
from parhelion.generators._whole_images import all_grey, scaled
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Frame

SKY_SIZE = WORDS_SIZE - len(Weather)
UNKNOWN = -1  # of an answer: nobody says

Answer = Callable[[Frame], NDArray[np.int64]]  # what a task network is to say: () or (H, W)


class Crops(NamedTuple):
    """N crops of one domain."""

    x: Tensor  # (N, 3, H, W) in -1..1
    sky: Tensor  # (N, S)
    answer: Tensor | None = None  # (N,) or (N, H, W) int64

    def to(self, device: torch.device) -> "Crops":
        """The crops on a device, pictures with channels last."""
        answer = None if self.answer is None else self.answer.to(device)
        x = self.x.to(device, memory_format=torch.channels_last)
        return Crops(x, self.sky.to(device), answer)


class _View(NamedTuple):
    """What is kept of a frame in memory."""

    image: NDArray[np.uint8]
    answer: NDArray[np.int64] | None

    @property
    def nbytes(self) -> int:
        return self.image.nbytes + (0 if self.answer is None else self.answer.nbytes)


def sky_vector(conditions: Conditions) -> NDArray[np.float32]:
    """What tells cells apart (S,): traits, time of day, event. Two names of one weather are one
    sky, so that a name which no training frame had is drawn like its fellows.
    """
    return condition_vector(conditions)[len(Weather) : WORDS_SIZE]


def mirror_safe(domain: Domain) -> bool:
    """Whether no frame has a class that a mirror would change."""
    labels = {key.label for key in domain.keys}
    return all(label is None or label.mirror_safe for label in labels)


class DomainCrops:
    """Draws batches of one domain; a cell with few frames is drawn as often as a full one.

    With `flips` crops are mirrored by chance. A frame smaller than a crop is continued by its last
    row and column. Without `answer` no label is read.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        crop_px: int,
        flips: bool,
        cache_mb: int,
        answer: Answer | None = None,
    ) -> None:
        self.frames, self.crop_px, self.flips = domain.frames, crop_px, flips
        self.grey = all_grey(domain.frames, domain.rows)
        self._answer = answer
        cells: dict[str, list[int]] = defaultdict(list)
        for i in domain.rows:
            cells[domain.frames.keys[i].conditions.cell].append(i)
        self.cells = {cell: np.array(cells[cell]) for cell in sorted(cells)}
        self._kept = Kept[_View](cache_mb)

    def batch(self, n: int, random: np.random.Generator) -> Crops:
        """N crops; equal generators give equal crops."""
        names = list(self.cells)
        rounds = -(-n // len(names))
        order = np.concatenate([random.permutation(len(names)) for _ in range(rounds)])
        return self._crops([names[i] for i in order[:n].tolist()], random)

    def of_cell(self, cell: str, n: int, random: np.random.Generator) -> Crops:
        """N crops of one cell of conditions."""
        return self._crops([cell] * n, random)

    def _crops(self, cells: list[str], random: np.random.Generator) -> Crops:
        rows = [int(random.choice(self.cells[cell])) for cell in cells]
        crops = [self._crop(i, random.random(3)) for i in rows]
        skies = [sky_vector(self.frames.keys[i].conditions) for i in rows]
        answers = [answer for _, answer in crops if answer is not None]
        return Crops(
            scaled(np.stack([image for image, _ in crops])),
            torch.from_numpy(np.stack(skies)),
            torch.from_numpy(np.stack(answers)) if answers else None,
        )

    def _crop(
        self, i: int, chance: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Picture (3, H, W) and answer of frame i; `chance` in 0..1: down, right, mirror."""
        view, side = self._view(i), self.crop_px
        top, left = (
            int(p * (max(n - side, 0) + 1))
            for p, n in zip(chance[:2], view.image.shape[:2], strict=True)
        )
        mirror = self.flips and chance[2] < 0.5

        def window(layer: NDArray[Any]) -> NDArray[Any]:
            part = layer[top : top + side, left : left + side]
            missing = [(0, side - n) for n in part.shape[:2]] + [(0, 0)] * (part.ndim - 2)
            part = np.pad(part, missing, "edge")
            return part[:, ::-1] if mirror else part

        answer = view.answer
        if answer is not None and answer.ndim:
            answer = window(answer)
        return window(view.image).transpose(2, 0, 1), answer

    def _view(self, i: int) -> _View:
        def read() -> _View:
            frame = self.frames[i]
            return _View(frame.image, self._answer(frame) if self._answer else None)

        return self._kept.get(i, read)
