"""Training crops for edits: a frame, what it says of itself, and the picture of a twin to make it
from.

Legend: N = batch, C = channels, H, W = crop in pixels, Y = entries of a y vector, B = planes that
the network is shown beside the noise: those of y, if any, then the parent's.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._annotated_crops import AnnotatedCrops, Crops
from parhelion.generators._twins import Twins
from parhelion.generators._whole_images import scaled, y_vector
from parhelion.pipeline.conditions import PHYSICS
from parhelion.pipeline.contracts import TrainingData

if TYPE_CHECKING:
    from parhelion.generators.instruct import InstructConfig

PARENT_PLANES = 4  # the parent's picture in colour, and one that says that it is shown


def parent_planes(levels: NDArray[np.uint8]) -> Tensor:
    """Pictures (N, C, H, W) in grey levels -> (N, PARENT_PLANES, H, W) float32."""
    x = scaled(levels).expand(-1, 3, -1, -1)
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)


class EditCrops(AnnotatedCrops):
    """Draws batches of frames that have a twin; every cell of conditions equally often.

    `planes` of a batch are y's and the parent's. A y vector of noughts is one that is not told, and
    planes of noughts are not shown: words always have an entry, and the last plane is 1 elsewhere.
    """

    def __init__(self, config: "InstructConfig", twins: Twins, read: frozenset[str]) -> None:
        super().__init__(config, TrainingData(source=twins), read)
        self.twins = twins
        self.dropouts = (config.words_dropout, config.picture_dropout)

    def batch(self, n: int, random: np.random.Generator) -> Crops:
        """N crops, now and then without their y vector, or without what is shown beside."""
        crops = super().batch(n, random)
        unheard, unseen = (torch.from_numpy(random.random(n) < d) for d in self.dropouts)
        return crops._replace(
            y=crops.y * ~unheard[:, None], planes=crops.planes * ~unseen[:, None, None, None]
        )

    def _rows(self, rows: list[int], random: np.random.Generator) -> Crops:
        shown, parents = [], []
        for i in rows:
            others, place = self.twins.others(i), random.random(2)
            shown.append(self._crop(i, place))
            parents.append(self._window(others[int(random.integers(len(others)))], place).pixels)
        y = torch.from_numpy(np.stack([planes for _, planes in shown]))
        return Crops(
            scaled(np.stack([pixels for pixels, _ in shown])),
            torch.cat([y, parent_planes(np.stack(parents))], dim=1),
            torch.from_numpy(np.stack([self._told(i, random) for i in rows])),
        )

    def _told(self, i: int, random: np.random.Generator) -> NDArray[np.float32]:
        """The y vector of frame i. A wish says the hour or does not, and of the numbers none, or
        one and not the others.
        """
        none, hour = random.random(2) < self.condition_dropout
        numbers = random.random(len(PHYSICS)) < max(self.condition_dropout, float(none))
        hidden = {name for name, hide in zip(sorted(PHYSICS), numbers, strict=True) if hide}
        key = self.whole.frames.keys[i]
        return y_vector(None, key.conditions, (), frozenset(hidden | ({"hour"} if hour else set())))
