"""A classifier of whole images: the class of a picture read back, with how sure that is.

The gate's oracles and the downstream check of frames with a label and no stencil are this network,
`label_classifier`'s, kept with its vocabulary. Legend: K = classes. Torch is imported late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parhelion.pipeline import label_classifier
from parhelion.pipeline.contracts import FrameKey, FrameSet, PartConfig
from parhelion.pipeline.files import model_from, write_bytes, write_json
from parhelion.pipeline.frame import Image
from parhelion.pipeline.label_classifier import ClassifierSettings
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.segmentation import Mix, fitted_image

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, STORY = "classifier.safetensors", "classifier.json"
MOST_POOLED = 100_000  # pictures that training draws from, 3 kB each at 32 pixels


class ReaderSettings(ClassifierSettings):
    """Size, training, and the side that pictures are brought to."""

    side: Annotated[int, Field(ge=8)] = 32  # pixels


class ReaderStory(PartConfig):
    """What a saved network is."""

    vocabulary: tuple[str, ...]
    settings: ReaderSettings
    fit_digest: str


@dataclass(frozen=True, eq=False)
class Reader:
    """A fitted network with its story; it reads one image at a time."""

    network: nn.Module
    story: ReaderStory

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return self.story.vocabulary

    def probabilities(self, image: Image) -> NDArray[np.float64]:
        """p(class | image), (K,), of an image (H, W, 3) uint8 of any size."""
        import torch

        from parhelion.pipeline.training import torch_threads

        side = self.story.settings.side
        with torch_threads(1), torch.inference_mode():
            x = label_classifier.scaled(fitted_image(image, side, side)[None])
            found: NDArray[np.float64] = self.network(x)[0].double().softmax(0).numpy()
        return found

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the story as JSON."""
        from parhelion.pipeline.training import weights_bytes

        write_bytes(folder / WEIGHTS, weights_bytes(self.network))
        write_json(folder / STORY, self.story)

    @classmethod
    def load(cls, folder: Path) -> Reader:
        """Raises FileNotFoundError where no whole network lies in `folder`."""
        from parhelion.pipeline import segmentation_network as torch_side

        story = model_from(folder / STORY, ReaderStory)
        if not isinstance(story, ReaderStory):
            raise FileNotFoundError(f"wanted a saved classifier ({STORY}, {WEIGHTS}) in {folder}")
        network = label_classifier.network_of(story.settings.width, len(story.vocabulary))
        return cls(torch_side.with_weights(network, folder / WEIGHTS), story)


def fit_reader(mix: Mix, vocabulary: Sequence[str], settings: ReaderSettings, seed: int) -> Reader:
    """Trains on the frames of `mix` that have a label of that vocabulary.

    Each set fills its share of the batches on average. Equal sets and seeds give equal networks.
    Raises ValueError for a set without such frames or fewer than two classes.
    """
    words = tuple(vocabulary)
    if len(words) < 2:
        raise ValueError(f"a classifier tells two or more classes apart, got {list(words)}")
    rows = [_rows(frames, words) for frames, _ in mix]
    if not rows or not all(rows):
        raise ValueError(f"wanted sets with labelled frames in them, got {list(map(len, rows))}")
    pictures, labels = [], []
    for (frames, _), places in zip(mix, _pooled(rows, [share for _, share in mix]), strict=True):
        at = {i: k for k, i in enumerate(dict.fromkeys(places))}
        small = [fitted_image(frames[i].image, settings.side, settings.side) for i in at]
        pictures.append(np.stack(small)[[at[i] for i in places]])
        labels += [_index(frames.keys[i]) for i in places]
    network = label_classifier.fit_classifier(
        np.concatenate(pictures), np.array(labels, dtype=np.intp), len(words), seed, settings
    )
    sets = [[share, [key.frame_id for key in frames.keys]] for frames, share in mix]
    story = ReaderStory(
        vocabulary=words, settings=settings, fit_digest=digest(sets, words, settings, seed)
    )
    return Reader(network, story)


def labelled(key: FrameKey) -> bool:
    """Whether a classifier can learn from the frame, or be judged on it."""
    return key.label is not None


def of_images(keys: Iterable[FrameKey]) -> bool:
    """Whether these frames are told by labels of whole images: some have one, none a stencil."""
    found = list(keys)
    return any(map(labelled, found)) and not any("stencil" in key.layers for key in found)


def vocabularies(keys: Iterable[FrameKey]) -> list[tuple[str, ...]]:
    """Every vocabulary that occurs, sorted."""
    return sorted({key.label.vocabulary for key in keys if key.label is not None})


def _rows(frames: FrameSet, words: tuple[str, ...]) -> list[int]:
    keys = enumerate(frames.keys)
    return [i for i, key in keys if key.label is not None and key.label.vocabulary == words]


def _index(key: FrameKey) -> int:
    assert key.label is not None
    return key.label.index


def _pooled(rows: Sequence[list[int]], shares: Sequence[float]) -> list[list[int]]:
    """The rows of each set, repeated so that uniform draws meet the sets by their shares."""
    wanted = np.array(shares) / sum(shares)
    total = min(max(len(r) / w for r, w in zip(rows, wanted, strict=True)), MOST_POOLED)
    counts = np.maximum(np.rint(wanted * total), 1).astype(int).tolist()
    return [
        [r[int(i)] for i in np.arange(n) * len(r) // n]
        if n < len(r)
        else (r * (n // len(r) + 1))[:n]
        for r, n in zip(rows, counts, strict=True)
    ]
