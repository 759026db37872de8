"""One step of the training of `ldm`: first of the autoencoder, then, with it frozen, of the
denoiser of its latents.

Between the two the latents of training crops are measured, so that the levels and scales of
`_noise_levels` fit them. Latents are the means of the autoencoder's posterior, never draws from it.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam

from parhelion.generators._annotated_crops import Crops
from parhelion.generators._ddpm_draw import from_noise, sampled
from parhelion.generators._ddpm_step import EXAMINED_AT, DdpmStep, K, M
from parhelion.generators._denoiser import Denoiser
from parhelion.generators._guidance import unguided
from parhelion.generators._health import Probe
from parhelion.generators._ldm_autoencoder import autoencoder_of
from parhelion.generators._ldm_draw import LatentDenoiser, denoiser_over, latent_size, shrunk
from parhelion.generators._trained import Seen
from parhelion.pipeline.contracts import CannotLearn, TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    half_precision,
    left_of_rate,
    on_device,
)

if TYPE_CHECKING:
    from parhelion.generators.ldm import LdmConfig

MEASURED = 64  # crops whose latents are measured


class LdmStep(DdpmStep):
    """`autoencoder_steps` steps of the autoencoder, none of one from a folder, then those of `ddpm`
    on its latents.

    Raises WeightsMissing, and ValueError for crops that factor and stride do not divide.
    """

    config: "LdmConfig"

    def __init__(
        self, config: "LdmConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        super().__init__(config, data, seed, device)
        if any(side % config.divisor for side in self.crops.size):
            raise CannotLearn(
                f"ldm wanted crops of multiples of {config.divisor} pixels (factor times stride of "
                f"the network), got {self.crops.size}: set `crop`"
            )
        self.coding_steps = 0 if config.autoencoder else config.autoencoder_steps
        on_device(self.autoencoder, device)
        self.coding = Adam(self.autoencoder.parameters(), config.autoencoder_rate)
        self._state = TrainingState(
            {**self._state.networks, "autoencoder": self.autoencoder},
            {**self._state.optimizers, "autoencoder": self.coding},
        )

    def denoiser(self) -> Denoiser:
        """Of latents; also makes the autoencoder that gives them."""
        self.autoencoder = autoencoder_of(self.config, self.known.channels, self.seed).eval()
        return denoiser_over(self.autoencoder, self.config, self.known, self.shown)

    @property
    def before(self) -> int:
        """The steps of the autoencoder."""
        return self.coding_steps

    def result(self) -> nn.Module:
        """The averaged denoiser, and the autoencoder."""
        average = super().result()
        assert isinstance(average, Denoiser)
        return LatentDenoiser(average, self.autoencoder)

    def seen(self, seen: Seen) -> Seen:
        """Also what the autoencoder is; without a step of the denoiser there is nothing to draw."""
        draws = self._state.step > self.coding_steps
        known = {"architecture": self.autoencoder.architecture, "draws": draws}
        return super().seen(seen).model_copy(update=known)

    def __call__(self, step: int) -> Losses:
        done = step - self.coding_steps
        self.autoencoder.requires_grad_(done < 0)
        if done < 0:
            return self._coding_step(step)
        if done == 0:
            self._measure_latents()
        return super().__call__(done)

    @torch.no_grad()
    def coded(self, crops: Crops) -> Crops:
        """Crops of latents: x (N, L, h, w) on the device, planes at their size."""
        x = crops.x.to(self.device, memory_format=torch.channels_last)
        with half_precision(self.config.precision, self.device):
            few = torch.split(x, self.config.autoencoder_batch)  # what its training had room for
            z = torch.cat([self.autoencoder.encode(some) for some in few])
        return Crops(z, shrunk(crops.planes, self.config.factor), crops.y)

    def picture(self, drawn: Tensor, crops: Crops) -> Tensor:
        """Latents (N, L, h, w) decoded."""
        return self.autoencoder.decode(drawn)

    @torch.no_grad()
    def probe(self) -> Probe:
        """Decoded pictures that the averaged network draws, and the true ones."""
        cells = self.crops.of_cells(K, M, rng("ddpm.examine", self.seed))
        size = latent_size(self.crops.size, self.config.factor)
        walk = from_noise("dpmpp", EXAMINED_AT, self.config.sigma_min)
        drawn = []
        for crops in cells:
            told = self.told(self.coded(crops))
            z = sampled(self.average, told, size, size, range(M), unguided, walk)
            drawn.append(self.autoencoder.decode(z).cpu())
        return Probe(torch.stack(drawn), torch.stack([crops.x for crops in cells]))

    def _coding_step(self, step: int) -> Losses:
        c, parameters = self.config, list(self.autoencoder.parameters())
        left = left_of_rate(step / c.autoencoder_steps, c.decay_from)
        self.coding.param_groups[0]["lr"] = left * c.autoencoder_rate
        self.coding.zero_grad(set_to_none=True)
        totals = torch.zeros(2, device=self.device)
        for part in self.processes.share(c.accumulate):
            crops = self.crops.batch(c.autoencoder_batch, rng("ldm.batch", self.seed, step, part))
            chance = torch.Generator().manual_seed(seed_of("ldm.noise", self.seed, step, part))
            x = crops.x.to(self.device, memory_format=torch.channels_last)
            with half_precision(c.precision, self.device):
                apart, kl = self.autoencoder.losses(x, chance)
            loss = (apart + c.kl_weight * kl) / c.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
            totals += torch.stack([apart, kl]).detach() / c.accumulate
        self.processes.sum([totals, *(p.grad for p in parameters)])
        self.coding.step()
        return dict(zip(("reconstruction", "kl"), totals.tolist(), strict=True))

    def _measure_latents(self) -> None:
        """Scales latents by those of some training crops, the same whenever it is asked."""
        crops = self.crops.batch(MEASURED, rng("ldm.measure", self.seed))
        self.autoencoder.measure(self.coded(crops).x)
