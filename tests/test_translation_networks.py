"""Laws of the pieces a translator is made of: SPADE, critics, augmentation, y as planes."""

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators import _diff_augment
from parhelion.generators._conditioning import (
    CLASS_IDS,
    CONDITION_SIZE,
    PHYSICS,
    PLANES,
    UNKNOWN_CLASS,
    Layers,
    condition_vector,
    instance_edges,
    planes,
)
from parhelion.generators._patch_critic import (
    Judgement,
    MultiScaleCritic,
    critic_hinge,
    feature_matching,
    generator_hinge,
    mismatch_hinge,
)
from parhelion.generators._perceptual import MobileNetFeatures, perceptual_distance
from parhelion.generators._spade import Spade, normalised
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.scene_class import SceneClass

ALL = frozenset({"stencil", "instances", "depth", "emissive"})


def test_spade_of_features_without_contrast_is_beta() -> None:
    spade = Spade(6, 4, 5)
    m, s = torch.randn(2, 4, 8, 9), torch.randn(2, 5)
    _, beta = spade.gamma_beta(m, s)
    flat = torch.randn(2, 1, 8, 9).expand(-1, 6, -1, -1)
    assert torch.allclose(spade(flat, m, s), beta, atol=1e-3)


def test_spade_is_gamma_times_normalised_plus_beta_and_scale_free() -> None:
    spade, x = Spade(6, 4, 5), torch.randn(2, 6, 8, 9)
    m, s = torch.randn(2, 4, 8, 9), torch.randn(2, 5)
    gamma, beta = spade.gamma_beta(m, s)
    expected = gamma * (x - x.mean(1, keepdim=True)) / x.std(1, unbiased=False, keepdim=True) + beta
    assert torch.allclose(spade(x, m, s), expected, atol=1e-3)
    assert torch.allclose(spade(5 * x + 3, m, s), spade(x, m, s), atol=1e-3)


def test_normalisation_of_a_pixel_does_not_depend_on_other_pixels() -> None:
    x = torch.randn(1, 6, 8, 8)
    assert torch.allclose(normalised(x)[..., :4, :4], normalised(x[..., :4, :4]), atol=1e-5)


@pytest.mark.parametrize("kinds", [("colour",), ("translation",), ("cutout",), ()])
def test_equal_draws_augment_real_and_drawn_alike(kinds: tuple[str, ...]) -> None:
    x, y = torch.rand(3, 3, 16, 24) * 2 - 1, torch.rand(3, 4, 16, 24)
    draws = [_diff_augment.draw(kinds, 3, torch.Generator().manual_seed(1)) for _ in range(2)]
    first, second = (_diff_augment.augmented(x, y, d) for d in draws)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(first[0], x) == (kinds == ())
    assert torch.equal(first[1], y) == (kinds in ((), ("colour",)))


def test_augmentation_moves_picture_and_planes_together_and_passes_gradients() -> None:
    y = torch.rand(2, 3, 16, 24)
    drawn = _diff_augment.draw(("translation", "cutout"), 2, torch.Generator().manual_seed(4))
    x, moved = _diff_augment.augmented(y.clone().requires_grad_(), y, drawn)
    assert torch.equal(x.detach(), moved)
    x.sum().backward()
    assert not moved.requires_grad


def test_critic_losses_at_known_scores() -> None:
    def says(score: float) -> list[Judgement]:
        return [Judgement(torch.full((2, 1, 3, 3), score), [torch.full((2, 4, 3, 3), score)])] * 2

    assert float(critic_hinge(says(2.0), says(-3.0))) == 0
    assert float(critic_hinge(says(0.5), says(0.25))) == pytest.approx(0.5 + 1.25)
    assert float(generator_hinge(says(0.7))) == pytest.approx(-0.7)
    weights = torch.tensor([1.0, 0.0])
    assert float(feature_matching(says(1.0), says(3.0), weights)) == pytest.approx(1.0)


def test_critic_reads_picture_stencil_and_conditions_at_two_scales() -> None:
    critic = MultiScaleCritic(planes=5, condition_size=7, width=4, layers=3, scales=2)
    x, y, c = torch.randn(2, 3, 32, 32), torch.rand(2, 5, 32, 32), torch.rand(2, 7)
    critic.eval()
    said = critic(x, y, c)
    assert [tuple(j.score.shape[2:]) for j in said] == [(7, 7), (3, 3)]
    for other in ((-x, y, c), (x, 1 - y, c), (x, y, 1 - c)):
        assert not torch.allclose(critic(*other)[0].score, said[0].score)


def test_a_critic_hears_other_conditions_about_the_same_picture() -> None:
    critic = MultiScaleCritic(planes=PLANES, condition_size=3, width=4, layers=3, scales=2).eval()
    x, planes = torch.randn(2, 3, 32, 32), torch.rand(2, PLANES, 32, 32)
    told, others = torch.eye(3)[[0, 1]], torch.eye(3)[[1, 0]]
    heard = critic.under(critic(x, planes, told), others)
    for score, afresh in zip(heard, critic(x, planes, others), strict=True):
        torch.testing.assert_close(score, afresh.score)
    for score, before in zip(heard, critic(x, planes, told), strict=True):
        assert not torch.allclose(score, before.score)


def test_a_mismatch_costs_nothing_where_conditions_agree_or_the_critic_is_sure() -> None:
    scores = [torch.tensor([0.5, -3.0]).view(2, 1, 1, 1)]
    assert float(mismatch_hinge(scores, torch.tensor([0.0, 1.0]))) == 0
    assert float(mismatch_hinge(scores, torch.tensor([1.0, 1.0]))) == pytest.approx(1.5 / 2)


def test_perceptual_distance_is_zero_to_itself_and_grows() -> None:
    net = MobileNetFeatures()
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.equal(perceptual_distance(net, x, x), torch.zeros(2))
    near, far = (perceptual_distance(net, x * k, x) for k in (0.9, 0.3))
    assert (near > 0).all()
    assert (far > near).all()
    assert not any(p.requires_grad for p in net.parameters())
    assert not net.train().training


def test_planes_say_what_the_layers_say() -> None:
    frame = make_frame(2)
    out = planes(Layers.of(frame, ALL), *frame.size)
    assert out.shape == (PLANES, *frame.size)
    classes = out[: UNKNOWN_CLASS + 1]
    assert np.array_equal(classes.sum(axis=0), np.ones(frame.size))
    assert np.array_equal(CLASS_IDS[classes.argmax(axis=0)], frame.stencil)
    assert np.array_equal(out[UNKNOWN_CLASS + 3] == 1, frame.stencil == SceneClass.SKY)
    assert out.min() >= 0
    assert out.max() <= 1


def test_planes_of_missing_layers_say_unknown() -> None:
    out = planes(Layers(), 4, 6)
    assert (out[UNKNOWN_CLASS] == 1).all()
    assert out.sum() == 2 * 24  # the unknown class and the unknown depth, nothing else


def test_planes_of_a_window_are_the_window_of_the_planes() -> None:
    layers = Layers.of(make_frame(2), ALL - {"instances"})  # edges look at their neighbours
    whole = planes(layers, 32, 48)
    assert np.array_equal(planes(layers.window(3, 5, 20, 30), 20, 30), whole[:, 3:23, 5:35])


def test_edges_lie_on_both_sides_of_a_border() -> None:
    instances = np.array([[0, 0, 7, 7], [0, 0, 7, 7], [0, 0, 0, 0]], dtype=np.int32)
    expected = [[0, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert np.array_equal(instance_edges(instances), np.array(expected, dtype=bool))


def test_condition_vectors_tell_conditions_apart_and_keep_secrets() -> None:
    rain = Conditions(weather=Weather.RAINING, hour=12, rain_mm_h=8, visibility_m=900)
    vectors = {
        tuple(condition_vector(c))
        for c in (
            rain,
            rain.model_copy(update={"rain_mm_h": 9.0}),
            rain.model_copy(update={"rain_mm_h": None}),
            rain.model_copy(update={"rain_mm_h": 0.0}),
            Conditions(weather=Weather.RAINING, hour=11, rain_mm_h=8, visibility_m=900),
            Conditions(weather=Weather.FOGGY, hour=12, rain_mm_h=8, visibility_m=900),
        )
    }
    assert len(vectors) == 6
    assert all(len(v) == CONDITION_SIZE for v in vectors)
    hidden = condition_vector(rain, frozenset({"hour", *PHYSICS}))
    told = Conditions(weather=Weather.RAINING, time_of_day=rain.time_of_day)
    assert np.array_equal(hidden, condition_vector(told))
