"""Trained on right labels it reads unseen pictures, on wrong ones it does not; by seed alone."""

import numpy as np
import pytest
import torch
from toy_shapes import SHAPES, toy_shape

from parhelion.pipeline.label_classifier import (
    ClassifierSettings,
    accuracy_score,
    fit_classifier,
    predicted,
)
from parhelion.pipeline.seeds import rng

SHORT = ClassifierSettings(width=8, steps=40, batch=32, shift_px=1)


def shapes(first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    frames = [toy_shape(first + i, side=16) for i in range(n)]
    labels = [frame.label.index for frame in frames if frame.label is not None]
    return np.stack([frame.image for frame in frames]), np.array(labels)


def score(pictures: np.ndarray, labels: np.ndarray) -> float:
    return accuracy_score(pictures, labels, *shapes(900, 90), len(SHAPES), 1, SHORT)


def test_right_labels_are_learnt_and_shuffled_ones_are_not() -> None:
    pictures, labels = shapes(0, 120)
    assert score(pictures, labels) > 0.95
    assert score(pictures, rng("tests.shuffle").permutation(labels)) < 0.7
    one_class = np.zeros_like(labels)
    assert score(pictures, one_class) == pytest.approx(1 / 3)


def test_the_same_seed_gives_the_same_network_and_global_seeds_count_for_nothing() -> None:
    pictures, labels = shapes(0, 60)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = fit_classifier(pictures, labels, 3, 1, SHORT).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    same = fit_classifier(pictures, labels, 3, 1, SHORT).state_dict()
    other = fit_classifier(pictures, labels, 3, 2, SHORT).state_dict()
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_a_picture_is_read_alone_as_in_a_set() -> None:
    pictures, labels = shapes(0, 60)
    network = fit_classifier(pictures, labels, 3, 1, SHORT)
    alone = [predicted(network, picture[None])[0] for picture in pictures[:9]]
    assert predicted(network, pictures)[:9].tolist() == alone


def test_labels_that_are_none_are_refused() -> None:
    pictures, labels = shapes(0, 6)
    with pytest.raises(ValueError, match=r"wanted training labels in 0\.\.1"):
        accuracy_score(pictures, labels, pictures, labels, 2, 1, SHORT)
    with pytest.raises(ValueError, match="wanted real labels"):
        accuracy_score(pictures, labels, pictures[:0], labels[:0], 3, 1, SHORT)
