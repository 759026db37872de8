"""Noise levels of a diffusion, and the scales that keep its network's task even over them.

Karras, Aittala, Aila, Laine, "Elucidating the Design Space of Diffusion-Based Generative Models",
NeurIPS 2022 (EDM). A noisy picture is x + sigma n with n of unit variance, and a network F draws

    D(x; sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x; c_noise(sigma))    (equation 7)

Why this and not a chain of a thousand steps: what F sees and what it is to say have unit variance
at every level, the largest level drowns the picture entirely (so there is no terminal signal to
mend), and the levels of sampling are chosen after training.

One thing is not theirs. Their scales are numbers, the best for pixels that know nothing of each
other. Those of a picture do: nearly all of it lies in its large bands of scale (`_bands`), where
noise is least. So c_skip and c_in are told band by band, from the spread s of the band in pictures
and the spread n of noise sigma in it,

    c_skip = s^2 / (s^2 + n^2)    c_in = sqrt(c_skip) / sigma_data    c_out^2 = sum of c_skip n^2

which is the same reasoning (their appendix B.6) for a skip that may differ between bands, and with
a single band is table 1. An untrained network is then a good linear denoiser, what F sees keeps the
spectrum of pictures at every level, and F has only to say what no line knows. As bands overlap, the
task of F keeps to unit variance within a tenth, and what it sees within a third.

Legend: N = batch, K = bands.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from parhelion.generators._bands import noise_shares

SMALLEST, LARGEST = 0.002, 80.0  # levels of sampling (table 1)
SIGMA_DATA = 0.5  # spread of pictures in -1..1, where none were measured
RHO = 7.0  # how levels crowd towards the smallest (equation 5)
WAVES = 8  # cosines that tell a level to a layer


class Scales(NamedTuple):
    """The four functions of sigma (N,); those of a picture are told band by band."""

    skip: Tensor  # (N, K)
    out: Tensor  # (N,)
    into: Tensor  # (N, K) c_in
    noise: Tensor  # (N,) c_noise, 0..1000 over the levels of sampling, as steps of a chain are


def scales(sigma: Tensor, spreads: Tensor) -> Scales:
    """Of pictures whose bands have these spreads (K,), or each its own (N, K)."""
    low, high = math.log(SMALLEST), math.log(LARGEST)
    s = spreads.square()
    n = sigma.square()[:, None] * noise_shares(s.shape[-1]).to(s.device)
    skip = s / (s + n)
    return Scales(
        skip=skip,
        out=(skip * n).sum(dim=1).sqrt(),
        into=skip.sqrt() / s.sum(dim=-1, keepdim=True).sqrt(),
        noise=1000 * (sigma.log() - low) / (high - low),
    )


def waves(level: Tensor) -> Tensor:
    """Cosines (N, WAVES) of c_noise (N,): half a wave over all levels, and its overtones."""
    overtones = torch.arange(1, WAVES + 1, device=level.device)
    return (level[:, None] * overtones * (math.pi / 1000)).cos()


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
