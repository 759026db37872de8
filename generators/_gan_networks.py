"""The two networks of `gan`, that grow together.

Karras et al. 2018 (ProGAN): equalised learning rate (section 4.1), pixel norm (4.2), minibatch
standard deviation (3), levels that fade in (2). Every convolution of G is modulated by noise and y,
as conditional normalisation is (Dumoulin et al. 2017); D has y by projection (Miyato and Koyama
2018, eq. 3).
Legend: N = batch, C = channels of a picture, H, W = pixels, Z = entries of the noise vector, Y =
entries of a y vector, W = of its words, S = entries of the style, F = features that D ends with.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._gan_growth import Grid, Stage, doubled
from parhelion.generators._read_y import ReadY

SLOPE = 0.2
EPSILON = 1e-8
GAIN = math.sqrt(2)  # of He et al. 2015, for what a leaky ReLU follows


class EqualLinear(nn.Linear):
    """A linear layer with equalised learning rate: weights N(0, 1), scaled when used."""

    def __init__(self, in_size: int, out_size: int, gain: float = 1.0, bias: bool = True) -> None:
        super().__init__(in_size, out_size, bias)
        _start(self)
        self.scale = gain / math.sqrt(in_size)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias)


class EqualConv(nn.Conv2d):
    """A convolution with equalised learning rate."""

    def __init__(
        self, in_size: int, out_size: int, kernel: int | tuple[int, int] = 3, gain: float = GAIN
    ) -> None:
        super().__init__(in_size, out_size, kernel, padding=1 if kernel == 3 else 0)
        _start(self)
        self.scale = gain / math.sqrt(self.weight[0].numel())

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


def _start(layer: nn.Linear | nn.Conv2d) -> None:
    nn.init.normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def pixel_norm(x: Tensor) -> Tensor:
    """X (N, C, ...) divided by the root mean square over its channels (section 4.2)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


def minibatch_deviation(h: Tensor, words: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): standard deviation over those pictures of the batch that have
    the same words (N, W) of y, its mean over all features.

    A critic that is told how much its batch varies sees a generator that always draws the same.
    Classes differ anyway: only among pictures of one y does it show that each is drawn in one way.
    """
    same = (words[:, None] == words[None]).all(dim=2).float()
    shares = same / same.sum(dim=1, keepdim=True)  # (N, N), row i: the pictures like i
    with torch.autocast(h.device.type, enabled=False):
        flat = h.flatten(1).to(torch.promote_types(h.dtype, torch.float32))
        shares = shares.to(flat.dtype)
        variance = shares @ (flat - shares @ flat).square()
        deviation = torch.sqrt(variance + EPSILON).mean(dim=1)
    return deviation.to(h.dtype)[:, None, None, None].expand(-1, 1, *h.shape[2:])


class Widths(NamedTuple):
    """How wide networks are."""

    width: int  # channels at full size; doubled per halving
    widest: int  # the most channels

    def at(self, grid: Grid) -> list[int]:
        """Channels of every level, the smallest picture first."""
        return [min(self.width << (grid.levels - i), self.widest) for i in range(grid.levels + 1)]


class Modulated(nn.Module):
    """Convolution, leaky ReLU, pixel norm, then scale and shift by the style."""

    def __init__(self, in_size: int, out_size: int, style_size: int) -> None:
        super().__init__()
        self.conv = EqualConv(in_size, out_size)
        self.affine = EqualLinear(style_size, 2 * out_size)

    def forward(self, h: Tensor, style: Tensor) -> Tensor:
        h = pixel_norm(functional.leaky_relu(self.conv(h), SLOPE))
        scale, shift = self.affine(style)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = h * (1 + scale) + shift
        return modulated


class GanGenerator(nn.Module):
    """G: noise and y in, pictures as large as the stage says out."""

    def __init__(
        self,
        *,
        grid: Grid,
        channels: int,
        y_size: int,
        noise_size: int,
        style_size: int,
        widths: Widths,
    ) -> None:
        super().__init__()
        self.grid, self.noise_size = grid, noise_size
        sizes = widths.at(grid)
        self.read_y = ReadY(y_size)
        self.tell = EqualLinear(y_size, style_size)
        self.style = nn.Sequential(
            EqualLinear(noise_size + style_size, style_size, GAIN),
            nn.LeakyReLU(SLOPE),
            EqualLinear(style_size, style_size, GAIN),
            nn.LeakyReLU(SLOPE),
        )
        self.start = EqualLinear(style_size, sizes[0] * math.prod(grid.smallest), GAIN)
        pairs = zip([sizes[0], *sizes], sizes, strict=False)
        self.layers = nn.ModuleList(  # two of each level
            Modulated(*in_out, style_size) for a, b in pairs for in_out in ((a, b), (b, b))
        )
        self.to_picture = nn.ModuleList(EqualConv(c, channels, 1, gain=1.0) for c in sizes)

    def forward(self, z: Tensor, y: Tensor, stage: Stage) -> Tensor:
        """Z (N, Z) and y (N, Y) -> pictures (N, C, h, w) around -1..1 of that stage."""
        told = pixel_norm(self.tell(self.read_y(y)))
        style = self.style(torch.cat([pixel_norm(z), told], dim=1))
        h = self.start(style).unflatten(1, (-1, *self.grid.smallest))
        h = pixel_norm(h.contiguous(memory_format=torch.channels_last))
        before = h
        for level in range(stage.level + 1):
            before = h
            h = doubled(h) if level else h
            for layer in self.layers[2 * level : 2 * level + 2]:
                h = layer(h, style)
        x: Tensor = self.to_picture[stage.level](h)
        if stage.level and stage.alpha < 1:
            old = doubled(self.to_picture[stage.level - 1](before))
            x = torch.lerp(old, x, stage.alpha)
        return x


class GanCritic(nn.Module):
    """D: what it finds in pictures, and how far that suits a y."""

    def __init__(self, *, grid: Grid, channels: int, y_size: int, widths: Widths) -> None:
        super().__init__()
        sizes = widths.at(grid)
        self.from_picture = nn.ModuleList(EqualConv(channels, c, 1) for c in sizes)
        pairs = zip(sizes[1:], sizes, strict=False)
        self.layers = nn.ModuleList(  # two of each level from 1 on
            EqualConv(*in_out) for a, b in pairs for in_out in ((a, a), (a, b))
        )
        self.last = EqualConv(sizes[0] + 1, sizes[0])
        self.whole = EqualConv(sizes[0], sizes[0], grid.smallest)
        self.score = EqualLinear(sizes[0], 1)
        self.read_y = ReadY(y_size)
        self.project = EqualLinear(y_size, sizes[0], bias=False)

    def forward(self, x: Tensor, words: Tensor, stage: Stage) -> Tensor:
        """Pictures (N, C, h, w) of that stage -> features (N, F).

        `words` (N, W): entries of their y by which they are compared with each other.
        """
        h = _active(self.from_picture[stage.level], x)
        for level in range(stage.level, 0, -1):
            for conv in self.layers[2 * level - 2 : 2 * level]:
                h = _active(conv, h)
            h = functional.avg_pool2d(h, 2)
            if level == stage.level and stage.alpha < 1:
                old = _active(self.from_picture[level - 1], functional.avg_pool2d(x, 2))
                h = torch.lerp(old, h, stage.alpha)
        h = _active(self.last, torch.cat([h, minibatch_deviation(h, words)], dim=1))
        return _active(self.whole, h).flatten(1)

    def judged(self, features: Tensor, y: Tensor) -> Tensor:
        """Scores (N,) of features (N, F) under y (N, Y): high = real."""
        fits = (features * self.project(self.read_y(y))).sum(dim=1) / math.sqrt(features.shape[1])
        score: Tensor = self.score(features)[:, 0] + fits
        return score


def _active(layer: nn.Module, x: Tensor) -> Tensor:
    return functional.leaky_relu(layer(x), SLOPE)
