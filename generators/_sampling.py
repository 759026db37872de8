"""From noise to a picture: five ways along the levels, each on any denoiser D(x, sigma).

In pictures whose noise is added, not blended (x_sigma = x + sigma n), so that every way is a line
or two; a chain that blends is the same thing divided by sqrt(1 + sigma^2).

* `ancestral`: the posterior of Ho, Jain, Abbeel 2020 (equations 6, 7), fresh noise at each level.
* `ddim`: Song, Meng, Ermon 2021 (equation 12 with sigma_t = 0), Euler's step of the flow.
* `heun`: Karras et al. 2022 (algorithm 1), second order, two calls of D a level.
* `dpmpp`: DPM-Solver++(2M) of Lu et al. 2022 (algorithm 2), second order, one call a level.
* `dpmpp_sde`: the same with fresh noise (theirs for the SDE). What a network got wrong is noised
  over and seen again: one that has not learnt for long draws far better with it.

Legend: N = batch, x = noisy pictures (N, C, H, W), levels = sigma of every step, down to 0.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import log
from typing import Literal, Protocol

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]  # D(x, sigma): the mean clean picture
Fresh = Callable[[], Tensor]  # unit noise shaped like x, another at every call
Sampler = Literal["ancestral", "ddim", "heun", "dpmpp", "dpmpp_sde"]


class Way(Protocol):
    """A walk from x at levels[0] to a picture at levels[-1]."""

    def __call__(self, denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor: ...


def ancestral(denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor:
    """Each step draws from p(x_next | x, x_0 = D)."""
    for sigma, below in pairwise(levels.tolist()):
        x = posterior(denoise(x, sigma), x, sigma, below, fresh)
    return x


def posterior(clean: Tensor, x: Tensor, sigma: float, below: float, fresh: Fresh) -> Tensor:
    """One draw at the level `below` of what is x at `sigma` and `clean` at none."""
    kept = (below / sigma) ** 2
    mean = kept * x + (1 - kept) * clean
    return mean + below * (1 - kept) ** 0.5 * fresh() if below else mean


def ddim(denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor:
    """Without fresh noise; along rising levels it finds the noise that a picture comes from."""
    for sigma, following in pairwise(levels.tolist()):
        x = x + (following - sigma) * _slope(denoise, x, sigma)
    return x


def heun(denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor:
    """Euler's step, then again with the mean of the slopes at both ends."""
    for sigma, below in pairwise(levels.tolist()):
        slope = _slope(denoise, x, sigma)
        ahead = x + (below - sigma) * slope
        if below:
            slope = (slope + _slope(denoise, ahead, below)) / 2
            ahead = x + (below - sigma) * slope
        x = ahead
    return x


def dpmpp(denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor:
    """Straight from x towards where D is going."""

    def step(ahead: Tensor, x: Tensor, sigma: float, below: float) -> Tensor:
        return below / sigma * x + (1 - below / sigma) * ahead

    return _second_order(denoise, x, levels, step)


def dpmpp_sde(denoise: Denoise, x: Tensor, levels: Tensor, fresh: Fresh) -> Tensor:
    """The posterior of where D is going."""

    def step(ahead: Tensor, x: Tensor, sigma: float, below: float) -> Tensor:
        return posterior(ahead, x, sigma, below, fresh)

    return _second_order(denoise, x, levels, step)


def _second_order(
    denoise: Denoise,
    x: Tensor,
    levels: Tensor,
    step: Callable[[Tensor, Tensor, float, float], Tensor],
) -> Tensor:
    """D is continued along -ln sigma by the line through its last two values."""
    before: tuple[Tensor, float] | None = None
    for sigma, below in pairwise(levels.tolist()):
        clean = denoise(x, sigma)
        ahead = clean
        if before is not None and below:
            last, above = before
            ahead = clean + (clean - last) / 2 * log(sigma / below) / log(above / sigma)
        x = step(ahead, x, sigma, below)
        before = clean, sigma
    return x


WAYS: Mapping[Sampler, Way] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "heun": heun,
    "dpmpp": dpmpp,
    "dpmpp_sde": dpmpp_sde,
}


def steps_of(sampler: Sampler, calls: int) -> int:
    """The levels that `calls` calls of D reach."""
    return (calls + 1) // 2 if sampler == "heun" else calls


def _slope(denoise: Denoise, x: Tensor, sigma: float) -> Tensor:
    """Dx/dsigma of the probability flow (Karras et al., equation 3)."""
    return (x - denoise(x, sigma)) / sigma
