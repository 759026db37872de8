"""The bound on log p(x | y) that a denoiser gives.

Kingma, Salimans, Poole, Ho 2021 ("Variational Diffusion Models", equations 11, 13 and 18), for
pictures whose noise is added: the signal-to-noise ratio is sigma^-2.
Legend: N = pictures, C, H, W = channels and pixels, all sums over C H W, in nats.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._noise_levels import LARGEST, SMALLEST

LEVEL = 2 / 255  # one grey level in pictures of -1..1
REACH = 4  # grey levels about the noisy one that can have been meant: sigma is a quarter of one


def nats(network: Denoiser, x: Tensor, told: Told, levels: int, seeds: Sequence[int]) -> Tensor:
    """A bound (N,) on log p(x | y) of grey levels x (N, C, H, W) in -1..1, from below on average.

    The integral over levels is a mean of `levels` stratified draws a picture, each from its seed.
    """
    chances = [torch.Generator().manual_seed(seed) for seed in seeds]

    def fresh() -> Tensor:
        return torch.stack([torch.randn(x.shape[1:], generator=c) for c in chances]).to(x.device)

    lost = reconstruction(x, x + SMALLEST * fresh()) + prior(x)
    span = math.log(LARGEST / SMALLEST)
    places = torch.stack([torch.rand(levels, generator=chance) for chance in chances])
    for u in ((torch.arange(levels) + places) / levels).to(x.device).unbind(dim=1):
        sigma = SMALLEST * (span * u).exp()
        clean = network(x + sigma[:, None, None, None] * fresh(), sigma, told)
        lost = lost + span / levels * diffusion(x, clean, sigma)
    return -lost


def diffusion(x: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """What one unit of ln sigma costs (N,): |x - D|^2 / sigma^2."""
    return (x - clean).square().flatten(1).sum(dim=1) / sigma**2


def prior(x: Tensor) -> Tensor:
    """KL (N,) of the picture at the largest level from pure noise."""
    return x.square().flatten(1).sum(dim=1) / (2 * LARGEST**2)


def reconstruction(x: Tensor, noisy: Tensor) -> Tensor:
    """-log p(x | noisy) (N,) of grey levels, each as likely as its distance says (equation 8)."""
    nearest = ((noisy + 1) / LEVEL).round()
    offsets = torch.arange(-REACH, REACH + 1, device=x.device)
    levels = nearest[..., None] + offsets
    far = (noisy[..., None] - (levels * LEVEL - 1)) / SMALLEST
    density = torch.where((levels >= 0) & (levels <= 255), -(far**2) / 2, -torch.inf)
    own = -(((noisy - x) / SMALLEST) ** 2) / 2
    return (density.logsumexp(dim=-1) - own).flatten(1).sum(dim=1)
