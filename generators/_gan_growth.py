"""Progressive growing: how large pictures are at which step (Karras et al. 2018, ProGAN).

A network of level l draws grid * 2^l pixels. The grid is the picture's size divided by 2^levels,
rounded up; what that is too much at the bottom and at the right is cut off what is drawn, and real
pictures are continued there by their last row and column.
Legend: N = batch, C = channels, H, W = pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST = 4  # pixels of the shorter side where growing starts, and up to twice as many


class Stage(NamedTuple):
    """How far a network has grown."""

    level: int  # doublings of the grid
    alpha: float  # share of the newest level in the picture, 0..1; the rest is the level before


class Grid(NamedTuple):
    """The smallest picture, and how often it doubles on the way to the full one."""

    size: tuple[int, int]  # (H, W) of the full picture
    levels: int

    @classmethod
    def of(cls, size: tuple[int, int]) -> "Grid":
        """The grid whose shorter side has 4 to 7 pixels."""
        return cls(size, max(0, (min(size) // SMALLEST).bit_length() - 1))

    @property
    def smallest(self) -> tuple[int, int]:
        """(H, W) of level 0."""
        return self.kept(0)

    def full(self, level: int) -> tuple[int, int]:
        """(H, W) that a network of this level draws."""
        return self.smallest[0] << level, self.smallest[1] << level

    def kept(self, level: int) -> tuple[int, int]:
        """(H, W) of it that belong to the picture."""
        factor = 1 << (self.levels - level)
        return -(-self.size[0] // factor), -(-self.size[1] // factor)

    def framed(self, x: Tensor, level: int) -> Tensor:
        """X (N, C, h, w) cut to what is kept, then continued to what a network of `level` draws.

        Critics see real and drawn pictures so: beyond the edge there is nothing to judge.
        """
        (height, width), (full_height, full_width) = self.kept(level), self.full(level)
        x = x[:, :, :height, :width]
        pad = (0, full_width - x.shape[3], 0, full_height - x.shape[2])
        return functional.pad(x, pad, mode="replicate") if any(pad) else x

    def shrunk(self, x: Tensor, stage: Stage) -> Tensor:
        """Full pictures (N, C, H, W) as a network of `stage` is to draw them, framed.

        While a level fades in, they fade from the level before too.
        """
        x = self.framed(x, self.levels)
        if self.levels > stage.level:
            x = functional.avg_pool2d(x, 1 << (self.levels - stage.level))
        if stage.level and stage.alpha < 1:
            x = torch.lerp(doubled(functional.avg_pool2d(x, 2)), x, stage.alpha)
        return self.framed(x, stage.level)


def stage_at(step: int, steps: int, levels: int, growing_share: float) -> Stage:
    """The stage of step number `step`.

    The first `growing_share` of the steps are cut into 2 * levels equal parts: the smallest
    pictures, then for each level a part in which it fades in, and between two levels a part of
    rest. Afterwards pictures are full.
    """
    part = growing_share * steps / max(2 * levels, 1)
    if step >= 2 * levels * part:
        return Stage(levels, 1.0)
    number = int(step / part)
    level = (number + 1) // 2
    return Stage(level, step / part - number if number % 2 else 1.0)


def doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2 H, 2 W), each pixel four times."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")
