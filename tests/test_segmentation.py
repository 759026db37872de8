"""The segmenter learns, resumes to the same bytes, and reads at the level that sources share."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_streets import LABEL_SPACE, toy_street

from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.segmentation import (
    IGNORE,
    Segmenter,
    SegmenterSettings,
    class_indices,
    common_classes,
    fit_segmenter,
    label_spaces,
)
from parhelion.pipeline.segmentation_examples import Examples

CLASSES = tuple(sorted(LABEL_SPACE))
TINY = SegmenterSettings(
    width=64,
    height=32,
    decoder=(8, 8, 8, 4),
    steps=24,
    batch=4,
    learning_rate=5e-3,
    pretrained=False,
    checkpoint_every=6,
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, FrameList, Path]:
    torch.set_num_threads(1)
    frames = FrameList([toy_street(seed) for seed in range(8)])
    workdir = tmp_path_factory.mktemp("whole")
    return fit_segmenter([(frames, 1.0)], CLASSES, TINY, 0, workdir), frames, workdir


class Stop(Exception):
    """The moment at which a training is interrupted."""


def test_reads_what_it_was_taught(fitted: tuple[Segmenter, FrameList, Path]) -> None:
    segmenter, _, _ = fitted
    right = []
    for seed in range(50, 54):
        frame = toy_street(seed)
        y = class_indices(frame, CLASSES, TINY.width, TINY.height)
        right.append((segmenter.probabilities(frame.image).argmax(axis=0) == y).mean())
    most_frequent = 0.5  # what a reader that always says the same class would reach
    assert np.mean(right) > most_frequent


def test_probabilities_are_probabilities(fitted: tuple[Segmenter, FrameList, Path]) -> None:
    segmenter, frames, _ = fitted
    p = segmenter.probabilities(frames[0].image)
    assert p.shape == (len(CLASSES), TINY.height, TINY.width)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-5)
    assert p.min() >= 0


def test_resumed_training_gives_the_same_bytes(
    fitted: tuple[Segmenter, FrameList, Path], tmp_path: Path
) -> None:
    segmenter, frames, _ = fitted

    def interrupt(done: int, total: int) -> None:
        if done == 15:
            raise Stop

    with pytest.raises(Stop):
        fit_segmenter([(frames, 1.0)], CLASSES, TINY, 0, tmp_path, interrupt)
    seen: list[int] = []
    resumed = fit_segmenter(
        [(frames, 1.0)], CLASSES, TINY, 0, tmp_path, lambda done, total: seen.append(done)
    )
    assert seen[0] == 12, "it must go on from the last checkpoint, not from the start"
    for name, weights in segmenter.network.state_dict().items():
        assert torch.equal(weights, resumed.network.state_dict()[name]), name


def test_another_seed_is_another_fit(
    fitted: tuple[Segmenter, FrameList, Path], tmp_path: Path
) -> None:
    segmenter, frames, workdir = fitted
    shutil.copytree(workdir, tmp_path, dirs_exist_ok=True)
    seen: list[int] = []

    def look(done: int, total: int) -> None:
        seen.append(done)
        raise Stop

    with pytest.raises(Stop):
        fit_segmenter([(frames, 1.0)], CLASSES, TINY, 1, tmp_path, look)
    assert seen == [0], "a checkpoint of another fit must not be taken up"
    same = fit_segmenter([(frames, 1.0)], CLASSES, TINY, 0, tmp_path)
    assert same.story.fit_digest == segmenter.story.fit_digest


def test_saved_and_loaded_reads_the_same(
    fitted: tuple[Segmenter, FrameList, Path], tmp_path: Path
) -> None:
    segmenter, frames, _ = fitted
    segmenter.save(tmp_path)
    loaded = Segmenter.load(tmp_path)
    assert loaded.story == segmenter.story
    image = frames[3].image
    np.testing.assert_array_equal(loaded.probabilities(image), segmenter.probabilities(image))


def test_load_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="wanted a saved segmenter"):
        Segmenter.load(tmp_path)


def test_sets_fill_their_share_of_every_batch() -> None:
    first = FrameList([toy_street(seed) for seed in range(6)])
    second = FrameList([toy_street(seed) for seed in range(20, 22)])
    examples = Examples([(first, 0.75), (second, 0.25)], CLASSES, TINY, 3)
    for step in range(5):
        picked = examples._sets(np.random.default_rng(step))
        assert picked.count(1) == 1
        assert len(picked) == TINY.batch


def test_batches_depend_on_the_step_alone() -> None:
    frames = FrameList([toy_street(seed) for seed in range(6)])
    ahead = Examples([(frames, 1.0)], CLASSES, TINY, 0)
    for step in range(4):
        ahead.batch(step)
    fresh = Examples([(frames, 1.0)], CLASSES, TINY, 0)
    for ours, theirs in zip(ahead.batch(7), fresh.batch(7), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(fresh.batch(7)[0], fresh.batch(8)[0])


def test_rare_classes_weigh_more() -> None:
    frames = FrameList([toy_street(seed) for seed in range(4)])
    weights = dict(
        zip(CLASSES, Examples([(frames, 1.0)], CLASSES, TINY, 0).class_weights(), strict=True)
    )
    assert weights[SceneClass.CAR] > weights[SceneClass.ROAD] >= 1


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"wanted sets with labelled frames in them, got \[0\]"):
        Examples([(FrameList([]), 1.0)], CLASSES, TINY, 0)


def test_common_classes_are_the_finest_that_all_know() -> None:
    gta = frozenset({SceneClass.VEHICLE, SceneClass.SKY})
    assert common_classes([LABEL_SPACE, gta]) == (SceneClass.SKY, SceneClass.VEHICLE)
    assert common_classes([LABEL_SPACE]) == CLASSES


def test_finer_stencils_count_as_their_parent() -> None:
    frame = toy_street(0)
    assert frame.stencil is not None
    y = class_indices(frame, (SceneClass.SKY, SceneClass.VEHICLE), 64, 32)
    assert ((y == 1) == (frame.stencil == SceneClass.CAR)).all()
    assert (y[frame.stencil == SceneClass.ROAD] == IGNORE).all()


def test_a_working_size_is_whole_strides() -> None:
    with pytest.raises(ValueError, match="multiple of 16 pixels, got 90"):
        SegmenterSettings(width=90)


def test_frames_without_a_stencil_are_not_drawn_from() -> None:
    frames = [toy_street(seed) for seed in range(4)]
    bare = [replace(frame, stencil=None) for frame in frames[:2]]
    some = Examples([(FrameList([*bare, *frames[2:]]), 1.0)], CLASSES, TINY, 0)
    only = Examples([(FrameList(frames[2:]), 1.0)], CLASSES, TINY, 0)
    assert all((a == b).all() for a, b in zip(some.batch(3), only.batch(3), strict=True))
    assert (some.class_weights() == only.class_weights()).all()
    with pytest.raises(ValueError, match=r"wanted sets with labelled frames in them, got \[0\]"):
        Examples([(FrameList(bare), 1.0)], CLASSES, TINY, 0)
    assert common_classes(label_spaces(FrameList(bare))) == ()
