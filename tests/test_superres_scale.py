"""Laws of small pictures and large: the mean of squares, and what it leaves open."""

import pytest
import torch
from torch import Tensor

from parhelion.generators._superres_draw import consistent, detailed
from parhelion.generators._superres_scale import (
    area_mean,
    enlarged,
    repeated,
    small_of,
    with_mean,
    within_range,
)


def pictures(n: int, height: int, width: int, seed: int = 1) -> Tensor:
    """(n, 3, height, width) in about -1..1."""
    return 0.6 * torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_repetition_is_the_pseudo_inverse_of_the_area_mean() -> None:
    """The four conditions of Penrose, on the matrices themselves."""
    side, scale = 4, 2
    a = area_mean(torch.eye(side**2).reshape(-1, 1, side, side), scale).flatten(1).T
    small = (side // scale) ** 2
    b = repeated(torch.eye(small).reshape(-1, 1, side // scale, side // scale), scale).flatten(1).T
    for found, wanted in ((a @ b @ a, a), (b @ a @ b, b), (a @ b, (a @ b).T), (b @ a, (b @ a).T)):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_mean_is_exact_before_rounding_and_detail_is_left_alone(scale: int) -> None:
    x, small = pictures(2, 8 * scale, 12 * scale), pictures(2, 8, 12, seed=2)
    y = with_mean(x, small, scale)
    torch.testing.assert_close(area_mean(y, scale), small, atol=2e-6, rtol=0)
    torch.testing.assert_close(
        y - repeated(small, scale), x - repeated(area_mean(x, scale), scale), atol=2e-6, rtol=0
    )
    torch.testing.assert_close(with_mean(y, small, scale), y, atol=2e-6, rtol=0)


def test_what_a_picture_was_continued_by_is_not_touched() -> None:
    x, small = pictures(1, 12, 18), pictures(1, 2, 4, seed=2)
    y = with_mean(x, small, 4)
    torch.testing.assert_close(area_mean(y[:, :, :8, :16], 4), small, atol=2e-6, rtol=0)
    assert torch.equal(y[:, :, 8:], x[:, :, 8:])
    assert torch.equal(y[:, :, :, 16:], x[:, :, :, 16:])


def test_a_picture_that_would_burn_out_gets_its_mean_back() -> None:
    """Clipping alone takes light away; of white lamps and black windows too nothing is left."""
    small = small_of(pictures(1, 32, 48).clamp(-0.97, 0.97) * 0.5 + 0.45, 4)
    small[:, :, :2, :2], small[:, :, :2, 2:4] = 1.0, -1.0
    x = with_mean(2 * pictures(1, 32, 48, seed=4), small, 4)

    def apart(y: Tensor) -> float:
        return 127.5 * float((area_mean(y.clamp(-1, 1), 4) - small).abs().max())

    assert apart(x) > 5  # grey levels
    assert apart(within_range(x, small, 4)) < 0.01


def test_no_other_picture_in_range_with_that_mean_is_nearer() -> None:
    """Dykstra's algorithm goes to the nearest one too, in thousands of rounds."""
    small = small_of(pictures(1, 4, 8).clamp(-0.9, 0.9), 2).double()
    x = 2 * pictures(1, 4, 8, seed=4).double()
    nearest, above, outside = x, torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(5000):
        level = with_mean(nearest + above, small, 2)
        above = nearest + above - level
        nearest = (level + outside).clamp(-1, 1)
        outside = level + outside - nearest
    torch.testing.assert_close(within_range(x, small, 2), nearest, atol=1e-4, rtol=0)


def test_detail_of_nothing_is_the_parent_enlarged() -> None:
    small = small_of(pictures(2, 32, 48).clamp(-0.8, 0.8), 4)
    walk = detailed(small, 4, 0.2, "dpmpp", 3, 1.0, 0.05)
    found = walk(lambda x, sigma: torch.zeros_like(x), lambda: pictures(2, 34, 48, seed=5))
    torch.testing.assert_close(found, within_range(enlarged(small, 4), small, 4))


def test_every_word_of_the_denoiser_has_the_mean_that_is_wanted() -> None:
    mean = pictures(2, 3, 4, seed=6)
    denoise = consistent(lambda x, sigma: x / (1 + sigma), mean, 2)
    for sigma in (0.0, 3.0, 80.0):
        said = denoise(pictures(2, 6, 8), sigma)
        torch.testing.assert_close(area_mean(said, 2), mean, atol=2e-6, rtol=0)
