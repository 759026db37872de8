"""m(y), the mean picture of a layout under conditions: what a denoiser starts from.

A denoiser of pictures about grey has to learn first that roads are grey and skies are bright, and
from so much noise that it sees nothing else. What every pixel is on average, its class, depth and
surroundings nearly say, and a network of pixels learns that in a minute. The denoiser is of what is
left: fewer and smaller numbers. So Lee et al. 2022 (PriorGrad) move a diffusion's mean to what its
condition says, and Whang et al. 2022 (predict and refine) to what a regression does.

Legend: N = batch, C = channels of a picture, B = planes beside it, H, W = pixels, E = entries of
the vector that is told.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, silu
from torch.optim import Adam

WIDTH = 32
AROUND = (4, 16)  # pixels: sides of the squares whose means stand for the surroundings
RATE = 1e-2  # of Adam, falling evenly to nothing


class MeanPicture(nn.Module):
    """(N, B, H, W) beside and a vector (N, E) -> (N, C, H, W); untrained: nought."""

    def __init__(self, channels: int, beside: int, told: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(beside * (1 + len(AROUND)), WIDTH, 1)
        self.tell = nn.Linear(told, 4 * WIDTH)
        self.think = nn.Conv2d(WIDTH, WIDTH, 1)
        self.draw = nn.Conv2d(WIDTH, channels, 1)
        for parameter in (*self.tell.parameters(), *self.draw.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, beside: Tensor, vector: Tensor) -> Tensor:
        seen = torch.cat([beside, *(_around(beside, side) for side in AROUND)], dim=1)
        scale, shift, further_scale, further_shift = self.tell(vector)[:, :, None, None].chunk(
            4, dim=1
        )
        h = silu(self.read(seen) * (1 + scale) + shift)
        h = silu(self.think(h) * (1 + further_scale) + further_shift)
        drawn: Tensor = self.draw(h)
        return drawn


def _around(beside: Tensor, side: int) -> Tensor:
    """The mean of the square of so many pixels that each lies in, drawn smoothly."""
    means = avg_pool2d(beside, side, ceil_mode=True, count_include_pad=False)
    return interpolate(means, size=beside.shape[2:], mode="bilinear", align_corners=False)


def learn(mean: MeanPicture, steps: int, batch: Callable[[int], tuple[Tensor, Tensor]]) -> None:
    """Fits it by least squares, and lets it learn no more. `batch(k)` gives what it draws of batch
    k, and the true pictures (N, C, H, W).
    """
    mean.requires_grad_(True)
    optimizer = Adam(mean.parameters(), RATE)
    for k in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * (1 - k / steps)
        drawn, pictures = batch(k)
        (drawn - pictures).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    mean.requires_grad_(False)
