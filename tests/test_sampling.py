"""Laws of noise levels, samplers and tiles, on denoisers that are known in closed form."""

import math
from collections.abc import Callable
from itertools import pairwise

import diffusers
import pytest
import torch
from scipy import stats
from torch import Tensor

from parhelion.generators._bands import joined, noise_shares, split, spreads
from parhelion.generators._noise_levels import (
    LARGEST,
    SIGMA_DATA,
    SMALLEST,
    sampling_levels,
    scales,
    training_levels,
)
from parhelion.generators._sampling import WAYS, Sampler, ddim, posterior, steps_of
from parhelion.generators._tiles import blended, windows
from parhelion.generators._uncertainty import RATE, Uncertainty

MEANS, SPREAD = torch.tensor([-0.6, 0.5]), 0.08  # two hills of equal weight
NAMES = tuple(WAYS)


def mixture(x: Tensor, sigma: float) -> Tensor:
    """E[clean | x] where pixels are one of two hills: the best denoiser there is."""
    wide = SPREAD**2 + sigma**2
    far = x[..., None] - MEANS
    share = torch.softmax(-(far**2) / (2 * wide), dim=-1)
    clean = MEANS + SPREAD**2 / wide * far
    return (share * clean).sum(dim=-1)


def noise(seed: int, *shape: int) -> Callable[[], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_reaches_the_moments_of_a_known_distribution(name: Sampler) -> None:
    fresh = noise(1, 4, 1, 64, 64)
    levels = sampling_levels(200)
    x = WAYS[name](mixture, LARGEST * fresh(), levels, fresh).flatten()
    assert float(x.mean()) == pytest.approx(float(MEANS.mean()), abs=0.02)
    right = x > 0
    assert float(right.double().mean()) == pytest.approx(0.5, abs=0.02)
    for hill, where in zip(MEANS, (~right, right), strict=True):
        assert float(x[where].mean()) == pytest.approx(float(hill), abs=0.01)
        assert float(x[where].std()) == pytest.approx(SPREAD, rel=0.06)
    assert stats.kurtosis(x[right]) == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("name", ["ddim", "heun", "dpmpp"])
def test_more_calls_come_closer_to_the_limit(name: Sampler) -> None:
    """At fixed noise those without fresh noise converge, those of second order faster."""
    start = LARGEST * noise(2, 8, 1, 8, 8)()
    limit = WAYS["heun"](mixture, start, sampling_levels(1000), noise(0, 1))
    far = [
        float((WAYS[name](mixture, start, sampling_levels(n), noise(0, 1)) - limit).abs().mean())
        for n in (20, 40, 80)
    ]
    order = 1 if name == "ddim" else 2
    assert far[0] > far[1] > far[2]
    assert math.log2(far[1] / far[2]) > 0.7 * order


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("ddim", diffusers.EDMEulerScheduler(sigma_min=SMALLEST, sigma_max=LARGEST)),
        (
            "dpmpp",
            diffusers.EDMDPMSolverMultistepScheduler(
                sigma_min=SMALLEST, sigma_max=LARGEST, sigma_data=SIGMA_DATA
            ),
        ),
        (
            "dpmpp_sde",
            diffusers.EDMDPMSolverMultistepScheduler(
                sigma_min=SMALLEST,
                sigma_max=LARGEST,
                sigma_data=SIGMA_DATA,
                algorithm_type="sde-dpmsolver++",
            ),
        ),
    ],
)
def test_samplers_walk_as_those_of_diffusers(name: Sampler, scheduler: object) -> None:
    """Their schedulers ask for F of equation 7; ours for D. Everything else is theirs."""
    start = LARGEST * noise(3, 2, 1, 8, 8)()
    scheduler.set_timesteps(12)  # type: ignore[attr-defined]
    x, levels = start, scheduler.sigmas.double()  # type: ignore[attr-defined]
    theirs_from = torch.Generator().manual_seed(9)
    for i, t in enumerate(scheduler.timesteps):  # type: ignore[attr-defined]
        scheduler.scale_model_input(x, t)  # type: ignore[attr-defined]
        c = scales(levels[i : i + 1], torch.tensor([SIGMA_DATA]))
        F = (mixture(x, float(levels[i])) - c.skip * x) / c.out
        theirs = scheduler.step(F, t, x, generator=theirs_from)  # type: ignore[attr-defined]
        x = theirs.prev_sample
    ours = WAYS[name](mixture, start, levels, noise(9, *start.shape))
    torch.testing.assert_close(ours, x.double(), rtol=1e-4, atol=1e-4)


def test_levels_are_those_of_diffusers() -> None:
    scheduler = diffusers.EDMEulerScheduler(sigma_min=SMALLEST, sigma_max=LARGEST)
    scheduler.set_timesteps(18)
    torch.testing.assert_close(sampling_levels(18), scheduler.sigmas, rtol=1e-4, atol=1e-6)


def test_the_forward_process_has_the_mean_and_variance_of_its_posterior() -> None:
    """Noise to `below` and then to sigma; back by the posterior of the true picture: the same."""
    n, sigma, below, clean = 200_000, 1.3, 0.4, torch.full((200_000,), 0.3, dtype=torch.float64)
    fresh = noise(4, n)
    x = clean + sigma * fresh()
    back = posterior(clean, x, sigma, below, fresh)
    assert float(back.mean()) == pytest.approx(0.3, abs=0.005)
    assert float(back.std()) == pytest.approx(below, rel=0.01)
    joint = torch.stack([x, back]).cov()[0, 1]
    assert float(joint) == pytest.approx(below**2, rel=0.05)  # as in x = (x at below) + more noise


def test_inversion_finds_the_noise_that_a_picture_comes_from() -> None:
    picture = (MEANS[torch.arange(64) % 2]).double().reshape(1, 1, 8, 8) + 0.02
    levels = sampling_levels(400)[:-1]
    found = ddim(mixture, picture, levels.flip(0), noise(0, 1))
    assert float(found.std()) > LARGEST / 10
    again = ddim(mixture, found, levels, noise(0, 1))
    torch.testing.assert_close(again, picture, rtol=0, atol=0.01)


def test_scales_of_a_single_band_are_those_of_table_1() -> None:
    sigma = torch.logspace(-2.5, 1.5, 9, dtype=torch.float64)
    c = scales(sigma, torch.tensor([SIGMA_DATA], dtype=torch.float64))
    total = sigma**2 + SIGMA_DATA**2
    torch.testing.assert_close(c.skip[:, 0], SIGMA_DATA**2 / total)
    torch.testing.assert_close(c.out, sigma * SIGMA_DATA / total.sqrt())
    torch.testing.assert_close(c.into[:, 0], 1 / total.sqrt())
    at_ends = scales(torch.tensor([SMALLEST, LARGEST]), torch.ones(3)).noise
    assert at_ends.tolist() == pytest.approx([0, 1000])


def test_scales_keep_input_and_task_near_unit_variance_and_the_task_small() -> None:
    """Karras et al. 2022, equations 114 to 131, for pictures whose amplitude falls as 1 / f."""
    generator, K = torch.Generator().manual_seed(5), 5
    clean = 0.5 * one_over_f(9, 256, generator)
    spread = spreads(clean, K)
    sigma = torch.logspace(-2, 1.5, 9)
    noise = torch.randn(clean.shape, generator=generator)
    bands = split(clean + sigma[:, None, None, None] * noise, K)
    c = scales(sigma, spread)
    seen = joined(bands, c.into).flatten(1)
    task = (clean - joined(bands, c.skip)).flatten(1)
    torch.testing.assert_close(seen.std(dim=1), torch.ones(9), rtol=0.35, atol=0)
    torch.testing.assert_close(task.std(dim=1), c.out, rtol=0.1, atol=0)
    single = scales(sigma, clean.square().mean().sqrt()[None])
    left = task.std(dim=1) / single.out  # of what the best single number leaves
    assert (left < 1.01).all()
    assert left.min() < 0.75


def one_over_f(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Pictures (n, 1, side, side) of unit spread with the spectrum of natural ones."""
    white = torch.fft.rfft2(torch.randn(n, 1, side, side, generator=generator))
    f = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side))
    x = torch.fft.irfft2(white / f.clamp(min=1 / side))
    return x / x.std()


def test_bands_add_up_to_the_picture() -> None:
    x = torch.randn(2, 3, 24, 40, generator=torch.Generator().manual_seed(6))
    bands = split(x, 4)
    assert [band.shape[2:] for band in bands] == [(24, 40), (12, 20), (6, 10), (3, 5)]
    torch.testing.assert_close(joined(bands, torch.ones(2, 4)), x)
    smooth = torch.linspace(-1, 1, 64)[:, None] * torch.ones(1, 1, 64, 64)
    assert spreads(smooth, 4)[0] < 0.01 * spreads(smooth, 4)[3]


def test_bands_of_noise_have_the_variances_that_are_said() -> None:
    white = torch.randn(4, 3, 256, 256, generator=torch.Generator().manual_seed(8))
    torch.testing.assert_close(spreads(white, 4).square(), noise_shares(4), rtol=0.03, atol=0)


def test_uncertainty_learns_the_mean_loss_of_every_level_and_evens_them() -> None:
    uncertainty, generator = Uncertainty(), torch.Generator().manual_seed(7)
    optimizer = torch.optim.Adam(uncertainty.parameters(), RATE)
    for _ in range(2000):
        level = 1000 * torch.rand(64, generator=generator)
        losses = (0.01 + level / 1000) * 2 * torch.rand(64, generator=generator)
        optimizer.zero_grad()
        uncertainty.evened(losses, level).mean().backward()
        optimizer.step()
    level = torch.tensor([100.0, 500.0, 900.0])
    torch.testing.assert_close(uncertainty(level).exp(), 0.01 + level / 1000, rtol=0.15, atol=0)


def test_training_meets_the_levels_of_table_1() -> None:
    sigma = training_levels(100_000, -1.2, 1.2, torch.Generator().manual_seed(6)).log()
    assert float(sigma.mean()) == pytest.approx(-1.2, abs=0.02)
    assert float(sigma.std()) == pytest.approx(1.2, abs=0.02)


def test_calls_are_counted() -> None:
    for name in NAMES:
        for calls in (1, 7, 15):
            asked: list[float] = []

            def counting(x: Tensor, sigma: float, asked: list[float] = asked) -> Tensor:
                asked.append(sigma)
                return mixture(x, sigma)

            fresh = noise(7, 1, 1, 2, 2)
            WAYS[name](counting, fresh(), sampling_levels(steps_of(name, calls)), fresh)
            assert len(asked) == calls


def test_windows_cover_evenly_and_share_a_quarter() -> None:
    sizes = (32, 64), (32, 65), (40, 200), (100, 64), (64, 128)
    for size, unit in zip(sizes, (8, 1, 8, 4, 32), strict=True):
        seen = torch.zeros(size)
        for rows, columns in windows(size, (32, 64), unit):
            assert seen[rows, columns].shape == (32, 64)
            assert rows.start % unit == columns.start % unit == 0
            seen[rows, columns] += 1
        assert bool((seen > 0).all())
    (rows, columns), *more = windows((32, 64), (32, 64), 8)
    assert not more
    assert (rows, columns) == (slice(0, 32), slice(0, 64))
    starts = [place[1].start for place in windows((32, 200), (32, 64), 8)]
    assert max(b - a for a, b in pairwise(starts)) <= 48


def test_what_every_pixel_says_alone_is_the_same_in_windows() -> None:
    x = noise(8, 2, 1, 40, 200)()
    whole = blended(lambda part, place: mixture(part, 0.5), x, (40, 200), 8)
    tiles = blended(lambda part, place: mixture(part, 0.5), x, (32, 64), 8)
    torch.testing.assert_close(tiles, whole, rtol=1e-6, atol=1e-6)
