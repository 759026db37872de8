"""vae: a conditional variational autoencoder, p(x | y) by p(x | z, y) over codes z.

Kingma and Welling 2014 (the bound and its gradient), Sohn et al. 2015 (class and conditions in
encoder, prior and decoder), Kingma et al. 2016 (free bits, discretised logistic likelihood), Burda
et al. 2016 (the importance-weighted bound). Networks are in `_vae_networks.py`, the
prior in `_vae_prior.py`, likelihood and bounds in `_vae_bounds.py`, the training step in
`_vae_step.py`.

The likelihood is a logistic distribution per grey level, its mass taken over the level's bin, with
one learnt scale per channel: levels are rounded and end at 0 and 255, which bins with open ends say
and a plain Gaussian does not; its tails forgive a misplaced edge, where a Gaussian would widen
everywhere; and one scale for all pixels leaves the code no other way of a better fit than sharper
pictures. Pictures are drawn as the median of p(x | z, y): no pixel noise is added.

With `objective: "l2"` it is the plain autoencoder that it is often taken for: the same networks on
squared distance alone, the code without noise or prior; codes are drawn from a Gaussian fitted to
those of training pictures afterwards. It has no likelihood.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._settings import AboveZero, Positive, Share, Weight
from parhelion.generators._trained import GradientConfig, Learner, TrainedConfig
from parhelion.generators._whole_image_generator import (
    SeenImages,
    WholeImageConfig,
    WholeImageGenerator,
)
from parhelion.pipeline.contracts import CannotHonour, Likelihood, TrainingData
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    import torch

    from parhelion.generators._vae_bounds import Noise
    from parhelion.generators._vae_networks import Vae as Networks

    Bound = Callable[[Networks, Noise, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

READ_AT_ONCE = 128  # frames that are encoded together


class VaeConfig(WholeImageConfig, GradientConfig):
    """Settings. The defaults suit small pictures and minutes on one CPU core; for street frames on
    a GPU think of width 64, levels 5, code_size 256 and 100,000 steps.
    """

    objective: Literal["elbo", "l2"] = "elbo"  # "l2": the plain autoencoder
    likelihood: Literal["logistic", "gaussian"] = "logistic"  # of a grey level, over its bin
    decoder: Literal["convolutional", "linear"] = "convolutional"  # and the encoder alike

    # Networks
    code_size: Positive = 32  # entries of the code z
    width: Positive = 32  # channels at half the size; doubled per level, at most 4 times
    levels: Positive = 3  # times that the picture is halved

    # Training
    steps: Positive = 2000  # updates
    batch_size: Positive = 64  # pictures per batch
    accumulate: Positive = 1  # batches per update
    learning_rate: AboveZero = 2e-3  # of Adam; falls to nothing along a cosine
    kl_warmup_share: Share = 0.1  # of the steps, in which the weight of KL rises from 0 to 1
    free_bits: Weight = 0.02  # nats of each code entry that cost nothing
    ema_decay: Share = 0.995  # of the averaged weights, which draw

    # Drawing and measuring
    temperature: AboveZero = 1.0  # standard deviation of the code's noise in what is drawn
    importance_samples: Positive = 16  # codes per frame in bits per dimension

    drawing: ClassVar[frozenset[str]] = WholeImageConfig.drawing | {
        "temperature",
        "importance_samples",
    }


class Vae(WholeImageGenerator):
    """Draws pictures, bounds their likelihood, and carries pictures to codes and back."""

    NAME: ClassVar[str] = "vae"
    VERSION: ClassVar[str] = "3"
    Config: ClassVar[type[TrainedConfig]] = VaeConfig

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._vae_step import VaeStep

        return VaeStep(self.config, data, seed, device)

    def network(self, seen: SeenImages) -> "Networks":
        from parhelion.generators._conditioning import CONDITION_SIZE
        from parhelion.generators._vae_networks import Vae as Networks

        y_size = len(seen.vocabulary) + CONDITION_SIZE
        return Networks(self.config, seen.channels, seen.size, y_size)

    def sample(
        self, network: Any, seen: SeenImages, y: "torch.Tensor", seed: int
    ) -> "torch.Tensor":
        """The decoded code (C, H, W) of a noise from `seed`."""
        import torch

        random = torch.Generator().manual_seed(seed_of("vae.draw", seed))
        e = torch.randn(1, self.config.code_size, generator=random) * self.config.temperature
        told = y[None].to(network.log_scale)
        x: torch.Tensor = network.decode(network.prior_of(told).at(e.to(told)), told)[0]
        return x

    def elbo(self, frames: Sequence[Frame], seed: int, samples: int = 1) -> NDArray[np.float64]:
        """Nats (N,), at most log p(x | y) in expectation: the evidence lower bound.

        Of the grey levels at the size and channels that were learnt, with `samples` codes each.
        Raises CannotHonour for "l2", which has no likelihood, and for what was not learnt.
        """
        from parhelion.generators._vae_bounds import elbo

        return self._bound(elbo, frames, seed, samples)

    def importance_bound(
        self, frames: Sequence[Frame], seed: int, samples: int
    ) -> NDArray[np.float64]:
        """Nats (N,): the importance-weighted bound of `samples` codes; tighter than `elbo`."""
        from parhelion.generators._vae_bounds import importance_bound

        return self._bound(importance_bound, frames, seed, samples)

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Mean bits per grey level of what is learnt (C H W; C = 1 for grey sets), given y.

        By the importance-weighted bound. A level's mass is the density of level plus even noise.
        """
        nats = self.importance_bound(frames, seed, self.config.importance_samples)
        x = self.pictures(frames[:1]).x
        return float(-nats.mean() / (x.numel() * np.log(2))), "bound"

    def encode(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """Codes (N, Z): the means of q(z | x, y)."""
        codes: NDArray[np.float32] = self._codes(frames)[0].cpu().numpy()
        return codes

    def reconstruct(self, frames: Sequence[Frame]) -> list[Image]:
        """The frames through their codes and back, at the size that was learnt."""
        z, y = self._codes(frames)
        return self._decoded(z, y)

    def interpolate(self, first: Frame, last: Frame, n: int) -> list[Image]:
        """N pictures from one frame's reconstruction to another's, code and y in equal steps.

        Raises ValueError for n below 2.
        """
        import torch

        if n < 2:
            raise ValueError(f"vae interpolates over 2 pictures at least, both ends, got n = {n}")
        z, y = self._codes([first, last])
        t = torch.linspace(0, 1, n).to(z)[:, None]
        return self._decoded(torch.lerp(z[:1], z[1:], t), torch.lerp(y[:1], y[1:], t))

    def _codes(self, frames: Sequence[Frame]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Codes (N, Z) and y vectors (N, Y), on the network's device."""
        import torch

        from parhelion.pipeline.training import torch_threads

        network, found = self._network(), []
        for x, y in self._read(frames, network):
            with torch_threads(self.config.threads), torch.inference_mode():
                found.append((network.encode(x, y).mean, y))
        return torch.cat([z for z, _ in found]), torch.cat([y for _, y in found])

    def _decoded(self, z: "torch.Tensor", y: "torch.Tensor") -> list[Image]:
        import torch

        from parhelion.generators._whole_images import to_image
        from parhelion.pipeline.training import torch_threads

        with torch_threads(self.config.threads), torch.inference_mode():
            return [
                to_image(self._network().decode(a[None], b[None])[0])
                for a, b in zip(z, y, strict=True)
            ]

    def _bound(
        self, bound: "Bound", frames: Sequence[Frame], seed: int, samples: int
    ) -> NDArray[np.float64]:
        import torch

        from parhelion.pipeline.training import torch_threads

        if self.config.objective == "l2":
            raise CannotHonour(
                "vae with objective l2 is a plain autoencoder and has no likelihood: use elbo"
            )
        network, found = self._network(), []
        for part, (x, y) in enumerate(self._read(frames, network)):
            random = torch.Generator().manual_seed(seed_of("vae.bound", seed, part))
            e = torch.randn(samples, len(x), self.config.code_size, generator=random).to(x)
            with torch_threads(self.config.threads), torch.inference_mode():
                found.append(bound(network, self.config.likelihood, x, y, e).cpu())
        return np.asarray(torch.cat(found).double().numpy())

    def _read(
        self, frames: Sequence[Frame], network: "Networks"
    ) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Pictures and their y, some at once, on the network's device."""
        for start in range(0, max(len(frames), 1), READ_AT_ONCE):
            x, y = self.pictures(frames[start : start + READ_AT_ONCE])
            yield x.to(network.log_scale), y.to(network.log_scale)

    def _network(self) -> "Networks":
        if self._fitted is None:
            raise ValueError("vae has not been fitted: call fit, or load a fitted one")
        network: Networks = self._fitted.network
        return network


PART = Vae
