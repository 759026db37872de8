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
    unseen, _ = to_training(thumbnails(pictures(2, 100)), training)
    fresh, copies = pictures(3, 30), pictures(1, 60)[:10]
    noisy = [np.clip(c.astype(int) + 2, 0, 255).astype(np.uint8) for c in copies]
    found = nearness(thumbnails([*fresh, *noisy]), training, unseen)
    assert 10 / 40 <= found.share <= 12 / 40  # a fresh one may come near by chance
    assert found.interval[0] > LEVEL
    assert sorted(found.worst(10)) == list(range(30, 40))
    assert found.places[30:].tolist() == list(range(10))
    assert found.distances[30:].max() <= 2.001
    assert found.distances[:30].min() > 20


def test_unseen_pictures_are_near_copies_at_the_stated_level_only() -> None:
    training = thumbnails(pictures(4, 80))
    unseen, _ = to_training(thumbnails(pictures(5, 400)), training)
    found = nearness(thumbnails(pictures(6, 400)), training, unseen)
    assert found.interval[0] <= LEVEL <= found.interval[1]
    assert float((unseen < found.threshold).mean()) <= LEVEL


def test_distances_are_root_mean_squares_of_grey_levels() -> None:
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    distances, _ = to_training(thumbnails([grey + 7]), thumbnails([grey]))
    assert distances == pytest.approx([7])


@pytest.mark.parametrize("shape", [(8, 8, 3), (32, 32, 3), (54, 96, 3)])
def test_a_thumbnail_has_one_size_and_keeps_the_mean(shape: tuple[int, int, int]) -> None:
    image = rng("tests.thumbnail", *shape).integers(0, 256, shape, dtype=np.uint8)
    small = thumbnail(image)
    assert small.shape == (3 * SIDE**2,)
    assert small.mean() == pytest.approx(image.mean(), abs=1)


def test_an_empty_set_is_named() -> None:
    some, none = thumbnails(pictures(7, 2)), thumbnails([])
    with pytest.raises(ValueError, match="got no training ones"):
        nearness(some, none, np.ones(3))
    with pytest.raises(ValueError, match="got no drawn ones"):
        nearness(none, some, np.ones(3))
