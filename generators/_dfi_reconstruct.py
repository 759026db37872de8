"""Back from features to a picture: phi(z) = phi(x) + alpha w, by optimisation (L-BFGS).

Upchurch et al. 2017, equation 3, start from x. Their z is free in every pixel, with total variation
(Mahendran and Vedaldi 2015) of z itself; faces bear it, the labels of a street do not. Here what
varies is the change of the parent, and by default the change is one of light alone:
z = x * exp(g) + b, with gain g and veil b at points some pixels apart and even in between. Edges
and textures stay the parent's; at g = b = 0 the picture is the parent, bit by bit.
Legend: x, z = pictures (1, 3, H, W) in 0..1, sRGB.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._deep_features import DeepFeatures
from parhelion.generators._dfi_settings import DfiConfig, tap_weights
from parhelion.generators._dfi_shift import Way

SMOOTH = 1e-6  # squared change below which total variation is round, so that it has a slope
VEIL = 3.0  # weight of b's variation beside g's: light is scaled before it is added
COARSER = 4  # from a grid to the next coarser one
MEMORY = 10  # steps that L-BFGS remembers


class Aim(NamedTuple):
    """What one tap of z is to be, and how much it counts."""

    features: Tensor  # (1, C, h, w), phi(x) + alpha w
    unit: Tensor  # (1, C, 1, 1), of each channel
    weight: float


class Change(NamedTuple):
    """Gain and veil, each a sum of grids (1, 3, a, b), fine to coarse, brought to one size."""

    gain: list[Tensor]
    veil: list[Tensor]

    @property
    def grids(self) -> list[Tensor]:
        """All of them."""
        return [*self.gain, *self.veil]


class Reconstructed(NamedTuple):
    """The change that was found, and the feature loss before and after."""

    change: Change
    before: float
    after: float


def no_change(x: Tensor, config: DfiConfig) -> Change:
    """Zeros of the right shapes for the picture x; with `pixels` there is no gain.

    The coarser grids add nothing that the finest could not say. They let the optimiser move the
    whole picture in one step: after 30 of them half the loss of the finest grid alone was left.
    """
    veil_px = 1 if config.change == "pixels" else config.cell_px
    gain = [] if config.change == "pixels" else _grids(x, config.cell_px)
    return Change(gain, _grids(x, veil_px))


def _grids(x: Tensor, step_px: int) -> list[Tensor]:
    """Zeros at points `step_px` apart, then ever further, until one is left."""
    sides: list[tuple[int, int]] = []
    while not sides or max(sides[-1]) > 1:
        height, width = (-(-side // step_px) for side in x.shape[2:])
        sides.append((height, width))
        step_px *= COARSER
    return [torch.zeros(1, 3, *size, device=x.device, dtype=x.dtype) for size in sides]


def changed(x: Tensor, change: Change) -> Tensor:
    """Z, not yet clamped: x * exp(g) + b, the change brought to the size of x evenly."""
    gain, veil = laid_out(change.gain, x), laid_out(change.veil, x)
    return x * gain.exp() + veil


def laid_out(grids: Sequence[Tensor], x: Tensor) -> Tensor:
    """The sum of the grids (1, 3, H, W), even between their points; 0 where there are none."""
    total = torch.zeros_like(x)
    for grid in grids:
        fits = grid.shape[2:] == x.shape[2:]
        total = total + (grid if fits else _even(grid, x))
    return total


def aimed(phi: DeepFeatures, x: Tensor, way: Way, alpha: float, config: DfiConfig) -> list[Aim]:
    """Phi(x) + alpha w at every tap."""
    # The same path to the features as in the optimisation: at w = 0 the loss is 0 exactly.
    here = phi(changed(x, no_change(x, config)))
    weights = tap_weights(config, len(here))
    return [
        Aim(phi_x + alpha * w, unit, weight)
        for phi_x, w, unit, weight in zip(here, way.w, way.units, weights, strict=True)
    ]


def feature_loss(maps: Sequence[Tensor], aims: Sequence[Aim]) -> Tensor:
    """Sum over taps of weight * mean squared distance, each channel in its unit."""
    terms = [
        aim.weight * ((got - aim.features) / aim.unit).square().mean()
        for got, aim in zip(maps, aims, strict=True)
        if aim.weight > 0
    ]
    return torch.stack(terms).sum()


def total_variation(d: Tensor, exponent: float) -> Tensor:
    """Mean over places of (dx^2 + dy^2)^(exponent / 2), channels together; d (1, C, a, b).

    Mahendran and Vedaldi 2015, equation 5, with beta = exponent; 0 where d is flat.
    """
    right = functional.pad(d[..., :, 1:] - d[..., :, :-1], (0, 1, 0, 0))
    down = functional.pad(d[..., 1:, :] - d[..., :-1, :], (0, 0, 0, 1))
    squared = (right.square() + down.square()).sum(dim=1)
    power = exponent / 2
    variation: Tensor = ((squared + SMOOTH) ** power - SMOOTH**power).mean()
    return variation


def reconstruct(
    phi: DeepFeatures, x: Tensor, aims: Sequence[Aim], config: DfiConfig
) -> Reconstructed:
    """The change that brings the features of x to `aims`."""
    change = no_change(x, config)
    for grid in change.grids:
        grid.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        change.grids,
        max_iter=config.iterations,
        history_size=MEMORY,
        line_search_fn="strong_wolfe",
        tolerance_change=1e-7,
    )
    seen: list[float] = []

    def closure() -> float:
        optimizer.zero_grad()
        loss = feature_loss(phi(changed(x, change)), aims)
        seen.append(loss.item())
        total = loss + config.tv_weight * _variation(x, change, config.tv_exponent)
        total.backward()  # type: ignore[no-untyped-call]
        return total.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        after = feature_loss(phi(changed(x, change)), aims).item()
    found = Change(*([grid.detach() for grid in grids] for grids in change))
    return Reconstructed(found, seen[0], after)


def _variation(x: Tensor, change: Change, exponent: float) -> Tensor:
    """Of gain and veil as they lie on the picture, so that it does not depend on `cell_px`."""
    gain = total_variation(laid_out(change.gain, x), exponent)
    return gain + VEIL * total_variation(laid_out(change.veil, x), exponent)


def _even(grid: Tensor, x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    return functional.interpolate(grid, (height, width), mode="bilinear", align_corners=False)
