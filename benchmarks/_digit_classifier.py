"""The classifier that reads digits in benchmarks: always the same, so that figures compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from parhelion.pipeline.frame import Image
from parhelion.pipeline.label_classifier import ClassifierSettings, fit_classifier, predicted

CLASSES = 10
SETTINGS = ClassifierSettings(width=16, steps=1000, batch=64)


@dataclass(frozen=True, eq=False)
class DigitClassifier:
    """A trained network; equal pictures, classes and seed give an equal one."""

    network: nn.Module

    @classmethod
    def fitted(cls, images: Sequence[Image], classes: Sequence[int], seed: int) -> Self:
        """Trained on pictures (32, 32, 3) uint8, on one thread, within a minute."""
        labels = np.asarray(classes, dtype=np.intp)
        return cls(fit_classifier(np.stack(images), labels, CLASSES, seed, SETTINGS))

    def read(self, images: Sequence[Image]) -> NDArray[np.intp]:
        """The likeliest class of each picture (n,)."""
        return predicted(self.network, np.stack(images))

    def accuracy(self, images: Sequence[Image], classes: Sequence[int]) -> float:
        """Share of pictures whose class is read right, percent."""
        return 100 * float((self.read(images) == np.asarray(classes)).mean())
