"""Training crops with all that their frames say: layers of y as planes, class and conditions.

Legend: N = batch, C = channels (1 where all pictures are grey), H, W = crop in pixels, P = planes
of y (0 where no layer is read), Y = entries of a y vector: the class, then the conditions.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._conditioning import Layers, planes
from parhelion.generators._denoiser_config import DenoiserConfig, rounded_up
from parhelion.generators._kept import Kept
from parhelion.generators._whole_images import WholeImages, pixels_of, scaled, typical, y_vector
from parhelion.pipeline.conditions import PHYSICS
from parhelion.pipeline.contracts import CannotLearn, TrainingData
from parhelion.pipeline.scene_class import SceneClass


class Crops(NamedTuple):
    """A batch of crops."""

    x: Tensor  # (N, C, H, W) float32 in -1..1
    planes: Tensor  # (N, P, H, W) float32
    y: Tensor  # (N, Y) float32


class _View(NamedTuple):
    """What is kept of a frame in memory, or shown of it."""

    pixels: NDArray[np.uint8]  # (C, h, w)
    layers: Layers

    @property
    def nbytes(self) -> int:
        there = [layer.nbytes for layer in self.layers if layer is not None]
        return self.pixels.nbytes + sum(there)


class AnnotatedCrops:
    """Draws batches of `target`, or of `source` where there is none, with the layers `read` of y.

    Every class under every condition is drawn equally often. Frames that lack a layer which is read
    are skipped. A frame smaller than a crop is continued by its last row and column. Raises
    CannotLearn where no frame is left.
    """

    def __init__(self, config: DenoiserConfig, data: TrainingData, read: frozenset[str]) -> None:
        self.whole = WholeImages(data, size=config.crop, cache_mb=config.cache_mb)
        self.size = rounded_up(self.whole.size, config.stride)  # (H, W) of a crop
        self.read, self.condition_dropout = read, config.condition_dropout
        keys = self.whole.frames.keys
        cells = [[i for i in cell.tolist() if read <= keys[i].layers] for cell in self.whole.cells]
        self.cells = [np.array(cell) for cell in cells if cell]
        if not self.cells:
            raise CannotLearn(
                f"nothing to learn from: each of {len(keys)} training frames lacks one of "
                f"{', '.join(sorted(read))}: give them, or take them out of the setting `layers`"
            )
        self._kept = Kept[_View](config.cache_mb)

    @property
    def known(self) -> dict[str, object]:
        """What `SeenFrames` keeps of the frames that are learnt."""
        whole, keys = self.whole, self.whole.frames.keys
        spaces = {keys[i].label_space for cell in self.cells for i in cell.tolist()}
        told = frozenset[SceneClass]().union(*spaces) if "stencil" in self.read else ()
        return {
            **whole.known,
            "frames_per_class": whole.frames_per_class(self.cells),
            "unlabelled": whole.unlabelled(self.cells),
            "layers": tuple(sorted(self.read)),
            "classes": tuple(c.label for c in sorted(told)),
        }

    def batch(self, n: int, random: np.random.Generator) -> Crops:
        """N crops; equal generators give equal batches."""
        rounds = -(-n // len(self.cells))
        order = np.concatenate([random.permutation(len(self.cells)) for _ in range(rounds)])
        cells = [self.cells[i] for i in order[:n].tolist()]
        return self._rows([int(cell[random.integers(len(cell))]) for cell in cells], random)

    def of_cells(self, most: int, each: int, random: np.random.Generator) -> list[Crops]:
        """`each` crops of at most `most` cells."""
        chosen = np.linspace(0, len(self.cells) - 1, min(most, len(self.cells))).astype(int)
        return [
            self._rows(random.choice(self.cells[i], each).tolist(), random) for i in chosen.tolist()
        ]

    def told(self, random: np.random.Generator) -> Tensor:
        """Y vectors (n, Y) of `typical` frames as batches have them, without reading a frame."""
        rows = typical(self.whole.frames, self.cells)
        return torch.from_numpy(np.stack([self._told(i, random) for i in rows]))

    def _rows(self, rows: list[int], random: np.random.Generator) -> Crops:
        crops = [self._crop(i, random.random(2)) for i in rows]
        return Crops(
            scaled(np.stack([pixels for pixels, _ in crops])),
            torch.from_numpy(np.stack([y for _, y in crops])),
            torch.from_numpy(np.stack([self._told(i, random) for i in rows])),
        )

    def _crop(
        self, i: int, place: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pixels (C, H, W) and planes (P, H, W) of frame i at `place` (down, right in 0..1)."""
        pixels, layers = self._window(i, place)
        if not self.read:
            return pixels, np.zeros((0, *self.size), dtype=np.float32)
        return pixels, planes(layers, *self.size)

    def _window(self, i: int, place: NDArray[np.float64]) -> _View:
        """What the crop at `place` shows of frame i."""
        view = self._kept.get(i, lambda: self._read(i))
        height, width = self.size
        there = view.pixels.shape[1:]
        top, left = (
            int(p * (max(n - side, 0) + 1))
            for p, n, side in zip(place, there, self.size, strict=True)
        )
        pixels = view.pixels[:, top : top + height, left : left + width]
        layers = view.layers.window(top, left, height, width)
        missing = height - pixels.shape[1], width - pixels.shape[2]
        if any(missing):
            pixels = np.pad(pixels, ((0, 0), (0, missing[0]), (0, missing[1])), "edge")
            layers = layers.padded(*missing)
        return _View(pixels, layers)

    def _read(self, i: int) -> _View:
        frame = self.whole.frames[i]
        pixels = pixels_of(frame.image, frame.size, self.whole.channels)
        return _View(pixels, Layers.of(frame, self.read))

    def _told(self, i: int, random: np.random.Generator) -> NDArray[np.float32]:
        """The y vector of frame i; hour and numbers are withheld now and then."""
        withheld = random.random(2) < self.condition_dropout
        hidden = frozenset(PHYSICS if withheld[0] else ()) | ({"hour"} if withheld[1] else set())
        key = self.whole.frames.keys[i]
        return y_vector(key.label, key.conditions, self.whole.vocabulary, hidden)
