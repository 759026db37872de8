"""One step of pix2pix: the critic and the network, each a step along its own gradient.

Both gradients are taken at the same weights, so that a picture is drawn once for both.
Legend: G = the drawing network, D = the critic, N = crops of a batch.
"""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from parhelion.generators import _diff_augment
from parhelion.generators._conditioning import CONDITION_SIZE, PLANES, WORDS_SIZE
from parhelion.generators._patch_critic import (
    Judgement,
    MultiScaleCritic,
    critic_hinge,
    feature_matching,
    generator_hinge,
    mismatch_hinge,
)
from parhelion.generators._perceptual import MobileNetFeatures, perceptual_distance
from parhelion.generators._pix2pix_draw import network_of
from parhelion.generators._pix2pix_health import GREY_LEVEL, ailment_of
from parhelion.generators._trained import Seen
from parhelion.generators._twin_crops import Batch, TwinCrops
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
    from parhelion.generators.pix2pix import Pix2PixConfig

ADAM_BETAS = (0.5, 0.99)


class Pix2PixStep:
    """Networks, optimizers and losses of one fit; call it with the step's number."""

    def __init__(
        self, config: "Pix2PixConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.crops = TwinCrops(
            data,
            crop_px=config.crop_px,
            read=frozenset(config.layers),
            uses_parent=config.uses_parent,
            strangers=config.objective == "gan",  # without a critic only an answer teaches
            parent_dropout=config.parent_dropout,
            condition_dropout=config.condition_dropout,
            cache_mb=config.cache_mb,
        )
        self.adversarial = config.objective == "gan"
        self.half = bf16_pays(config.precision, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("pix2pix.weights", seed))
            self.G = network_of(config)
            self.D = MultiScaleCritic(
                planes=PLANES,
                condition_size=CONDITION_SIZE,
                width=config.critic_width,
                layers=config.critic_layers,
                scales=config.critic_scales,
            )
        on_device(self.G, device)
        on_device(self.D, device)
        self.average = copy.deepcopy(self.G).requires_grad_(False)
        perceptual = self.adversarial and config.perceptual_weight > 0
        self.features = MobileNetFeatures().to(device) if perceptual else None
        self.G_optimizer = Adam(self.G.parameters(), config.learning_rate, ADAM_BETAS)
        self.D_optimizer = Adam(self.D.parameters(), config.critic_learning_rate, ADAM_BETAS)
        self.draw = torch.compile(self.G) if config.compile else self.G

    def state(self) -> TrainingState:
        """What a checkpoint of this fit holds."""
        networks: dict[str, nn.Module] = {"G": self.G, "average": self.average}
        optimizers = {"G": self.G_optimizer}
        if self.adversarial:
            networks["D"], optimizers["D"] = self.D, self.D_optimizer
        return TrainingState(networks, optimizers)

    @property
    def steps(self) -> int:
        return self.config.steps

    def examine(self, step: int) -> Ailment | None:
        """Whether conditions and noise still do something; not asked of plain L1."""
        return ailment_of(self, step) if self.adversarial else None

    def result(self) -> nn.Module:
        """The averaged network."""
        return self.average

    def seen(self, seen: Seen) -> Seen:
        """Nothing more."""
        return seen

    def __call__(self, step: int) -> Losses:
        left = left_of_rate(step / self.config.steps, self.config.decay_from)
        _set_rate(self.G_optimizer, left * self.config.learning_rate)
        _set_rate(self.D_optimizer, left * self.config.critic_learning_rate)
        self.G_optimizer.zero_grad(set_to_none=True)
        self.D_optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for part in range(self.config.accumulate):
            random = rng("pix2pix.batch", self.seed, step, part)
            batch = self.crops.batch(self.config.batch_size, random).to(self.device)
            noise = torch.Generator().manual_seed(seed_of("pix2pix.noise", self.seed, step, part))
            for name, loss in self._backward(step, batch, noise).items():
                sums[name] = sums.get(name, torch.zeros(())) + loss / self.config.accumulate
        self.G_optimizer.step()
        if self.adversarial:
            self.D_optimizer.step()
        average_into(self.average, self.G, self.config.ema_decay, step)
        return {name: float(loss) for name, loss in sums.items()}

    def _backward(self, step: int, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Adds the gradients of one batch to both networks; gives the losses, unweighted."""
        drawn = self._drawn(batch, noise)
        if self.adversarial:
            losses, total = self._gan_losses(step, batch, drawn, noise)
        else:
            losses = {"l1": _mean_over(batch.answered, _l1(drawn, batch.real))}
            total = losses["l1"]
        _backpropagate(total / self.config.accumulate)
        return {name: loss.detach().cpu() for name, loss in losses.items()}

    def _drawn(self, batch: Batch, noise: torch.Generator) -> Tensor:
        """Pictures (N, 3, H, W) float32 drawn for the batch with fresh noise."""
        z, grain = self.noise(batch, noise)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            drawn: Tensor = self.draw(
                batch.parent,
                batch.has_parent,
                batch.planes,
                batch.conditions,
                z,
                grain,
            )
        return drawn

    def noise(self, batch: Batch, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vectors (N, Z) and planes (N, planes, H, W) of fresh noise for the batch."""
        n, _, height, width = batch.real.shape
        z = torch.randn(n, self.config.noise_size, generator=noise)
        grain = torch.randn(n, self.config.noise_planes, height, width, generator=noise)
        return z.to(self.device), grain.to(self.device)

    def _gan_losses(
        self, step: int, batch: Batch, drawn: Tensor, noise: torch.Generator
    ) -> tuple[dict[str, Tensor], Tensor]:
        """All losses by name, and the weighted sum whose gradient moves G; D's is taken here."""
        c = self.config
        augment = _diff_augment.draw(c.augment, len(drawn), noise)
        real = _diff_augment.augmented(batch.real, batch.real_planes, augment)
        fake = _diff_augment.augmented(drawn, batch.planes, augment)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            on_real = self.D(*real, batch.conditions)
            on_drawn = self.D(fake[0].detach(), fake[1], batch.conditions)
            losses = {
                "critic": critic_hinge(on_real, on_drawn),
                "mismatch": self._mismatch(on_real, batch.conditions),
            }
            judging = losses["critic"] + c.mismatch_weight * losses["mismatch"]
            _backpropagate(judging / c.accumulate)
            self.D.requires_grad_(False)
            on_fake = self.D(*fake, batch.conditions)
            self.D.requires_grad_(True)
            losses["adversarial"] = generator_hinge(on_fake)
            losses["feature_matching"] = feature_matching(on_real, on_fake, batch.answered)
            if self.features is not None:
                distance = perceptual_distance(self.features, drawn, batch.real)
                losses["perceptual"] = _mean_over(batch.answered, distance)
        losses["l1"] = _mean_over(batch.answered, _l1(drawn, batch.real))
        total = (
            c.adversarial_weight * losses["adversarial"]
            + c.feature_matching_weight * losses["feature_matching"]
            + c.l1_weight * losses["l1"]
        )
        if self.features is not None:
            total = total + c.perceptual_weight * losses["perceptual"]
        if c.diversity_weight > 0 and step % c.diversity_every == 0:
            losses["diversity"] = mode_seeking(
                drawn, self._drawn(batch, noise), c.diversity_grey_levels
            )
            total = total + c.diversity_weight * c.diversity_every * losses["diversity"]
        return losses, total

    def _mismatch(self, on_real: list[Judgement], conditions: Tensor) -> Tensor:
        """The loss of taking real pictures for what their neighbours in the batch show."""
        others = conditions.roll(1, dims=0)
        differ = (others[:, :WORDS_SIZE] != conditions[:, :WORDS_SIZE]).any(dim=1)
        return mismatch_hinge(self.D.under(on_real, others), differ.float())


def _set_rate(optimizer: Adam, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def mode_seeking(x: Tensor, other: Tensor, wanted_grey_levels: float) -> Tensor:
    """How far two noises fall short of the wanted difference, as a share of it, 0..1.

    After Mao et al. 2019 (mode seeking GANs), who maximise the mean distance of two pictures over
    that of their noises without end; here the pull ends at `wanted_grey_levels` (of 255).
    """
    apart = (x - other).abs().mean(dim=(1, 2, 3)) / GREY_LEVEL
    return functional.relu(1 - apart / wanted_grey_levels).mean()


def _l1(x: Tensor, answer: Tensor) -> Tensor:
    return (x - answer).abs().mean(dim=(1, 2, 3))


def _mean_over(weights: Tensor, losses: Tensor) -> Tensor:
    """The batch mean of `losses` (N,), those with weight 0 counting as none."""
    return (weights * losses).mean()


def _backpropagate(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
