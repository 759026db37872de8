"""Kernel distance against the published definition, written the slow and obvious way."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import make_frame
from mean_colour import MeanColour

from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.feature_sample import FeatureSample, Rows
from parhelion.pipeline.kid import (
    KernelDistance,
    kernel_distance,
    kernel_score,
    leave_one_group_out,
)
from parhelion.pipeline.seeds import rng


def obvious_kid(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased MMD^2 of Bińkowski et al. (2018), pair by pair."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    def within(z: np.ndarray) -> float:
        pairs = itertools.permutations(range(len(z)), 2)
        return sum(k(z[i], z[j]) for i, j in pairs) / (len(z) * (len(z) - 1))

    across = np.mean([[k(a, b) for b in y] for a in x])
    return within(x) + within(y) - 2 * across


def obvious_grouped(x: np.ndarray, gx: Sequence[str], y: np.ndarray, gy: Sequence[str]) -> float:
    """The same over pairs of different groups alone, pair by pair."""

    def mean(a: np.ndarray, ga: Sequence[str], b: np.ndarray, gb: Sequence[str]) -> float:
        pairs = itertools.product(range(len(a)), range(len(b)))
        kernels = [(a[i] @ b[j] / a.shape[1] + 1) ** 3 for i, j in pairs if ga[i] != gb[j]]
        return float(np.mean(kernels))

    x, y = x.astype(float), y.astype(float)
    return mean(x, gx, x, gx) + mean(y, gy, y, gy) - 2 * mean(x, gx, y, gy)


def features(n: int, seed: int, shift: float = 0.0, d: int = 5) -> np.ndarray:
    return rng("tests.kid", seed).normal(shift, 1, (n, d)).astype(np.float32)


@pytest.mark.parametrize(("m", "n"), [(2, 2), (7, 4), (30, 41)])
def test_equals_the_definition_pair_by_pair(m: int, n: int) -> None:
    x, y = features(m, 1), features(n, 2, 0.4)
    expected = obvious_kid(x.astype(float), y.astype(float))
    assert kernel_distance(x, y) == pytest.approx(expected, abs=1e-9)


def test_equals_torch_fidelity_on_one_full_subset() -> None:
    from torch_fidelity.metric_kid import kernel_mmd

    x, y = features(40, 1), features(40, 2, 0.4)
    theirs = kernel_mmd(x.astype(float), y.astype(float))  # its defaults are KID's kernel
    assert kernel_distance(x, y) == pytest.approx(float(theirs), abs=1e-9)


def test_of_a_set_with_itself_takes_its_closed_form() -> None:
    # Every across-pair also occurs within; only the m pairs of a row with itself remain.
    x = features(20, 3).astype(np.float64)
    k = (x @ x.T / x.shape[1] + 1) ** 3
    m = len(x)
    off_diagonal = (k.sum() - np.trace(k)) / (m * (m - 1))
    assert kernel_distance(x, x) == pytest.approx(2 * off_diagonal - 2 * k.mean(), abs=1e-12)
    assert kernel_distance(x, x) < 0


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(33, 1), features(29, 2, 0.3)
    whole = kernel_distance(x, y)
    monkeypatch.setattr("parhelion.pipeline.kid.BLOCK", 4)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-12)


def test_leaving_a_group_out_equals_computing_without_it() -> None:
    x, y = features(12, 1), features(11, 2, 0.3)
    gx, gy = tuple("abcacbabbcca"), tuple("dadbdbcbddb")
    value, without = leave_one_group_out(Rows(x, gx), Rows(y, gy))
    assert value == pytest.approx(obvious_grouped(x, gx, y, gy), abs=1e-9)
    for group, left in zip("abcd", without, strict=True):
        in_x, in_y = ([i for i, g in enumerate(side) if g != group] for side in (gx, gy))
        expected = obvious_grouped(x[in_x], [gx[i] for i in in_x], y[in_y], [gy[i] for i in in_y])
        assert left == pytest.approx(expected, abs=1e-9)


def test_with_a_row_a_group_is_the_published_one() -> None:
    x, y = features(12, 1), features(11, 2, 0.3)
    gx, gy = ([f"{side}{i}" for i in range(n)] for side, n in (("x", 12), ("y", 11)))
    value, without = leave_one_group_out(Rows(x, tuple(gx)), Rows(y, tuple(gy)))
    assert value == pytest.approx(kernel_distance(x, y), rel=1e-12)
    assert without[0] == pytest.approx(kernel_distance(x[1:], y), abs=1e-9)


def test_a_side_of_one_group_has_no_value() -> None:
    rows = Rows(features(6, 1), tuple("aabbcc"))
    value, _ = leave_one_group_out(rows, Rows(features(4, 2), ("d",) * 4))
    assert np.isnan(value)
    _, without = leave_one_group_out(rows, Rows(features(4, 2), tuple("ddee")))
    assert np.isnan(without[3:]).all()  # without d or e, the second side has one group
    assert np.isfinite(without[:3]).all()


def clustered(groups: int, each: int, seed: int, side: str) -> Rows:
    """Groups drawn from one law, whose rows are nearly alike."""
    centres = np.repeat(features(groups, seed), each, axis=0)
    names = tuple(f"{side}{i // each}" for i in range(groups * each))
    return Rows(centres + 0.2 * features(groups * each, seed + 50_000), names)


def test_groups_of_like_rows_leave_it_unbiased() -> None:
    pairs = [(clustered(5, 4, 2 * s, "x"), clustered(7, 3, 2 * s + 1, "y")) for s in range(400)]
    grouped = np.array([leave_one_group_out(x, y)[0] for x, y in pairs])
    rowwise = np.array([kernel_distance(x.features, y.features) for x, y in pairs])
    errors = [values.std() / np.sqrt(len(values)) for values in (grouped, rowwise)]
    assert abs(grouped.mean()) < 3 * errors[0]
    assert rowwise.mean() > 10 * errors[1], "rows as units see a distance that is not there"


def test_is_unbiased_for_equal_distributions() -> None:
    values = [kernel_distance(features(10, 2 * s), features(10, 2 * s + 1)) for s in range(300)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0 < max(values)


def sample(x: np.ndarray, name: str, rows_per_group: int = 1) -> FeatureSample:
    made = FeatureSample(x.shape[1])
    ids = [f"{name}-{i}" for i in range(len(x))]
    made.add(ids, [f"{name}-group-{i // rows_per_group}" for i in range(len(x))], x)
    return made


def test_score_takes_all_frames_and_stands_beside_a_floor_of_stated_n() -> None:
    near = kernel_score(sample(features(41, 1), "r"), sample(features(30, 2), "g"), Passport())
    far = kernel_score(sample(features(41, 1), "r"), sample(features(30, 2, 1.0), "g"), Passport())
    assert (near.n_generated, near.n_real, near.floor_n) == (30, 21, 20)
    assert near.floor == far.floor
    assert far.value is not None
    assert near.value is not None
    assert far.interval is not None
    assert far.interval[0] < far.value < far.interval[1]
    assert far.value > 5 * abs(near.value)


def test_copies_of_a_frame_do_not_narrow_the_interval() -> None:
    real, drawn = features(40, 1), features(20, 2, 0.5)
    once = kernel_score(sample(real, "r"), sample(drawn, "g"), Passport())
    copied = kernel_score(
        sample(np.repeat(real, 4, 0), "r", 4), sample(np.repeat(drawn, 4, 0), "g", 4), Passport()
    )
    assert once.interval is not None
    assert copied.interval is not None
    widths = [high - low for low, high in (once.interval, copied.interval)]
    assert widths[1] > 0.6 * widths[0]  # rows as units would give about half


@pytest.mark.parametrize(("real", "drawn"), [((3, 1), (30, 1)), ((40, 1), (30, 30))])
def test_refuses_sets_of_one_group(real: tuple[int, int], drawn: tuple[int, int]) -> None:
    sides = [
        sample(features(n, 1), name, each)
        for name, (n, each) in zip("rg", (real, drawn), strict=True)
    ]
    score = kernel_score(sides[0], sides[1], Passport())
    assert score.value is None
    assert "needs frames of 2 groups" in score.note
    assert score.note.endswith("got 1")
    assert (score.n_real, score.n_generated) == (real[0], drawn[0])


def test_metric_parts_merge_to_the_whole_in_any_order() -> None:
    real, drawn = [make_frame(i) for i in range(12)], [make_frame(100 + i) for i in range(9)]
    whole, left, right = (KernelDistance(MeanColour(), seed=3) for _ in range(3))
    whole.update(real, real=True)
    whole.update(drawn, real=False)
    right.update(reversed(real[:5]), real=True)
    left.update(real[4:], real=True)  # frame 4 is met twice and counts once
    left.update(drawn, real=False)
    left.merge(right)
    assert left.compute() == whole.compute()
    assert whole.compute().name == "kernel distance on mean-colour"
    assert whole.compute().passport.seed == 3


def test_metrics_of_other_passports_do_not_merge() -> None:
    with pytest.raises(ValueError, match="cannot merge scores"):
        KernelDistance(MeanColour(), seed=1).merge(KernelDistance(MeanColour(), seed=2))
