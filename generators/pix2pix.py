"""pix2pix: a conditional GAN trained on the user's own frames, p(x | y) or p(x | y, parent).

Isola et al. 2017, with the network of Park et al. 2019 (SPADE), the critics of Wang et al. 2018,
augmentation after Zhao et al. 2020, a term that makes noise count after Mao et al. 2019 and one
that makes conditions count after Reed et al. 2016.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from parhelion.generators._conditioning import Layers
from parhelion.generators._settings import (
    AboveZero,
    Augmentation,
    Layer,
    Positive,
    Share,
    Weight,
)
from parhelion.generators._trained import (
    Drawn,
    Fitted,
    GradientConfig,
    Learner,
    Trained,
    TrainedConfig,
)
from parhelion.pipeline.contracts import CannotHonour, FrameKey, Request, TrainingData
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.pretrained import MOBILENET_SHA256, mobilenet_lacks

if TYPE_CHECKING:
    import torch

    from parhelion.generators._spade import SpadeUNet


class Pix2PixConfig(GradientConfig):
    """Settings. The defaults suit minutes on one CPU core; on a GPU think of width 64, crops of
    512, batches of 8 and 50,000 steps.
    """

    # What is drawn from what
    uses_parent: bool = True  # p(x | y, parent) rather than p(x | y)
    layers: tuple[Layer, ...] = ("stencil", "instances", "depth")  # of y; each must be there
    objective: Literal["gan", "l1"] = "gan"  # "l1": the same network on pixel distance alone

    # Networks
    width: Positive = 24  # channels of G at full size; doubled per level, at most 8 times
    levels: Positive = 3  # times that G halves the picture
    style_size: Positive = 64  # entries of the embedding of conditions and noise
    noise_size: Positive = 16  # entries of the noise vector z
    noise_planes: Positive = 1  # planes of noise (H, W) beside it: where a flake falls
    critic_width: Positive = 32  # channels of D's first layer
    critic_layers: Positive = 4  # convolutions of each critic
    critic_scales: Positive = 2  # critics, each on a picture half as large

    # Training
    steps: Positive = 400  # updates of both networks
    crop_px: Positive = 64  # side of the training crops, pixels
    batch_size: Positive = 4  # crops per batch
    accumulate: Positive = 1  # batches per update
    learning_rate: AboveZero = 5e-4  # of G, Adam
    critic_learning_rate: AboveZero = 5e-4  # of D, Adam
    decay_from: Share = 0.5  # of the steps; from there both rates fall evenly to nothing
    adversarial_weight: Weight = 1.0
    mismatch_weight: Weight = 0.5  # of real crops under another's conditions, in D's loss
    feature_matching_weight: Weight = 5.0
    perceptual_weight: Weight = 5.0
    l1_weight: Weight = 5.0  # of pixel distance beside the others, in units of half the range
    diversity_weight: Weight = 2.0
    diversity_grey_levels: AboveZero = 8.0  # wanted between two seeds, mean
    diversity_every: Positive = 4  # steps between draws of a second picture
    augment: tuple[Augmentation, ...] = ("colour", "translation", "cutout")  # before D
    parent_dropout: Share = 0.25  # crops drawn without their parent, so that p(x | y) is learnt too
    condition_dropout: Share = 0.5  # crops whose hour, or physical numbers, are withheld
    ema_decay: Share = 0.995  # of the averaged weights, which draw
    cache_mb: Positive = 512  # training frames kept in memory

    @model_validator(mode="after")
    def _fits(self) -> "Pix2PixConfig":
        if self.crop_px % 2**self.levels:
            raise ValueError(
                f"crop_px must be a multiple of 2^levels = {2**self.levels}, got {self.crop_px}"
            )
        return self


class Pix2Pix(Trained):
    """Draws frames under the conditions of its training frames.

    It learns the frames of `target`, or of `source` where there is none. Parents are frames of
    `source`; a frame with a twin there is learnt as a pair.
    """

    NAME: ClassVar[str] = "pix2pix"
    VERSION: ClassVar[str] = "4"
    Config: ClassVar[type[TrainedConfig]] = Pix2PixConfig

    @property
    def models(self) -> str:
        return "p(x | y, parent)" if self.config.uses_parent else "p(x | y)"

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(self.config.layers)

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._pix2pix_step import Pix2PixStep

        return Pix2PixStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "SpadeUNet":
        from parhelion.generators._pix2pix_draw import network_of

        return network_of(self.config)

    def rests_on(self) -> tuple[str, ...]:
        return (MOBILENET_SHA256,)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Frames that lack a layer which the network reads taught it nothing."""
        return [key for key in super().learnt(data) if self.needs <= key.layers]

    def unready(self) -> str | None:
        """Names the perceptual network's weights where they are wanted and missing."""
        used = self.config.objective != "l1" and self.config.perceptual_weight
        if used and (lacks := mobilenet_lacks()):
            return f"pix2pix: the perceptual loss of {lacks}, or set perceptual_weight to 0"
        return None

    def unsupported(self, request: Request) -> str | None:
        if self.config.uses_parent and self.config.parent_dropout == 0 and request.parent is None:
            return "pix2pix learnt with parents only (parent_dropout 0): give a parent"
        return super().unsupported(request)

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """The whole picture at the size of its y, which it keeps. Raises CannotHonour."""
        from parhelion.generators._pix2pix_draw import whole_picture

        y = require_layers("pix2pix", request.y, self.needs)
        parent = request.parent.image if request.parent and self.config.uses_parent else None
        if parent is not None and parent.shape[:2] != y.size:
            raise CannotHonour(
                f"pix2pix needs parent and annotation of one size (H, W), got {parent.shape[:2]} "
                f"and {y.size}"
            )
        image = whole_picture(
            fitted.network,
            Layers.of(y, self.needs),
            y.size,
            parent,
            request.conditions,
            request.seed,
        )
        return Drawn(image=image, y=y)


PART = Pix2Pix
