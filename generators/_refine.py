"""The last convolutions of a denoiser, at the full size of the picture.

A network of squares of pixels has to carry the noise of each of them through all its channels to
take it off again, and leaves grain. Three convolutions at full size take it off where it is: they
see the noisy picture, and what the network of squares says about every pixel.

Legend: N = batch, C = channels of a picture, G = of the network of squares, a pixel each, H, W =
pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from parhelion.generators._noise_levels import WAVES, waves


class Refine(nn.Module):
    """(N, C, H, W) noisy and (N, G, H, W) said about it -> (N, C, H, W); untrained: nought."""

    def __init__(self, channels: int, said: int, width: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(channels + said, width, 3, padding=1)
        self.tell = nn.Linear(WAVES, 2 * width)
        self.think = nn.Conv2d(width, width, 3, padding=1)
        self.draw = nn.Conv2d(width, channels, 3, padding=1)
        for parameter in (*self.tell.parameters(), *self.draw.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, said: Tensor, level: Tensor) -> Tensor:
        """`level` (N,): c_noise, 0..1000."""
        scale, shift = self.tell(waves(level))[:, :, None, None].chunk(2, dim=1)
        h = silu(self.read(torch.cat([x, said], dim=1)) * (1 + scale) + shift)
        drawn: Tensor = self.draw(silu(self.think(h)))
        return drawn
