"""Whether a generator hands out its training pictures: how near drawn pictures come to them.

Real pictures that nothing was fitted on tell how near to the training set a picture may be by
itself. A drawn one is called a near copy where both of its distances are below the `LEVEL` quantile
of theirs (compare Meehan et al. 2020, "A Non-Parametric Test to Detect Data-Copying"):

* to its nearest training picture;
* the same, divided by the mean distance to the `CROWD` nearest: a blurred average is nearer to all
  of them than any real picture is, a copy is near to one (Carlini et al. 2023, "Extracting Training
  Data from Diffusion Models", section 5.1).

So the share of near copies is at most `LEVEL` where a generator draws as real pictures are. They
are compared as `SIDE` x `SIDE` thumbnails by the root mean square difference of grey levels: a
test for copies pixel by pixel, blind to a copy that was mirrored or moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Image
from parhelion.pipeline.nearest import nearest
from parhelion.pipeline.representation import wilson

SIDE = 32  # pixels of a thumbnail
LEVEL = 0.01  # share of unseen real pictures that may count as near copies
CROWD = 50  # nearest training pictures; at most a quarter of them all

Thumbnails = NDArray[np.uint8]  # (n, 3 SIDE^2)
GreyLevels = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Near:
    """How near n pictures come to the training set."""

    distances: GreyLevels  # (n,) to the nearest training picture, RMS
    relative: NDArray[np.float64]  # (n,) the same over the mean distance to the crowd; 0..1
    places: NDArray[np.intp]  # (n,) the number of the nearest training picture


@dataclass(frozen=True, eq=False)
class Nearness:
    """Drawn pictures against what unseen real ones come to."""

    drawn: Near
    most: float  # grey levels: near copies are nearer
    most_relative: float
    unseen: int  # real pictures that these two limits were read from

    @property
    def expected(self) -> float:
        """The most that `share` should be of a generator that draws as real pictures are: few
        unseen pictures tell no small quantile.
        """
        return max(LEVEL, 1 / (self.unseen + 1))

    @property
    def copied(self) -> NDArray[np.bool_]:
        """(n,) which drawn pictures are near copies."""
        found = (self.drawn.distances < self.most) & (self.drawn.relative < self.most_relative)
        return np.asarray(found)

    @property
    def share(self) -> float:
        """Of drawn pictures that are near copies."""
        return float(self.copied.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `share`."""
        return wilson(self.share, len(self.copied))

    def worst(self, n: int) -> list[int]:
        """The numbers of n drawn pictures: near copies first, then by their relative distance."""
        order: list[int] = np.lexsort((self.drawn.relative, ~self.copied))[:n].tolist()
        return order


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) -> (3 SIDE^2,): shrunk by area; a smaller picture is enlarged."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False).reshape(-1)


def thumbnails(images: Iterable[Image]) -> Thumbnails:
    """(n, 3 SIDE^2) of n images of any sizes."""
    rows = [thumbnail(image) for image in images]
    return np.stack(rows) if rows else np.empty((0, 3 * SIDE**2), np.uint8)


def to_training(rows: Thumbnails, training: Thumbnails) -> Near:
    """How near each row comes. Raises ValueError where there is no training picture."""
    if not len(training):
        raise ValueError("near copies are sought among training pictures, got none")
    crowd = max(1, min(CROWD, len(training) // 4))
    found, places = nearest(rows, training, crowd)
    found = found / np.sqrt(rows.shape[1])
    mean = found.mean(axis=1)
    relative = np.divide(found[:, 0], mean, out=np.zeros(len(rows)), where=mean > 0)
    return Near(found[:, 0], relative, places)


def nearness(drawn: Thumbnails, training: Thumbnails, unseen: Near) -> Nearness:
    """`unseen`: real pictures that nothing was fitted on. Raises ValueError for an empty set."""
    if not len(drawn) or not len(unseen.places):
        raise ValueError(
            "near copies are sought among drawn pictures beside unseen real ones, got "
            f"{len(drawn)} and {len(unseen.places)}"
        )
    return Nearness(
        to_training(drawn, training),
        float(np.quantile(unseen.distances, LEVEL)),
        float(np.quantile(unseen.relative, LEVEL)),
        len(unseen.places),
    )
