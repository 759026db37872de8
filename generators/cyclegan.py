"""CycleGAN: carries frames of one domain into another without pairs, p(x | y, parent).

Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", ICCV 2017: least-squares objective, cycle and identity losses, a pool of 50 pictures
(Shrivastava et al. 2017), a rate that falls evenly in the second half.

One model carries one pair of domains. Where a domain holds several cells of conditions, all four
networks are told the cell, and a request chooses among those of the target.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from parhelion.generators._settings import AboveZero, Augmentation, Positive, Share, Weight
from parhelion.generators._trained import Drawn, Fitted, Learner, Seen, Trained, TrainedConfig
from parhelion.generators._unpaired_domains import UnpairedConfig, domains
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import CannotHonour, FrameKey, Request, TrainingData
from parhelion.pipeline.frame_list import key_of

if TYPE_CHECKING:
    import torch

    from parhelion.generators._cyclegan_networks import Translator

Count = Annotated[int, Field(ge=0)]


class CycleGanConfig(UnpairedConfig):
    """Settings. The defaults suit an hour on one CPU core; on a GPU think of the paper's: width 64,
    9 blocks, crops of 256, batches of 1, 100,000 steps at 2e-4.
    """

    # Networks
    width: Positive = 24  # channels of G and F at full size; doubled per level, at most 4 times
    levels: Positive = 2  # times that G and F halve the picture
    blocks: Positive = 6  # residual blocks at the smallest size
    noise_planes: Count = 1  # beside the picture: where a flake falls; 0 as in the paper
    critic_width: Positive = 32  # channels of the critics' first layer
    critic_layers: Positive = 4  # convolutions of the critics; each but the last halves

    # Training
    steps: Positive = 2000  # updates of all networks
    crop_px: Positive = 96  # side of the training crops, pixels
    batch_size: Positive = 2  # crops of either domain per batch
    accumulate: Positive = 1  # batches per update
    flips: bool = True  # mirror crops by chance, where no class of X forbids it
    learning_rate: AboveZero = 4e-4  # of all networks, Adam
    decay_from: Share = 0.5  # of the steps; from there the rate falls evenly to nothing
    # The paper's 10 and 5 suit networks that start at random. Started as the identity they stayed
    # there: who moves first pays for the cycle before the other has learnt the way back. At 1 the
    # sky of a snowy street came, at 0.3 the snow on its ground.
    cycle_weight: Weight = 0.5  # lambda of equation 3
    identity_weight: Weight = 0.2  # 0.5 lambda (section 5.2); 0 spares a third of the time
    pool_size: Count = 50  # pictures that a critic is shown again; 0 = none
    augment: tuple[Augmentation, ...] = ("translation",)  # of what the critics see
    # Domains that never overlap make a critic certain, and one that is certain moves nobody: noise
    # on all it sees makes them overlap (Sonderby et al. 2017, section 2).
    critic_noise: Weight = 0.15  # its standard deviation; black to white is 2
    ema_decay: Share = 0.995  # of the averaged weights, which draw

    @model_validator(mode="after")
    def _fits(self) -> "CycleGanConfig":
        if self.crop_px % 2**self.levels:
            raise ValueError(
                f"crop_px must be a multiple of 2^levels = {2**self.levels}, got {self.crop_px}"
            )
        if self.crop_px < (least := 2 ** (self.critic_layers + 1)):
            raise ValueError(
                f"critics of {self.critic_layers} layers need crop_px of at least {least}, got "
                f"{self.crop_px}: take larger crops or fewer critic_layers"
            )
        return self


class SeenDomains(Seen):
    """What is known about both domains."""

    parents: tuple[str, ...] = ()  # cells of X
    grey: bool = False  # whether both are


class CycleGan(Trained):
    """Draws the parent's scene in the target domain and keeps the parent's labels.

    X are frames of `source`, Y frames of `target`, or both are chosen within `source`.
    """

    NAME: ClassVar[str] = "cyclegan"
    VERSION: ClassVar[str] = "2"
    Config: ClassVar[type[TrainedConfig]] = CycleGanConfig
    seen_as: ClassVar[type[Seen]] = SeenDomains

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._cyclegan_step import CycleGanStep

        return CycleGanStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "Translator":
        from parhelion.generators._cyclegan_draw import network_of

        return network_of(self.config, seen.grey)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """The frames of Y."""
        return domains(data, self.config)[1].keys

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Also of a parent whose own conditions are none of X."""
        refused = super().refusal(conditions, parent)
        if refused or parent is None or self._fitted is None:
            return refused
        known: tuple[str, ...] = self._fitted.seen.parents
        if (cell := parent.conditions.cell) in known:
            return None
        return (
            f"{self.NAME} learnt to carry frames of {', '.join(known)} and got a parent of {cell}: "
            f"give another parent, or fit with frames of {cell} in the domain that it starts from"
        )

    def unsupported(self, request: Request) -> str | None:
        if request.parent is None:
            return f"{self.NAME} carries a frame into another domain: give a parent"
        if request.annotation is not None:
            return f"{self.NAME} keeps its parent's labels and got another annotation: leave it out"
        refused = self.refusal(request.conditions, key_of(request.parent))
        return refused or super().unsupported(request)

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """The whole parent at its own size. Raises CannotHonour."""
        from parhelion.generators._cyclegan_draw import whole_picture

        if request.parent is None:
            raise CannotHonour(self.unsupported(request))
        image = whole_picture(
            fitted.network, request.parent.image, request.conditions, request.seed
        )
        return Drawn(image=image, y=request.parent)


PART = CycleGan
