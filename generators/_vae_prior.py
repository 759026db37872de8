"""The Gaussians on the code of `vae`: q(z | x, y) and the prior p(z | y).

The prior has a whole covariance, its mean and factor linear in y. Under N(0, I) for every y a code
that holds much of a picture holds its class too, and the decoder need not listen to y; with
independent entries the codes of a class fill little of what is drawn (measured on MNIST: principal
variances from 0.04 to 5 where the prior says 1).
Legend: N = batch, K = codes of each picture, Z = entries of a code, Y = of a y vector.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

LOG_VARIANCES = (-12.0, 8.0)  # of a code entry: beyond, float32 says nothing


class Gaussian(NamedTuple):
    """Independent normal distributions of the entries of codes."""

    mean: Tensor  # (N, Z)
    log_variance: Tensor  # (N, Z)

    @classmethod
    def of(cls, out: Tensor) -> "Gaussian":
        """From a network's (N, 2 Z)."""
        mean, log_variance = out.float().chunk(2, dim=1)
        return cls(mean, log_variance.clamp(*LOG_VARIANCES))

    def at(self, e: Tensor) -> Tensor:
        """Codes of standard normal noise (..., N, Z)."""
        return self.mean + (self.log_variance / 2).exp() * e

    def log_density(self, z: Tensor) -> Tensor:
        """Nats (..., N) of codes (..., N, Z)."""
        off = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (off + self.log_variance + math.log(2 * math.pi)).sum(dim=-1)


class WholeGaussian(NamedTuple):
    """Normal distributions of codes, N(m, (A' A)^-1)."""

    mean: Tensor  # m (N, Z)
    factor: Tensor  # A (N, Z, Z), lower triangular: A (z - m) is standard normal

    def at(self, e: Tensor) -> Tensor:
        """Codes (N, Z) of standard normal noise (N, Z)."""
        off = torch.linalg.solve_triangular(self.factor, e[:, :, None], upper=False)
        z: Tensor = self.mean + off[:, :, 0]
        return z

    def log_density(self, z: Tensor) -> Tensor:
        """Nats (K, N) of codes (K, N, Z)."""
        e = torch.einsum("nij,knj->kni", self.factor, z - self.mean)
        normal = -0.5 * (e.square() + math.log(2 * math.pi)).sum(dim=2)
        return normal + self.factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)


class Prior(nn.Module):
    """(N, Y) -> p(z | y), linear in y; N(0, I) at first."""

    def __init__(self, code_size: int, y: int) -> None:
        super().__init__()
        self.code_size = code_size
        self.linear = nn.Linear(y, code_size + code_size * (code_size + 1) // 2)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, y: Tensor) -> WholeGaussian:
        out = self.linear(y).float()
        mean, entries = out[:, : self.code_size], out[:, self.code_size :]
        row, column = torch.tril_indices(self.code_size, self.code_size, device=y.device)
        low, high = (-limit / 2 for limit in LOG_VARIANCES[::-1])
        entries = torch.where(row == column, entries.clamp(low, high).exp(), entries)
        factor = entries.new_zeros(len(y), self.code_size, self.code_size)
        factor[:, row, column] = entries
        return WholeGaussian(mean, factor)

    @torch.no_grad()
    def set(self, slope: Tensor, mean: Tensor, covariance: Tensor) -> None:
        """N(mean + slope y, covariance), of float64 (Z, Y), (Z,) and (Z, Z)."""
        identity = torch.eye(self.code_size).to(covariance)
        least = math.exp(LOG_VARIANCES[0])
        root = torch.linalg.cholesky(covariance + least * identity)
        factor = torch.linalg.solve_triangular(root, identity, upper=False)
        row, column = torch.tril_indices(self.code_size, self.code_size)
        entries = factor[row, column]
        entries = torch.where((row == column).to(entries.device), entries.log(), entries)
        self.linear.weight.zero_()
        self.linear.weight[: self.code_size] = slope.to(self.linear.weight)
        self.linear.bias.copy_(torch.cat([mean, entries]))
