"""One step of `gan`: D and G, each a step along its own gradient, at the size of the step's stage.

Both gradients are taken at the same weights, so that a picture is drawn once for both.
Legend: N = batch, C = channels, H, W = pixels, K = classes, Y = entries of a y vector.
"""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam

from parhelion.generators import _diff_augment
from parhelion.generators._conditioning import WORDS_SIZE
from parhelion.generators._gan_growth import Grid, Stage, stage_at
from parhelion.generators._gan_losses import false_loss, generator_loss, r1, real_loss
from parhelion.generators._gan_networks import GanCritic, GanGenerator, Widths
from parhelion.generators._health import Health, Probe
from parhelion.generators._trained import Seen
from parhelion.generators._whole_images import WholeImages
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    average_into,
    bf16_pays,
    on_device,
)

if TYPE_CHECKING:
    from parhelion.generators.gan import GanConfig

ADAM_BETAS = (0.0, 0.99)  # Karras et al. 2018, appendix A.1
EXAMINED, EACH = 10, 24  # values of y, and pictures of each, that an examination looks at
COVERAGE = "best coverage"  # of the examinations so far, kept among the losses of a checkpoint


class GanStep:
    """Networks, optimizers and losses of one fit; call it with the step's number."""

    def __init__(
        self, config: "GanConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.images = WholeImages(data, size=config.size, cache_mb=config.cache_mb)
        self.grid = Grid.of(self.images.size)
        self.half = bf16_pays(config.precision, device)
        self.words = len(self.images.vocabulary) + WORDS_SIZE  # entries of y that are words
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("gan.weights", seed))
            self.G = network_of(config, self.grid, self.images.channels, self.images.y_size)
            self.D = GanCritic(
                grid=self.grid,
                channels=self.images.channels,
                y_size=self.images.y_size,
                widths=Widths(config.critic_width, config.widest),
            )
        told = self.images.told()
        self.G.read_y.measure(told)
        self.D.read_y.measure(told)
        on_device(self.G, device)
        on_device(self.D, device)
        self.average = copy.deepcopy(self.G).requires_grad_(False)
        self.G_optimizer = Adam(self.G.parameters(), config.learning_rate, ADAM_BETAS)
        self.D_optimizer = Adam(self.D.parameters(), config.critic_learning_rate, ADAM_BETAS)
        self.draw = torch.compile(self.G) if config.compile else self.G
        self._state = TrainingState(
            {"G": self.G, "D": self.D, "average": self.average},
            {"G": self.G_optimizer, "D": self.D_optimizer},
        )

    def state(self) -> TrainingState:
        """What a checkpoint of this fit holds."""
        return self._state

    @property
    def steps(self) -> int:
        return self.config.steps

    def stage(self, step: int) -> Stage:
        """How far both networks have grown at `step`."""
        if not self.config.progressive:
            return Stage(self.grid.levels, 1.0)
        return stage_at(step, self.config.steps, self.grid.levels, self.config.growing_share)

    def result(self) -> nn.Module:
        """The averaged network."""
        return self.average

    def seen(self, seen: Seen) -> Seen:
        """`seen` with what the pictures are, and how far the network had grown."""
        level, alpha = self.stage(max(self._state.step - 1, 0))
        news = {**self.images.known, "level": level, "alpha": alpha}
        return seen.model_copy(update=news)

    @torch.no_grad()
    def examine(self, step: int) -> Ailment | None:
        """Whether the averaged network draws many pictures, and those that are asked for."""
        real, told = self.images.references(EXAMINED, EACH)
        if not len(real) or self._young(step):
            return None
        stage = self.stage(step - 1)
        noise = torch.Generator().manual_seed(seed_of("gan.examine", self.seed))
        z = torch.randn(EACH, self.config.noise_size, generator=noise).to(self.device)
        drawn = [self.average(z, y.expand(EACH, -1), stage) for y in told.to(self.device)]
        true = [self.grid.shrunk(x, stage) for x in real]
        health = Health(
            steps=self.config.steps,
            labelled=bool(self.images.vocabulary),
            best_coverage=self._state.losses.get(COVERAGE, 0.0),
        )
        ailment = health.examine(step, Probe(torch.stack(drawn).cpu(), torch.stack(true)))
        self._state.losses[COVERAGE] = health.best_coverage
        return ailment

    def _young(self, step: int) -> bool:
        """Whether pictures have been full for less than half of the time that they will be."""
        growing = self.config.growing_share if self.config.progressive else 0.0
        return step < (1 + growing) / 2 * self.config.steps

    def __call__(self, step: int) -> Losses:
        stage = self.stage(step)
        self.G_optimizer.zero_grad(set_to_none=True)
        self.D_optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for part in range(self.config.accumulate):
            for name, loss in self._backward(step, part, stage).items():
                sums[name] = sums.get(name, torch.zeros(())) + loss / self.config.accumulate
        self.G_optimizer.step()
        self.D_optimizer.step()
        average_into(self.average, self.G, self.config.ema_decay, step)
        return {name: float(loss) for name, loss in sums.items()}

    def _backward(self, step: int, part: int, stage: Stage) -> dict[str, Tensor]:
        """Adds the gradients of one batch to both networks; gives the losses, unweighted."""
        c = self.config
        batch = self.images.batch(c.batch_size, rng("gan.batch", self.seed, step, part))
        noise = torch.Generator().manual_seed(seed_of("gan.noise", self.seed, step, part))
        z = torch.randn(c.batch_size, c.noise_size, generator=noise)
        y = withheld(batch.y, self.words, c.condition_dropout, noise).to(self.device)
        augment = _diff_augment.draw(c.augment, c.batch_size, noise)
        real = self._seen_by_critic(self.grid.shrunk(batch.x.to(self.device), stage), augment)
        with self._half():
            drawn = self.draw(z.to(self.device), y, stage).float()
        fake = self._seen_by_critic(self.grid.framed(drawn, stage.level), augment)
        losses, judging = self._critic_losses(real, fake.detach(), y, stage)
        if c.r1_gamma > 0 and step % c.r1_every == 0:
            losses["r1"] = r1(lambda x: self._scores(x, y, stage), real)
            judging = judging + c.r1_gamma / 2 * c.r1_every * losses["r1"]
        _backpropagate(judging / c.accumulate)
        self.D.requires_grad_(False)
        with self._half():
            scores = self._scores(fake, y, stage).float()
        losses["generator"] = generator_loss(c.objective, scores).mean()
        _backpropagate(losses["generator"] / c.accumulate)
        self.D.requires_grad_(True)
        return {name: loss.detach().cpu() for name, loss in losses.items()}

    def _critic_losses(
        self, real: Tensor, fake: Tensor, y: Tensor, stage: Stage
    ) -> tuple[dict[str, Tensor], Tensor]:
        """D's losses by name, and their weighted sum."""
        c = self.config
        others = y.roll(1, dims=0)
        differ = (others[:, : self.words] != y[:, : self.words]).any(dim=1).float()
        with self._half():
            features = self.D(real, y[:, : self.words], stage)
            on_real, on_others = self.D.judged(features, y), self.D.judged(features, others)
            on_fake = self._scores(fake, y, stage)
        losses = {
            "real": real_loss(c.objective, on_real.float()).mean(),
            "false": false_loss(c.objective, on_fake.float()).mean(),
            "mismatch": (differ * false_loss(c.objective, on_others.float())).mean(),
        }
        return losses, losses["real"] + losses["false"] + c.mismatch_weight * losses["mismatch"]

    def _scores(self, x: Tensor, y: Tensor, stage: Stage) -> Tensor:
        """D's scores (N,) of pictures under y (N, Y)."""
        return self.D.judged(self.D(x, y[:, : self.words], stage), y)

    def _seen_by_critic(self, x: Tensor, augment: _diff_augment.Draw) -> Tensor:
        changed, _ = _diff_augment.augmented(x, x[:, :0], augment)
        return changed.contiguous(memory_format=torch.channels_last)

    def _half(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)


def network_of(config: "GanConfig", grid: Grid, channels: int, y_size: int) -> GanGenerator:
    """The drawing network that `config` asks for, with torch's current random state."""
    return GanGenerator(
        grid=grid,
        channels=channels,
        y_size=y_size,
        noise_size=config.noise_size,
        style_size=config.style_size,
        widths=Widths(config.channels, config.widest),
    )


def withheld(y: Tensor, words: int, share: float, generator: torch.Generator) -> Tensor:
    """Y vectors (N, Y) of which a `share` tells its words only: no hour and no physical number.

    A request may state less than the training frames do.
    """
    told = torch.rand(len(y), 1, generator=generator) >= share
    return torch.cat([y[:, :words], y[:, words:] * told], dim=1)


def _backpropagate(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
