"""A small network that tells from a picture under which condition it was taken.

It is trained from nothing on rendered frames, so that it shares no weights with any generator.
Legend: N = pictures, K = names of conditions, D = features.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parhelion.pipeline.frame import Image
from parhelion.pipeline.seeds import rng, seed_of

WIDTHS = (16, 32, 48, 64)  # channels; each layer halves the picture
EPOCHS = 40
BATCH = 16


class Seen(NamedTuple):
    """What the oracle makes of pictures."""

    names: list[str]  # N
    features: NDArray[np.float32]  # (N, D)


class ConditionOracle:
    """Convolutions, the mean over the picture, and one linear layer."""

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self.names, self.seed = list(names), seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("condition.oracle", seed))
            sizes = (3, *WIDTHS)
            layers: list[nn.Module] = []
            for a, b in pairwise(sizes):
                layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
            self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.last = nn.Linear(WIDTHS[-1], len(self.names))

    def fit(self, images: Sequence[Image], names: Sequence[str]) -> None:
        """Learns from pictures (H, W, 3) uint8 of one size; mirrored at random."""
        x = _tensor(images)
        y = torch.tensor([self.names.index(name) for name in names])
        parameters = [*self.trunk.parameters(), *self.last.parameters()]
        optimizer = torch.optim.AdamW(parameters, 2e-3, weight_decay=1e-2)
        self.trunk.train()
        for epoch in range(EPOCHS):
            random = rng("condition.oracle", self.seed, epoch)
            for rows in np.array_split(random.permutation(len(x)), max(len(x) // BATCH, 1)):
                batch = x[rows].flip(3) if random.random() < 0.5 else x[rows]
                optimizer.zero_grad()
                logits = self.last(self.trunk(batch))
                nn.functional.cross_entropy(logits, y[rows], label_smoothing=0.05).backward()
                optimizer.step()
        self.trunk.eval()

    @torch.inference_mode()
    def look(self, images: Sequence[Image]) -> Seen:
        """The likeliest name of each picture, and the features it rests on."""
        features = torch.cat([self.trunk(_tensor([image])) for image in images])
        likeliest = self.last(features).argmax(dim=1).tolist()
        return Seen([self.names[i] for i in likeliest], features.numpy())


def _tensor(images: Sequence[Image]) -> Tensor:
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return x / 127.5 - 1
