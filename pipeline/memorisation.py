"""Whether a generator hands out its training pictures: how near drawn pictures come to them.

Real pictures that nothing was fitted on tell how near to the training set a picture may be by
itself. A drawn one that is nearer than nearly all of them is called a near copy: the share of such
is `LEVEL` where a generator comes no nearer than real pictures do (compare Meehan et al. 2020,
"A Non-Parametric Test to Detect Data-Copying", and Alaa et al. 2022, authenticity).

Pictures are compared as `SIDE` x `SIDE` thumbnails by the root mean square difference of grey
levels: a test for copies pixel by pixel, blind to a copy that was mirrored or moved.
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
LEVEL = 0.01  # share of real unseen pictures that count as near copies

Thumbnails = NDArray[np.uint8]  # (n, 3 SIDE^2)
GreyLevels = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Nearness:
    """How near n drawn pictures come to the training set. Distances in grey levels, RMS."""

    distances: GreyLevels  # (n,) from each drawn picture to its nearest training picture
    places: NDArray[np.intp]  # (n,) the number of that training picture
    threshold: float  # the LEVEL quantile of the same distance of unseen real pictures

    @property
    def share(self) -> float:
        """Of drawn pictures that are near copies."""
        return float((self.distances < self.threshold).mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `share`."""
        return wilson(self.share, len(self.distances))

    def worst(self, n: int) -> list[int]:
        """The numbers of the n drawn pictures that are nearest to training, nearest first."""
        order: list[int] = np.argsort(self.distances, kind="stable")[:n].tolist()
        return order


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) -> (3 SIDE^2,): shrunk by area; a smaller picture is enlarged."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False).reshape(-1)


def thumbnails(images: Iterable[Image]) -> Thumbnails:
    """(n, 3 SIDE^2) of n images of any sizes."""
    rows = [thumbnail(image) for image in images]
    return np.stack(rows) if rows else np.empty((0, 3 * SIDE**2), np.uint8)


def to_training(rows: Thumbnails, training: Thumbnails) -> tuple[GreyLevels, NDArray[np.intp]]:
    """RMS grey levels from each row to the nearest training picture, and which that is."""
    distances, places = nearest(rows, training)
    return distances / np.sqrt(rows.shape[1]), places


def nearness(drawn: Thumbnails, training: Thumbnails, unseen: GreyLevels) -> Nearness:
    """`unseen`: distances to training of real pictures that nothing was fitted on.

    Raises ValueError where any set is empty.
    """
    for name, rows in (("drawn", drawn), ("training", training), ("unseen real", unseen)):
        if not len(rows):
            raise ValueError(f"near copies are sought among pictures, got no {name} ones")
    distances, places = to_training(drawn, training)
    return Nearness(distances, places, float(np.quantile(unseen, LEVEL)))
