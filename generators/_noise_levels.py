"""Noise levels of a diffusion, and the scales that keep its network's task even over them.

Karras, Aittala, Aila, Laine, "Elucidating the Design Space of Diffusion-Based Generative Models",
NeurIPS 2022 (EDM). A noisy picture is x + sigma n with n of unit variance, and a network F draws

    D(x; sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x; c_noise(sigma))    (equation 7)

Why this and not a chain of a thousand steps: what F sees and what it is to say have unit variance
at every level, the largest level drowns the picture entirely (so there is no terminal signal to
mend), and the levels of sampling are chosen after training.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

SMALLEST, LARGEST = 0.002, 80.0  # levels of sampling (table 1)
SIGMA_DATA = 0.5  # spread of pictures in -1..1
SPREAD_LOG = 1.2  # of ln sigma in training (table 1, with -1.2 as its mean)
RHO = 7.0  # how levels crowd towards the smallest (equation 5)


class Scales(NamedTuple):
    """The four functions of sigma, each shaped like sigma."""

    skip: Tensor
    out: Tensor
    into: Tensor  # c_in
    noise: Tensor  # c_noise, 0..1000 over the levels of sampling, as step numbers of a chain are


def scales(sigma: Tensor) -> Scales:
    """Of table 1, with c_noise = ln sigma on the range that embeddings of steps are made for."""
    total = (sigma**2 + SIGMA_DATA**2).sqrt()
    low, high = math.log(SMALLEST), math.log(LARGEST)
    return Scales(
        skip=SIGMA_DATA**2 / total**2,
        out=sigma * SIGMA_DATA / total,
        into=1 / total,
        noise=1000 * (sigma.log() - low) / (high - low),
    )


def loss_weight(sigma: Tensor) -> Tensor:
    """lambda(sigma) = 1 / c_out^2: the loss of F is then even over levels (equation 8)."""
    return (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2


def training_levels(n: int, mean_log: float, generator: torch.Generator) -> Tensor:
    """N levels (N,) with ln sigma normal about `mean_log`."""
    return (mean_log + SPREAD_LOG * torch.randn(n, generator=generator)).exp()


def sampling_levels(n: int, largest: float = LARGEST, smallest: float = SMALLEST) -> Tensor:
    """N levels from `largest` down to `smallest`, and 0 after them (equation 5): (n + 1,).

    Where `largest` is no more than `smallest` it is the only one.
    """
    if n < 2 or largest <= smallest:
        return torch.tensor([largest, 0.0])
    share = torch.arange(n) / (n - 1)
    high, low = largest ** (1 / RHO), smallest ** (1 / RHO)
    return torch.cat([(high + share * (low - high)) ** RHO, torch.zeros(1)])


def level_at(strength: float) -> float:
    """The level where a walk of evenly crowded levels begins: 0 at no noise, 1 at LARGEST."""
    high, low = LARGEST ** (1 / RHO), SMALLEST ** (1 / RHO)
    return float((low + strength * (high - low)) ** RHO)
