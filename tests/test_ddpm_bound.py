"""Laws of the bound on likelihood that `ddpm` gives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import WORDS, digit_frame, digit_frames
from tiny_ddpm import CROPS, DAY, DIGITS, STREETS, TINY, fitted
from torch import Tensor

from parhelion.generators._ddpm_bound import nats, prior, reconstruction
from parhelion.generators._ddpm_draw import bits as bits_of
from parhelion.generators._denoiser import Told, told
from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._noise_levels import SMALLEST
from parhelion.generators.ddpm import Ddpm
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour
from parhelion.pipeline.frame import Annotation


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return fitted(TINY, DIGITS, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return fitted(CROPS, STREETS, tmp_path_factory.mktemp("streets"))


class BestOfGaussian(torch.nn.Module):
    """E[clean | x] for pixels that are normal about nought with spread 0.2: the best denoiser."""

    def forward(self, x: Tensor, sigma: Tensor, told: Told) -> Tensor:
        kept = 0.2**2 / (0.2**2 + sigma**2)
        return kept[:, None, None, None] * x


def test_the_bound_lies_a_little_below_a_density_that_is_known() -> None:
    """For Gaussian pixels the best denoiser is known; it knows no grey levels, which costs."""
    random = np.random.default_rng(8)
    levels = np.clip(np.round((random.normal(0, 0.2, (16, 1, 24, 24)) + 1) * 127.5), 0, 255)
    x = torch.from_numpy(levels / 127.5 - 1).float()
    nothing = told(torch.zeros(16, 0), torch.zeros(16, 0, 24, 24))
    found = nats(BestOfGaussian(), x, nothing, 64, range(16))  # type: ignore[arg-type]
    per_level = math.log(2 / 255) - 0.5 * math.log(2 * math.pi * 0.2**2)
    wanted = per_level * x[0].numel() - (x.square().flatten(1).sum(dim=1) / (2 * 0.2**2))
    bits = float((found - wanted).mean()) / (x[0].numel() * math.log(2))
    assert -0.15 < bits < 0


class StriddenGaussian(BestOfGaussian, torch.nn.Linear):
    """The same, for frames that a network with a stride continues."""

    stride = 16


def test_what_frames_are_continued_by_does_not_make_them_likelier() -> None:
    random = np.random.default_rng(8)
    grey = np.clip(np.round((random.normal(0, 0.2, (6, 20, 20, 1)) + 1) * 127.5), 0, 255)
    images = grey.astype(np.uint8).repeat(3, axis=3)
    frames = [replace(digit_frame(i, 0), image=image) for i, image in enumerate(images)]
    seen = SeenFrames(size=(20, 20), channels=1, vocabulary=WORDS)
    layouts = [Annotation(label=frame.label) for frame in frames]
    found = bits_of(StriddenGaussian(1, 1), frames, layouts, TINY, seen, 1)  # type: ignore[arg-type]
    x = grey / 127.5 - 1
    density = -0.5 * math.log(2 * math.pi * 0.2**2) - (x**2).mean() / (2 * 0.2**2)
    assert found > -(density + math.log(2 / 255)) / math.log(2)


def test_a_grey_level_behind_little_noise_is_nearly_certain() -> None:
    x = torch.tensor([-1.0, -1.0 + 2 / 255, 0.4 / 127.5 * 2, 1.0])[None, None, None]
    x = ((x + 1) * 127.5).round() / 127.5 - 1
    clear = reconstruction(x, x)
    assert 0 <= float(clear) < 0.01
    one_off = reconstruction(x, x + 2 / 255)
    assert float(one_off) == pytest.approx(4 * (2 / 255 / SMALLEST) ** 2 / 2, rel=0.3)
    assert float(prior(x)) == pytest.approx(float(x.square().sum()) / (2 * 80**2))


def test_bits_of_frames_are_finite_and_the_same_again(digits: Ddpm, streets: Ddpm) -> None:
    frames = digit_frames(3, first=70)
    bits, kind = digits.bits_per_dimension(frames, seed=1)
    assert kind == "bound"
    assert 0 < bits < 12
    assert digits.bits_per_dimension(frames, seed=1) == (bits, "bound")
    assert digits.bits_per_dimension(frames, seed=2)[0] != bits
    assert streets.bits_per_dimension([make_frame(8, conditions=DAY)], seed=1)[0] > 0
    dark = Conditions(weather=Weather.CLEAR, hour=1)
    with pytest.raises(CannotHonour, match="night"):
        streets.bits_per_dimension([make_frame(8, conditions=dark)], seed=1)


def test_the_bound_is_of_each_frame_alone_and_of_its_middle(digits: Ddpm, streets: Ddpm) -> None:
    frames, bits = digit_frames(5, first=70), digits.bits_per_dimension
    together, _ = bits(frames, 1)
    assert bits(frames[::-1], 1)[0] == pytest.approx(together, abs=1e-4)
    assert np.mean([bits([f], 1)[0] for f in frames]) == pytest.approx(together, abs=1e-4)
    large = make_frame(8, conditions=DAY)  # crops are of 16x24
    image = large.image.copy()
    image[:4] = 255  # outside of its middle
    moved = replace(large, image=image)
    assert streets.bits_per_dimension([moved], 1) == streets.bits_per_dimension([large], 1)
