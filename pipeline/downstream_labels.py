"""The downstream check of frames with an image-level class: a classifier in place of a segmenter.

Both arms train the same classifier for the same steps. Its measure is the share of a class's frames
that is read right, and the mean of that over classes (balanced accuracy), judged and tested group
by group as IoU is.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from parhelion.pipeline.classification import (
    Reader,
    ReaderSettings,
    fit_reader,
    labelled,
    vocabularies,
)
from parhelion.pipeline.contracts import FrameSet
from parhelion.pipeline.downstream import DownstreamResult
from parhelion.pipeline.downstream_scores import CellCounts, Counts
from parhelion.pipeline.seeds import seed_of

MEASURE, MODEL = "balanced accuracy", "A classifier of three blocks of convolutions"


def lacking_of_images(
    training: Sequence[tuple[str, ...]], judging: Sequence[tuple[str, ...]]
) -> str:
    """Why no classifier of these vocabularies can be trained or judged; else empty."""
    if len(training) != 1 or len(training[0]) < 2:
        return (
            "No downstream model was trained: it tells the classes of one vocabulary apart, and "
            f"the labels of the training frames are of {len(training)}."
        )
    if training[0] not in judging:
        return "No downstream model was trained: no unseen frame has a label to judge it by."
    return ""


def run_label_arm(
    train_sets: Mapping[str, tuple[FrameSet, float]], settings: ReaderSettings, seed: int
) -> Reader:
    """Trains one arm on named sets with their shares of the batches.

    Arms with equal settings and seed start from equal weights and take equal steps.
    """
    mix = [(frames, share) for frames, share in train_sets.values() if len(frames) and share > 0]
    (words,) = vocabularies(key for frames, _ in mix for key in frames.keys)
    return fit_reader(mix, words, settings, seed_of("downstream", seed))


def label_counts(reader: Reader, judge: FrameSet) -> dict[str, CellCounts]:
    """Frames by class in every cell of conditions, group by group: (right, there, right).

    With the third count equal to the first, intersection over union of these counts is the share
    of a class's frames that is read right.
    """
    tallies: dict[str, dict[str, Counts]] = defaultdict(dict)
    frames: Counter[str] = Counter()
    words = reader.vocabulary
    for i, key in enumerate(judge.keys):
        if not labelled(key) or key.label is None or key.label.vocabulary != words:
            continue
        cell = key.conditions.cell
        counts = tallies[cell].setdefault(key.group_id, np.zeros((len(words), 3), np.int64))
        right = int(reader.probabilities(judge[i].image).argmax()) == key.label.index
        counts[key.label.index] += (right, 1, right)
        frames[cell] += 1
    return {
        cell: CellCounts(
            groups=tuple(sorted(groups)),
            frames=frames[cell],
            classes=words,
            counts=np.stack([groups[g] for g in sorted(groups)]),
        )
        for cell, groups in sorted(tallies.items())
    }


def as_label_result(result: DownstreamResult) -> DownstreamResult:
    """The result with the names of this measure and model."""
    return result.model_copy(update={"measure": MEASURE, "model": MODEL})
