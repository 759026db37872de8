"""A small segmentation network: stencil classes read back from an image.

The gate's oracles and the downstream check are both this network: a U-Net (Ronneberger et al. 2015)
on MobileNetV2 (Sandler et al. 2018), trained from frames and their stencils. Legend: C = classes,
h, w = the network's working size. Torch is imported where it is used: the settings load without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, field_validator

from parhelion.pipeline.contracts import (
    Device,
    FrameKey,
    FrameSet,
    PartConfig,
    Precision,
    Progress,
    silent,
)
from parhelion.pipeline.files import model_from, write_bytes, write_json
from parhelion.pipeline.frame import Annotation, Image
from parhelion.pipeline.layers import resize_nearest
from parhelion.pipeline.scene_class import LabelSpace, SceneClass, common_level, ids

if TYPE_CHECKING:
    from torch import nn

STRIDE = 16  # of the encoder's deepest map
IGNORE = int(SceneClass.IGNORE)
WEIGHTS, STORY = "segmenter.safetensors", "segmenter.json"

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Mix = Sequence[tuple[FrameSet, float]]  # sets of frames, each with its share of every batch


class SegmenterSettings(PartConfig):
    """Size, architecture and training of one segmentation network."""

    width: Positive = 96  # working size, pixels; images and stencils are brought to it
    height: Positive = 64
    decoder: tuple[Positive, Positive, Positive, Positive] = (
        64,
        48,
        32,
        16,
    )  # channels, deep first
    pretrained: bool = True  # start from the packaged ImageNet weights where they are at hand
    steps: Positive = 150
    batch: Annotated[int, Field(ge=2)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3  # peak, of a one-cycle schedule
    smallest_crop: Annotated[float, Field(gt=0, le=1)] = 0.7  # of either side
    flips: bool = True
    jitter: Share = 0.2  # of brightness, contrast and each channel, either way
    device: Device = "auto"
    precision: Precision = "auto"  # auto: bf16 where the hardware has it
    checkpoint_every: Positive = 50  # steps

    @field_validator("width", "height")
    @classmethod
    def _whole_strides(cls, pixels: int) -> int:
        if pixels % STRIDE:
            raise ValueError(f"wanted a multiple of {STRIDE} pixels, got {pixels}")
        return pixels


class SegmenterStory(PartConfig):
    """What a saved network is: classes, settings and where its first weights came from."""

    classes: tuple[SceneClass, ...]
    settings: SegmenterSettings
    fit_digest: str
    start: str  # name of the packaged weights, or "random"


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A fitted network with its story; it reads in float32, one image at a time."""

    network: nn.Module
    story: SegmenterStory

    @property
    def classes(self) -> tuple[SceneClass, ...]:
        return self.story.classes

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """p(class | image) at the working size, (C, h, w) float32, of an image (H, W, 3) uint8."""
        from parhelion.pipeline import segmentation_network as torch_side

        s = self.story.settings
        return torch_side.probabilities(self.network, fitted_image(image, s.width, s.height))

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the story as JSON."""
        from parhelion.pipeline.training import weights_bytes

        write_bytes(folder / WEIGHTS, weights_bytes(self.network))
        write_json(folder / STORY, self.story)

    @classmethod
    def load(cls, folder: Path) -> Segmenter:
        """Raises FileNotFoundError where no whole network lies in `folder`."""
        from parhelion.pipeline import segmentation_network as torch_side

        story = model_from(folder / STORY, SegmenterStory)
        if not isinstance(story, SegmenterStory):
            raise FileNotFoundError(f"wanted a saved segmenter ({STORY}, {WEIGHTS}) in {folder}")
        network = torch_side.empty_network(story.settings, len(story.classes))
        return cls(torch_side.with_weights(network, folder / WEIGHTS), story)


def fit_segmenter(
    mix: Mix,
    classes: Sequence[SceneClass],
    settings: SegmenterSettings,
    seed: int,
    workdir: Path,
    progress: Progress = silent,
) -> Segmenter:
    """Trains on labelled frames; stopped and called again, it resumes from `workdir` bit-equally.

    Each set of `mix` fills its share of every batch. The result depends on the torch threads, which
    are part of the fit's digest. Raises ValueError for a set without labelled frames or
    fewer than two classes.
    """
    from parhelion.pipeline import segmentation_network as torch_side
    from parhelion.pipeline.segmentation_examples import Examples

    if len(classes) < 2:
        raise ValueError(f"a segmenter tells two or more classes apart, got {list(classes)}")
    examples = Examples(mix, tuple(classes), settings, seed)
    network, digest, start = torch_side.fit(examples, settings, seed, workdir, progress)
    story = SegmenterStory(
        classes=tuple(classes), settings=settings, fit_digest=digest, start=start
    )
    return Segmenter(network, story)


def common_classes(spaces: Iterable[LabelSpace]) -> tuple[SceneClass, ...]:
    """The finest classes that every one of `spaces` can tell, sorted by id."""
    different = list(dict.fromkeys(spaces))
    if not different:
        return ()
    found = reduce(_common, different)
    return tuple(sorted(found))


def _common(ours: LabelSpace, theirs: LabelSpace) -> LabelSpace:
    kept = set(common_level(ours, theirs)[ids(ours | theirs)].tolist()) - {IGNORE}
    return frozenset(SceneClass(c) for c in kept)


def labelled(key: FrameKey) -> bool:
    """Whether a segmenter can learn from the frame, or be judged on it: it has a stencil."""
    return "stencil" in key.layers


def stored_classes(files: Iterable[Path]) -> tuple[SceneClass, ...]:
    """`common_classes` of the labelled frames in Parquet files of ours, without decoding any."""
    class_of = {c.label: c for c in SceneClass}
    spaces: list[LabelSpace] = []
    for file in files:
        with pq.ParquetFile(file) as table:
            rows = table.read(columns=["label_space", "stencil.path"]).to_pylist()
        told = dict.fromkeys(tuple(r["label_space"]) for r in rows if r["stencil"] is not None)
        spaces += [frozenset(class_of[name] for name in names) for names in told]
    return common_classes(spaces)


def label_spaces(frames: FrameSet) -> set[LabelSpace]:
    """Every label space that occurs among the labelled frames; none is read."""
    return {key.label_space for key in frames.keys if labelled(key)}


def frames_of(frames: FrameSet) -> Iterable[Annotation]:
    """The frames one after another; a FrameSet promises items and a length only."""
    return (frames[i] for i in range(len(frames)))


def fitted_image(image: Image, width: int, height: int) -> Image:
    """Image (H, W, 3) at (height, width, 3), area-filtered where it shrinks."""
    h, w = image.shape[:2]
    shrinks = width <= w and height <= h
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def class_indices(
    y: Annotation, classes: Sequence[SceneClass], width: int, height: int
) -> NDArray[np.uint8]:
    """The stencil of `y` as indices into `classes`, (height, width) uint8, 255 = ignored.

    Finer classes of `y` count as their coarse parent where `classes` knows only that.
    """
    if y.stencil is None:
        raise ValueError("wanted a frame with a stencil, got one without")
    to_index = np.full(256, IGNORE, dtype=np.uint8)
    for index, c in enumerate(classes):
        to_index[c] = index
    table = to_index[common_level(y.label_space, frozenset(classes))]
    return table[resize_nearest(y.stencil, width, height)]
