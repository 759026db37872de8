"""What generators of whole pictures share: class and conditions in, one picture of one size out."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._settings import Positive
from parhelion.generators._trained import Drawn, Fitted, Seen, Trained, TrainedConfig
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.seeds import rng

if TYPE_CHECKING:
    from torch import Tensor, nn

    from parhelion.generators._whole_images import Pictures


class WholeImageConfig(TrainedConfig):
    """Settings that every generator of whole pictures has."""

    size: tuple[Positive, Positive] | None = None  # (H, W) pixels; None = the first frame's
    cache_mb: Positive = 512  # training frames kept in memory


class SeenImages(Seen):
    """What is known about the training pictures."""

    size: tuple[int, int] = (1, 1)  # (H, W) pixels
    channels: int = 3  # 1 where all pictures are grey
    vocabulary: tuple[str, ...] = ()  # of image-level classes
    frames_per_class: dict[str, int] = {}
    unlabelled: int = 0  # training pictures without a class


class WholeImageGenerator(Trained):
    """Base of p(x | class and conditions). It keeps the image-level class and no other label."""

    seen_as: ClassVar[type[Seen]] = SeenImages

    @property
    def models(self) -> str:
        return "p(x | y)"

    @abstractmethod
    def sample(self, network: "nn.Module", seen: Any, y: "Tensor", seed: int) -> "Tensor":
        """One picture (C, H, W) in -1..1 for a y vector (Y,), its noise from `seed`."""

    def told(
        self, label: ImageLabel | None, conditions: Conditions, seen: Any
    ) -> NDArray[np.float32]:
        """The y vector of a class and conditions. Raises CannotHonour for a class not learnt."""
        from parhelion.generators._whole_images import y_vector

        y = y_vector(label, conditions, seen.vocabulary)
        needed = self.config.min_frames_per_cell
        if label is not None and (refused := unseen_class(self.NAME, label, seen, needed)):
            raise CannotHonour(refused)
        return y

    def class_of(self, request: Request, seen: Any) -> ImageLabel | None:
        """The class that is drawn."""
        return class_of(request, seen, self.config.min_frames_per_cell)

    def pictures(self, frames: Sequence[Frame]) -> "Pictures":
        """Any frames as this generator reads them. Raises CannotHonour where it could not draw one
        of such class and conditions, ValueError where there is no frame.
        """
        import torch

        from parhelion.generators._whole_images import Pictures, pixels_of, scaled

        if not frames:
            raise ValueError(f"{self.NAME}: wanted at least one frame to read, got none")
        refused = next(filter(None, (self.refusal(f.conditions) for f in frames)), None)
        if refused or self._fitted is None:
            raise CannotHonour(refused)
        seen: SeenImages = self._fitted.seen
        x = np.stack([pixels_of(frame.image, seen.size, seen.channels) for frame in frames])
        y = np.stack([self.told(frame.label, frame.conditions, seen) for frame in frames])
        return Pictures(scaled(x), torch.from_numpy(y))

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """A picture with its class, if it has any. Raises CannotHonour."""
        import torch

        from parhelion.generators._whole_images import to_image

        seen: SeenImages = fitted.seen
        label = self.class_of(request, seen)
        y = torch.from_numpy(self.told(label, request.conditions, seen))
        with torch.inference_mode():
            x = self.sample(fitted.network, seen, y, request.seed)
        return Drawn(image=to_image(x), y=Annotation(label=label))


def class_of(request: Request, seen: SeenImages, needed: int) -> ImageLabel | None:
    """The class that is asked for. Where none is, nor a parent given, and every training picture
    had one: one of those with at least `needed` pictures, as often as it was seen.
    """
    label = request.y.label if request.y is not None else None
    if label is not None or request.parent is not None or seen.unlabelled or not seen.vocabulary:
        return label
    counts = [n if (n := seen.frames_per_class[w]) >= needed else 0 for w in seen.vocabulary]
    if not any(counts):
        return None
    shares = [count / sum(counts) for count in counts]
    index = int(rng("class", request.seed).choice(len(counts), p=shares))
    return ImageLabel(index=index, vocabulary=seen.vocabulary)


def unseen_class(name: str, label: ImageLabel, seen: SeenImages, needed: int) -> str | None:
    """Why the generator `name` cannot draw this class; None where it saw enough pictures of it."""
    word = label.vocabulary[label.index]
    if (frames := seen.frames_per_class.get(word, 0)) < needed:
        return (
            f"{name} saw {frames} training frames of class {word} and draws it from {needed} on "
            "(min_frames_per_cell): add frames of it"
        )
    return None
