"""Differentiable augmentation of what a critic sees, real and drawn alike.

Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS
2020. Colour touches the picture only; translation and cutout move its y along with it.
Legend: N = batch, C = channels, H, W = height and width in pixels.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._settings import Augmentation

SHIFT = 1 / 8  # largest translation, share of the side
CUT = 1 / 2  # side of the cut-out square, share of the side


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw for a batch of N; None where a kind of augmentation is off."""

    colour: Tensor | None  # (N, 3): brightness -0.5..0.5, saturation 0..2, contrast 0.5..1.5
    shift: Tensor | None  # (N, 2) in -1..1 of the largest translation: down, right
    centre: Tensor | None  # (N, 2) in 0..1: centre of the square


def draw(kinds: Collection[Augmentation], n: int, generator: torch.Generator) -> Draw:
    """Draws for a batch of n pictures; equal generators give equal draws."""
    uniform = {kind: torch.rand(n, 3, generator=generator) for kind in sorted(set(kinds))}
    colour, shift, centre = (uniform.get(k) for k in ("colour", "translation", "cutout"))
    span, floor = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-0.5, 0.0, 0.5])
    return Draw(
        colour=None if colour is None else colour * span + floor,
        shift=None if shift is None else 2 * shift[:, :2] - 1,
        centre=None if centre is None else centre[:, :2],
    )


def augmented(x: Tensor, planes: Tensor, drawn: Draw) -> tuple[Tensor, Tensor]:
    """X (N, 1 or 3, H, W) in -1..1 and planes (N, C, H, W) under one draw; gradients pass."""
    if drawn.colour is not None:
        x = _recoloured(x, drawn.colour.to(x.device))
    both = torch.cat([x, planes], dim=1)
    if drawn.shift is not None:
        both = _translated(both, drawn.shift)
    if drawn.centre is not None:
        both = both * _square(both, drawn.centre.to(x.device))
    channels = x.shape[1]
    return both[:, :channels], both[:, channels:].detach()


def _recoloured(x: Tensor, colour: Tensor) -> Tensor:
    brightness, saturation, contrast = (c[:, None, None, None] for c in colour.unbind(dim=1))
    x = x + brightness
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * saturation
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * contrast


def _translated(x: Tensor, shift: Tensor) -> Tensor:
    height, width = x.shape[2:]
    reach = torch.tensor([height * SHIFT, width * SHIFT])
    pad_y, pad_x = math.ceil(height * SHIFT), math.ceil(width * SHIFT)
    moved = functional.pad(x, (pad_x, pad_x, pad_y, pad_y))
    steps = torch.round(shift * reach).long().tolist()
    tiles = [
        moved[i : i + 1, :, pad_y - down : pad_y - down + height, pad_x - r : pad_x - r + width]
        for i, (down, r) in enumerate(steps)
    ]
    return torch.cat(tiles)


def _square(x: Tensor, centre: Tensor) -> Tensor:
    """(N, 1, H, W): 0 inside the square, 1 outside."""
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device)[None, :, None] + 0.5
    columns = torch.arange(width, device=x.device)[None, None, :] + 0.5
    y, right = (centre * torch.tensor([height, width], device=x.device)).unbind(dim=1)
    inside = ((rows - y[:, None, None]).abs() < height * CUT / 2) & (
        (columns - right[:, None, None]).abs() < width * CUT / 2
    )
    return (~inside)[:, None].to(x.dtype)
