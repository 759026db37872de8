"""Improved precision and recall of generated features (Kynkäänniemi et al. 2019).

Precision is the share of generated pictures that fall into the manifold of real ones, recall the
share of real ones that fall into the manifold of generated ones. A set's manifold is the union of
balls around its features that reach to the k-th nearest other feature. Both depend on n: compare
at equal n only, beside real against real.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.nearest import memberships, neighbour_distances

K = 3  # as in the paper, section 3.1

Features = NDArray[np.floating]  # (n, d)


def precision(real: Features, generated: Features, k: int = K) -> float:
    """1 / |Phi_g| sum of f(phi_g, Phi_r) (eq. 2, left), f of eq. 1. In 0..1, higher better."""
    return _share_inside(generated, real, k)


def recall(real: Features, generated: Features, k: int = K) -> float:
    """1 / |Phi_r| sum of f(phi_r, Phi_g) (eq. 2, right), f of eq. 1. In 0..1, higher better."""
    return _share_inside(real, generated, k)


def _share_inside(points: Features, manifold: Features, k: int) -> float:
    """Mean of f (eq. 1): 1 where a point lies in any ball of the manifold, else 0."""
    holding, _ = memberships(points, manifold, neighbour_distances(manifold, k))
    return float((holding > 0).mean())
