"""What a task network's pictures go through: whole ones are moved, so that it learns shapes and
not places; crops of frames are lit anew, so that it reads under skies which nobody labelled.
Legend: N = batch, C = channels, H, W = pixels.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

TURN_DEG, ZOOM, SHEAR, SHIFT = 12.0, 0.15, 0.2, 0.08  # largest, either way; shift in sides
GAMMA, GAIN = (-0.7, 0.9), (-2.3, 0.2)  # logarithms, least and most: down to a tenth of the light
TINT, VEIL, NOISE = 0.2, 0.6, 0.06  # most: of a channel's logarithm, of grey mixed in, deviation


def jittered(x: Tensor, chance: torch.Generator) -> Tensor:
    """X (N, C, H, W) in -1..1, each picture moved by its own draw; what comes in is black."""
    n = len(x)
    turn, across, down, shear, right, below = (2 * torch.rand(6, n, generator=chance) - 1).unbind()
    angle = turn * math.radians(TURN_DEG)
    cos, sin = angle.cos(), angle.sin()
    across, down = (1 + ZOOM) ** across, (1 + ZOOM) ** down
    slant = shear * SHEAR
    rows = torch.stack(
        [
            torch.stack(
                [across * (cos + slant * sin), across * (slant * cos - sin), 2 * SHIFT * right], 1
            ),
            torch.stack([down * sin, down * cos, 2 * SHIFT * below], 1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(rows.to(x.device), list(x.shape), align_corners=False)
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1


def relit(x: Tensor, chance: torch.Generator) -> Tensor:
    """X (N, 3, H, W) in -1..1, each picture under a light, a tint, a veil and a noise of its own.

    A night is a picture with little light, fog and falling snow are veils.
    """
    n = len(x)

    def drawn(low: float, high: float, channels: int = 1) -> Tensor:
        size = (n, channels, 1, 1)
        return (low + (high - low) * torch.rand(size, generator=chance)).to(x.device)

    light = ((x + 1) / 2).clamp(1e-4, 1) ** drawn(*GAMMA).exp()
    light = light * drawn(*GAIN).exp() * drawn(-TINT, TINT, channels=3).exp()
    veil, level = drawn(0, VEIL), drawn(0, 1)
    noise = torch.randn(x.shape, generator=chance).to(x.device) * drawn(0, NOISE)
    return 2 * (light * (1 - veil) + level * veil + noise).clamp(0, 1) - 1
