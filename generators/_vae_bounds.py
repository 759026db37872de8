"""Likelihood of grey levels, KL and the two bounds on log p(x | y) of `vae`.

Legend: N = pictures, C, H, W = channels and pixels, Z = entries of a code, K = codes for each.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._vae_networks import Vae
from parhelion.generators._vae_prior import Gaussian, WholeGaussian

Noise = Literal["logistic", "gaussian"]

HALF_LEVEL = 1 / 255  # half a grey level in pictures of -1..1


def log_mass(noise: Noise, x: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Log probability (N, C, H, W) of the grey levels `x` in -1..1 under noise around `location`.

    The mass of a level's bin, the lowest and highest bins open-ended: Kingma et al. 2016 (IAF),
    appendix, with their logistic or a normal distribution. It is a probability, so that bits per
    dimension need no dequantisation. `log_scale` is broadcast.
    """
    scale = log_scale.exp()
    upper, lower = (x + HALF_LEVEL - location) / scale, (x - HALF_LEVEL - location) / scale
    if noise == "logistic":
        below, above = functional.logsigmoid(upper), functional.logsigmoid(-lower)
        # s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), and a - b is one level over the scale.
        inside = below + above + _log_1m_exp(-2 * HALF_LEVEL / scale)
    else:
        below, above = torch.special.log_ndtr(upper), torch.special.log_ndtr(-lower)
        right = upper + lower > 0  # there 1 - F is the small one
        far = torch.where(right, torch.special.log_ndtr(-upper), torch.special.log_ndtr(lower))
        near = torch.where(right, above, below)
        inside = near + _log_1m_exp(far - near)
    mass = torch.where(x < -1 + HALF_LEVEL, below, inside)
    return torch.where(x > 1 - HALF_LEVEL, above, mass)


def kl(q: Gaussian, p: WholeGaussian) -> Tensor:
    """KL(q || p) in nats (N, Z), entry by entry: each given the entries of z before it.

    Kingma and Welling 2014, appendix B, for any Gaussian p, by the chain rule; none is negative.
    """
    off = torch.einsum("nij,nj->ni", p.factor, q.mean - p.mean).square()
    spread = torch.einsum("nij,nj->ni", p.factor.square(), q.log_variance.exp())
    log_ratio = q.log_variance + 2 * p.factor.diagonal(dim1=1, dim2=2).log()
    return 0.5 * (off + spread - 1 - log_ratio)


def free_bits(nats: Tensor, least: float) -> Tensor:
    """Sum over entries of the batch mean of `nats` (N, Z), each at least `least` nats.

    Kingma et al. 2016, eq. 15: an entry gains nothing from saying less.
    """
    return nats.mean(dim=0).clamp(min=least).sum()


def elbo(net: Vae, noise: Noise, x: Tensor, y: Tensor, e: Tensor) -> Tensor:
    """Nats (N,): E log p(x | z, y) - KL(q(z | x, y) || p(z | y)), for code noises `e` (K, N, Z).

    Kingma and Welling 2014, eq. 10.
    """
    q = net.encode(x, y)
    fit = torch.stack([_log_picture(net, noise, x, y, z) for z in q.at(e)]).mean(dim=0)
    return fit - kl(q, net.prior_of(y)).sum(dim=1)


def importance_bound(net: Vae, noise: Noise, x: Tensor, y: Tensor, e: Tensor) -> Tensor:
    """Nats (N,): log of the mean of p(x, z | y) / q(z | x, y) over K codes; `e` (K, N, Z).

    Burda et al. 2016, eq. 8. It grows with K towards log p(x | y).
    """
    q = net.encode(x, y)
    z = q.at(e)
    ratio = net.prior_of(y).log_density(z) - q.log_density(z)
    fit = torch.stack([_log_picture(net, noise, x, y, one) for one in z])
    return torch.logsumexp(fit + ratio, dim=0) - math.log(len(e))


def bits_per_dimension(nats: Tensor, dimensions: int) -> Tensor:
    """-log2 p per grey level, of log p in nats."""
    return -nats / (dimensions * math.log(2))


def _log_picture(net: Vae, noise: Noise, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Log p(x | z, y) (N,)."""
    return log_mass(noise, x, net.decode(z, y), net.log_scale).flatten(1).sum(dim=1)


def _log_1m_exp(a: Tensor) -> Tensor:
    """log(1 - exp(a)) for a < 0."""
    return (-torch.expm1(a)).clamp(min=1e-30).log()
