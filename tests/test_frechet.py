"""Fréchet distance against scipy's matrix root, torch-fidelity and closed forms."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.feature_sample import FeatureSample
from parhelion.pipeline.features import INCEPTION
from parhelion.pipeline.frechet import Moments, frechet_distance, frechet_name, frechet_score
from parhelion.pipeline.seeds import rng


def features(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Correlated rows with a spectrum over three decades."""
    random = rng("tests.frechet", seed)
    mixing = random.normal(size=(d, d)) * np.logspace(0, -1.5, d)
    return random.normal(size=(n, d)) @ mixing + shift


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    c1, c2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    difference = x.mean(0) - y.mean(0)
    return float(difference @ difference + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real))


@pytest.mark.parametrize("d", [2, 16, 64])
def test_equals_scipy_and_torch_fidelity(d: int) -> None:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    x, y = features(300, d, 1), features(250, d, 2, 0.2)
    ours = frechet_distance(Moments.of(x), Moments.of(y))
    assert ours == pytest.approx(by_scipy(x, y), rel=1e-6, abs=1e-6)
    stats = [{"mu": z.mean(0), "sigma": np.cov(z, rowvar=False)} for z in (x, y)]
    theirs = fid_statistics_to_metric(*stats, False)["frechet_inception_distance"]
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_of_a_set_with_itself_is_zero() -> None:
    moments = Moments.of(features(400, 48, 3))
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-8)


def test_is_symmetric_and_sees_a_shift_as_its_square() -> None:
    x = features(200, 8, 4)
    one, other = Moments.of(x), Moments.of(x + 0.5)
    assert frechet_distance(one, other) == pytest.approx(8 * 0.25)
    third = Moments.of(features(200, 8, 5))
    assert frechet_distance(one, third) == pytest.approx(frechet_distance(third, one))


def test_stays_real_for_a_singular_covariance() -> None:
    x, y = features(200, 8, 6), features(200, 8, 7)
    x[:, 5:] = 0
    value = frechet_distance(Moments.of(x), Moments.of(y))
    assert np.isfinite(value)
    assert value > 0


def test_moments_merge_to_those_of_the_whole() -> None:
    x = features(101, 6, 8, shift=1e4)  # far from zero: naive sums of squares would lose digits
    parts = [Moments.of(part) for part in np.split(x, [1, 30, 77])]
    merged = parts[0].merged(parts[1].merged(parts[2])).merged(parts[3])
    assert merged.n == 101
    np.testing.assert_allclose(merged.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(merged.cov, np.cov(x, rowvar=False), rtol=1e-9, atol=1e-9)


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="two rows or more, got 1"):
        _ = Moments.of(features(1, 3, 0)).cov


def sample(x: np.ndarray, name: str) -> FeatureSample:
    made = FeatureSample(x.shape[1])
    ids = [f"{name}-{i}" for i in range(len(x))]
    made.add(ids, [f"{name}-group-{i // 3}" for i in range(len(x))], x.astype(np.float32))
    return made


def test_is_refused_below_two_frames_a_dimension() -> None:
    passport = Passport(network="tiny")
    real = features(66, 16, 1)
    refused = frechet_score(sample(real[:63], "r"), sample(real, "g"), passport)
    assert refused.value is None
    assert "needs 32 frames" in refused.note
    given = frechet_score(sample(real, "r"), sample(features(66, 16, 1), "g"), passport)
    assert given.value is not None
    assert given.n_real == given.floor_n == 33


def test_score_has_a_floor_and_an_interval_by_groups() -> None:
    x = features(400, 8, 1)
    near = frechet_score(sample(x[:200], "r"), sample(x[200:], "g"), Passport(network="tiny"))
    far = frechet_score(sample(x[:200], "r"), sample(x[200:] + 1, "g"), Passport(network="tiny"))
    assert near.floor == far.floor
    assert near.floor is not None
    assert far.value is not None
    assert far.interval is not None
    assert far.interval[0] < far.value < far.interval[1]
    assert far.interval[0] > near.floor


def test_is_called_fid_on_the_inception_alone() -> None:
    assert frechet_name(Passport(network=INCEPTION)) == "FID"
    other = frechet_name(Passport(network="mobilenet-v2-imagenet1k-v1"))
    assert other == "Fréchet distance on mobilenet-v2-imagenet1k-v1"
