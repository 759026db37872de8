"""Whether a generator in training still draws many pictures, and those that were asked for.

Coverage: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", eq. 6.
Legend: K = values of y (classes or cells), M = drawn pictures of each, R = true ones of each.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.pipeline.contracts import Ailment

SIDE = 8  # pictures are compared after shrinking to SIDE x SIDE: many little pixels say little
NEIGHBOURS = 3  # whose distance is a true picture's neighbourhood
PATIENCE, FIRST = 0.5, 250  # share of the steps, and steps, before more than numbers is asked for
SPREAD = 0.15  # of the true pictures' spread: less is one picture over and over
COVERAGE_KEPT = 0.33  # of the best coverage so far: less is a collapse
SIGMAS = 3.0  # above chance, from which true pictures count as telling their class
OBEYED = 0.33  # of the way from chance to what true pictures reach: less is no obedience


class Probe(NamedTuple):
    """Pictures drawn for an examination, the same noises for every y, and true ones beside them."""

    drawn: Tensor  # (K, M, C, H, W) in -1..1
    real: Tensor  # (K, R, C, H, W) in -1..1


@dataclass
class Health:
    """Examinations of one training, in order."""

    steps: int  # of the generator's training
    before: int = 0  # steps of the same fit that taught something else
    obeys: bool = True  # whether the generator is told a y at all
    varies: bool = True  # whether the generator has noise of its own
    covers: bool = True  # whether drawn and true pictures are of one distribution, layouts and all
    labelled: bool = False  # whether y are classes, which true pictures must show
    learns: bool = True  # step by step, so that early steps are spared; a closed form is not
    best_coverage: float = field(default=0.0)

    def examine(self, step: int, probe: Probe) -> Ailment | None:
        """What ails a generator that draws `probe` after `step` steps."""
        drawn, real = _shrunk(probe.drawn), _shrunk(probe.real)
        if not bool(torch.isfinite(drawn).all()):
            return Ailment(
                cause="diverged",
                step=step,
                sentence=f"pictures are not finite at step {step}: lower the learning rate",
            )
        if self.learns and too_early(step - self.before, self.steps):
            return None
        return self._collapse(step, drawn, real) or self._disobedience(step, drawn, real)

    def _collapse(self, step: int, drawn: Tensor, real: Tensor) -> Ailment | None:
        if not self.varies:
            return None
        ratio = spread(drawn) / max(spread(real), 1e-9)
        now = coverage(drawn, real) if self.covers else 1.0
        if ratio >= SPREAD and now >= COVERAGE_KEPT * self.best_coverage:
            self.best_coverage = max(self.best_coverage, now)
            return None
        covered = f" and cover {now:.0%} of them (best {self.best_coverage:.0%})"
        return Ailment(
            cause="collapsed",
            step=step,
            sentence=f"pictures of one y spread {ratio:.0%} of what true ones do"
            f"{covered if self.covers else ''} at step {step}: see that the noise reaches the "
            "network, lower the learning rate, or strengthen the penalty of a critic",
        )

    def _disobedience(self, step: int, drawn: Tensor, real: Tensor) -> Ailment | None:
        if not self.obeys or len(real) < 2:
            return None
        chance, best = 1 / len(real), obedience(real, real)
        if self.labelled and best <= chance + SIGMAS * _error(chance, real):
            return Ailment(
                cause="ignores conditions",
                step=step,
                sentence=f"true pictures of one class are no more alike than those of different "
                f"ones ({best:.0%} are nearest to their own, chance {chance:.0%}): see that labels "
                "belong to their pictures",
            )
        if best <= 1.5 * chance:  # true pictures of these conditions do not differ at this size
            return None
        now = obedience(drawn, real)
        if now >= chance + OBEYED * (best - chance):
            return None
        return Ailment(
            cause="ignores conditions",
            step=step,
            sentence=f"{now:.0%} of the pictures resemble what was asked for at step {step}, true "
            f"ones {best:.0%}, chance {chance:.0%}: see that labels and conditions belong to their "
            "pictures, and that the network is told them",
        )


def _error(share: float, x: Tensor) -> float:
    """Standard error of a share of the pictures x (K, R, D)."""
    return math.sqrt(share * (1 - share) / (len(x) * x.shape[1]))


def too_early(step: int, steps: int) -> bool:
    """Whether a training of `steps` steps is too young at `step` to be asked for more than numbers;
    a short one always is.
    """
    return step < max(PATIENCE * steps, FIRST)


def spread(x: Tensor) -> float:
    """Mean distance of two pictures of one y; x (K, M, D)."""
    pairs = torch.cdist(x, x)  # (K, M, M)
    m = x.shape[1]
    return float(pairs.sum() / max(len(x) * m * (m - 1), 1))


def coverage(drawn: Tensor, real: Tensor) -> float:
    """Share of true pictures with a drawn one of their y in their neighbourhood; (K, M, D)."""
    k = min(NEIGHBOURS, real.shape[1] - 1)
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=2).values  # the first is itself
    return float((torch.cdist(real, drawn).amin(dim=2) <= radius).float().mean())


def obedience(drawn: Tensor, real: Tensor) -> float:
    """Share of drawn pictures (K, M, D) whose nearest mean of true ones (K, R, D) is their own y's.

    For true pictures against themselves each is left out of its own mean.
    """
    mean = real.mean(dim=1)  # (K, D)
    far = torch.cdist(drawn, mean[None].expand(len(drawn), -1, -1))  # (K, M, K)
    if drawn is real:
        r = real.shape[1]
        own = (real - mean[:, None]).norm(dim=2) * r / max(r - 1, 1)
        index = torch.arange(len(real))
        far[index, :, index] = own
    return float((far.argmin(dim=2) == torch.arange(len(drawn))[:, None]).float().mean())


def _shrunk(x: Tensor) -> Tensor:
    """(K, M, C, H, W) -> (K, M, D)."""
    k, m = x.shape[:2]
    return functional.adaptive_avg_pool2d(x.float().flatten(0, 1).cpu(), SIDE).reshape(k, m, -1)
