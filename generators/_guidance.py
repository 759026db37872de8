"""What a denoiser says when it is told more or less, mixed: guidance.

Ho and Salimans 2022 (equation 6): away from what is drawn anyway, towards what was asked for.
Under much noise that drives all pictures to the same one, under little it costs calls for nothing
(Kynkaanniemi et al. 2024). Or away from what a worse network says that is told the same: it errs
where the better one does, and more (Karras et al. 2024, "Guiding a Diffusion Model with a Bad
Version of Itself"). Pictures larger than those that were learnt are seen in windows, in which the
network and the squares of a small picture start where they did in crops.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._sampling import Denoise
from parhelion.generators._tiles import Window, blended


class Term(NamedTuple):
    """What a network says, and how much it counts."""

    weight: float
    told: Told
    worse: bool = False  # whether the worse network says it


Mix = Callable[[Told], Sequence[Term]]  # their weights sum to 1
MixAt = Callable[[float], Mix]  # by the level of noise


def as_told(told: Told) -> Sequence[Term]:
    """The plain conditional network."""
    return [Term(1.0, told)]


def unguided(sigma: float) -> Mix:
    """The plain conditional network at every level."""
    return as_told


def guided_by(guidance: float) -> Mix:
    """D(x; sigma) + guidance * (D(x; sigma, y) - D(x; sigma)); 1 is the conditional network."""
    if guidance == 1:
        return as_told
    return lambda told: [Term(guidance, told), Term(1 - guidance, told.silenced(everywhere(told)))]


def between(levels: tuple[float, float], mix: Mix) -> MixAt:
    """`mix` at noise from levels[0] to levels[1], the plain conditional network elsewhere."""
    low, high = levels
    return lambda sigma: mix if low <= sigma <= high else as_told


def autoguided(mix: MixAt, guidance: float, levels: tuple[float, float]) -> MixAt:
    """`mix` + (guidance - 1) * (D(x; sigma, y) - the worse D(x; sigma, y)) at noise from levels[0]
    to levels[1]; 1 is `mix` alone.
    """
    low, high = levels

    def further(mix: Mix) -> Mix:
        return lambda told: _gathered(
            [*mix(told), Term(guidance - 1, told), Term(1 - guidance, told, worse=True)]
        )

    if guidance == 1:
        return mix
    return lambda sigma: further(mix(sigma)) if low <= sigma <= high else mix(sigma)


def _gathered(terms: Sequence[Term]) -> Sequence[Term]:
    """The same sum, in which nothing is said twice."""
    weights: dict[tuple[int, bool], float] = {}
    for term in terms:
        key = id(term.told), term.worse
        weights[key] = weights.get(key, 0.0) + term.weight
    said = {(id(term.told), term.worse): term for term in terms}
    return [term._replace(weight=weights[key]) for key, term in said.items()]


def everywhere(told: Told) -> Tensor:
    """(N,) true for every picture."""
    return torch.ones_like(told.heard, dtype=torch.bool)


def mixed(network: Denoiser, told: Told, mix: MixAt, tile: tuple[int, int]) -> Denoise:
    """The denoiser of `mix`, in windows of `tile` (H, W) where pictures are larger."""

    def speaks(term: Term) -> Denoiser:
        if not term.worse:
            return network
        assert network.worse is not None
        return network.worse

    def denoise(x: Tensor, sigma: float) -> Tensor:
        levels = torch.full((len(x),), sigma, device=x.device)

        def window(part: Tensor, place: Window) -> Tensor:
            rows, columns = place
            here = told._replace(beside=told.beside[:, :, rows, columns])
            terms = mix(sigma)(here)
            said = [t.weight * speaks(t)(part, levels, t.told) for t in terms]
            return torch.stack(said).sum(dim=0) if len(said) > 1 else said[0]

        return blended(window, x, tile, network.stride)

    return denoise
