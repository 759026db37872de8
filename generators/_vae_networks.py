"""Encoder q(z | x, y) and decoder p(x | z, y) of `vae`, both told y.

Sohn et al. 2015. In the convolutional networks y scales and shifts the features of every level
(Perez et al. 2018); the linear ones are one layer each, whose best code spans PCA's subspace (Lucas
et al. 2019).
Legend: N = batch, C, H, W = channels and pixels of a picture, Y = entries of a y vector, Z = of a
code, E = of the embedding of y.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._read_y import ReadY
from parhelion.generators._vae_prior import Gaussian, Prior, WholeGaussian

if TYPE_CHECKING:
    from parhelion.generators.vae import VaeConfig

E, WIDEST = 64, 4  # channels grow to WIDEST times the width
START_LOG_SCALE = -2.0  # of the likelihood, in pictures of -1..1


class Level(nn.Module):
    """A change of resolution, normalised and told y, and a residual convolution after it."""

    def __init__(self, resize: nn.Module, channels: int) -> None:
        super().__init__()
        self.resize = resize
        self.norm = nn.GroupNorm(math.gcd(8, channels), channels)
        self.told = nn.Linear(E, 2 * channels)
        self.deeper = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, e: Tensor, size: tuple[int, int]) -> Tensor:
        scale, shift = self.told(e)[:, :, None, None].chunk(2, dim=1)
        h = self.resize(x)[:, :, : size[0], : size[1]]
        h = functional.silu(self.norm(h) * (1 + scale) + shift)
        out: Tensor = h + functional.silu(self.deeper(h))
        return out


class Encoder(nn.Module):
    """(N, C, H, W), (N, Y) -> means and log variances (N, 2 Z) of the code."""

    def __init__(self, config: "VaeConfig", channels: int, size: tuple[int, int], y: int) -> None:
        super().__init__()
        self.sizes, widths = sizes_of(size, config.levels), widths_of(config)
        self.embed = nn.Sequential(nn.Linear(y, E), nn.SiLU())
        before = [channels, *widths[:-1]]
        self.levels = nn.ModuleList(
            Level(nn.Conv2d(a, b, 3, 2, padding=1), b) for a, b in zip(before, widths, strict=True)
        )
        self.out = nn.Linear(widths[-1] * math.prod(self.sizes[-1]), 2 * config.code_size)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        e, h = self.embed(y), x
        for level, size in zip(self.levels, self.sizes[1:], strict=True):
            h = level(h, e, size)
        out: Tensor = self.out(h.flatten(1))
        return out


class Decoder(nn.Module):
    """(N, Z), (N, Y) -> location (N, C, H, W) of the likelihood."""

    def __init__(self, config: "VaeConfig", channels: int, size: tuple[int, int], y: int) -> None:
        super().__init__()
        self.sizes, widths = sizes_of(size, config.levels), widths_of(config)
        self.embed = nn.Sequential(nn.Linear(y, E), nn.SiLU())
        self.start = nn.Linear(config.code_size + E, widths[-1] * math.prod(self.sizes[-1]))
        after = [*widths[-2::-1], max(config.width // 2, 1)]
        self.levels = nn.ModuleList(
            Level(nn.ConvTranspose2d(a, b, 4, 2, padding=1), b)
            for a, b in zip(widths[::-1], after, strict=True)
        )
        self.out = nn.Conv2d(after[-1], channels, 3, padding=1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        e = self.embed(y)
        h = functional.silu(self.start(torch.cat([z, e], dim=1)))
        h = h.reshape(len(h), -1, *self.sizes[-1])
        for level, size in zip(self.levels, self.sizes[-2::-1], strict=True):
            h = level(h, e, size)
        location: Tensor = self.out(h)
        return location


class LinearEncoder(nn.Module):
    """The encoder as one layer."""

    def __init__(self, config: "VaeConfig", channels: int, size: tuple[int, int], y: int) -> None:
        super().__init__()
        self.out = nn.Linear(channels * math.prod(size) + y, 2 * config.code_size)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.out(torch.cat([x.flatten(1), y], dim=1))
        return out


class LinearDecoder(nn.Module):
    """The decoder as one layer; the first Z columns of its weights span what codes can say."""

    def __init__(self, config: "VaeConfig", channels: int, size: tuple[int, int], y: int) -> None:
        super().__init__()
        self.shape = (channels, *size)
        self.out = nn.Linear(config.code_size + y, channels * math.prod(size))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.out(torch.cat([z, y], dim=1))
        return out.reshape(len(z), *self.shape)


class Vae(nn.Module):
    """The networks and the likelihood's scale. A plain autoencoder's prior is set by `fit_code`."""

    def __init__(self, config: "VaeConfig", channels: int, size: tuple[int, int], y: int) -> None:
        super().__init__()
        convolutional = config.decoder == "convolutional"
        self.encoder = (Encoder if convolutional else LinearEncoder)(config, channels, size, y)
        self.decoder = (Decoder if convolutional else LinearDecoder)(config, channels, size, y)
        self.read_y = ReadY(y)
        self.log_scale = nn.Parameter(torch.full((channels, 1, 1), START_LOG_SCALE))
        self.prior = Prior(config.code_size, y)

    def forward(
        self, x: Tensor, y: Tensor, e: Tensor | None
    ) -> tuple[Tensor, Gaussian, WholeGaussian]:
        """Location (N, C, H, W), posterior and prior of the code, all float32.

        `e` (N, Z) is the noise of the code (Kingma and Welling 2014, section 2.4); None takes its
        mean.
        """
        q = self.encode(x, y)
        z = q.mean if e is None else q.at(e)
        return self.decode(z, y), q, self.prior_of(y)

    def encode(self, x: Tensor, y: Tensor) -> Gaussian:
        """q(z | x, y)."""
        return Gaussian.of(self.encoder(x, self.read_y(y)))

    def prior_of(self, y: Tensor) -> WholeGaussian:
        """p(z | y)."""
        p: WholeGaussian = self.prior(self.read_y(y))
        return p

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Location (N, C, H, W) of p(x | z, y)."""
        location: Tensor = self.decoder(z, self.read_y(y)).float()
        return location

    @torch.no_grad()
    def fit_code(self, z: Tensor, y: Tensor, ridge: float = 1e-3) -> None:
        """Sets the prior to codes (N, Z): mean linear in y by least squares, one covariance.

        In float64; `ridge` (a share of N) settles what y leaves open, such as words never seen.
        """
        told, z = self.read_y(y).double(), z.double()
        z_mean, told_mean = z.mean(dim=0), told.mean(dim=0)
        told, codes = told - told_mean, z - z_mean
        gram = told.T @ told + ridge * len(y) * torch.eye(y.shape[1]).to(told)
        slope = torch.linalg.solve(gram, told.T @ codes).T
        left = codes - told @ slope.T
        self.prior.set(slope, z_mean - slope @ told_mean, left.T @ left / len(z))


def sizes_of(size: tuple[int, int], levels: int) -> list[tuple[int, int]]:
    """(H, W) at every level, each half of the one before, rounded up."""
    sizes = [size]
    for _ in range(levels):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def widths_of(config: "VaeConfig") -> list[int]:
    """Channels after every halving."""
    return [config.width * min(2**k, WIDEST) for k in range(config.levels)]
