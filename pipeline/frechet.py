"""Fréchet distance between two sets of features, each taken as a Gaussian.

Legend: n = frames, d = feature dimensions. FID is this distance on one certain network (Heusel et
al. 2017); on any other it is named after that network. It is biased upwards at small n, so it is
refused below n = 2 d and stands beside real against real at the same n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import Passport, Score
from parhelion.pipeline.feature_sample import FeatureMetric, FeatureSample, Rows, matched
from parhelion.pipeline.features import INCEPTION
from parhelion.pipeline.jackknife import jackknife_interval

FRAMES_PER_DIMENSION = 2
JACKKNIFE_BLOCKS = 10  # blocks of whole groups; each costs one matrix root

Vector = NDArray[np.float64]  # (d,)
Matrix = NDArray[np.float64]  # (d, d)


@dataclass(frozen=True, eq=False)
class Moments:
    """Running mean and scatter in float64; two of them merge exactly (Chan et al. 1983)."""

    n: int
    mean: Vector
    scatter: Matrix  # sum of (x - mean)(x - mean)^T

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> "Moments":
        """Moments of rows (n, d), n >= 1."""
        x = features.astype(np.float64)
        mean = x.mean(axis=0)
        centred = x - mean
        return cls(len(x), mean, centred.T @ centred)

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both sets together, Chan et al. (1983), eq. 2.1."""
        n = self.n + other.n
        delta = other.mean - self.mean
        scatter = self.scatter + other.scatter + np.outer(delta, delta) * (self.n * other.n / n)
        return Moments(n, self.mean + delta * (other.n / n), scatter)

    @property
    def cov(self) -> Matrix:
        """Unbiased covariance (d, d). Raises ValueError below two rows."""
        if self.n < 2:
            raise ValueError(f"a covariance needs two rows or more, got {self.n}")
        return self.scatter / (self.n - 1)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson & Landau 1982), never below zero.

    tr (C1 C2)^(1/2) is taken as tr (R C2 R)^(1/2) with R = C1^(1/2): both are symmetric, so their
    eigenvalues are real and rounding cannot make them complex.
    """
    difference = first.mean - second.mean
    root = _root(first.cov)
    eigenvalues = np.linalg.eigvalsh(root @ second.cov @ root)
    cross = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    value = difference @ difference + np.trace(first.cov) + np.trace(second.cov) - 2 * cross
    return max(float(value), 0.0)


def _root(cov: Matrix) -> Matrix:
    """Symmetric square root of a covariance; eigenvalues that rounding made negative are zero."""
    eigenvalues, vectors = np.linalg.eigh(cov)
    root: Matrix = (vectors * np.sqrt(np.clip(eigenvalues, 0, None))) @ vectors.T
    return root


def frechet_name(passport: Passport) -> str:
    """The name: FID on the FID Inception alone, elsewhere with the network in it."""
    if passport.network == INCEPTION:
        return "FID"
    return f"Fréchet distance on {passport.network}"


def frechet_score(real: FeatureSample, generated: FeatureSample, passport: Passport) -> Score:
    """Generated against real, beside real against real at the same n; refused where n < 2 d."""
    sets = matched(real.rows, generated.rows)
    name, needed = frechet_name(passport), FRAMES_PER_DIMENSION * real.dims
    if sets.n < needed:
        note = (
            f"refused: a Fréchet distance in {real.dims} dimensions needs {needed} frames in the "
            f"generated set and in each half of the real one, got {sets.n}; read kernel distance"
        )
        return _score(name, None, len(real.rows), len(generated.rows), passport, note=note)
    drawn, reference = Moments.of(sets.generated.features), Moments.of(sets.reference.features)
    value = frechet_distance(drawn, reference)
    return _score(
        name,
        value,
        sets.n,
        sets.n,
        passport,
        interval=jackknife_interval(value, _leave_one_out(sets.generated, sets.reference)),
        floor=frechet_distance(Moments.of(sets.control.features), reference),
    )


def _score(
    name: str,
    value: float | None,
    n_real: int,
    n_generated: int,
    passport: Passport,
    *,
    interval: tuple[float, float] | None = None,
    floor: float | None = None,
    note: str = "",
) -> Score:
    return Score(
        name=name,
        value=value,
        interval=interval,
        floor=floor,
        floor_n=None if floor is None else n_real,
        n_real=n_real,
        n_generated=n_generated,
        passport=passport,
        note=note,
    )


def _leave_one_out(first: Rows, second: Rows) -> Vector:
    """The distance without each of up to ten blocks of groups, each left out on both sides."""
    names = sorted(set(first.groups) | set(second.groups))
    blocks = [frozenset(names[i::JACKKNIFE_BLOCKS]) for i in range(JACKKNIFE_BLOCKS)]
    parts = [(_moments(first, block), _moments(second, block)) for block in blocks if block]
    return np.array(
        [
            frechet_distance(*(_union(side) for side in zip(*without, strict=True)))
            for i in range(len(parts))
            if (without := parts[:i] + parts[i + 1 :])
        ]
    )


def _moments(rows: Rows, groups: frozenset[str]) -> Moments | None:
    chosen = rows.of_groups(groups)
    return Moments.of(chosen.features) if len(chosen) else None


def _union(parts: Sequence[Moments | None]) -> Moments:
    return reduce(Moments.merged, [part for part in parts if part is not None])


class FrechetDistance(FeatureMetric):
    """The score as a metric: update with frames, merge parts, compute."""

    def compute(self) -> Score:
        """See `frechet_score`."""
        return frechet_score(self.real, self.generated, self.passport)
