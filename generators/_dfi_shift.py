"""w of Deep Feature Interpolation: the way from the source neighbours' features to the target's.

The paper's pictures are aligned (eyes upon eyes), so that its w has a value at every place. Streets
are not. Where all pictures have a stencil its classes take the place of alignment: the sky moves
as the neighbours' skies do at that height, the road as their roads. Legend: K = classes, C, h, w =
one tap's map.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from parhelion.generators._deep_features import DeepFeatures
from parhelion.generators._dfi_domains import (
    NO_STENCIL,
    Domains,
    class_planes,
    shares_at,
    to_tensor,
)
from parhelion.generators._dfi_settings import DfiConfig, tap_weights
from parhelion.pipeline.frame import Stencil

LEAST_SHARE = 1.0  # places of a map that a class must cover on both sides to have a w of its own
BORROWED = 0.5  # of a row of places
DEAD = 1e-3  # of the mean deviation: a channel that varies less counts as if it varied so much


@dataclass(frozen=True, eq=False)
class Moments:
    """What is summed over the neighbours, at one tap."""

    n: int
    total: Tensor  # (C, h, w), of features
    squares: Tensor  # (C,), of squared features, over pictures and places
    of_class: Tensor  # (K, h, C), of features, each weighted by the class's share of its place
    share: Tensor  # (K, h), those weights
    untold: int  # pictures without a stencil

    @property
    def mean(self) -> Tensor:
        """(C, h, w)"""
        return self.total / self.n

    @property
    def variance(self) -> Tensor:
        """(C,), over pictures and places."""
        return self.squares / (self.n * self.total[0].numel()) - self.mean.mean((1, 2)) ** 2

    @property
    def of_height(self) -> Tensor:
        """(K, h, C): mean features of each class in each row.

        A row that shows little of a class borrows from the whole class: the mean is that of the
        row's places and of half a row full of the class's own mean (a Bayesian's shrinkage).
        """
        whole = self.of_class.sum(dim=1) / self.share.sum(dim=1).clamp(min=LEAST_SHARE)[:, None]
        lent = BORROWED * self.total.shape[2]
        return (self.of_class + lent * whole[:, None]) / (self.share + lent)[..., None]


@dataclass(frozen=True, eq=False)
class Way:
    """From a parent's features to the wanted ones."""

    w: list[Tensor]  # (1, C, h, w) per tap
    units: list[Tensor]  # (1, C, 1, 1) per tap
    mean_square: float  # of w in these units, over all taps that count
    by_class: bool  # rather than place by place


def way_between(
    phi: DeepFeatures,
    domains: Domains,
    neighbours: tuple[Sequence[int], Sequence[int]],
    stencil: Stencil,
    config: DfiConfig,
) -> Way:
    """W from the source neighbours' features to the target's, for a parent with this stencil."""
    sides = [moments(phi, domains, rows) for rows in neighbours]
    told = bool((stencil != NO_STENCIL).any()) and all_told(*sides)
    by_class = config.alignment == "class" and told
    planes = class_planes(torch.tensor(stencil, device=phi.mean.device))
    taps = list(zip(*sides, strict=True))
    w = [shift(source, target, planes if by_class else None) for source, target in taps]
    units = [spread(source, target) for source, target in taps]
    weights = tap_weights(config, len(w))
    used = [v / u for v, u, weight in zip(w, units, weights, strict=True) if weight > 0]
    squared = torch.cat([v.flatten() for v in used]).square()
    return Way(w, units, squared.mean().item(), by_class)


@torch.no_grad()
def moments(phi: DeepFeatures, domains: Domains, rows: Sequence[int]) -> list[Moments]:
    """Of the stored pictures with these numbers, one picture at a time; one entry per tap."""
    found: list[Moments] = []
    for count, row in enumerate(rows, start=1):
        maps = phi(to_tensor(domains.images[row].cpu().numpy(), phi.mean.device))
        planes = class_planes(domains.stencils[row].to(phi.mean.device))
        here = [_of_picture(m, planes) for m in maps]
        found = [_added(a, b, count) for a, b in zip(found, here, strict=True)] if found else here
    return found


def shift(source: Moments, target: Moments, planes: Tensor | None) -> Tensor:
    """W (1, C, h, w) at one tap: place by place, or by the class `planes` (1, K, H, W) of x.

    A class that either side lacks, and a place without a class, move as the pictures do on the
    whole.
    """
    difference = target.mean - source.mean
    if planes is None:
        return difference[None]
    overall = difference.mean((1, 2))
    told = (source.share.sum(1) >= LEAST_SHARE) & (target.share.sum(1) >= LEAST_SHARE)
    own = torch.where(told[:, None, None], target.of_height - source.of_height, overall)
    share = shares_at(planes, difference)
    untold = 1 - share.sum(dim=1, keepdim=True)
    return torch.einsum("nkhw,khc->nchw", share, own) + untold * overall[:, None, None]


def spread(source: Moments, target: Moments) -> Tensor:
    """(1, C, 1, 1): the deviation of each channel within a domain, the unit of its distance."""
    deviation = ((source.variance + target.variance) / 2).clamp(min=0).sqrt()
    return deviation.clamp(min=DEAD * float(deviation.mean()) + 1e-8)[None, :, None, None]


def all_told(*sides: Sequence[Moments]) -> bool:
    """Whether every neighbour of every side has a stencil."""
    return all(m[0].untold == 0 for m in sides)


def _of_picture(features: Tensor, planes: Tensor) -> Moments:
    share = shares_at(planes, features)
    return Moments(
        n=1,
        total=features[0],
        squares=features.square().sum((0, 2, 3)),
        of_class=torch.einsum("nkhw,nchw->khc", share, features),
        share=share.sum((0, 3)),
        untold=int(share.sum() == 0),
    )


def _added(a: Moments, b: Moments, n: int) -> Moments:
    return Moments(
        n=n,
        total=a.total + b.total,
        squares=a.squares + b.squares,
        of_class=a.of_class + b.of_class,
        share=a.share + b.share,
        untold=a.untold + b.untold,
    )
