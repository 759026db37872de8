"""What ails a CycleGAN in training: pictures all alike, a sky not obeyed, or no move at all.

Legend: M = crops, D = numbers of a shrunk crop.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._health import FIRST, SIDE, Probe, obedience
from parhelion.pipeline.contracts import Ailment
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    from parhelion.generators._cyclegan_step import CycleGanStep

MOST, EACH = 4, 12  # cells of Y and crops of each that are drawn
TELLING = 0.75  # share of true crops nearer to their own domain's mean: less tells nothing
ARRIVED = 0.25  # share of drawn crops nearer to Y's mean: less is no translation


@torch.no_grad()
def ailment_of(step: "CycleGanStep", done: int) -> Ailment | None:
    """What ails the averaged G after `done` steps, on the same crops at every examination."""
    random = rng("cyclegan.examine", step.seed)
    cells = list(step.Y.cells)[:MOST]
    real = [step.Y.of_cell(cell, EACH, random).to(step.device) for cell in cells]
    x = step.X.batch(EACH, random).to(step.device).x
    noise = torch.Generator().manual_seed(seed_of("cyclegan.examine.noise", step.seed))
    drawn = [step.average(x, y.sky, step.noise(x, noise)) for y in real]
    probe = Probe(torch.stack(drawn).cpu(), torch.stack([y.x for y in real]).cpu())
    found = step.health.examine(done, probe)
    if found is not None or done < max(step.config.steps, FIRST):
        return found
    # Only at the end: who stands still by half of the steps may yet move.
    return standstill(x.cpu(), probe.real[0], probe.drawn[0], done)


def standstill(x: Tensor, y: Tensor, drawn: Tensor, done: int) -> Ailment | None:
    """Drawn crops (M, 3, H, W) that lie where those of X lie, though the domains differ."""
    X, Y, G = (shrunk(crops) for crops in (x, y, drawn))
    if obedience(domains := torch.stack([X, Y]), domains) < TELLING:
        return None
    to_x, to_y = ((G - mean).norm(dim=1) for mean in (X.mean(dim=0), Y.mean(dim=0)))
    arrived = float((to_y < to_x).float().mean())
    if arrived >= ARRIVED:
        return None
    return Ailment(
        cause="ignores conditions",
        step=done,
        sentence=f"{arrived:.0%} of the carried crops resemble the target domain more than their "
        f"own at step {done}: lower cycle_weight and identity_weight, by which translators stay "
        "the identity, or raise the learning rate",
    )


def shrunk(x: Tensor) -> Tensor:
    """(M, 3, H, W) -> (M, D)."""
    return functional.adaptive_avg_pool2d(x.float(), SIDE).flatten(1)
