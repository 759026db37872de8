"""Laws of the linear autoencoder, held against scikit-learn's PCA and scipy's Gaussians."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from toy_digits import CLEAR, DIGITS, digit_frames, picture_frame, training_of

from parhelion.generators._pca_fit import PcaFit
from parhelion.generators.pca import Pca, PcaConfig, SeenPca
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, HasLikelihood, Request
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel

FOG = Conditions(weather=Weather.FOGGY, hour=12)
SETTINGS = {"components": 12, "block": 60, "min_frames_per_cell": 2}


def fitted(frames: list[Frame], folder: Path, **settings: object) -> Pca:
    part = Pca(PcaConfig(**{**SETTINGS, **settings}))
    part.fit(training_of(frames), folder, seed=1)
    return part


def levels(frames: list[Frame]) -> NDArray[np.float64]:
    return np.stack([frame.image[..., 0].ravel() for frame in frames]).astype(float)


def request(digit: int | None = None, conditions: Conditions = CLEAR, seed: int = 1) -> Request:
    label = None if digit is None else ImageLabel(index=digit, vocabulary=DIGITS)
    return Request(conditions=conditions, seed=seed, annotation=Annotation(label=label))


@pytest.fixture(scope="module")
def digits() -> list[Frame]:
    return digit_frames(500)


@pytest.fixture(scope="module")
def part(digits: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Pca:
    return fitted(digits, tmp_path_factory.mktemp("fit"))


@pytest.fixture(scope="module")
def reference(digits: list[Frame]) -> PCA:
    return PCA(n_components=12, svd_solver="full").fit(levels(digits))


def test_mean_axes_variances_and_noise_equal_scikit_learns(part: Pca, reference: PCA) -> None:
    model, level = part._fitted.network, 127.5
    axes = model.axes.numpy()
    assert (model.mean.numpy() + 1) * level == pytest.approx(reference.mean_, abs=1e-5)
    same = np.abs(reference.components_ @ axes)
    assert same == pytest.approx(np.eye(12), abs=1e-5)
    within = model.code_root[0] @ model.code_root[0].T + model.noise[0] * torch.eye(12)
    wanted = np.diag(reference.explained_variance_)
    assert within.numpy() * level**2 == pytest.approx(wanted, rel=1e-5, abs=1e-5 * wanted[0, 0])
    assert float(model.noise[0]) * level**2 == pytest.approx(reference.noise_variance_, rel=1e-5)


def test_the_likelihood_equals_scikit_learns(part: Pca, reference: PCA) -> None:
    unseen = digit_frames(200, start=600)
    ours = part.log_likelihood(unseen, told=False)
    assert ours == pytest.approx(reference.score_samples(levels(unseen)), rel=1e-5)


@pytest.mark.parametrize("told", [True, False])
def test_the_likelihood_given_y_is_the_groups_gaussian_written_out(part: Pca, told: bool) -> None:
    unseen = digit_frames(30, classes=[3], start=600)
    network, group = part._fitted.network, 1 + 3 if told else 0
    V, R, s = (t.numpy() for t in (network.axes, network.code_root[group], network.noise[group]))
    mean = network.mean.numpy() + V @ network.code_mean[group].numpy()
    whole = multivariate_normal(mean, V @ R @ R.T @ V.T + s * np.eye(64))
    wanted = whole.logpdf(levels(unseen) / 127.5 - 1) - 64 * np.log(127.5)
    assert part.log_likelihood(unseen, told=told) == pytest.approx(wanted, rel=1e-8)


def test_an_untold_class_is_the_mixture_of_all(part: Pca, digits: list[Frame]) -> None:
    shown = digits[:20]
    untold = [picture_frame(f.image, f"untold-{i}") for i, f in enumerate(shown)]
    shares = np.bincount([f.label.index for f in digits]) / len(digits)
    each = [
        part.log_likelihood([picture_frame(f.image, f"as-{k}", k) for f in shown])
        for k in range(10)
    ]
    wanted = np.log(np.exp(np.array(each)).T @ shares)
    assert part.log_likelihood(untold) == pytest.approx(wanted, rel=1e-6)


def test_a_groups_gaussian_is_its_frames_own(digits: list[Frame], tmp_path: Path) -> None:
    part = fitted(digits, tmp_path, prior_frames=0)
    codes = part.encode([f for f in digits if f.label.index == 4])
    network = part._fitted.network
    assert network.code_mean[1 + 4].numpy() == pytest.approx(codes.mean(axis=0), abs=1e-9)
    root, s = network.code_root[1 + 4].numpy(), float(network.noise[1 + 4])
    wanted = np.cov(codes.T)
    floored = np.linalg.eigvalsh(wanted).clip(min=s)  # a code varies at least as the noise does
    assert np.linalg.eigvalsh(root @ root.T + s * np.eye(12)) == pytest.approx(floored, rel=1e-6)


def test_telling_the_class_makes_pictures_likelier_and_bits_agree(part: Pca) -> None:
    unseen = digit_frames(200, start=600)
    told, untold = part.log_likelihood(unseen), part.log_likelihood(unseen, told=False)
    assert told.mean() > untold.mean() + 1
    assert isinstance(part, HasLikelihood)
    bits, kind = part.bits_per_dimension(unseen, seed=1)
    assert kind == "exact"
    assert bits < 8  # of the uniform model
    assert bits != part.bits_per_dimension(unseen, seed=2)[0]
    # E (u - 1/2)^2 = 1/12 lowers the density of a Gaussian by what its precisions sum to.
    assert bits == pytest.approx(-told.mean() / (64 * np.log(2)), abs=0.01)


def test_pictures_in_the_axes_span_come_back_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    base = random.integers(0, 2, (3, 6, 7, 3)) * 60
    parts = random.integers(0, 2, (40, 3))
    frames = [
        picture_frame((np.tensordot(p, base, 1) + 10).astype(np.uint8), f"sum-{i}")
        for i, p in enumerate(parts)
    ]
    part = fitted(frames, tmp_path, components=3)
    for frame, back in zip(frames, part.reconstruct(frames), strict=True):
        assert np.array_equal(frame.image, back)
    codes = part.encode(frames)
    assert codes.shape == (40, 3)


def test_drawn_with_noise_they_have_the_mean_and_covariance_of_the_set(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    shape = random.normal(size=(2, 12)) * 12
    made = 128 + random.normal(size=(600, 2)) @ shape + random.normal(size=(600, 12)) * 5
    frames = [
        picture_frame(x.round().clip(0, 255).astype(np.uint8).reshape(3, 4), f"normal-{i}")
        for i, x in enumerate(made)
    ]
    part = fitted(frames, tmp_path, components=2, pixel_noise=1.0, prior_frames=0)
    drawn = levels(list(part.generate([request(seed=s) for s in range(900)])))
    true = levels(frames)
    assert drawn.mean(axis=0) == pytest.approx(true.mean(axis=0), abs=2)
    wanted = np.cov(true.T)
    off = np.linalg.norm(np.cov(drawn.T) - wanted) / np.linalg.norm(wanted)
    assert off < 0.15
    bare = fitted(frames, tmp_path / "bare", components=2, prior_frames=0)
    plain = levels(list(bare.generate([request(seed=s) for s in range(150)])))
    _, sizes, _ = np.linalg.svd(plain - plain.mean(axis=0))
    assert sizes[2] < 0.1 * sizes[1]  # without the noise they lie in the axes' plane


def test_drawn_classes_are_told_apart(part: Pca, digits: list[Frame]) -> None:
    mean = np.stack([levels([f for f in digits if f.label.index == k]).mean(0) for k in range(10)])
    drawn = list(part.generate([request(k, seed=s) for k in range(10) for s in range(20)]))
    nearest = np.linalg.norm(levels(drawn)[:, None] - mean, axis=2).argmin(axis=1)
    assert (nearest == [frame.label.index for frame in drawn]).mean() > 0.8


def test_large_pictures_give_the_same_axes_by_subspace_iteration(
    digits: list[Frame], part: Pca, tmp_path: Path
) -> None:
    sketched = fitted(digits, tmp_path, exact_up_to=63, oversampling=20, passes=6)
    exact, ours = part._fitted.network, sketched._fitted.network
    assert ours.noise.numpy() == pytest.approx(exact.noise.numpy(), rel=1e-4)
    cosines = np.linalg.svd(exact.axes.numpy().T @ ours.axes.numpy(), compute_uv=False)
    assert cosines.min() > 0.9999
    unseen = digit_frames(50, start=600)
    assert sketched.log_likelihood(unseen) == pytest.approx(part.log_likelihood(unseen), rel=1e-3)


@pytest.mark.parametrize("sketch", [{}, {"exact_up_to": 8, "passes": 2}])
def test_the_size_of_blocks_changes_nothing_but_rounding(
    digits: list[Frame], tmp_path: Path, sketch: dict[str, int]
) -> None:
    unseen = digit_frames(20, start=600)
    one = fitted(digits, tmp_path / "a", block=500, **sketch)
    many = fitted(digits, tmp_path / "b", block=7, **sketch)
    assert one.log_likelihood(unseen) == pytest.approx(many.log_likelihood(unseen), rel=1e-9)


class Stopped(RuntimeError):
    pass


@pytest.mark.parametrize("stop_after", [3, 9, 17])
@pytest.mark.parametrize("exact_up_to", [8, 64])
def test_stopped_and_resumed_it_gives_the_same_bytes(
    digits: list[Frame], tmp_path: Path, stop_after: int, exact_up_to: int
) -> None:
    def stop(done: int, _: int) -> None:
        if done == stop_after:
            raise Stopped

    config = PcaConfig(**SETTINGS, checkpoint_every=1, exact_up_to=exact_up_to, passes=2)
    data = training_of(digits)
    with pytest.raises(Stopped):
        Pca(config).fit(data, tmp_path / "fit", seed=3, progress=stop)
    seen: list[int] = []
    resumed = Pca(config).fit(data, tmp_path / "fit", 3, lambda done, _: seen.append(done))
    assert seen[0] == stop_after
    assert resumed == Pca(config).fit(data, tmp_path / "whole", seed=3)


def test_groups_that_draw_alike_are_found_out(digits: list[Frame], tmp_path: Path) -> None:
    fit = PcaFit(PcaConfig(**SETTINGS), training_of(digits), 1, torch.device("cpu"))
    assert not fit.seen(SeenPca()).draws  # nothing is fitted before the last block
    for step in range(fit.steps):
        fit(step)
    assert fit.seen(SeenPca()).draws
    assert fit.examine(fit.steps - 1) is None
    assert fit.examine(fit.steps) is None
    fit.model.code_mean[1:] = fit.model.code_mean[1:].roll(1, dims=0)
    ailment = fit.examine(fit.steps)
    assert ailment is not None
    assert ailment.cause == "ignores conditions"
    fit.model.code_root.zero_()
    assert fit.examine(fit.steps).cause == "collapsed"


def test_what_was_not_seen_together_is_refused_by_name(tmp_path: Path) -> None:
    fog = [
        picture_frame(f.image // 2 + 100, f"fog-{i}", f.label.index, FOG)
        for i, f in enumerate(digit_frames(40, classes=[0, 1]))
    ]
    part = fitted([*digit_frames(200), *fog], tmp_path)
    with pytest.raises(CannotHonour, match="no training frame of 7 under fog/day"):
        list(part.generate([request(7, FOG)]))
    hazy, clear = (next(iter(part.generate([request(1, c)]))) for c in (FOG, CLEAR))
    assert hazy.image.mean() > clear.image.mean() + 40
    untold = next(iter(part.generate([request(None, FOG)])))
    assert untold.label is None
    dark = Conditions(weather=Weather.FOGGY, hour=1)
    with pytest.raises(CannotHonour, match="fog/night"):
        part.log_likelihood([picture_frame(fog[0].image, "dark", 1, dark)])


def test_impossible_fits_and_settings_say_what_to_do(digits: list[Frame], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two frames of two pixels at least, got 1 of 64"):
        fitted(digits[:1], tmp_path)
    with pytest.raises(ValueError, match="pixel_noise"):
        PcaConfig(pixel_noise=2)
    with pytest.raises(ValueError, match="has not been fitted"):
        Pca(PcaConfig()).encode(digits[:1])
    large = picture_frame(np.zeros((4000, 4000), np.uint8), "large")
    with pytest.raises(ValueError, match=r"16000000 .*set size"):
        fitted([large, *digits], tmp_path, size=(4000, 4000))
