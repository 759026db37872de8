"""ddpm: a denoising diffusion model of the user's own frames, p(x | y).

Ho, Jain, Abbeel 2020, in the form of Karras et al. 2022 (EDM; why: `_noise_levels`). y is what the
frames say: layers with a place, the class, the conditions. Guidance (Ho and Salimans 2022) trades
breadth for obedience. The network is in `_denoiser.py`, the ways of sampling in `_sampling.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from parhelion.generators._settings import AboveZero, Layer, Positive, Share
from parhelion.generators._trained import (
    Drawn,
    Fitted,
    GradientConfig,
    Learner,
    Seen,
    Trained,
    TrainedConfig,
)
from parhelion.generators._whole_image_generator import SeenImages, unseen_class
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    Likelihood,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import Annotation, Frame

if TYPE_CHECKING:
    import torch
    from torch import nn

Size = tuple[Positive, Positive]


class DdpmConfig(GradientConfig):
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
    attention: bool = True  # at the smallest size

    # Training
    steps: Positive = 2000
    batch_size: Positive = 32  # crops per batch
    accumulate: Positive = 1  # batches per update
    learning_rate: AboveZero = 1e-3  # Adam
    steady_share: Share = 0.5  # of the steps, before the rate falls evenly to nothing
    silence: Share = 0.1  # of crops of which nothing is told
    told_dropout: Share = 0.5  # of crops whose hour, or physical numbers, are withheld
    ema_decay: Share = 0.999  # of the averaged weights, which draw
    cache_mb: Positive = 512  # training frames kept in memory

    # Drawing
    sampler: Literal["ancestral", "ddim", "heun", "dpmpp"] = "dpmpp"
    calls: Positive = 15  # of the network, for one picture
    guidance: Annotated[float, Field(ge=0)] = 1.0  # 1 = none; each other value doubles the calls
    draw_batch: Positive = 8  # pictures drawn together, always so many
    bound_levels: Positive = 32  # noise levels by which the likelihood of one picture is bounded

    idle: ClassVar[frozenset[str]] = GradientConfig.idle | {
        "sampler",
        "calls",
        "guidance",
        "draw_batch",
        "bound_levels",
    }

    @model_validator(mode="after")
    def _fits(self) -> "DdpmConfig":
        if self.width % 8:
            raise ValueError(f"width must be a multiple of 8, got {self.width}")
        stride = self.patch * 2 ** (len(self.multiples) - 1)
        if self.crop and any(side % stride for side in self.crop):
            raise ValueError(
                f"crop must be multiples of {stride} (patch times the halvings), got {self.crop}"
            )
        return self


class SeenFrames(SeenImages):
    """What is known about the training frames."""

    layers: tuple[str, ...] = ()  # of y, that the network reads


class Ddpm(Trained):
    """Draws frames of any layout, class and conditions of its training frames.

    It learns the frames of `target`, or of `source` where there is none.
    """

    NAME: ClassVar[str] = "ddpm"
    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[TrainedConfig]] = DdpmConfig
    seen_as: ClassVar[type[Seen]] = SeenFrames

    @property
    def models(self) -> str:
        return "p(x | y)"

    @property
    def needs(self) -> frozenset[str]:
        """Those it has learnt to read; before that, those it was told to."""
        if self._fitted is not None:
            return frozenset(self._fitted.seen.layers)
        return frozenset(self.config.layers or ())

    @property
    def at_once(self) -> int:
        return int(self.config.draw_batch)

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._ddpm_step import DdpmStep

        return DdpmStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "nn.Module":
        from parhelion.generators._ddpm_draw import denoiser_of

        return denoiser_of(self.config, seen)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Frames that lack a layer which the network reads taught it nothing."""
        needs = frozenset(self.config.layers or ())
        return [key for key in super().learnt(data) if needs <= key.layers]

    def unsupported(self, request: Request) -> str | None:
        """Also a class that it has not learnt, and a layout that lacks a layer which it reads."""
        label = request.y.label if request.y is not None else None
        if self._fitted is not None and label is not None:
            needed = self.config.min_frames_per_cell
            if refused := unseen_class(self.NAME, label, self._fitted.seen, needed):
                return refused
        return super().unsupported(request)

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """One picture. Raises CannotHonour."""
        return self.drawn_together([request], fitted)[0]

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """Pictures of the sizes of their layouts. Raises CannotHonour."""
        from parhelion.generators._ddpm_draw import pictures

        layouts = [self._layout(request) for request in requests]
        images = pictures(fitted.network, requests, layouts, self.config, fitted.seen)
        return [Drawn(image=image, y=y) for image, y in zip(images, layouts, strict=True)]

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Mean bits per grey level at the size that was learnt, given y, by the bound of
        `_ddpm_bound`; frames of another size are resized. Raises CannotHonour.
        """
        from parhelion.generators._ddpm_draw import bits

        refused = next(filter(None, (self.refusal(f.conditions) for f in frames)), None)
        if refused or self._fitted is None:
            raise CannotHonour(refused)
        seen: SeenFrames = self._fitted.seen
        sized = [f if f.size == seen.size else f.resized(*seen.size[::-1]) for f in frames]
        layouts = [require_layers(self.NAME, frame, self.needs) for frame in sized]
        return bits(self._fitted.network, sized, layouts, self.config, seen, seed), "bound"

    def _layout(self, request: Request) -> Annotation:
        """The y that is drawn, and kept: what the network reads, and nothing that it does not."""
        label = request.y.label if request.y is not None else None
        if not self.needs:
            return Annotation(label=label)
        y = require_layers(self.NAME, request.y, self.needs)
        return Annotation(
            label=label,
            label_space=y.label_space if "stencil" in self.needs else frozenset(),
            objects=y.objects if "instances" in self.needs else (),
            camera=y.camera,
            **{layer: getattr(y, layer) for layer in self.needs},
        )


PART = Ddpm
