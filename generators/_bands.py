"""Pictures in bands of scale: what squares of 1, 2, 4, ... pixels have beyond those twice as large.

The spread of each band, of pictures and of noise, says how much of a noisy picture is picture,
scale by scale (`_noise_levels`). Squares are drawn smoothly, as pictures are: flat ones would keep
the bands at right angles, and show. So variances add up only roughly.

Legend: N = batch, C = channels, H, W = pixels, multiples of 2^(K-1), K = bands.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate


def split(x: Tensor, K: int) -> list[Tensor]:
    """Bands of x (N, C, H, W), the finest first, each at its own size; the last are means."""
    bands = []
    for _ in range(K - 1):
        mean = avg_pool2d(x, 2)
        bands.append(x - _doubled(mean))
        x = mean
    return [*bands, x]


def joined(bands: Sequence[Tensor], gains: Tensor) -> Tensor:
    """The picture (N, C, H, W) of bands, each times its gain (N, K)."""
    weighed = [band * gain[:, None, None, None] for band, gain in zip(bands, gains.T, strict=True)]
    x: Tensor = weighed[-1]
    for band in weighed[-2::-1]:
        x = band + _doubled(x)
    return x


def spreads(x: Tensor, K: int) -> Tensor:
    """Root mean square (K,) of each band of pictures."""
    return torch.stack([band.square().mean().sqrt() for band in split(x, K)])


def noise_shares(K: int) -> Tensor:
    """The variance (K,) of each band of unit noise, away from the edges.

    A pixel takes 9/16 of its own square, whose quarter it is, and of the squares beside that 3/16,
    3/16 and 1/16: squares of these sum to (5/8)^2.
    """
    shares = 0.25 ** torch.arange(K)
    left = 1 - 2 * (9 / 16) / 4 + (5 / 8) ** 2 / 4
    return torch.cat([left * shares[:-1], shares[-1:]])


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
