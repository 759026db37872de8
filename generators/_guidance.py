"""What a denoiser says when it is told more or less, mixed: guidance.

Ho and Salimans 2022 (equation 6): away from what is drawn anyway, towards what was asked for.
Under much noise that drives all pictures to the same one, under little it costs calls for nothing
(Kynkaanniemi et al. 2024). Pictures larger than those that were learnt are seen in windows.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._sampling import Denoise
from parhelion.generators._tiles import Window, blended

Mix = Callable[[Told], Sequence[tuple[float, Told]]]  # weights that sum to 1, and what is told
MixAt = Callable[[float], Mix]  # by the level of noise


def as_told(told: Told) -> Sequence[tuple[float, Told]]:
    """The plain conditional network."""
    return [(1.0, told)]


def unguided(sigma: float) -> Mix:
    """The plain conditional network at every level."""
    return as_told


def guided_by(guidance: float) -> Mix:
    """D(x; sigma) + guidance * (D(x; sigma, y) - D(x; sigma)); 1 is the conditional network."""
    if guidance == 1:
        return as_told
    return lambda told: [(guidance, told), (1 - guidance, told.silenced(everywhere(told)))]


def between(levels: tuple[float, float], mix: Mix) -> MixAt:
    """`mix` at noise from levels[0] to levels[1], the plain conditional network elsewhere."""
    low, high = levels
    return lambda sigma: mix if low <= sigma <= high else as_told


def everywhere(told: Told) -> Tensor:
    """(N,) true for every picture."""
    return torch.ones_like(told.heard, dtype=torch.bool)


def mixed(network: Denoiser, told: Told, mix: MixAt, tile: tuple[int, int]) -> Denoise:
    """The denoiser of `mix`, in windows of `tile` (H, W) where pictures are larger."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        levels = torch.full((len(x),), sigma, device=x.device)

        def window(part: Tensor, place: Window) -> Tensor:
            rows, columns = place
            here = told._replace(beside=told.beside[:, :, rows, columns])
            said = [weight * network(part, levels, less) for weight, less in mix(sigma)(here)]
            return torch.stack(said).sum(dim=0) if len(said) > 1 else said[0]

        return blended(window, x, tile)

    return denoise
