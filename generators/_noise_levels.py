"""Noise levels of a diffusion, and the scales that keep its network's task even over them.

Karras, Aittala, Aila, Laine, "Elucidating the Design Space of Diffusion-Based Generative Models",
NeurIPS 2022 (EDM). A noisy picture is x + sigma n with n of unit variance, and a network F draws

    D(x; sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x; c_noise(sigma))    (equation 7)

Why this and not a chain of a thousand steps: what F sees and what it is to say have unit variance
at every level, the largest level drowns the picture entirely (so there is no terminal signal to
mend), and the levels of sampling are chosen after training.

One thing is not theirs. Their c_skip makes c_out least for pixels that know nothing of each other.
Those of a picture do: what is left of one when its neighbours are known, its detail, is far less
than its spread, and noise that the skip lets through above that has to be taken away by F, which
then must carry all of it. So the skip goes by the spread s of detail, and c_out by the skip:

    c_skip = s^2 / (sigma^2 + s^2)        c_out^2 = (1 - c_skip)^2 sigma_data^2 + c_skip^2 sigma^2

With s = sigma_data it is theirs; with s = 0, F draws the clean picture itself (Li and He 2025).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

SMALLEST, LARGEST = 0.002, 80.0  # levels of sampling (table 1)
SIGMA_DATA = 0.5  # spread of pictures in -1..1
RHO = 7.0  # how levels crowd towards the smallest (equation 5)


class Scales(NamedTuple):
    """The four functions of sigma, each shaped like sigma."""

    skip: Tensor
    out: Tensor
    into: Tensor  # c_in
    noise: Tensor  # c_noise, 0..1000 over the levels of sampling, as step numbers of a chain are


def scales(sigma: Tensor, detail: Tensor | float = SIGMA_DATA) -> Scales:
    """Of table 1 where `detail` is SIGMA_DATA; c_noise is ln sigma on the range that embeddings of
    steps are made for.
    """
    low, high = math.log(SMALLEST), math.log(LARGEST)
    skip = detail**2 / (sigma**2 + detail**2)
    return Scales(
        skip=skip,
        out=(((1 - skip) * SIGMA_DATA) ** 2 + (skip * sigma) ** 2).sqrt(),
        into=1 / (sigma**2 + SIGMA_DATA**2).sqrt(),
        noise=1000 * (sigma.log() - low) / (high - low),
    )


def detail_of(x: Tensor, side: int) -> Tensor:
    """Spread of pixels (N, C, H, W) about the means of squares of `side`: what they have alone."""
    height, width = (length // side * side for length in x.shape[2:])
    squares = pixel_unshuffle(x[:, :, :height, :width], side)
    apart = squares.reshape(len(x), x.shape[1], side**2, -1)
    return apart.var(dim=2).mean().sqrt()


def loss_weight(sigma: Tensor) -> Tensor:
    """lambda(sigma) of equation 8, 1 / c_out^2 of table 1 whatever the detail is."""
    return (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2


def training_levels(n: int, mean_log: float, spread: float, generator: torch.Generator) -> Tensor:
    """N levels (N,) with ln sigma normal about `mean_log` (table 1: -1.2 and a spread of 1.2)."""
    return (mean_log + spread * torch.randn(n, generator=generator)).exp()


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
