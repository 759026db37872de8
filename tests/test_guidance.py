"""Laws of guidance: by what is told, and away from a worse network."""

from pathlib import Path

import pytest
import torch
from tiny_ddpm import DIGITS, TINY, fitted, step_of
from torch import Tensor

from parhelion.generators._denoiser import Denoiser, told
from parhelion.generators._guidance import MixAt, autoguided, between, guided_by, mixed
from parhelion.generators.ddpm import Ddpm
from parhelion.pipeline.seeds import rng


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return fitted(TINY, DIGITS, tmp_path_factory.mktemp("digits"))


def test_guidance_1_is_the_conditional_model_and_others_lie_on_its_line() -> None:
    step = step_of(DIGITS)
    for k in range(3):
        step(k)
    known = step.told(step.crops.batch(2, rng(7)))
    x = torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        heard = step.D(x, torch.full((2,), 0.7), known)
        zero, one, three = (
            mixed(step.D, known, between((0.7, 2.0), guided_by(w)), (16, 16))(x, 0.7)
            for w in (0.0, 1.0, 3.0)
        )
        below = mixed(step.D, known, between((0.8, 2.0), guided_by(3.0)), (16, 16))(x, 0.7)
    assert torch.equal(one, heard)
    assert torch.equal(below, heard)  # where it does not guide
    torch.testing.assert_close(three, zero + 3 * (one - zero))
    assert not torch.equal(zero, one)


def test_autoguidance_goes_away_from_the_worse_network(digits: Ddpm) -> None:
    """One more call, and no more where the plain network is asked for twice."""
    network = digits.whole_fit.network
    x, known = (
        torch.randn(2, 1, 16, 16),
        told(torch.zeros(2, network.read_y.mean.numel()), torch.zeros(2, 0, 16, 16)),
    )
    level = torch.full((2,), 0.7)
    good, worse = network(x, level, known), network.worse(x, level, known)
    bare = network(x, level, known.silenced(torch.ones(2, dtype=torch.bool)))
    assert float((good - worse).abs().max()) > 1e-4

    def at(mix: MixAt) -> Tensor:
        return mixed(network, known, mix, (16, 16))(x, 0.7)

    everywhere = (0.0, 80.0)
    plain, asked = between(everywhere, guided_by(1.0)), between(everywhere, guided_by(1.5))
    torch.testing.assert_close(at(autoguided(plain, 1.0, everywhere)), good)
    torch.testing.assert_close(at(autoguided(plain, 2.5, everywhere)), good + 1.5 * (good - worse))
    both = good + 0.5 * (good - bare) + 1.5 * (good - worse)
    torch.testing.assert_close(at(autoguided(asked, 2.5, everywhere)), both)
    torch.testing.assert_close(at(autoguided(plain, 2.5, (0.8, 80.0))), good)
    assert len(autoguided(asked, 2.5, everywhere)(0.7)(known)) == 3


def test_the_worse_network_is_the_average_of_earlier_steps(tmp_path: Path) -> None:
    early = step_of(DIGITS)
    for step in range(TINY.steps // 2):
        early(step)

    def network(autoguidance_at: float) -> Denoiser:
        config = TINY.model_copy(update={"autoguidance_at": autoguidance_at})
        found: Denoiser = fitted(config, DIGITS, tmp_path / str(autoguidance_at)).whole_fit.network
        assert found.worse is not None
        return found

    half, whole = network(0.5), network(1.0)
    for name, value in early.average.state_dict().items():
        assert torch.equal(half.worse.state_dict()[name], value)
        assert torch.equal(whole.worse.state_dict()[name], whole.state_dict()[name])
    assert not torch.equal(half.unet.conv_out.weight, half.worse.unet.conv_out.weight)
