"""Large pictures and their small ones: the mean of squares, and what it leaves open.

A takes a picture to its small one, the mean of every square of scale x scale pixels; A+ repeats
every pixel as often. A A+ is the identity, so that of any picture x

    A+ y + (I - A+ A) x

has the small picture y (Wang, Yu, Zhang 2023, "Zero-Shot Image Restoration Using Denoising
Diffusion Null-Space Model", section 3): x keeps what y does not tell, its detail.

Legend: N = batch, C = channels, P = planes of y, h, w = pixels of the small picture, H, W = those
of the large one, scale times as many. Pictures are sRGB grey levels in -1..1; so are their means.
"""

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._conditioning import UNKNOWN_CLASS

EDGE = UNKNOWN_CLASS + 1  # the plane of instance edges
HALVINGS = 20  # of an interval a few units wide: less than a thousandth of a grey level is left


def area_mean(x: Tensor, scale: int) -> Tensor:
    """A: (N, C, H, W) -> (N, C, h, w)."""
    return functional.avg_pool2d(x, scale)


def repeated(small: Tensor, scale: int) -> Tensor:
    """A+: (N, C, h, w) -> (N, C, H, W)."""
    return small.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def small_of(x: Tensor, scale: int) -> Tensor:
    """The small picture in the 256 levels that a stored one has."""
    return ((area_mean(x, scale) + 1) * 127.5).round() / 127.5 - 1


def enlarged(small: Tensor, scale: int) -> Tensor:
    """By bicubic interpolation: what a small picture says of a large one before anyone draws."""
    return functional.interpolate(small, scale_factor=scale, mode="bicubic", align_corners=False)


def with_mean(x: Tensor, small: Tensor, scale: int) -> Tensor:
    """A+ y + (I - A+ A) x of the top left (H, W) of x, which may have been continued."""
    height, width = small.shape[2] * scale, small.shape[3] * scale
    out = x.clone()
    inside = out[:, :, :height, :width]
    inside += repeated(small - area_mean(inside, scale), scale)
    return out


def within_range(x: Tensor, small: Tensor, scale: int) -> Tensor:
    """The picture in -1..1 with this small picture that is nearest to x.

    In every square it is clip(x + t) with one t, by the conditions of Karush, Kuhn and Tucker; the
    mean rises with t, which is halved into place.
    """
    high = 1 + functional.max_pool2d(-x, scale)  # all of the square is white
    low = -1 - functional.max_pool2d(x, scale)
    for _ in range(HALVINGS):
        t = (low + high) / 2
        dark = area_mean((x + repeated(t, scale)).clamp(-1, 1), scale) < small
        low, high = torch.where(dark, t, low), torch.where(dark, high, t)
    return (x + repeated((low + high) / 2, scale)).clamp(-1, 1)


def coarsened(planes: Tensor, where: Tensor, scale: int) -> Tensor:
    """Planes of y (N, P, H, W) that, where `where` (N,) is true, are those of a layout enlarged by
    `scale`: the pixel at the middle of every square, an edge where there is any in it.
    """
    if not planes.shape[1] or not bool(where.any()):
        return planes
    fine, middle = planes[where], slice(scale // 2, None, scale)
    coarse = fine[:, :, middle, middle].clone()
    coarse[:, EDGE] = functional.max_pool2d(fine[:, EDGE], scale)
    out = planes.clone()
    out[where] = repeated(coarse, scale)
    return out


def root_mean_square(x: Tensor) -> float:
    """Of all entries."""
    return float(torch.sqrt(x.double().square().mean()))
