"""pca: the closed-form linear autoencoder with Gaussians on its code, p(x) and p(x | y).

Tipping and Bishop 1999, "Probabilistic Principal Component Analysis"; the equations are in
`_pca_model.py`, the streaming fit in `_pca_fit.py`. The likelihood is exact. A group is a class
under one cell of conditions, and has a mean and a whole covariance of its own on the shared code;
what it varies beside the code is even noise. Numbers among the conditions, such as millimetres of
rain, are read by cell only.

Pictures are drawn without the pixel noise e unless `pixel_noise` says so: the mean picture of a
code drawn from p(c | y). With `pixel_noise: 1` they are draws from p(x | y) itself, grain included.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._settings import Positive, Share, Weight
from parhelion.generators._trained import Fitted, Learner, Seen, TrainedConfig, cells
from parhelion.generators._whole_image_generator import (
    SeenImages,
    WholeImageConfig,
    WholeImageGenerator,
)
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import CannotHonour, Likelihood, Request, TrainingData
from parhelion.pipeline.frame import Frame, Image, ImageLabel
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    import torch

    from parhelion.generators._pca_model import LinearGaussians

LEVEL = 127.5  # grey levels per unit of a picture in -1..1


class PcaConfig(WholeImageConfig):
    """Settings. The fit takes seconds for small pictures, whatever their number."""

    components: Positive = 64  # entries q of the code; fewer where frames or pixels are
    prior_frames: Weight = 8.0  # of all kinds, that count in the covariance of each group's code
    pixel_noise: Share = 0.0  # of the noise's standard deviation, in what is drawn

    exact_up_to: Positive = 3072  # entries (channels x height x width); the scatter is held whole
    passes: Positive = 4  # over the data, for larger pictures: subspace iteration
    oversampling: Positive = 16  # columns beside `components`, for larger pictures
    block: Positive = 256  # frames per step

    drawing: ClassVar[frozenset[str]] = WholeImageConfig.drawing | {"pixel_noise"}


class SeenPca(SeenImages):
    """With its groups: (class index or -1, cell, training frames)."""

    components: int = 1
    groups: tuple[tuple[int, str, int], ...] = ()


class Pca(WholeImageGenerator):
    """Draws pictures, says how likely one is, and carries pictures to codes and back."""

    NAME: ClassVar[str] = "pca"
    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[TrainedConfig]] = PcaConfig
    seen_as: ClassVar[type[Seen]] = SeenPca

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._pca_fit import PcaFit

        return cast(Learner, PcaFit(self.config, data, seed, device))

    def network(self, seen: SeenPca) -> "LinearGaussians":
        from parhelion.generators._pca_model import LinearGaussians

        d = seen.channels * seen.size[0] * seen.size[1]
        return LinearGaussians(d, seen.components, 1 + len(seen.groups))

    def told(
        self, label: ImageLabel | None, conditions: Conditions, seen: Any
    ) -> NDArray[np.float32]:
        """Weights (G,) of the Gaussians: of one group, or of all classes under these conditions by
        their number of frames where no class is told. Raises CannotHonour for an unseen group.
        """
        super().told(label, conditions, seen)
        cell = " ".join(cells(conditions))
        frames = [
            n if of == cell and (label is None or index == label.index) else 0
            for index, of, n in seen.groups
        ]
        if not sum(frames):
            name = label.vocabulary[label.index] if label is not None else "any class"
            raise CannotHonour(
                f"pca saw no training frame of {name} under {cell} and draws what it saw together "
                "only: add frames of it, or use a generator that combines, such as vae"
            )
        return np.array([0, *frames], dtype=np.float32) / np.float32(sum(frames))

    def class_of(self, request: Request, seen: Any) -> ImageLabel | None:
        """The one that is asked for; where none is, all are drawn, as often as they were seen."""
        return request.y.label if request.y is not None else None

    def sample(self, network: Any, seen: SeenPca, y: "torch.Tensor", seed: int) -> "torch.Tensor":
        """One picture (C, H, W); `y` are the weights of the groups."""
        import torch

        weights = y.double().numpy()
        group = int(rng("pca.group", seed).choice(len(weights), p=weights / weights.sum()))
        random = torch.Generator().manual_seed(seed_of("pca.draw", seed))
        x: torch.Tensor = network.sample(group, random, self.config.pixel_noise)
        return x.float().reshape(seen.channels, *seen.size)

    def log_likelihood(self, frames: Sequence[Frame], *, told: bool = True) -> NDArray[np.float64]:
        """Nats (N,) of log p(x | y), or of log p(x) where `told` is false; exact.

        The density is over grey levels 0..255 at the size and channels that were learnt. Raises
        CannotHonour for a class under conditions that was not learnt.
        """
        return self._nats(frames, told=told, seed=None)

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Mean bits per grey level of what is learnt (C H W; C = 1 for grey sets), given y.

        Levels get even noise in [0, 1) from `seed`; the mean level of a bin is the level itself.
        """
        nats = self._nats(frames, told=True, seed=seed)
        d = len(self._ready().network.mean)
        return float(-nats.mean() / (d * np.log(2))), "exact"

    def encode(self, frames: Sequence[Frame]) -> NDArray[np.float64]:
        """Codes (N, q)."""
        fitted = self._ready()
        x = self.pictures(frames).x.flatten(1).to(fitted.network.mean)
        codes: NDArray[np.float64] = fitted.network.encode(x).cpu().numpy()
        return codes

    def decode(self, codes: NDArray[np.float64]) -> list[Image]:
        """Pictures of codes (N, q)."""
        import torch

        from parhelion.generators._whole_images import to_image

        fitted = self._ready()
        x = fitted.network.decode(torch.from_numpy(codes).to(fitted.network.mean))
        return [to_image(one) for one in x.reshape(-1, fitted.seen.channels, *fitted.seen.size)]

    def reconstruct(self, frames: Sequence[Frame]) -> list[Image]:
        """The frames through the code and back: the nearest pictures that it can hold."""
        return self.decode(self.encode(frames))

    def _nats(
        self, frames: Sequence[Frame], *, told: bool, seed: int | None
    ) -> NDArray[np.float64]:
        """Log density over grey levels, with noise from `seed` if any."""
        import torch

        from parhelion.pipeline.training import torch_threads

        network: LinearGaussians = self._ready().network
        pictures = self.pictures(frames)
        x, weights = pictures.x.flatten(1).to(network.mean), pictures.y.to(network.mean)
        if seed is not None:
            noise = rng("pca.dequantise", seed).random(tuple(x.shape)) - 0.5
            x = x + torch.from_numpy(noise).to(x) / LEVEL
        if not told:
            weights = torch.eye(weights.shape[1]).to(x)[:1].expand(len(x), -1)
        with torch_threads(self.config.threads):
            nats: NDArray[np.float64] = network.log_density(x, weights).cpu().numpy()
        return np.asarray(nats - x.shape[1] * np.log(LEVEL))

    def _ready(self) -> Fitted:
        if self._fitted is None:
            raise ValueError("pca has not been fitted: call fit, or load a fitted one")
        return self._fitted


PART = Pca
