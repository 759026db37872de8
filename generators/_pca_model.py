"""Gaussians on one linear code: probabilistic PCA (Tipping and Bishop 1999), one per group.

x = m + V c + e, with V orthonormal, the code c ~ N(mu_g, C_g), the noise e ~ N(0, s_g I), so that
V' (x - m) ~ N(mu_g, C_g + s_g I) and the rest of x - m ~ N(0, s_g I): their eq. 4 to 6 in the
coordinates of the principal axes, with a mean and a whole covariance for each group.
Legend: N = pictures, d = entries of a picture, q = entries of a code, G = groups; group 0 is all
frames together, where mu = 0 and C + s I is the diagonal of principal variances.
"""

import math

import torch
from torch import Tensor, nn


class LinearGaussians(nn.Module):
    """m, V and the Gaussians, float64; pictures are vectors in -1..1."""

    def __init__(self, d: int, q: int, groups: int) -> None:
        super().__init__()
        wide = torch.float64
        self.register_buffer("mean", torch.zeros(d, dtype=wide))  # m
        self.register_buffer("axes", torch.zeros(d, q, dtype=wide))  # V
        self.register_buffer("code_mean", torch.zeros(groups, q, dtype=wide))  # mu
        self.register_buffer("code_root", torch.zeros(groups, q, q, dtype=wide))  # R, C = R R'
        self.register_buffer("noise", torch.zeros(groups, dtype=wide))  # s, 0 = not fitted
        self.mean: Tensor
        self.axes: Tensor
        self.code_mean: Tensor
        self.code_root: Tensor
        self.noise: Tensor

    def encode(self, x: Tensor) -> Tensor:
        """Codes (N, q) of pictures (N, d): their coordinates along the axes."""
        codes: Tensor = (x - self.mean) @ self.axes
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Pictures (N, d) of codes (N, q): no other picture of that code is nearer on average."""
        pictures: Tensor = self.mean + codes @ self.axes.T
        return pictures

    def set_code(self, group: int, mean: Tensor, covariance: Tensor, noise: float) -> None:
        """The group's Gaussian, of the covariance C + s I of the coordinates along the axes.

        What a direction varies less than the noise says is no code: C is the nearest that can be.
        """
        variances, directions = torch.linalg.eigh(covariance)
        scales = (variances - noise).clamp(min=0).sqrt()
        self.code_mean[group], self.code_root[group] = mean, directions * scales
        self.noise[group] = noise

    def sample(self, group: int, random: torch.Generator, noise_share: float) -> Tensor:
        """One picture (d,), with `noise_share` of the noise's standard deviation."""
        root = self.code_root[group]
        normal = torch.randn(root.shape[1], generator=random, dtype=torch.float64).to(root)
        x = self.decode((self.code_mean[group] + root @ normal)[None])[0]
        if noise_share:
            e = torch.randn(len(x), generator=random, dtype=torch.float64).to(root)
            x = x + noise_share * self.noise[group].sqrt() * e
        return x

    def log_density(self, x: Tensor, weights: Tensor) -> Tensor:
        """Nats (N,) of x (N, d) under the groups' mixture with `weights` (N, G), which sum to 1."""
        groups = weights.sum(dim=0).nonzero().flatten().tolist()
        of_group = torch.stack([self._log_gaussian(x, g) for g in groups], dim=1)
        return torch.logsumexp(of_group + weights[:, groups].log(), dim=1)

    def _log_gaussian(self, x: Tensor, group: int) -> Tensor:
        """Log of N(x; m + V mu, V C V' + s I), by the determinant and inverse of q x q."""
        d, q = self.axes.shape
        s, root, u = self.noise[group], self.code_root[group], self.encode(x)
        within = torch.linalg.cholesky(root @ root.T + s * torch.eye(q).to(root))
        white = torch.linalg.solve_triangular(
            within, (u - self.code_mean[group]).T, upper=False
        ).square()
        rest = ((x - self.mean).square().sum(dim=1) - u.square().sum(dim=1)).clamp(min=0)
        log_det = 2 * within.diagonal().log().sum() + (d - q) * s.log()
        out: Tensor = -0.5 * (d * math.log(2 * math.pi) + log_det + white.sum(dim=0) + rest / s)
        return out
