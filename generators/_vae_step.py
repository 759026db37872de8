"""One step of `vae`: up the evidence lower bound, or down plain L2."""

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam

from parhelion.generators._health import Health, Probe
from parhelion.generators._trained import Seen
from parhelion.generators._vae_bounds import (
    bits_per_dimension,
    free_bits,
    kl,
    log_mass,
)
from parhelion.generators._vae_networks import Vae
from parhelion.generators._whole_images import Pictures, WholeImages
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    average_into,
    half_precision,
    on_device,
)

if TYPE_CHECKING:
    from parhelion.generators.vae import VaeConfig

PROBED, PROBES = 10, 16  # values of y and pictures of each, of an examination
CODE_PICTURES, BATCH = 4096, 256  # that the code's Gaussian is fitted on, and how many at once


class VaeStep:
    """Networks, optimizer and losses of one fit; call it with the number of the step."""

    def __init__(
        self, config: "VaeConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.images = WholeImages(data, size=config.size, cache_mb=config.cache_mb)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("vae.weights", seed))
            self.net = Vae(config, self.images.channels, self.images.size, self.images.y_size)
        self.net.read_y.measure(self.images.told())
        on_device(self.net, device)
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = Adam(self.net.parameters(), config.learning_rate)
        self.run = torch.compile(self.net) if config.compile else self.net
        self.health = Health(steps=config.steps, labelled=bool(self.images.vocabulary))

    @property
    def steps(self) -> int:
        return self.config.steps

    def state(self) -> TrainingState:
        """What a checkpoint of this fit holds."""
        return TrainingState({"net": self.net, "average": self.average}, {"net": self.optimizer})

    def __call__(self, step: int) -> Losses:
        done = step / self.config.steps
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * (1 + math.cos(math.pi * done)) / 2
        self.optimizer.zero_grad(set_to_none=True)
        sums: Losses = {}
        for part in range(self.config.accumulate):
            random = rng("vae.batch", self.seed, step, part)
            x, y = self._there(self.images.batch(self.config.batch_size, random))
            noise = torch.Generator().manual_seed(seed_of("vae.noise", self.seed, step, part))
            e = torch.randn(len(x), self.config.code_size, generator=noise).to(self.device)
            loss, losses = self.loss(x, y, e, self.kl_weight(step))
            (loss / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value) / self.config.accumulate
        self.optimizer.step()
        average_into(self.average, self.net, self.config.ema_decay, step)
        return sums

    def kl_weight(self, step: int) -> float:
        """From 0 evenly up to 1 over the first steps (Bowman et al. 2016; Sønderby et al. 2016)."""
        warm = self.config.kl_warmup_share * self.config.steps
        return min(1.0, (step + 1) / warm) if warm > 0 else 1.0

    def loss(
        self, x: Tensor, y: Tensor, e: Tensor, kl_weight: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What is minimised, per grey level, and what is reported of it."""
        plain = self.config.objective == "l2"
        with half_precision(self.config.precision, self.device):
            location, q, prior = self.run(x, y, None if plain else e)
        if plain:
            l2 = (location - x).square().mean()
            return l2, {"l2": l2.detach()}
        fit = log_mass(self.config.likelihood, x, location, self.net.log_scale).sum() / len(x)
        nats, d = kl(q, prior), x[0].numel()
        loss = (kl_weight * free_bits(nats, self.config.free_bits) - fit) / d
        cost = nats.sum(dim=1).mean().detach()
        return loss, {"bits": bits_per_dimension(fit.detach() - cost, d), "kl": cost}

    @torch.no_grad()
    def examine(self, step: int) -> Ailment | None:
        """Draws from the prior, or from the Gaussian of the codes so far."""
        real, told = self.images.references(PROBED, PROBES)
        if not len(real):
            return None
        self._fit_code(PROBES * PROBED)
        noise = torch.Generator().manual_seed(seed_of("vae.examine", self.seed))
        e = torch.randn(PROBES, self.config.code_size, generator=noise).to(self.device)
        drawn = []
        for one in told.to(self.device):
            y = one.expand(PROBES, -1)
            drawn.append(self.average.decode(self.average.prior_of(y).at(e), y).cpu())
        return self.health.examine(step, Probe(torch.stack(drawn), real))

    def result(self) -> nn.Module:
        """The averaged networks."""
        self._fit_code(CODE_PICTURES)
        return self.average

    def seen(self, seen: Seen) -> Seen:
        """With the size and the classes of the pictures."""
        return seen.model_copy(update=self.images.known)

    def _fit_code(self, most: int) -> None:
        """For plain L2: the Gaussian of the codes of up to `most` training pictures."""
        if self.config.objective != "l2":
            return
        n = len(self.images)
        rows = rng("vae.code", self.seed).permutation(n)[:most].tolist()
        sets = [
            self._there(self.images.rows(rows[i : i + BATCH])) for i in range(0, len(rows), BATCH)
        ]
        z = torch.cat([self.average.encode(x, y).mean for x, y in sets])
        self.average.fit_code(z, torch.cat([y for _, y in sets]))

    def _there(self, pictures: Pictures) -> tuple[Tensor, Tensor]:
        x, y = pictures
        return x.to(self.device).contiguous(memory_format=torch.channels_last), y.to(self.device)
