"""The networks of CycleGAN: a residual translator and a critic of patches, both told the sky.

Zhu et al. 2017, section 7 (networks of Johnson et al. 2016 and Isola et al. 2017). Changes: the
translator adds to its input, so that it starts as the identity; its features are normalised per
pixel, not per picture, so that it does on whole frames what it learnt on crops; both networks are
told traits, time of day and event, so that a domain may hold several skies; planes of noise may
decide what the parent leaves open.
Legend: N = batch, C = channels, S = entries of the sky vector.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2  # of the critic's leaky rectifiers


class Walled(torch.autograd.Function):
    """Clamps to -1..1. A gradient that would lead further out ends at the wall, others pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        outwards = ((x > 1) & (gradient < 0)) | ((x < -1) & (gradient > 0))
        return gradient.masked_fill(outwards, 0.0)


def normalised(x: Tensor) -> Tensor:
    """X (N, C, h, w) with zero mean and unit variance over C at every pixel."""
    last = x.permute(0, 2, 3, 1)  # how the numbers lie in memory: one pass, unlike a mean over C
    return functional.layer_norm(last, last.shape[3:]).permute(0, 3, 1, 2)


class SkyBlock(nn.Module):
    """Two convolutions with a bypass; the sky scales and shifts the features between them."""

    def __init__(self, channels: int, sky_size: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="replicate") for _ in range(2)
        )
        self.hears = nn.Linear(sky_size, 2 * channels)

    def forward(self, x: Tensor, sky: Tensor) -> Tensor:
        gamma, beta = self.hears(sky)[:, :, None, None].chunk(2, dim=1)
        h = normalised(self.convs[0](x)) * (1 + gamma) + beta
        return x + normalised(self.convs[1](functional.relu(h)))


class Translator(nn.Module):
    """G: x -> x * (1 + a) + b, with maps a and b (N, 3, H, W) of a ResNet, held within -1..1.

    The product is taken from black (-1). The last layer starts at zero: G is the identity then.
    Where both domains are `grey`, so is what it draws.
    """

    def __init__(
        self,
        *,
        width: int,
        levels: int,
        blocks: int,
        noise_planes: int,
        sky_size: int,
        grey: bool,
    ) -> None:
        super().__init__()
        self.stride, self.noise_planes, self.grey = 2**levels, noise_planes, grey
        sizes = [width * min(2**i, 4) for i in range(levels + 1)]
        self.first = nn.Conv2d(3 + noise_planes, width, 7, padding=3, padding_mode="replicate")
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes)
        )
        self.blocks = nn.ModuleList(SkyBlock(sizes[-1], sky_size) for _ in range(blocks))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in pairwise(sizes))
        self.last = nn.Conv2d(width, 6, 7, padding=3, padding_mode="replicate")
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, sky: Tensor, noise: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) of x in -1..1 under sky (N, S), noise (N, planes, H, W).

        H and W are multiples of `stride`.
        """
        h = functional.relu(normalised(self.first(torch.cat([x, noise], dim=1))))
        for conv in self.down:
            h = functional.relu(normalised(conv(h)))
        for block in self.blocks:
            h = block(h, sky)
        for conv in reversed(self.up):
            h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
            h = functional.relu(normalised(conv(h)))
        a, b = self.last(h).float().chunk(2, dim=1)
        drawn: Tensor = Walled.apply(x + a * (x + 1) + b)
        return drawn[:, :1].expand_as(drawn) if self.grey else drawn


class PatchJudge(nn.Module):
    """D: scores (N, 1, h, w) of patches, each about 1 where it looks true under its sky.

    The sky speaks by projection (Miyato and Koyama 2018).
    """

    def __init__(self, *, width: int, layers: int, sky_size: int) -> None:
        super().__init__()
        sizes = [3, *(width * min(2**i, 8) for i in range(layers))]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2 if i + 1 < layers else 1, padding=1)
            for i, (a, b) in enumerate(pairwise(sizes))
        )
        self.score = nn.Conv2d(sizes[-1], 1, 3, padding=1)
        self.project = nn.Linear(sky_size, sizes[-1])

    def forward(self, x: Tensor, sky: Tensor) -> Tensor:
        h = x
        for i, conv in enumerate(self.convs):
            h = conv(h)
            h = functional.leaky_relu(functional.instance_norm(h) if i else h, SLOPE)
        fits = (h * self.project(sky)[:, :, None, None]).mean(dim=1, keepdim=True)
        scores: Tensor = self.score(h) + fits
        return scores
