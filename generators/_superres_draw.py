"""How detail is drawn into an enlarged picture without the small one changing.

At every call the denoiser's word is moved to the nearest detail under which the mean of every
square is the parent's pixel (Wang, Yu, Zhang 2023, algorithm 1): where the walk ends, it still is.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from parhelion.generators._noise_levels import sampling_levels
from parhelion.generators._sampling import WAYS, Denoise, Fresh, Sampler, steps_of
from parhelion.generators._superres_scale import area_mean, enlarged, with_mean, within_range
from parhelion.generators._superres_settings import SHOWN
from parhelion.generators._whole_images import pixels_of, scaled
from parhelion.pipeline.contracts import Request

if TYPE_CHECKING:
    from parhelion.generators._ddpm_draw import Walk
    from parhelion.generators._denoiser import Told


def with_picture(known: "Told", base: Tensor) -> "Told":
    """What is told, and enlarged pictures (N, C, H, W) beside it."""
    picture = base.expand(-1, SHOWN, -1, -1)
    return known._replace(beside=torch.cat([known.beside, picture], dim=1))


def small_pictures(requests: Sequence[Request], channels: int) -> Tensor:
    """The parents' pictures (N, C, h, w) in -1..1, of one size."""
    images = [request.parent.image for request in requests if request.parent is not None]
    return scaled(np.stack([pixels_of(image, image.shape[:2], channels) for image in images]))


def consistent(denoise: Denoise, mean: Tensor, scale: int) -> Denoise:
    """The denoiser whose every word has this mean (N, C, h, w) of squares."""
    return lambda x, sigma: with_mean(denoise(x, sigma), mean, scale)


def detailed(
    small: Tensor,
    scale: int,
    spread: float,
    sampler: Sampler,
    calls: int,
    start: float,
    sigma_min: float,
) -> "Walk":
    """The walk from noise to small pictures (N, C, h, w) enlarged, with detail of this `spread`.

    It begins at the level `start`: what the parent settles needs no louder noise, and few calls are
    better spent where detail takes shape.
    """
    base = enlarged(small, scale)
    mean = (small - area_mean(base, scale)) / spread  # of the detail that the parent allows
    levels = sampling_levels(steps_of(sampler, calls), start, sigma_min)

    def walk(denoise: Denoise, fresh: Fresh) -> Tensor:
        within = consistent(denoise, mean, scale)
        detail = WAYS[sampler](within, start * fresh(), levels, fresh)
        inside = detail[:, :, : base.shape[2], : base.shape[3]]
        return within_range(base + spread * inside, small, scale)

    return walk
