"""ddpm: a denoising diffusion model of the user's own frames, p(x | y).

Ho, Jain, Abbeel 2020, in the form of Karras et al. 2022 (EDM; why: `_noise_levels`). y is what the
frames say: layers with a place, the class, the conditions. Guidance (Ho and Salimans 2022) trades
breadth for obedience. The network is in `_denoiser.py`, the ways of sampling in `_sampling.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from parhelion.generators._denoiser_config import DenoiserConfig, SeenFrames, rounded_up
from parhelion.generators._settings import Positive
from parhelion.generators._trained import (
    Drawn,
    Fitted,
    Learner,
    Seen,
    Trained,
    TrainedConfig,
)
from parhelion.generators._whole_image_generator import class_of, unseen_class
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    Likelihood,
    Precision,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import Annotation, Frame, Image, ImageLabel
from parhelion.pipeline.pretrained import MOBILENET_SHA256, mobilenet_lacks
from parhelion.pipeline.scene_class import SceneClass

if TYPE_CHECKING:
    import torch
    from torch import nn

    from parhelion.generators._ddpm_draw import Size, Walk
    from parhelion.generators._denoiser import Denoiser, Told
    from parhelion.generators._guidance import Mix, MixAt


class DdpmConfig(DenoiserConfig):
    """How a picture is walked to; the rest are the denoiser's settings."""

    sampler: Literal["ancestral", "ddim", "heun", "dpmpp", "dpmpp_sde"] = "dpmpp"
    calls: Positive = 8  # of the network, for one picture: nearest by dpmpp, on digits

    drawing: ClassVar[frozenset[str]] = DenoiserConfig.drawing | {"sampler", "calls"}


class Ddpm(Trained):
    """Draws frames of any layout, class and conditions of its training frames.

    It learns the frames of `target`, or of `source` where there is none.
    """

    NAME: ClassVar[str] = "ddpm"
    VERSION: ClassVar[str] = "7"
    Config: ClassVar[type[TrainedConfig]] = DdpmConfig
    seen_as: ClassVar[type[Seen]] = SeenFrames
    shown: ClassVar[int] = 0  # planes beside the picture, besides those of y

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

    def unready(self) -> str | None:
        """Names the perceptual network's weights where they are wanted and missing."""
        if self.config.perceptual_weight and (lacks := mobilenet_lacks()):
            return f"{self.NAME}: the perceptual loss of {lacks}, or set perceptual_weight to 0"
        return None

    def rests_on(self) -> tuple[str, ...]:
        """The perceptual network's weights, where they have a say."""
        return (MOBILENET_SHA256,) if self.config.perceptual_weight else ()

    def network(self, seen: Any) -> "nn.Module":
        from parhelion.generators._ddpm_draw import drawing_denoiser_of

        return drawing_denoiser_of(self.config, seen, self.shown)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Frames that lack a layer which the network reads taught it nothing."""
        needs = frozenset(self.config.layers or ())
        return [key for key in super().learnt(data) if needs <= key.layers]

    def unsupported(self, request: Request) -> str | None:
        """Also an image-level class that it has not learnt."""
        label = request.y.label if request.y is not None else None
        return self._unseen(label) or super().unsupported(request)

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """One picture. Raises CannotHonour."""
        return self.drawn_together([request], fitted)[0]

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """Pictures of the sizes of their layouts. Raises CannotHonour."""
        layouts = [self.layout(request) for request in requests]
        images = self.pictures(fitted, requests, layouts)
        return [Drawn(image=image, y=y) for image, y in zip(images, layouts, strict=True)]

    def pictures(
        self, fitted: Fitted, requests: Sequence[Request], layouts: Sequence[Annotation]
    ) -> list[Image]:
        """One for each request and its y."""
        from parhelion.generators._ddpm_draw import pictures

        return pictures(self, fitted, requests, layouts, self.config.draw_batch)

    def size(self, request: Request, y: Annotation) -> "Size":
        """That of the layout, or of the parent, or the one that was learnt."""
        seen: SeenFrames = self.whole_fit.seen
        if seen.layers:
            return y.size
        return request.parent.size if request.parent is not None else seen.size

    def told(
        self, requests: Sequence[Request], layouts: Sequence[Annotation], size: "Size"
    ) -> "Told":
        """Class, conditions and layout of each."""
        from parhelion.generators._ddpm_draw import told_of

        return told_of([r.conditions for r in requests], layouts, size, self.whole_fit.seen)

    def walk(self, requests: Sequence[Request], network: "Denoiser") -> "Walk":
        """How these pictures, of one size, come out of noise."""
        from parhelion.generators._ddpm_draw import from_noise

        return from_noise(self.config.sampler, self.config.calls, self.config.sigma_min)

    def mix(self) -> "MixAt":
        """By the settings of guidance and autoguidance."""
        from parhelion.generators._guidance import autoguided, between

        c = self.config
        mix = between(c.guidance_interval, self.guided())
        return autoguided(mix, c.autoguidance, c.autoguidance_interval)

    def guided(self) -> "Mix":
        """By the setting `guidance`."""
        from parhelion.generators._guidance import guided_by

        return guided_by(self.config.guidance)

    def precision(self) -> Precision:
        """The setting `draw_precision`."""
        found: Precision = self.config.draw_precision
        return found

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Mean bits per grey level at the size of the training crops, given y, by the bound of
        `_ddpm_bound`; of larger frames that of their middle. Raises CannotHonour.
        """
        from parhelion.generators._ddpm_draw import bits
        from parhelion.pipeline.training import torch_threads

        if not frames:
            raise ValueError(f"{self.NAME}: wanted at least one frame to read, got none")
        for frame in frames:
            if refused := self.refusal(frame.conditions) or self._unseen(frame.label):
                raise CannotHonour(refused)
        seen: SeenFrames = self.whole_fit.seen
        crops = [middle(frame, rounded_up(seen.size, self.config.stride)) for frame in frames]
        layouts = [require_layers(self.NAME, crop, self.needs) for crop in crops]
        with torch_threads(self.config.threads):
            found = bits(self.whole_fit.network, crops, layouts, self.config, seen, seed)
        return found, "bound"

    def layout(self, request: Request) -> Annotation:
        """The y that is drawn, and kept: what the network reads, and nothing that it does not."""
        label = class_of(request, self.whole_fit.seen, self.config.min_frames_per_cell)
        if not self.needs:
            return Annotation(label=label)
        y = self.require_learnt(require_layers(self.NAME, request.y, self.needs))
        return Annotation(
            label=label,
            label_space=y.label_space if "stencil" in self.needs else frozenset(),
            objects=y.objects if "instances" in self.needs else (),
            camera=y.camera,
            **{layer: getattr(y, layer) for layer in self.needs},
        )

    def require_learnt(self, y: Annotation) -> Annotation:
        """`y`, if its stencil has no class but those that training frames tell apart. Raises
        CannotHonour.
        """
        learnt = self.whole_fit.seen.classes
        if not learnt or y.stencil is None:
            return y
        there = {SceneClass(c).label for c in np.unique(y.stencil).tolist()}
        if strange := sorted(there - {*learnt, SceneClass.IGNORE.label}):
            raise CannotHonour(
                f"{self.NAME} wanted classes that its training frames tell apart, "
                f"{', '.join(learnt)}, got {', '.join(strange)}: ask for these only, or train one "
                "on frames that have them"
            )
        return y

    def _unseen(self, label: ImageLabel | None) -> str | None:
        if self._fitted is None or label is None:
            return None
        needed = self.config.min_frames_per_cell
        return unseen_class(self.NAME, label, self._fitted.seen, needed)


def middle(frame: Frame, size: "Size") -> Frame:
    """The middle of a frame, as much of `size` (H, W) as it has."""
    height, width = (min(n, most) for n, most in zip(frame.size, size, strict=True))
    top, left = (frame.size[0] - height) // 2, (frame.size[1] - width) // 2
    return frame.cropped(left, top, width, height)


PART = Ddpm
