"""Density and coverage of generated features (Naeem et al. 2020).

Precision counts a generated picture once that lies in any real ball, so that one outlier with a
large ball forgives everything; density counts in how many balls it lies. Coverage counts the real
balls that hold a generated picture at all. Balls are those of the real features alone.

Legend: X_i (N, d) real, Y_j (M, d) generated, B(X_i, NND_k(X_i)) the ball of X_i.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.nearest import memberships, neighbour_distances

K = 5  # as in the paper: large equal sets then have an expected coverage of 0.97

Features = NDArray[np.floating]  # (n, d)


def density(real: Features, generated: Features, k: int = K) -> float:
    """1 / (k M) sum_j sum_i [Y_j in B(X_i)] (section 3.2): 1 is expected
    for equal sets, and it may be more.
    """
    holding, _ = memberships(generated, real, neighbour_distances(real, k))
    return float(holding.mean()) / k


def coverage(real: Features, generated: Features, k: int = K) -> float:
    """1 / N sum_i [some Y_j in B(X_i)] (section 3.2), in 0..1: higher is better."""
    _, held = memberships(generated, real, neighbour_distances(real, k))
    return float((held > 0).mean())


def expected_coverage(n_real: int, n_generated: int, k: int = K) -> float:
    """What coverage is expected to be where both sets are of one distribution (lemma 2).

    1 - (N - 1) ... (N - k) / ((M + N - 1) ... (M + N - k)), whatever the distribution.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n_real - i) / (n_generated + n_real - i)))
