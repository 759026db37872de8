"""Laws of the mean picture of a layout, and of a denoiser that starts from it."""

from dataclasses import replace

import numpy as np
import torch
from conftest import make_frame
from tiny_ddpm import DAY, step_of

from parhelion.generators._bands import joined, split
from parhelion.generators._ddpm_step import DdpmStep
from parhelion.generators._denoiser import Told
from parhelion.generators._mean_picture import MeanPicture, learn
from parhelion.generators._noise_levels import LARGEST, scales
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.seeds import rng

WIDE = {"crop": (16, 24), "mean_steps": 60}


def by_class(seed: int) -> Frame:
    """A frame whose every pixel has the grey level of its class, and some noise."""
    frame = make_frame(seed, conditions=DAY)
    assert frame.stencil is not None
    level = np.uint8(37) * frame.stencil // 2 + np.uint8(10)
    return replace(frame, image=np.repeat(level[..., None], 3, axis=2) + frame.image // 8)


STREETS = TrainingData(source=FrameList([by_class(i) for i in range(4)]))


def street_step() -> tuple[DdpmStep, Told, torch.Tensor]:
    """A denoiser that has learnt a mean and nothing else, and crops of its frames."""
    step = step_of(STREETS, **WIDE)
    step.measure(step.crops.batch(4, rng(1)))
    crops = step.crops.batch(3, rng(2))
    return step, step.told(crops), crops.x


def test_what_a_layout_and_a_vector_say_is_learnt_to_the_pixel() -> None:
    """Pictures whose every pixel is its class's colour, lighter where the vector says so."""
    planes = torch.eye(4)[torch.randint(4, (8, 16, 16), generator=torch.Generator().manual_seed(1))]
    beside, told = planes.permute(0, 3, 1, 2), torch.arange(8)[:, None] % 2 * 1.0
    colours = torch.tensor([-0.8, -0.2, 0.3, 0.7])
    light = (0.5 + told / 2)[:, :, None, None]
    pictures = light * (colours[:, None, None] * beside).sum(dim=1, keepdim=True)
    mean = MeanPicture(channels=1, beside=4, told=1)
    assert not mean(beside, told).any()
    learn(mean, 300, lambda k: (mean(beside, told), pictures))
    assert (mean(beside, told) - pictures).abs().max() < 0.03
    assert not any(parameter.requires_grad for parameter in mean.parameters())


def test_under_all_but_noise_an_untrained_denoiser_draws_the_mean() -> None:
    step, known, x = street_step()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    found = step.D(x + LARGEST * noise, torch.full((3,), LARGEST), known)
    mean = step.D.mean_of(known)
    assert (found - mean).square().mean() < 0.05 * mean.square().mean()
    assert (mean - x).square().mean() < 0.7 * x.square().mean()


def test_an_untrained_denoiser_is_linear_about_the_mean() -> None:
    step, known, x = street_step()
    sigma = torch.tensor([0.01, 0.5, 20.0])
    mean, c = step.D.mean_of(known), scales(sigma, step.D.spreads[1])
    bands = split(x - mean, step.D.spreads.shape[1])
    torch.testing.assert_close(step.D(x, sigma, known), mean + joined(bands, c.skip))
    assert (step.D.spreads[1] < step.D.spreads[0]).any()


def test_nothing_told_has_no_mean_and_the_spread_of_whole_pictures() -> None:
    step, known, x = street_step()
    silent = known.silenced(torch.ones(3, dtype=torch.bool))
    assert not step.D.mean_of(silent).any()
    sigma = torch.ones(3)
    expected = scales(sigma, step.D.spreads[0])
    torch.testing.assert_close(step.D.scales(sigma, silent).out, expected.out)
    torch.testing.assert_close(step.D(x, sigma, silent), joined(_bands(step, x), expected.skip))


def test_the_mean_stays_while_the_rest_learns() -> None:
    step = step_of(STREETS, **WIDE)
    step(0)
    before = {name: value.clone() for name, value in step.D.mean.state_dict().items()}
    for k in range(1, 4):
        step(k)
    for network in (step.D, step.average, step.worse):
        after = network.mean.state_dict()
        assert all(torch.equal(after[name], before[name]) for name in before)


def test_without_steps_there_is_no_mean() -> None:
    step = step_of(STREETS, **{**WIDE, "mean_steps": 0})
    step(0)
    assert not step.D.mean_of(step.told(step.crops.batch(2, rng(4)))).any()
    assert np.allclose(step.D.spreads[0], step.D.spreads[1])


def _bands(step: DdpmStep, x: torch.Tensor) -> list[torch.Tensor]:
    return split(x, step.D.spreads.shape[1])
