"""The law of the image pool: half of what a critic is shown was drawn some steps ago."""

import numpy as np
import torch

from parhelion.generators._image_pool import ImagePool


def numbered(first: int, n: int) -> torch.Tensor:
    return torch.arange(first, first + n, dtype=torch.float32)[:, None, None, None]


def test_the_pool_passes_its_first_pictures_on_and_keeps_them() -> None:
    pool, chance = ImagePool(50, (1, 1, 1), 1), torch.Generator().manual_seed(1)
    for first in range(0, 50, 5):
        shown, _ = pool.exchanged(numbered(first, 5), numbered(first, 5)[:, 0, 0], chance)
        assert torch.equal(shown, numbered(first, 5))
    assert pool.images.flatten().tolist() == list(range(50))
    assert int(pool.filled) == 50


def test_then_half_of_the_pictures_come_from_the_pool_and_take_an_even_place() -> None:
    """8,000 draws: the share is 1/2 within 4 standard errors, places are even by chi-square."""
    pool, chance = ImagePool(8, (1, 1, 1), 1), torch.Generator().manual_seed(2)
    pool.exchanged(numbered(0, 8), numbered(0, 8)[:, 0, 0], chance)
    places = np.zeros(8)
    old = 0
    for k in range(8000):
        before = pool.images.flatten().clone()
        new = numbered(100 + k, 1)
        shown, sky = pool.exchanged(new, new[:, 0, 0], chance)
        changed = torch.nonzero(before != pool.images.flatten()).flatten().tolist()
        assert float(sky) == float(shown)  # a picture keeps its sky
        if torch.equal(shown, new):
            assert changed == []
        else:
            [place] = changed
            assert float(shown) == float(before[place])
            assert float(pool.images[place]) == float(new)
            places[place] += 1
            old += 1
    assert abs(old / 8000 - 0.5) < 4 * 0.5 / 8000**0.5
    assert ((places - old / 8) ** 2 / (old / 8)).sum() < 24.3  # 99.9 % of chi-square, 7 degrees


def test_equal_seeds_give_equal_pools_and_no_pool_passes_all_on() -> None:
    runs = []
    for _ in range(2):
        pool, chance = ImagePool(3, (1, 1, 1), 1), torch.Generator().manual_seed(7)
        runs.append(
            [pool.exchanged(numbered(k, 2), torch.zeros(2, 1), chance)[0] for k in range(9)]
        )
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    none = ImagePool(0, (1, 1, 1), 1)
    for k in range(5):
        assert torch.equal(
            none.exchanged(numbered(k, 2), torch.zeros(2, 1), chance)[0], numbered(k, 2)
        )
