"""Critics that judge patches at several scales, and the losses that they give.

Isola et al. 2017 (patches), Wang et al. 2018 (pix2pixHD: several scales, feature matching), Miyato
and Koyama 2018 (conditions by projection), Lim and Ye 2017 (hinge), Reed et al. 2016 (a real
picture under another's conditions counts as false).
Legend: N = batch, P = planes of y, D = entries of the condition vector, K = channels at the end.
"""

from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
PLANES_READ = 8  # channels that the planes of y become


class Judgement(NamedTuple):
    """What one scale says of each picture."""

    score: Tensor  # (N, 1, h, w), high = rendered or real
    features: list[Tensor]  # of every layer


class PatchCritic(nn.Module):
    """One scale: each score sees one patch of the picture and of its y."""

    def __init__(self, planes: int, condition_size: int, width: int, layers: int) -> None:
        super().__init__()
        # Few planes are set at a pixel: a narrow reading of them spares most of the first layer.
        self.read_planes = spectral_norm(nn.Conv2d(planes, PLANES_READ, 1))
        sizes = (3 + PLANES_READ, *(width * min(2**i, 4) for i in range(layers)))
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2 if i + 1 < layers else 1, padding=1))
            for i, (a, b) in enumerate(pairwise(sizes))
        )
        self.score = spectral_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))
        self.project = spectral_norm(nn.Linear(condition_size, sizes[-1]))

    def forward(self, x: Tensor, planes: Tensor, conditions: Tensor) -> Judgement:
        h, features = torch.cat([x, self.read_planes(planes)], dim=1), []
        for conv in self.convs:
            h = functional.leaky_relu(conv(h), SLOPE)
            features.append(h)
        return Judgement(self.judged(h, conditions), features)

    def judged(self, h: Tensor, conditions: Tensor) -> Tensor:
        """Scores (N, 1, h, w) of last features (N, K, h, w) under conditions (N, D)."""
        fits = (h * self.project(conditions)[:, :, None, None]).sum(dim=1, keepdim=True)
        score: Tensor = self.score(h) + fits
        return score


class MultiScaleCritic(nn.Module):
    """`scales` patch critics, each on pictures half as large as the one before."""

    def __init__(
        self, *, planes: int, condition_size: int, width: int, layers: int, scales: int
    ) -> None:
        super().__init__()
        self.critics = nn.ModuleList(
            PatchCritic(planes, condition_size, width, layers) for _ in range(scales)
        )

    def forward(self, x: Tensor, planes: Tensor, conditions: Tensor) -> list[Judgement]:
        """X (N, 3, H, W) in -1..1, planes (N, P, H, W), conditions (N, D) -> one per scale."""
        judgements = []
        for i, critic in enumerate(self.critics):
            if i:
                x, planes = functional.avg_pool2d(x, 2), functional.avg_pool2d(planes, 2)
            judgements.append(critic(x, planes, conditions))
        return judgements

    def under(self, judgements: list[Judgement], conditions: Tensor) -> list[Tensor]:
        """The scores that the same pictures get under other conditions (N, D), one per scale."""
        return [
            cast(PatchCritic, critic).judged(judgement.features[-1], conditions)
            for critic, judgement in zip(self.critics, judgements, strict=True)
        ]


def critic_hinge(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """Mean over scales of E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))]."""
    terms = [
        functional.relu(1 - r.score).mean() + functional.relu(1 + f.score).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def mismatch_hinge(scores: list[Tensor], weights: Tensor) -> Tensor:
    """Mean over scales of E[max(0, 1 + D(real, other conditions))] (Reed et al. 2016, algorithm 1).

    `weights` (N,) is 0 where the other conditions say the same.
    """
    terms = [(functional.relu(1 + s).mean(dim=(1, 2, 3)) * weights).mean() for s in scores]
    return torch.stack(terms).mean()


def generator_hinge(fake: list[Judgement]) -> Tensor:
    """Mean over scales of -E[D(fake)]."""
    return torch.stack([-f.score.mean() for f in fake]).mean()


def feature_matching(real: list[Judgement], fake: list[Judgement], weights: Tensor) -> Tensor:
    """Mean L1 between the critics' features of a drawn picture and of its answer (Wang eq. 4).

    `weights` (N,) is 0 for pictures that have no answer; real features get no gradient.
    """
    terms = [
        ((a.detach() - b).abs().mean(dim=(1, 2, 3)) * weights).mean()
        for r, f in zip(real, fake, strict=True)
        for a, b in zip(r.features, f.features, strict=True)
    ]
    return torch.stack(terms).mean()
