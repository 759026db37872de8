"""Small random turns, zooms, shears and shifts of whole pictures, so that a task network learns
shapes and not places. Legend: N = batch, C = channels, H, W = pixels.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

TURN_DEG, ZOOM, SHEAR, SHIFT = 12.0, 0.15, 0.2, 0.08  # largest, either way; shift in sides


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
