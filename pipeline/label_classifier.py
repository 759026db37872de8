"""A small network that reads the image-level class of thumbnails: fitted in seconds, by seed.

For the classification accuracy score (Ravuri & Vinyals 2019): a classifier that is trained on
generated pictures alone reads real ones. It need not be the best there is, since the same network
trained on as many real pictures stands beside it. Legend: n = pictures, C = classes, S = side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    from torch import Tensor, nn

Pictures = NDArray[np.uint8]  # (n, S, S, 3)
Labels = NDArray[np.intp]  # (n,)
READ_AT_ONCE = 256

Positive = Annotated[int, Field(ge=1)]


class ClassifierSettings(PartConfig):
    """Size and training."""

    width: Positive = 24  # channels of the first of three blocks, doubled in each next one
    steps: Positive = 400
    batch: Positive = 64
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3  # peak, of a one-cycle schedule
    shift_px: Annotated[int, Field(ge=0)] = 2  # pictures are moved by so much at most, either way


def accuracy_score(
    pictures: Pictures,
    labels: Labels,
    real: Pictures,
    real_labels: Labels,
    classes: int,
    seed: int,
    settings: ClassifierSettings | None = None,
) -> float:
    """Share of real pictures whose class is read right after training on `pictures`, in 0..1.

    Raises ValueError where a side is empty or a label is not below `classes`.
    """
    for name, found in (("training", labels), ("real", real_labels)):
        if not len(found) or not 0 <= found.min() <= found.max() < classes:
            raise ValueError(f"wanted {name} labels in 0..{classes - 1}, at least one; got {found}")
    network = fit_classifier(pictures, labels, classes, seed, settings or ClassifierSettings())
    return float((predicted(network, real) == real_labels).mean())


def fit_classifier(
    pictures: Pictures, labels: Labels, classes: int, seed: int, settings: ClassifierSettings
) -> nn.Module:
    """Trains on one thread; the same pictures and seed give the same network."""
    import torch
    from torch.nn.functional import cross_entropy

    from parhelion.pipeline.training import torch_threads

    with torch_threads(1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("label classifier", seed))
            network = network_of(settings.width, classes)
        optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=settings.steps + 1
        )
        for step in range(settings.steps):
            random = rng("label classifier", seed, step)
            rows = random.integers(len(labels), size=settings.batch)
            moved = _moved(pictures[rows], settings.shift_px, random)
            loss = cross_entropy(network(scaled(moved)), torch.from_numpy(labels[rows]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def predicted(network: nn.Module, pictures: Pictures) -> Labels:
    """The likeliest class of each picture (n,)."""
    import torch

    from parhelion.pipeline.training import torch_threads

    with torch_threads(1), torch.inference_mode():
        read = [
            network(scaled(pictures[top : top + READ_AT_ONCE])).argmax(dim=1).numpy()
            for top in range(0, len(pictures), READ_AT_ONCE)
        ]
    return np.concatenate(read).astype(np.intp)


def scaled(pictures: Pictures) -> Tensor:
    """(n, S, S, 3) bytes -> (n, 3, S, S) float32 in -1..1."""
    import torch

    x = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32)
    return torch.from_numpy(x / 127.5 - 1)


def _moved(pictures: Pictures, most_px: int, random: np.random.Generator) -> Pictures:
    """Each moved by its own whole pixels; borders are continued. Mirrors would change digits."""
    if most_px == 0:
        return pictures
    side = pictures.shape[1]
    wide = np.pad(pictures, ((0, 0), (most_px, most_px), (most_px, most_px), (0, 0)), "edge")
    corners = random.integers(2 * most_px + 1, size=(len(pictures), 2)).tolist()
    moved = [one[y : y + side, x : x + side] for one, (y, x) in zip(wide, corners, strict=True)]
    return np.stack(moved)


def network_of(width: int, classes: int) -> nn.Module:
    """Three blocks of two convolutions, each halving the side; then the mean of the map.

    Its first weights come from torch's own random state.
    """
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    for out in (width, 2 * width, 4 * width):
        for stride, ins in ((2, channels), (1, out)):
            layers += [
                nn.Conv2d(ins, out, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(out, classes))
