"""superres: a parent's picture 2 or 4 times as large, p(x | y, parent), with the detail it lacked.

A denoiser sees the small picture enlarged beside the noise (Saharia et al. 2021, SR3) and draws
what is missing (Li et al. 2022, SRDiff). Shrunk by area again, the drawn picture is the parent up
to rounding (Wang, Yu, Zhang 2023, DDNM), so that what was true of the parent stays true. It learns
from frames alone, in `_superres_step.py`: each is the answer, and shrunk it is the question.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from parhelion.generators._parents_sky import another_sky
from parhelion.generators._superres_frames import of_both
from parhelion.generators._superres_labels import of_another_scene
from parhelion.generators._superres_settings import SHOWN, SeenDetail, SuperresConfig
from parhelion.generators._trained import Learner, Seen, TrainedConfig
from parhelion.generators._understood import understood
from parhelion.generators.ddpm import Ddpm
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    Likelihood,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import LAYERS, Annotation, Frame

if TYPE_CHECKING:
    import torch

    from parhelion.generators._ddpm_draw import Size, Walk
    from parhelion.generators._denoiser import Denoiser, Told

CHANGES = "a generator that changes them"


class Superres(Ddpm):
    """Draws a parent larger, under its own conditions, with its labels, enlarged or finer ones.

    It learns the frames of `source` and of `target`.
    """

    NAME: ClassVar[str] = "superres"
    VERSION: ClassVar[str] = "8"
    Config: ClassVar[type[TrainedConfig]] = SuperresConfig
    seen_as: ClassVar[type[Seen]] = SeenDetail
    shown: ClassVar[int] = SHOWN

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._superres_step import SuperresStep

        return SuperresStep(self.config, of_both(data), seed, device)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Frames of both domains."""
        return super().learnt(of_both(data))

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Also conditions that are not the parent's, which a larger picture keeps."""
        if parent is not None and (
            refused := another_sky(self.NAME, conditions, parent.conditions, CHANGES)
        ):
            return refused
        return super().refusal(conditions, parent)

    def unsupported(self, request: Request) -> str | None:
        """Also without a parent, or with conditions or labels that are not its own."""
        parent, y = request.parent, request.annotation
        if parent is None:
            return f"{self.NAME} enlarges a picture: give a parent"
        if refused := another_sky(self.NAME, request.conditions, parent.conditions, CHANGES):
            return refused
        wanted = self._enlarged(parent.size)
        if y is not None and y.layers & set(LAYERS) and y.size != wanted:
            return (
                f"{self.NAME} wanted an annotation of {wanted} (H, W), {self.config.scale} times "
                f"the parent's size, got {y.size}: resize it, or leave it to the parent's labels"
            )
        if y is not None and (other := of_another_scene(y, parent, self.config.scale)):
            return (
                f"{self.NAME} keeps the parent's labels and got others, which shrunk to its size "
                f"differ in {', '.join(other)}: leave it to the parent's"
            )
        return super().unsupported(request)

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, under all the conditions that its parent has. Raises
        CannotHonour.
        """
        yield from super().generate([self._of_parent(request) for request in requests])

    def layout(self, request: Request) -> Annotation:
        """The parent's labels at the drawn size, enlarged if no finer ones are given; all of them
        stay true.

        Raises CannotHonour where a layer is missing that the network reads, or shows other classes.
        """
        y, parent = request.annotation, request.parent
        if y is None and parent is not None:
            height, width = self._enlarged(parent.size)
            y = parent.resized(width, height)
        return self.require_learnt(require_layers(self.NAME, y, self.needs))

    def size(self, request: Request, y: Annotation) -> "Size":
        """That of the parent, enlarged."""
        assert request.parent is not None
        return self._enlarged(request.parent.size)

    def told(
        self, requests: Sequence[Request], layouts: Sequence[Annotation], size: "Size"
    ) -> "Told":
        """Also the parents' pictures, enlarged."""
        import torch

        from parhelion.generators._superres_draw import small_pictures, with_picture
        from parhelion.generators._superres_scale import coarsened, enlarged

        seen: SeenDetail = self.whole_fit.seen
        known, scale = super().told(requests, layouts, size), self.config.scale
        coarse = torch.tensor([request.annotation is None for request in requests])
        known = known._replace(beside=coarsened(known.beside, coarse, scale))
        return with_picture(known, enlarged(small_pictures(requests, seen.channels), scale))

    def walk(self, requests: Sequence[Request], network: "Denoiser") -> "Walk":
        """From noise to detail, and the parents enlarged with it."""
        from parhelion.generators._superres_draw import detailed, small_pictures

        c, seen = self.config, self.whole_fit.seen
        device = next(network.parameters()).device
        small = small_pictures(requests, seen.channels).to(device)
        return detailed(small, c.scale, seen.spread, c.sampler, c.calls, c.start, c.sigma_min)

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Raises CannotHonour: likelihoods of other generators are not given a small picture."""
        raise CannotHonour(
            f"{self.NAME} knows p(x | y, parent) and got frames without a smaller parent: ask ddpm "
            "for their likelihood"
        )

    def _of_parent(self, request: Request) -> Request:
        """The request with what its parent knows of its conditions. Raises CannotHonour."""
        parent, refused = request.parent, self.unsupported(request)
        if refused or parent is None:
            raise CannotHonour(refused)
        return understood(request, parent.conditions)

    def _enlarged(self, size: "Size") -> "Size":
        return size[0] * self.config.scale, size[1] * self.config.scale


PART = Superres
