"""Settings of a denoiser and its training, whoever draws with it; light to import."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from parhelion.generators._settings import AboveZero, Layer, Positive, Share, Weight
from parhelion.generators._trained import GradientConfig
from parhelion.generators._whole_image_generator import SeenImages
from parhelion.pipeline.contracts import Precision

Size = tuple[Positive, Positive]


class DenoiserConfig(GradientConfig):
    """Settings. The defaults suit minutes on one CPU core; on a GPU think of width 128, multiples
    (1, 2, 2, 4), depth 2, batches of 256 and 200,000 steps.
    """

    # What is learnt from what
    layers: tuple[Layer, ...] | None = None  # of y; None = those that every training frame has
    crop: Size | None = None  # (H, W) seen at once; None = the first frame's size

    # Network
    patch: Positive = 2  # side of the squares that become one pixel of the network
    width: Positive = 64  # channels at its full size; a multiple of 8
    multiples: tuple[Positive, ...] = (1, 2, 2)  # of the width; each further one halves the size
    depth: Positive = 1  # residual blocks at every size
    attention: bool = False  # at the smallest size

    # Training
    steps: Positive = 2000  # updates of the denoiser
    mean_steps: Annotated[int, Field(ge=0)] = 300  # before them, of the mean picture; 0 = none
    batch_size: Positive = 32  # crops per batch
    accumulate: Positive = 1  # batches per update
    processes: Positive = 1  # that share these batches, one GPU each; a divisor of accumulate
    learning_rate: AboveZero = 1e-3  # Adam
    log_sigma_mean: float = -1.2  # of the noise in training; more: shapes before details
    log_sigma_std: AboveZero = 1.2  # about it; more: also what little and much noise leave
    decay_from: Share = 0.5  # of the steps; from there the rate falls evenly to nothing
    perceptual_weight: Weight = 0.0  # of the distance in deep features, beside that of pixels
    unconditional_share: Share = 0.1  # of crops of which nothing is told
    condition_dropout: Share = 0.5  # of crops whose hour, or physical numbers, are withheld
    ema_decay: Share = 0.999  # of the averaged weights, which draw
    autoguidance_at: Share = 0.5  # of the steps, whose averaged weights it goes away from
    cache_mb: Positive = 512  # training frames kept in memory

    # Drawing
    guidance: Annotated[float, Field(ge=0)] = 1.0  # 1 = none; others ask twice at its levels
    guidance_interval: tuple[float, float] = (0.0, 80.0)  # of noise, between which it guides
    autoguidance: Annotated[float, Field(ge=0)] = 1.0  # away from the worse network; 1 = none
    autoguidance_interval: tuple[float, float] = (0.3, 80.0)  # below, it draws a grid
    # Below a few grey levels there is little left to find, and few calls are better spent above:
    # digits in 15 calls came nearer to real ones by a quarter than from EDM's 0.002.
    sigma_min: AboveZero = 0.05  # of noise; from there the picture is drawn in one call
    draw_batch: Positive = 8  # pictures drawn together, always so many
    draw_precision: Precision = "fp32"  # bf16 draws frames thrice as fast on a CPU that has it
    bound_levels: Positive = 32  # noise levels by which the likelihood of one picture is bounded

    drawing: ClassVar[frozenset[str]] = GradientConfig.drawing | {
        "guidance",
        "guidance_interval",
        "autoguidance",
        "autoguidance_interval",
        "sigma_min",
        "draw_batch",
        "draw_precision",
        "bound_levels",
    }

    @model_validator(mode="after")
    def _fits(self) -> "DenoiserConfig":
        if self.width % 8:
            raise ValueError(f"width must be a multiple of 8, got {self.width}")
        for name in ("guidance_interval", "autoguidance_interval"):
            low, high = getattr(self, name)
            if not 0 <= low < high:
                raise ValueError(f"{name} must rise, from 0 or more, got {low:g} to {high:g}")
        if self.guidance != 1 and not self.unconditional_share:
            raise ValueError(
                f"guidance {self.guidance:g} goes away from the network that is told nothing, which"
                " unconditional_share 0 never trains: raise it, or leave guidance at 1"
            )
        if self.autoguidance != 1 and self.autoguidance_at in (0, 1):
            raise ValueError(
                f"autoguidance {self.autoguidance:g} goes away from the network after a share of"
                " its training: wanted autoguidance_at above 0 and below 1, got"
                f" {self.autoguidance_at:g}"
            )
        if self.accumulate % self.processes:
            raise ValueError(
                f"processes share the batches of an update: wanted accumulate to be a multiple of "
                f"{self.processes}, got {self.accumulate}"
            )
        if self.crop and any(side % self.stride for side in self.crop):
            raise ValueError(
                f"crop must be multiples of {self.stride} (patch times the halvings), got "
                f"{self.crop}"
            )
        return self

    @property
    def stride(self) -> int:
        """Pixels of a picture to one of the network at its smallest size, either way."""
        return int(self.patch * 2 ** (len(self.multiples) - 1))


class SeenFrames(SeenImages):
    """What is known about the training frames."""

    layers: tuple[str, ...] = ()  # of y, that the network reads
    classes: tuple[str, ...] = ()  # that the stencils tell apart, if it reads them


def rounded_up(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """The least (H, W) of multiples of `stride` that hold `size`."""
    return size[0] + -size[0] % stride, size[1] + -size[1] % stride
