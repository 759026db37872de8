"""What ails a pix2pix in training: conditions that it ignores, noise that changes nothing.

Legend: K = cells of conditions, M = crops drawn under each, D = entries of the condition vector.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from parhelion.generators._health import Health, Probe, too_early
from parhelion.generators._twin_crops import Batch
from parhelion.pipeline.contracts import Ailment
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    from parhelion.generators._pix2pix_step import Pix2PixStep

CROPS = 12  # M
GREY_LEVEL = 2 / 255  # one grey level in pictures of -1..1
IDLE = 0.05  # of the wanted difference between two seeds: less and the noise does nothing


@torch.no_grad()
def ailment_of(step: "Pix2PixStep", done: int) -> Ailment | None:
    """What ails the averaged network after `done` steps; None while it is too early to tell."""
    if too_early(done, step.config.steps):
        return None
    random = rng("pix2pix.examine", step.seed)
    batch = step.crops.batch(CROPS, random).to(step.device)
    real, told = step.crops.references(CROPS, random)
    drawn = [_drawn(step, batch, conditions, 0) for conditions in told.to(step.device)]
    found = Health(steps=step.config.steps, varies=False).examine(
        done, Probe(torch.stack(drawn).cpu(), real)
    )
    if found is not None or step.config.diversity_weight == 0:
        return found
    other = _drawn(step, batch, told[0].to(step.device), 1)
    return idle_noise(drawn[0], other, step.config.diversity_grey_levels, done)


def idle_noise(x: Tensor, other: Tensor, wanted_grey_levels: float, done: int) -> Ailment | None:
    """Two seeds for the same y (M, 3, H, W) that hardly differ."""
    apart = float((x - other).abs().mean()) / GREY_LEVEL
    if apart >= IDLE * wanted_grey_levels:
        return None
    return Ailment(
        cause="collapsed",
        step=done,
        sentence=f"two seeds differ by {apart:.2g} grey levels at step {done}, wanted were "
        f"{wanted_grey_levels:g}: see that the noise reaches the network, or raise "
        "diversity_weight",
    )


def _drawn(step: "Pix2PixStep", batch: Batch, conditions: Tensor, draw: int) -> Tensor:
    """The batch's crops (M, 3, H, W) under other conditions (D,)."""
    noise = torch.Generator().manual_seed(seed_of("pix2pix.examine.noise", step.seed, draw))
    z, grain = step.noise(batch, noise)
    told = conditions.expand(len(batch.real), -1)
    drawn: Tensor = step.average(batch.parent, batch.has_parent, batch.planes, told, z, grain)
    return drawn
