"""One step of CycleGAN: both translators and both critics, each a step along its own gradient.

All gradients are taken at the same weights, so that a picture is drawn once for all.
Legend, after Zhu et al. 2017: G: X -> Y and F: Y -> X, D_X and D_Y their critics; N = crops.
"""

import copy
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam

from parhelion.generators import _diff_augment
from parhelion.generators._cyclegan_draw import network_of
from parhelion.generators._cyclegan_health import ailment_of
from parhelion.generators._cyclegan_losses import (
    critic_loss,
    cycle_loss,
    generator_loss,
    identity_loss,
)
from parhelion.generators._cyclegan_networks import PatchJudge, Translator
from parhelion.generators._health import Health
from parhelion.generators._image_pool import ImagePool
from parhelion.generators._trained import Seen
from parhelion.generators._unpaired_crops import (
    SKY_SIZE,
    Answer,
    Crops,
    DomainCrops,
    mirror_safe,
)
from parhelion.generators._unpaired_domains import Domain, domains
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    average_into,
    bf16_pays,
    left_of_rate,
    on_device,
)

if TYPE_CHECKING:
    from parhelion.generators.cyclegan import CycleGanConfig

ADAM_BETAS = (0.5, 0.999)


class CycleGanStep:
    """Networks, optimizers and losses of one fit; call it with the step's number."""

    def __init__(
        self, config: "CycleGanConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.X, self.Y = self.crops(data)
        self.grey = self.X.grey and self.Y.grey
        self.half = bf16_pays(config.precision, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("cyclegan.weights", seed))
            self.G, self.F = network_of(config, self.grey), network_of(config, self.grey)
            self.D_X, self.D_Y = (
                PatchJudge(
                    width=config.critic_width, layers=config.critic_layers, sky_size=SKY_SIZE
                )
                for _ in range(2)
            )
        picture = (3, config.crop_px, config.crop_px)
        self.pool_X, self.pool_Y = (
            ImagePool(config.pool_size, picture, SKY_SIZE).to(device) for _ in range(2)
        )
        for network in (self.G, self.F, self.D_X, self.D_Y):
            on_device(network, device)
        self.average = copy.deepcopy(self.G).requires_grad_(False)
        self.G_optimizer = Adam(
            chain(self.G.parameters(), self.F.parameters()), config.learning_rate, ADAM_BETAS
        )
        self.D_optimizer = Adam(
            chain(self.D_X.parameters(), self.D_Y.parameters()), config.learning_rate, ADAM_BETAS
        )
        self._compiled = {
            id(net): torch.compile(net) if config.compile else net for net in (self.G, self.F)
        }
        # Crops of other streets: how many of them are covered says nothing.
        self.health = Health(steps=config.steps, covers=False)

    def crops(self, data: TrainingData) -> tuple[DomainCrops, DomainCrops]:
        """Where batches of X and Y come from. No label is read, but X tells whether to mirror."""
        X, Y = domains(data, self.config)
        flips = self.config.flips and mirror_safe(X)
        return self._crops_of(X, flips, self.answer), self._crops_of(Y, flips, None)

    @property
    def answer(self) -> Answer | None:
        """What crops of X say besides; here nothing."""
        return None

    def _crops_of(self, domain: Domain, flips: bool, answer: Answer | None) -> DomainCrops:
        c = self.config
        return DomainCrops(
            domain, crop_px=c.crop_px, flips=flips, cache_mb=c.cache_mb // 2, answer=answer
        )

    @property
    def steps(self) -> int:
        return self.config.steps

    def state(self) -> TrainingState:
        """What a checkpoint of this fit holds; the pools are part of it."""
        networks: dict[str, nn.Module] = {
            name: getattr(self, name)
            for name in ("G", "F", "D_X", "D_Y", "pool_X", "pool_Y", "average")
        }
        return TrainingState(networks, {"G": self.G_optimizer, "D": self.D_optimizer})

    def result(self) -> nn.Module:
        """The averaged G."""
        return self.average

    def seen(self, seen: Seen) -> Seen:
        """`seen` with the cells of parents that it learnt to carry, and in which colours."""
        return seen.model_copy(update={"parents": tuple(self.X.cells), "grey": self.grey})

    def examine(self, step: int) -> Ailment | None:
        """Whether the averaged G draws many pictures of the domain and the sky asked for."""
        return ailment_of(self, step)

    def __call__(self, step: int) -> Losses:
        rate = self.config.learning_rate
        rate *= left_of_rate(step / self.config.steps, self.config.decay_from)
        for optimizer in (self.G_optimizer, self.D_optimizer):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for part in range(self.config.accumulate):
            random = rng("cyclegan.batch", self.seed, step, part)
            x, y = (
                crops.batch(self.config.batch_size, random).to(self.device)
                for crops in (self.X, self.Y)
            )
            chance = torch.Generator().manual_seed(seed_of("cyclegan.noise", self.seed, step, part))
            for name, loss in self._backward(x, y, chance).items():
                sums[name] = sums.get(name, torch.zeros(())) + loss / self.config.accumulate
        self.G_optimizer.step()
        self.D_optimizer.step()
        average_into(self.average, self.G, self.config.ema_decay, step)
        return {name: float(loss) for name, loss in sums.items()}

    def noise(self, x: Tensor, chance: torch.Generator) -> Tensor:
        """Fresh planes of noise for pictures x."""
        size = (len(x), self.config.noise_planes, *x.shape[2:])
        return torch.randn(size, generator=chance).to(x.device)

    def carried(
        self, network: Translator, x: Tensor, sky: Tensor, chance: torch.Generator
    ) -> Tensor:
        """Pictures x (N, 3, H, W) as the network draws them under `sky`."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            drawn: Tensor = self._compiled[id(network)](x, sky, self.noise(x, chance))
        return drawn

    def further(self, x: Crops, y: Crops, fake_x: Tensor, fake_y: Tensor) -> dict[str, Tensor]:
        """What else moves G and F, each term with its weight in it."""
        return {}

    def _backward(self, x: Crops, y: Crops, chance: torch.Generator) -> dict[str, Tensor]:
        """Adds the gradients of one batch to all networks; gives the losses, unweighted."""
        c = self.config
        fake_y = self.carried(self.G, x.x, y.sky, chance)
        fake_x = self.carried(self.F, y.x, x.sky, chance)
        losses = {
            "G": self._deceived(self.D_Y, fake_y, y.sky, chance),
            "F": self._deceived(self.D_X, fake_x, x.sky, chance),
        }
        total = losses["G"] + losses["F"]
        if c.cycle_weight:
            again_x = self.carried(self.F, fake_y, x.sky, chance)
            again_y = self.carried(self.G, fake_x, y.sky, chance)
            losses["cycle"] = cycle_loss(x.x, again_x, y.x, again_y)
            total = total + c.cycle_weight * losses["cycle"]
        if c.identity_weight:
            own_x = self.carried(self.F, x.x, x.sky, chance)
            own_y = self.carried(self.G, y.x, y.sky, chance)
            losses["identity"] = identity_loss(x.x, own_x, y.x, own_y)
            total = total + c.identity_weight * losses["identity"]
        further = self.further(x, y, fake_x, fake_y)
        total = torch.stack([total, *further.values()]).sum()
        _backpropagate(total / c.accumulate)
        losses |= further
        losses["D_X"] = self._judged(self.D_X, self.pool_X, x, fake_x, chance)
        losses["D_Y"] = self._judged(self.D_Y, self.pool_Y, y, fake_y, chance)
        return {name: loss.detach().cpu() for name, loss in losses.items()}

    def _deceived(
        self, critic: PatchJudge, fake: Tensor, sky: Tensor, chance: torch.Generator
    ) -> Tensor:
        """What a translator loses on pictures that its critic sees through."""
        critic.requires_grad_(False)
        score = self._score(critic, fake, sky, chance)
        critic.requires_grad_(True)
        return generator_loss(score)

    def _judged(
        self,
        critic: PatchJudge,
        pool: ImagePool,
        real: Crops,
        fake: Tensor,
        chance: torch.Generator,
    ) -> Tensor:
        """The critic's loss on true pictures and on the pool's; its gradient is added."""
        old, sky = pool.exchanged(fake, real.sky, chance)
        loss = critic_loss(
            self._score(critic, real.x, real.sky, chance), self._score(critic, old, sky, chance)
        )
        _backpropagate(loss / self.config.accumulate)
        return loss

    def _score(self, critic: PatchJudge, x: Tensor, sky: Tensor, chance: torch.Generator) -> Tensor:
        draw = _diff_augment.draw(self.config.augment, len(x), chance)
        seen, _ = _diff_augment.augmented(x, x[:, :0], draw)
        seen = self._noisy(seen, chance)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            scores: Tensor = critic(seen, sky)
        return scores.float()

    def _noisy(self, x: Tensor, chance: torch.Generator) -> Tensor:
        """X as a critic sees it."""
        if not self.config.critic_noise:
            return x
        noise = torch.randn(x.shape, generator=chance).to(x.device)
        return x + self.config.critic_noise * noise


def _backpropagate(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
