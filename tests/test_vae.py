"""Laws of the variational autoencoder: its likelihood, its bounds, its codes and its training."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats
from sklearn.decomposition import PCA
from torch import Tensor, distributions
from toy_digits import CLEAR, DIGITS, digit_frames, picture_frame, training_of

from parhelion.generators import _vae_bounds as bounds
from parhelion.generators._vae_networks import Vae as Networks
from parhelion.generators._vae_networks import sizes_of
from parhelion.generators._vae_prior import Gaussian, WholeGaussian
from parhelion.generators._vae_step import VaeStep
from parhelion.generators.vae import Vae, VaeConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, HasLikelihood, Request
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel

FOG = Conditions(weather=Weather.FOGGY, hour=12)
SMALL = {"code_size": 4, "width": 8, "levels": 2, "batch_size": 16, "min_frames_per_cell": 2}
LEVELS = torch.arange(256) / 127.5 - 1


def hazy(frame: Frame, name: str) -> Frame:
    """The same digit, light and pale."""
    return picture_frame(frame.image // 2 + 100, name, frame.label.index, FOG)


@pytest.fixture(scope="module")
def digits() -> list[Frame]:
    """Zeros and ones on clear days and in fog."""
    clear = digit_frames(120, classes=[0, 1])
    return [*clear, *(hazy(frame, f"hazy-{i}") for i, frame in enumerate(clear[:60]))]


@pytest.fixture(scope="module")
def part(digits: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Vae:
    made = Vae(VaeConfig(**SMALL, steps=150, ema_decay=0.9, learning_rate=1e-2))
    report = made.fit(training_of(digits), tmp_path_factory.mktemp("fit"), seed=1)
    assert report.ailments == ()
    return made


def request(digit: int, conditions: Conditions = CLEAR, seed: int = 1) -> Request:
    label = ImageLabel(index=digit, vocabulary=DIGITS)
    return Request(conditions=conditions, seed=seed, annotation=Annotation(label=label))


def levels(frames: list[Frame]) -> NDArray[np.float64]:
    return np.stack([frame.image[..., 0].ravel() for frame in frames]).astype(float)


@pytest.mark.parametrize("noise", ["logistic", "gaussian"])
@pytest.mark.parametrize("log_scale", [-7.0, -2.0, 1.0])
@pytest.mark.parametrize("location", [-3.0, -0.4, 0.999, 1.5])
def test_masses_of_all_grey_levels_sum_to_one(
    noise: bounds.Noise, log_scale: float, location: float
) -> None:
    at, scale = torch.tensor(location), torch.tensor(log_scale)
    mass = bounds.log_mass(noise, LEVELS, at, scale)
    assert float(mass.exp().sum()) == pytest.approx(1, abs=1e-4)
    at.requires_grad_(True)
    bounds.log_mass(noise, LEVELS, at, scale).sum().backward()
    assert torch.isfinite(at.grad)


@pytest.mark.parametrize(("noise", "law"), [("logistic", stats.logistic), ("gaussian", stats.norm)])
def test_a_levels_mass_is_the_difference_of_two_cdfs(
    noise: bounds.Noise, law: stats.rv_continuous
) -> None:
    edges = np.arange(1, 256) / 127.5 - 1 - 1 / 255
    below = np.concatenate([[0], law.cdf(edges, loc=0.3, scale=0.2), [1]])
    ours = bounds.log_mass(noise, LEVELS.double(), torch.tensor(0.3), torch.tensor(0.2).log())
    assert ours.exp().numpy() == pytest.approx(np.diff(below), rel=1e-5, abs=1e-12)


def test_kl_is_that_of_torch_and_of_chance() -> None:
    random = torch.Generator().manual_seed(1)
    q = Gaussian(*torch.randn(2, 3, 4, generator=random).unbind())
    factor = torch.randn(3, 4, 4, generator=random).tril(-1) + 0.7 * torch.eye(4)
    p = WholeGaussian(torch.randn(3, 4, generator=random), factor)
    true_q = distributions.MultivariateNormal(q.mean, torch.diag_embed(q.log_variance.exp()))
    true_p = distributions.MultivariateNormal(p.mean, precision_matrix=factor.mT @ factor)
    nats = bounds.kl(q, p)
    assert (nats > -1e-6).all()
    wanted = distributions.kl_divergence(true_q, true_p)
    assert torch.allclose(nats.sum(dim=1), wanted, rtol=1e-4)
    z = q.at(torch.randn(15000, 3, 4, generator=random))
    assert torch.allclose(q.log_density(z), true_q.log_prob(z), atol=1e-3)
    assert torch.allclose(p.log_density(z), true_p.log_prob(z), rtol=1e-4, atol=1e-3)
    assert torch.allclose((q.log_density(z) - p.log_density(z)).mean(dim=0), wanted, rtol=0.05)


def test_codes_drawn_of_a_prior_have_its_mean_and_covariance() -> None:
    random = torch.Generator().manual_seed(1)
    factor = (torch.randn(4, 4, generator=random).tril(-1) + torch.eye(4)).expand(20000, -1, -1)
    p = WholeGaussian(torch.arange(4.0).expand(20000, -1), factor)
    z = p.at(torch.randn(20000, 4, generator=random))
    covariance = torch.linalg.inv(factor[0].T @ factor[0])
    assert torch.allclose(z.mean(dim=0), p.mean[0], atol=0.1)
    assert float((torch.cov(z.T) - covariance).norm() / covariance.norm()) < 0.05


def test_free_bits_take_the_larger_of_kl_and_their_least() -> None:
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]], requires_grad=True)
    assert float(bounds.free_bits(kl.detach(), 0.5)) == pytest.approx(0.5 + 3.0)
    assert float(bounds.free_bits(kl.detach(), 0.0)) == pytest.approx(0.2 + 3.0)
    bounds.free_bits(kl, 0.5).backward()
    assert kl.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]


def test_the_elbo_is_below_the_importance_bound_which_grows(part: Vae, digits: list[Frame]) -> None:
    unseen = digit_frames(30, classes=[0, 1], start=1000)
    elbo = np.mean([part.elbo(unseen, seed, 4).mean() for seed in range(3)])
    one, four, many = (
        np.mean([part.importance_bound(unseen, seed, k).mean() for seed in range(3)])
        for k in (1, 4, 16)
    )
    assert one == pytest.approx(elbo, abs=1)  # equal in expectation
    assert elbo < four < many
    assert isinstance(part, HasLikelihood)
    bits, kind = part.bits_per_dimension(unseen, seed=1)
    assert kind == "bound"
    assert bits < 8  # of the uniform model
    wanted = -part.importance_bound(unseen, 1, 16).mean() / (64 * math.log(2))
    assert bits == pytest.approx(wanted, rel=1e-6)


def linear_network() -> tuple[Networks, VaeConfig]:
    config = VaeConfig(decoder="linear", likelihood="gaussian", code_size=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = Networks(config, channels=1, size=(2, 3), y=4)
    return net.requires_grad_(False), config


def test_bounds_of_a_linear_model_approach_its_closed_form() -> None:
    net, config = linear_network()
    random = torch.Generator().manual_seed(2)
    x = (torch.rand(5, 1, 2, 3, generator=random) * 100 + 70).round() / 127.5 - 1
    y = torch.zeros(5, 4)
    W, b = net.decoder.out.weight[:, :2].double(), net.decoder.out.bias.double()
    covariance = W @ W.T + net.log_scale.exp().double().item() ** 2 * torch.eye(6)
    law = distributions.MultivariateNormal(b, covariance)
    exact = law.log_prob(x.flatten(1).double()) + 6 * math.log(2 / 255)  # density times bin
    e = torch.randn(4000, 5, 2, generator=random)
    tight = bounds.importance_bound(net, config.likelihood, x, y, e)
    assert tight.numpy() == pytest.approx(exact.numpy(), abs=0.3)
    assert (bounds.elbo(net, config.likelihood, x, y, e[:500]) < exact).all()


def test_the_linear_one_finds_the_principal_subspace(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    directions = np.linalg.qr(random.normal(size=(30, 2)))[0].T * [[110], [70]]
    made = 128 + random.normal(size=(400, 2)) @ directions + random.normal(size=(400, 30)) * 6
    frames = [
        picture_frame(x.round().clip(0, 255).astype(np.uint8).reshape(5, 6), f"normal-{i}")
        for i, x in enumerate(made)
    ]
    config = VaeConfig(
        decoder="linear",
        likelihood="gaussian",
        code_size=2,
        steps=400,
        learning_rate=2e-2,
        free_bits=0,
        min_frames_per_cell=2,
    )
    part = Vae(config)
    part.fit(training_of(frames), tmp_path, seed=1)
    network = part._fitted.network
    ours = np.linalg.qr(network.decoder.out.weight[:, :2].double().numpy())[0]
    reference = PCA(n_components=2).fit(levels(frames))
    cosines = np.linalg.svd(reference.components_ @ ours, compute_uv=False)
    assert np.degrees(np.arccos(cosines.clip(max=1))).max() < 3
    scale = 127.5 * network.log_scale.exp().item()
    assert scale == pytest.approx(math.sqrt(reference.noise_variance_), rel=0.1)


def test_class_and_conditions_change_the_picture(part: Vae, digits: list[Frame]) -> None:
    groups = [(k, c) for c in (CLEAR, FOG) for k in (0, 1)]
    mean = np.stack(
        [
            levels([f for f in digits if f.label.index == k and f.conditions == c]).mean(axis=0)
            for k, c in groups
        ]
    )
    asked = [request(k, c, seed) for k, c in groups for seed in range(10)]
    far = np.linalg.norm(levels(list(part.generate(asked)))[:, None] - mean, axis=2)
    assert (far.argmin(axis=1) == np.repeat(np.arange(4), 10)).mean() > 0.8


def test_the_seed_alone_decides_the_picture_and_temperature_its_spread(part: Vae) -> None:
    def drawn(made: Vae) -> NDArray[np.float64]:
        return levels(list(made.generate([request(0, seed=s) for s in range(12)])))

    assert np.array_equal(drawn(part), drawn(part))
    cool = Vae(part.config.model_copy(update={"temperature": 0.3}))
    cool._fitted = part._fitted
    assert drawn(cool).std(axis=0).mean() < 0.6 * drawn(part).std(axis=0).mean()


def test_interpolation_ends_at_both_reconstructions(part: Vae, digits: list[Frame]) -> None:
    first, last = digits[0], digits[-1]
    path = part.interpolate(first, last, 5)
    ends = part.reconstruct([first, last])
    assert np.array_equal(path[0], ends[0])
    assert np.array_equal(path[-1], ends[1])
    assert len(path) == 5
    away = [float(np.abs(p.astype(float) - ends[0]).mean()) for p in path]
    assert away == sorted(away)
    with pytest.raises(ValueError, match="got n = 1"):
        part.interpolate(first, last, 1)


def test_reconstructions_are_nearer_than_the_mean_picture(part: Vae, digits: list[Frame]) -> None:
    clear = [f for f in digits if f.conditions == CLEAR]
    back = np.stack([image[..., 0].ravel() for image in part.reconstruct(clear)]).astype(float)
    true = levels(clear)
    assert part.encode(clear).shape == (len(clear), 4)
    assert np.square(back - true).mean() < 0.5 * np.square(true - true.mean(axis=0)).mean()


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 3), (16, 24)])
def test_networks_give_back_any_size(size: tuple[int, int]) -> None:
    config = VaeConfig(**SMALL)
    net = Networks(config, channels=3, size=size, y=6)
    location, q, prior = net(torch.rand(2, 3, *size), torch.rand(2, 6), None)
    assert location.shape == (2, 3, *size)
    assert {t.shape for t in (*q, prior.mean)} == {(2, 4)}
    assert torch.equal(prior.factor, torch.eye(4).expand(2, -1, -1))  # N(0, I) at first
    assert sizes_of((5, 7), 2) == [(5, 7), (3, 4), (2, 2)]


def test_a_code_gaussian_has_the_codes_mean_by_y_and_their_spread() -> None:
    net, _ = linear_network()
    random = torch.Generator().manual_seed(1)
    y = torch.nn.functional.one_hot(torch.randint(3, (4000,), generator=random), 4).float()
    means = torch.tensor([[1.0, 2.0], [-3.0, 0.0], [0.0, 5.0], [0.0, 0.0]])
    mix = torch.tensor([[1.0, 0.0], [0.7, 0.2]])
    z = y @ means + torch.randn(4000, 2, generator=random) @ mix.T
    net.fit_code(z, y)
    for k in range(3):
        wanted = z[y[:, k] == 1].mean(dim=0)
        one = torch.nn.functional.one_hot(torch.tensor([k]), 4).float()
        prior = net.prior_of(one)
        assert torch.allclose(prior.mean[0], wanted, atol=0.05)
        covariance = torch.linalg.inv(prior.factor[0].T @ prior.factor[0])
        assert torch.allclose(covariance, mix @ mix.T, atol=0.1)


def test_plain_l2_draws_too_and_says_that_it_has_no_likelihood(
    digits: list[Frame], tmp_path: Path
) -> None:
    part = Vae(VaeConfig(**SMALL, objective="l2", steps=120, ema_decay=0.9, learning_rate=5e-3))
    report = part.fit(training_of(digits), tmp_path / "fit", seed=1)
    assert set(report.losses) == {"l2"}
    network = part._fitted.network
    mean, factor = network.prior_of(torch.zeros(1, network.prior.linear.in_features))
    assert mean.any()
    assert not torch.equal(factor[0], torch.eye(4))
    part.save(tmp_path / "saved")
    asked = [request(0), request(1, FOG)]
    again = Vae.load(tmp_path / "saved").generate(asked)
    for one, other in zip(part.generate(asked), again, strict=True):
        assert np.array_equal(one.image, other.image)
    for bound in (lambda: part.elbo(digits[:2], 1), lambda: part.bits_per_dimension(digits, 1)):
        with pytest.raises(CannotHonour, match="no likelihood"):
            bound()


class Stopped(RuntimeError):
    pass


@pytest.mark.parametrize(("objective", "stop_after"), [("elbo", 1), ("elbo", 4), ("l2", 3)])
def test_stopped_and_resumed_it_gives_the_same_bytes(
    digits: list[Frame], tmp_path: Path, objective: str, stop_after: int
) -> None:
    def stop(done: int, _: int) -> None:
        if done == stop_after:
            raise Stopped

    config = VaeConfig(**SMALL, steps=6, checkpoint_every=1, objective=objective, accumulate=2)
    data = training_of(digits)
    with pytest.raises(Stopped):
        Vae(config).fit(data, tmp_path / "fit", seed=3, progress=stop)
    seen: list[int] = []
    resumed = Vae(config).fit(data, tmp_path / "fit", 3, lambda done, _: seen.append(done))
    assert seen[0] == stop_after
    assert resumed == Vae(config).fit(data, tmp_path / "whole", seed=3)
    other = Vae(config).fit(data, tmp_path / "other", seed=4)
    assert other.checkpoint_sha256 != resumed.checkpoint_sha256


def test_the_weight_of_kl_rises_and_every_parameter_learns(digits: list[Frame]) -> None:
    config = VaeConfig(**SMALL, steps=100, kl_warmup_share=0.2)
    step = VaeStep(config, training_of(digits), 1, torch.device("cpu"))
    weights = [step.kl_weight(k) for k in (0, 9, 19, 50)]
    assert weights == [pytest.approx(0.05), pytest.approx(0.5), 1.0, 1.0]
    before = {name: p.detach().clone() for name, p in step.net.named_parameters()}
    losses = step(30)
    assert set(losses) == {"bits", "kl"}
    assert [n for n, p in step.net.named_parameters() if torch.equal(before[n], p)] == []


def test_a_decoder_that_hears_no_y_or_no_noise_is_found_out(digits: list[Frame]) -> None:
    config = VaeConfig(**SMALL, steps=300)
    step = VaeStep(config, training_of(digits), 1, torch.device("cpu"))
    real, told = step.images.references(10, 16)

    def obedient(z: Tensor, y: Tensor) -> Tensor:
        return real[(told == y[0]).all(dim=1).nonzero()[0, 0]]

    def deaf(z: Tensor, y: Tensor) -> Tensor:  # some of each, whatever is asked for
        return real.transpose(0, 1).flatten(0, 1)[:16]

    for drawn, cause in (
        (obedient, None),
        (deaf, "ignores conditions"),
        (lambda z, y: obedient(z, y)[:1].expand(16, -1, -1, -1), "collapsed"),
        (lambda z, y: deaf(z, y) * torch.nan, "diverged"),
    ):
        step.average.decode = drawn  # type: ignore[method-assign]
        ailment = step.examine(300)
        assert (ailment and ailment.cause) == cause


def test_a_learning_rate_beyond_reason_ends_the_training(
    digits: list[Frame], tmp_path: Path
) -> None:
    part = Vae(VaeConfig(**SMALL, steps=60, learning_rate=2.0))
    (ailment,) = part.fit(training_of(digits), tmp_path, seed=1).ailments
    assert ailment.cause == "diverged"
    assert "learning rate" in ailment.sentence


def test_impossible_settings_and_frames_are_refused(part: Vae, digits: list[Frame]) -> None:
    for wrong in ({"code_size": 0}, {"free_bits": -1}, {"objective": "l1"}, {"temperature": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            VaeConfig(**wrong)
    with pytest.raises(CannotHonour, match="0 training frames of class 7"):
        list(part.generate([request(7)]))
    night = Conditions(weather=Weather.FOGGY, hour=1)
    dark = picture_frame(digits[0].image, "dark", 0, night)
    with pytest.raises(CannotHonour, match="fog/night"):
        part.reconstruct([dark])
    with pytest.raises(ValueError, match="at least one frame"):
        part.encode([])
    with pytest.raises(ValueError, match="has not been fitted"):
        Vae(VaeConfig()).encode(digits[:1])


def test_the_size_of_pictures_is_no_other_setting() -> None:
    """Channels of a network are called width as well: one must not stand for the other."""
    assert VaeConfig(width=8).size is None
    assert VaeConfig(size=(24, 16), width=8).size == (24, 16)
    with pytest.raises(ValidationError, match="height"):
        VaeConfig(height=24)
