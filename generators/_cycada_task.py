"""The task network f of CyCADA: classes of whole pictures, or classes of pixels.

Legend: N = batch, K = classes, C = features, H, W = pixels.
"""

from abc import ABC, abstractmethod
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parhelion.generators._conditioning import CLASS_IDS
from parhelion.generators._unpaired_crops import Answer
from parhelion.generators._unpaired_domains import Domain
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.pretrained import IMAGENET_MEAN, IMAGENET_STD
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import STRIDE, SegmenterSettings
from parhelion.pipeline.segmentation_network import start_network

Task = Literal["auto", "label", "stencil"]

UNSAID = -1  # the answer of a frame or a pixel that nobody labelled
WIDTH = 32  # channels of a picture task's first layer
PICTURE_FEATURES = 128

_INDEX_OF_CLASS = np.full(256, UNSAID, dtype=np.int64)
_INDEX_OF_CLASS[CLASS_IDS] = np.arange(len(CLASS_IDS))


class NoTask(ValueError):
    """The frames have no labels from which a task network could learn; the sentence says why."""


class TaskNetwork(nn.Module, ABC):
    """f, in two halves: features, and what is told from them."""

    channels: int  # C

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) in -1..1 -> (N, C) or (N, C, h, w)."""

    @abstractmethod
    def told(self, features: Tensor) -> Tensor:
        """Logits (N, K) or (N, K, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits of pictures (N, 3, H, W) in -1..1."""
        return self.told(self.features(x))


class PictureTask(TaskNetwork):
    """Classes of whole pictures of any size from 16 pixels on."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.channels = PICTURE_FEATURES
        self.body = nn.Sequential(
            *_layer(3, WIDTH, kernel=5, stride=2),
            *_layer(WIDTH, 2 * WIDTH, kernel=3, stride=2),
            *_layer(2 * WIDTH, 4 * WIDTH, kernel=3, stride=1),
            nn.AdaptiveMaxPool2d(4),
            nn.Flatten(),
            nn.Linear(4 * WIDTH * 16, PICTURE_FEATURES, bias=False),
            nn.BatchNorm1d(PICTURE_FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(PICTURE_FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return found

    def told(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits


class PixelTask(TaskNetwork):
    """Classes of pixels, all that a stencil can name: the project's segmentation network.

    H and W are multiples of 16.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        settings = SegmenterSettings()
        self.unet, _ = start_network(settings, len(CLASS_IDS), seed)
        self.channels = settings.decoder[-1]
        for name, value in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1), persistent=False)

    def features(self, x: Tensor) -> Tensor:
        encoder, decoder = cast(nn.Module, self.unet.encoder), cast(nn.Module, self.unet.decoder)
        found: Tensor = decoder(encoder(((x + 1) / 2 - self.mean) / self.std))
        return found

    def told(self, features: Tensor) -> Tensor:
        logits: Tensor = cast(nn.Module, self.unet.segmentation_head)(features)
        return logits


def kind_of_task(wanted: Task, X: Domain) -> Literal["label", "stencil"]:
    """What f is to tell of the frames of X. Raises NoTask where they do not say it themselves."""
    there = frozenset[str]().union(*(key.layers for key in X.keys))
    order: tuple[Literal["label", "stencil"], ...] = ("label", "stencil")
    for kind in order:
        if wanted in (kind, "auto") and kind in there:
            return kind
    needed = "a label or a stencil" if wanted == "auto" else f"a {wanted}"
    raise NoTask(
        f"a task network learns from frames with {needed}, got {len(X.rows)} frames with "
        f"{', '.join(sorted(there)) or 'no layers'}: use cyclegan, which needs none"
    )


def vocabulary_of(X: Domain) -> tuple[str, ...]:
    """The classes that the frames of X are labelled with. Raises NoTask for several vocabularies.

    Frames without a label are left alone.
    """
    found = {key.label.vocabulary for key in X.keys if key.label is not None}
    if len(found) != 1:
        raise NoTask(f"wanted labels of one vocabulary, got {len(found)}: {sorted(found)[:2]}")
    return found.pop()


def task_network(
    kind: Literal["label", "stencil"], X: Domain, crop_px: int, seed: int
) -> tuple[TaskNetwork, Answer]:
    """A network to train, seeded, and what it is to say of a frame. Raises NoTask."""
    if kind == "label":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("cycada.task", seed))
            return PictureTask(len(vocabulary_of(X))), _label
    if crop_px % STRIDE:
        raise NoTask(f"segmentation needs a crop_px that is a multiple of {STRIDE}, got {crop_px}")
    return PixelTask(seed), _stencil


def _label(frame: Frame) -> NDArray[np.int64]:
    return np.array(UNSAID if frame.label is None else frame.label.index, dtype=np.int64)


def _stencil(frame: Frame) -> NDArray[np.int64]:
    if frame.stencil is None:
        return np.full(frame.size, UNSAID, dtype=np.int64)
    return _INDEX_OF_CLASS[frame.stencil]


def _layer(inputs: int, outputs: int, *, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outputs), nn.ReLU()
