"""Near copies of training pictures are counted, and honest pictures are not."""

import numpy as np
import pytest

from parhelion.pipeline.frame import Image
from parhelion.pipeline.memorisation import (
    LEVEL,
    SIDE,
    nearness,
    thumbnail,
    thumbnails,
    to_training,
)
from parhelion.pipeline.seeds import rng


def pictures(seed: int, n: int, side: int = 48) -> list[Image]:
    """Random blobs: smooth, so that thumbnails differ."""
    random = rng("tests.memorisation", seed)
    coarse = random.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((side // 6, side // 6, 1), np.uint8)) for one in coarse]


def test_a_generator_that_copies_is_found_out() -> None:
    training = thumbnails(pictures(1, 60))
    unseen = to_training(thumbnails(pictures(2, 100)), training)
    fresh, copies = pictures(3, 30), pictures(1, 60)[:10]
    noisy = [np.clip(c.astype(int) + 2, 0, 255).astype(np.uint8) for c in copies]
    found = nearness(thumbnails([*fresh, *noisy]), training, unseen)
    assert 10 / 40 <= found.share <= 12 / 40  # a fresh one may come near by chance
    assert found.interval[0] > LEVEL
    assert sorted(found.worst(10)) == list(range(30, 40))
    assert found.drawn.places[30:].tolist() == list(range(10))
    assert found.drawn.distances[30:].max() <= 2.001
    assert found.drawn.distances[:30].min() > 20


def test_unseen_pictures_are_near_copies_at_the_stated_level_only() -> None:
    training = thumbnails(pictures(4, 80))
    unseen = to_training(thumbnails(pictures(5, 400)), training)
    found = nearness(thumbnails(pictures(6, 400)), training, unseen)
    assert found.interval[0] <= LEVEL
    assert float((unseen.distances < found.most).mean()) <= LEVEL
    assert float((unseen.relative < found.most_relative).mean()) <= LEVEL


def test_an_average_is_near_to_all_and_a_copy_of_none() -> None:
    training = thumbnails(pictures(8, 80))
    unseen = to_training(thumbnails(pictures(9, 200)), training)
    random = rng("tests.averages")
    averages = [
        np.mean([training[i] for i in random.permutation(80)[:40]], axis=0) for _ in range(30)
    ]
    found = nearness(np.array(averages).astype(np.uint8), training, unseen)
    assert (found.drawn.distances < found.most).all()  # nearer than any real picture
    assert found.share == 0
    few = to_training(thumbnails(pictures(9, 19)), training)
    assert nearness(training, training, few).expected == pytest.approx(1 / 20)
    assert found.expected == LEVEL


def test_one_copy_among_near_duplicates_is_still_one() -> None:
    """Neighbours in time are alike: the crowd is larger than they are many."""
    scenes = pictures(10, 60)
    frames = [
        np.clip(s.astype(int) + d, 0, 255).astype(np.uint8) for s in scenes for d in (0, 3, 6)
    ]
    training = thumbnails(frames)
    unseen = to_training(thumbnails(pictures(11, 200)), training)
    assert nearness(training[::9], training, unseen).share == 1


def test_distances_are_root_mean_squares_of_grey_levels() -> None:
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    near = to_training(thumbnails([grey + 7]), thumbnails([grey]))
    assert near.distances == pytest.approx([7])
    assert near.relative == pytest.approx([1])
    four = to_training(thumbnails([grey + 7]), thumbnails([grey, grey + 1] * 4))
    assert four.relative == pytest.approx([1])
    eight = to_training(thumbnails([grey]), thumbnails([grey + 2, *[grey + 8] * 7]))
    assert eight.relative == pytest.approx([2 / 5])


@pytest.mark.parametrize("shape", [(8, 8, 3), (32, 32, 3), (54, 96, 3)])
def test_a_thumbnail_has_one_size_and_keeps_the_mean(shape: tuple[int, int, int]) -> None:
    image = rng("tests.thumbnail", *shape).integers(0, 256, shape, dtype=np.uint8)
    small = thumbnail(image)
    assert small.shape == (3 * SIDE**2,)
    assert small.mean() == pytest.approx(image.mean(), abs=1)


def test_an_empty_set_is_named() -> None:
    some, none = thumbnails(pictures(7, 2)), thumbnails([])
    with pytest.raises(ValueError, match="sought among training pictures, got none"):
        to_training(some, none)
    with pytest.raises(ValueError, match="beside unseen real ones, got 0 and 2"):
        nearness(none, some, to_training(some, some))
