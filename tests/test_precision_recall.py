"""Precision, recall, density and coverage: the papers' formulas written out again, and laws."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from parhelion.pipeline import nearest as nearest_rows
from parhelion.pipeline.density_coverage import coverage, density, expected_coverage
from parhelion.pipeline.nearest import memberships, nearest, neighbour_distances
from parhelion.pipeline.precision_recall import precision, recall
from parhelion.pipeline.seeds import rng

Rows = NDArray[np.float64]


def rows(seed: int, n: int, d: int = 4, shift: float = 0.0) -> Rows:
    return rng("tests.prdc", seed).normal(shift, 1, (n, d))


def radius_by_hand(x: Rows, i: int, k: int) -> float:
    return sorted(math.dist(x[i], x[j]) for j in range(len(x)) if j != i)[k - 1]


def prdc_by_hand(real: Rows, generated: Rows, k: int) -> dict[str, float]:
    """The definitions as they are printed, with one loop for every sum."""

    def in_ball(point: Rows, of: Rows, i: int) -> bool:
        return math.dist(point, of[i]) <= radius_by_hand(of, i, k)

    def f(point: Rows, phi: Rows) -> int:
        return int(any(in_ball(point, phi, i) for i in range(len(phi))))

    n, m = len(real), len(generated)
    return {
        "precision": sum(f(g, real) for g in generated) / m,
        "recall": sum(f(r, generated) for r in real) / n,
        "density": sum(in_ball(g, real, i) for g in generated for i in range(n)) / (k * m),
        "coverage": sum(any(in_ball(g, real, i) for g in generated) for i in range(n)) / n,
    }


@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_the_papers_sums(shift: float, k: int) -> None:
    real, generated = rows(1, 23), rows(2, 17, shift=shift)
    assert {
        "precision": precision(real, generated, k),
        "recall": recall(real, generated, k),
        "density": density(real, generated, k),
        "coverage": coverage(real, generated, k),
    } == pytest.approx(prdc_by_hand(real, generated, k))


def test_all_four_agree_with_scikit_learns_neighbours() -> None:
    k, real, generated = 5, rows(3, 300), rows(4, 200, shift=0.5)

    def balls(x: Rows) -> Rows:
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, -1]

    across = np.linalg.norm(real[:, None] - generated[None], axis=2)
    in_real, in_generated = across <= balls(real)[:, None], across <= balls(generated)
    assert precision(real, generated, k) == pytest.approx(in_real.any(axis=0).mean())
    assert recall(real, generated, k) == pytest.approx(in_generated.any(axis=1).mean())
    assert density(real, generated, k) == pytest.approx(in_real.sum() / (k * len(generated)))
    assert coverage(real, generated, k) == pytest.approx(in_real.any(axis=1).mean())


def test_a_set_with_itself_and_with_one_far_away() -> None:
    real = rows(5, 60)
    assert precision(real, real) == recall(real, real) == coverage(real, real) == 1
    far = real + 100
    assert precision(real, far) == recall(real, far) == density(real, far) == 0
    assert coverage(real, far) == 0


def test_one_mode_of_two_is_precise_and_covers_half() -> None:
    mode, other = rows(6, 100), rows(7, 100) + 50
    one = rows(8, 200)
    assert precision(np.vstack([mode, other]), one) > 0.8
    assert recall(np.vstack([mode, other]), one) < 0.55
    assert coverage(np.vstack([mode, other]), one) < 0.55


def test_an_outlier_forgives_precision_everything_and_density_little() -> None:
    """The reason for density (Naeem et al., section 3.1)."""
    real = np.vstack([rows(9, 100), [[60.0] * 4]])  # its ball reaches all the others
    between = rows(10, 100) * 0.1 + 30
    assert precision(real, between, k=5) == 1
    assert density(real, between, k=5) == pytest.approx(1 / 5)


def test_coverage_of_equal_sets_is_lemma_2_whatever_the_distribution() -> None:
    k, n, m = 3, 40, 30
    found = [coverage(rows(100 + s, n), rows(500 + s, m), k) for s in range(200)]
    standard_error = np.std(found) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(expected_coverage(n, m, k), abs=4 * standard_error)
    assert expected_coverage(10**6, 10**6, 5) == pytest.approx(1 - 2**-5, abs=1e-4)
    densities = [density(rows(100 + s, n), rows(500 + s, m), k) for s in range(200)]
    assert np.mean(densities) == pytest.approx(1, abs=4 * np.std(densities) / math.sqrt(200))


def test_too_few_rows_for_k_are_refused() -> None:
    with pytest.raises(ValueError, match="wants more than k = 3 >= 1 rows, got 3"):
        precision(rows(1, 3), rows(2, 9))


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(11, 37), rows(12, 29)
    whole = (neighbour_distances(x, 2), *memberships(y, x, np.ones(37)), *nearest(x, y))
    monkeypatch.setattr(nearest_rows, "BLOCK", 8)
    pieces = (neighbour_distances(x, 2), *memberships(y, x, np.ones(37)), *nearest(x, y))
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_nearest_is_the_least_of_all_distances_of_bytes_too() -> None:
    x = rng("tests.bytes", 1).integers(0, 256, (9, 12), dtype=np.uint8)
    y = rng("tests.bytes", 2).integers(0, 256, (31, 12), dtype=np.uint8)
    distances, places = nearest(x, y)
    every = np.linalg.norm(x[:, None].astype(float) - y[None], axis=2)
    np.testing.assert_allclose(distances, every.min(axis=1)[:, None])
    np.testing.assert_allclose(nearest(x, y, 5)[0], np.sort(every, axis=1)[:, :5])
    with pytest.raises(ValueError, match="wanted the 32 nearest of 31 rows: ask for 1 to 31"):
        nearest(x, y, 32)
    np.testing.assert_array_equal(places, every.argmin(axis=1))
