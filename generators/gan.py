"""gan: a generative adversarial network of whole pictures, p(x | class and conditions).

Goodfellow et al. 2014 with what made it stable: the R1 penalty of Mescheder et al. 2018, taken now
and then as in Karras et al. 2020 (StyleGAN2, appendix B), averaged weights that draw, augmentation
that gradients pass (Zhao et al. 2020), y by projection (Miyato and Koyama 2018), real pictures
under another's y counted as false (Reed et al. 2016), and growing (Karras et al. 2018, ProGAN).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from parhelion.generators._settings import (
    AboveZero,
    Augmentation,
    Objective,
    Positive,
    Share,
    Weight,
)
from parhelion.generators._trained import GradientConfig, Learner, Seen, TrainedConfig
from parhelion.generators._whole_image_generator import (
    SeenImages,
    WholeImageConfig,
    WholeImageGenerator,
)
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class GanConfig(WholeImageConfig, GradientConfig):
    """Settings. The defaults suit little pictures and minutes on one CPU core; on a GPU think of 64
    channels, batches of 64 and 100,000 steps.

    A picture's sides may be any: the networks draw a multiple of a power of two, of which the rows
    and columns that are too much at the bottom and at the right are cut off.
    """

    # Networks
    channels: Positive = 16  # of G at full size; doubled per halving
    critic_width: Positive = 16  # channels of D at full size; doubled per halving
    widest: Positive = 128  # the most channels of either
    noise_size: Positive = 64  # entries of the noise vector z
    style_size: Positive = 128  # entries of the embedding of noise and y

    # Growing
    progressive: bool = True  # start at 4 to 7 pixels and double; False = full size from the start
    growing_share: Share = 0.5  # of the steps, before pictures are full

    # Training
    objective: Objective = "non_saturating"
    steps: Positive = 4000  # updates of both networks
    batch_size: Positive = 32  # pictures per batch
    accumulate: Positive = 1  # batches per update
    learning_rate: AboveZero = 6e-3  # of G, Adam; its weights have spread 1 and are scaled in use
    critic_learning_rate: AboveZero = 6e-3  # of D, Adam
    r1_gamma: Weight = 0.3  # of the squared gradient norm at real pictures, halved
    r1_every: Positive = 16  # steps between two penalties, each so many times as heavy
    mismatch_weight: Weight = 0.5  # of real pictures under another's y, in D's loss
    augment: tuple[Augmentation, ...] = ("colour", "translation", "cutout")  # before D
    condition_dropout: Share = 0.25  # pictures whose hour and physical numbers are withheld
    ema_decay: Share = 0.995  # of the averaged weights, which draw

    @model_validator(mode="after")
    def _fits(self) -> "GanConfig":
        if self.batch_size < 2:
            raise ValueError(
                "batch_size must be 2 or more, got 1: D compares the pictures of a batch"
            )
        return self


class SeenGan(SeenImages):
    """What is known about the training pictures, and how far the network has grown."""

    level: int = 0
    alpha: float = 1.0


class Gan(WholeImageGenerator):
    """Draws whole pictures of the classes and conditions of its training frames."""

    NAME: ClassVar[str] = "gan"
    VERSION: ClassVar[str] = "4"
    Config: ClassVar[type[TrainedConfig]] = GanConfig
    seen_as: ClassVar[type[Seen]] = SeenGan

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._gan_step import GanStep

        return GanStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "nn.Module":
        from parhelion.generators._conditioning import CONDITION_SIZE
        from parhelion.generators._gan_growth import Grid
        from parhelion.generators._gan_step import network_of

        y_size = len(seen.vocabulary) + CONDITION_SIZE
        return network_of(self.config, Grid.of(seen.size), seen.channels, y_size)

    def sample(self, network: "nn.Module", seen: Any, y: "Tensor", seed: int) -> "Tensor":
        """One picture (C, H, W); doubled up to full size where training ended before that."""
        import torch

        from parhelion.generators._gan_growth import Grid, Stage, doubled

        grid, device = Grid.of(seen.size), next(network.parameters()).device
        noise = torch.Generator().manual_seed(seed_of("gan.draw", seed))
        z = torch.randn(1, self.config.noise_size, generator=noise)
        x: Tensor = network(z.to(device), y[None].to(device), Stage(seen.level, seen.alpha))
        for _ in range(grid.levels - seen.level):
            x = doubled(x)
        return x[0, :, : seen.size[0], : seen.size[1]]


PART = Gan
