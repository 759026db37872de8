"""A U-Net whose normalisation is modulated by y, by the conditions and by noise (SPADE).

Park, Liu, Wang, Zhu, "Semantic Image Synthesis with Spatially-Adaptive Normalization", CVPR 2019.
Legend: N = batch, C = channels, h, w = height and width at a level; m = features of y (N, M, h, w);
s = style (N, S), the joint embedding of conditions and noise vector z.

Features are normalised per pixel over their channels (Li et al. 2019, positional normalisation),
not over the picture: then a network trained on crops does on whole frames what it learnt.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky rectifiers


def normalised(x: Tensor, eps: float = 1e-5) -> Tensor:
    """X (N, C, h, w) with zero mean and unit variance over C at every pixel."""
    centred = x - x.mean(dim=1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + eps)


class Spade(nn.Module):
    """gamma(m, s) * normalised(x) + beta(m, s) (Park et al. equation 1); gamma starts about 1."""

    def __init__(self, channels: int, map_channels: int, style_size: int) -> None:
        super().__init__()
        self.from_style = nn.Linear(style_size, map_channels)
        self.modulate = nn.Conv2d(map_channels, 2 * channels, 1)

    def gamma_beta(self, m: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """The two maps (N, C, h, w) by which y, conditions and noise speak."""
        hidden = functional.leaky_relu(m + self.from_style(s)[:, :, None, None], SLOPE)
        gamma, beta = self.modulate(hidden).chunk(2, dim=1)
        return 1 + gamma, beta

    def forward(self, x: Tensor, m: Tensor, s: Tensor) -> Tensor:
        gamma, beta = self.gamma_beta(m, s)
        return gamma * normalised(x) + beta


class SpadeBlock(nn.Module):
    """Two convolutions, each behind a SPADE, with a bypass (Park et al., figure 4)."""

    def __init__(self, channels: int, map_channels: int, style_size: int) -> None:
        super().__init__()
        self.spades = nn.ModuleList(Spade(channels, map_channels, style_size) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, m: Tensor, s: Tensor) -> Tensor:
        h = x
        for spade, conv in zip(self.spades, self.convs, strict=True):
            h = conv(functional.leaky_relu(spade(h, m, s), SLOPE))
        return x + h


class Pyramid(nn.Module):
    """Convolutions that halve the picture `levels` times; gives the features of every level."""

    def __init__(self, inputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (inputs, *channels)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1)
            for i, (a, b) in enumerate(pairwise(sizes))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), SLOPE)
            features.append(x)
        return features


class SpadeUNet(nn.Module):
    """p(x | y) and p(x | y, parent): x = parent * (1 + a) + b, with maps a and b (N, 3, H, W).

    So haze (a < 0, b the light of the air), darkness (a near -1) and snow (b bright) are one step
    away. The last layer starts at zero: an untrained network gives its parent back. Without a
    parent, x = b. Pictures are in -1..1 with black at -1; the product is taken from black.
    """

    def __init__(
        self,
        *,
        planes: int,
        condition_size: int,
        width: int,
        levels: int,
        style_size: int,
        noise_size: int,
        noise_planes: int,
    ) -> None:
        super().__init__()
        self.stride = 2**levels
        self.noise_size, self.noise_planes = noise_size, noise_planes
        channels = tuple(width * min(2**i, 8) for i in range(levels + 1))
        map_channels = tuple(min(c, 2 * width) for c in channels)
        self.style = nn.Sequential(
            nn.Linear(condition_size + noise_size, style_size),
            nn.LeakyReLU(SLOPE),
            nn.Linear(style_size, style_size),
            nn.LeakyReLU(SLOPE),
        )
        self.maps = Pyramid(planes + noise_planes, map_channels)
        self.encoder = Pyramid(4 + map_channels[0], channels)
        self.blocks = nn.ModuleList(
            SpadeBlock(c, m, style_size)
            for c, m in zip(channels[1:], map_channels[1:], strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(channels))
        self.last_spade = Spade(width, map_channels[0], style_size)
        self.head = nn.Conv2d(width, 6, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        parent: Tensor,
        has_parent: Tensor,
        planes: Tensor,
        conditions: Tensor,
        z: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Pictures (N, 3, H, W), about -1..1; H and W are multiples of `stride`.

        parent (N, 3, H, W) in -1..1, has_parent (N,) 0 or 1, planes (N, P, H, W), conditions
        (N, D), z (N, noise_size), noise (N, noise_planes, H, W).
        """
        there = has_parent[:, None, None, None]
        # Unit variance on both paths: else neither y nor the conditions are heard at the start.
        # The noise starts softer than the conditions, whose entries are ones.
        heard = torch.cat([conditions, z / self.noise_size**0.5], dim=1)
        s = normalised(self.style(heard)[:, :, None, None])[:, :, 0, 0]
        m = [normalised(h) for h in self.maps(torch.cat([planes, noise], dim=1))]
        flag = there.expand(-1, 1, *parent.shape[2:])
        skips = self.encoder(torch.cat([parent * there, flag, m[0]], dim=1))
        x = self.blocks[-1](skips[-1], m[-1], s)
        for level in reversed(range(len(self.narrow))):
            x = functional.interpolate(self.narrow[level](x), scale_factor=2.0, mode="nearest")
            x = x + skips[level]
            if level:
                x = self.blocks[level - 1](x, m[level], s)
        x = functional.leaky_relu(self.last_spade(x, m[0], s), SLOPE)
        a, b = self.head(x).float().chunk(2, dim=1)
        drawn: Tensor = there * (parent + a * (parent + 1)) + b
        return drawn
