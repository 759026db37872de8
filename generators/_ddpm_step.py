"""One step of a denoiser's training: noise of a random level is put on crops and taken off again.

Karras et al. 2022, equation 8. Now and then nothing is told, so that guidance has its other half.
What least squares draw, the mean of all that may be there, comes out as mush where training was
short; a perceptual distance beside them asks for one of the things themselves (Lin and Yang 2024,
in whose paper the denoiser's own features are compared; here those of MobileNetV2).

Legend: N = crops of a batch, K = cells of conditions, M = crops drawn under each.
"""

import copy
from typing import TYPE_CHECKING, ClassVar, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.optim import Adam

from parhelion.generators._annotated_crops import AnnotatedCrops, Crops
from parhelion.generators._bands import spreads
from parhelion.generators._ddpm_draw import denoiser_of, from_noise, sampled
from parhelion.generators._denoiser import Denoiser, Told, told
from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._guidance import unguided
from parhelion.generators._health import Health, Probe, too_early
from parhelion.generators._mean_picture import learn
from parhelion.generators._noise_levels import training_levels
from parhelion.generators._perceptual import MobileNetFeatures, perceptual_distance
from parhelion.generators._settings import Layer
from parhelion.generators._trained import Seen
from parhelion.generators._uncertainty import RATE, Uncertainty
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.processes import processes_here
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    average_into,
    half_precision,
    left_of_rate,
    on_device,
)

if TYPE_CHECKING:
    from parhelion.generators._denoiser_config import DenoiserConfig

K, M = 4, 12
COVERAGE = "best coverage"  # of the examinations so far, kept among the losses of a checkpoint
EXAMINED_AT = 8  # calls: enough to see classes and conditions
LOOKED_AT = 64  # crops whose bands are measured
MEAN_BATCH = 16  # crops of which the mean picture is learnt at once


class Missed(NamedTuple):
    """How far what is drawn of N crops is from them."""

    apart: Tensor  # (N,) |D(x + sigma n; sigma, y) - x|^2 / c_out^2
    perceptual: Tensor  # (N,) the distance in deep features; nought where it has no weight
    level: Tensor  # (N,) c_noise


class DdpmStep:
    """Network, optimizer and loss of one fit; call it with the step's number."""

    shown: ClassVar[int] = 0  # planes beside the picture, besides those of y
    draws_classes: ClassVar[bool] = True  # whether what it draws shows the image-level class

    def __init__(
        self, config: "DenoiserConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.processes = processes_here(config.processes)
        self.crops = self.crops_of(data, layers_of(config, data))
        self.known = SeenFrames(**self.crops.known)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("ddpm.weights", seed))
            self.D = self.denoiser()
        self.D.read_y.measure(self.crops.told(rng("ddpm.measure", seed)))
        on_device(self.D, device)
        self.average = copy.deepcopy(self.D).requires_grad_(False)
        self.worse = copy.deepcopy(self.average)
        self.uncertainty = Uncertainty().to(device)
        self.features = MobileNetFeatures().to(device) if config.perceptual_weight else None
        learning = [p for p in self.D.parameters() if p.requires_grad]
        weights = {"params": learning, "lr": config.learning_rate}
        self.optimizer = Adam([weights, {"params": self.uncertainty.parameters(), "lr": RATE}])
        self.network = torch.compile(self.D) if config.compile else self.D
        networks: dict[str, nn.Module] = {"D": self.D, "average": self.average}
        networks |= {"worse": self.worse, "uncertainty": self.uncertainty}
        self._state = TrainingState(networks, {"D": self.optimizer})

    def crops_of(self, data: TrainingData, read: frozenset[str]) -> AnnotatedCrops:
        """What it learns, with these layers of y."""
        return AnnotatedCrops(self.config, data, read)

    def denoiser(self) -> Denoiser:
        """The network to train, with torch's current random state."""
        return denoiser_of(self.config, self.known, self.shown)

    def measure(self, crops: Crops) -> None:
        """Learns the mean picture of a layout, and scales the network by the bands of what it is to
        draw of these crops, and of what the mean leaves of it.
        """
        crops = self.coded(crops)
        x, known = self.target(crops).to(self.device), self.told(crops).to(self.device)
        if self.D.mean is not None:
            learn(self.D.mean, self.config.mean_steps, self.mean_batch)
        left = x - self.D.mean_of(known)
        shown = known.seen > 0 if known.seen.any() else known.seen == 0
        n_bands = self.D.spreads.shape[1]
        self.D.spreads.copy_(torch.stack([spreads(x, n_bands), spreads(left[shown], n_bands)]))
        for network in (self.average, self.worse):
            network.load_state_dict(self.D.state_dict())

    def mean_batch(self, k: int) -> tuple[Tensor, Tensor]:
        """The mean pictures of crops of batch k, and what they are means of."""
        crops = self.coded(self.crops.batch(MEAN_BATCH, rng("ddpm.mean", self.seed, k)))
        chance = torch.Generator().manual_seed(seed_of("ddpm.mean", self.seed, k))
        untold = torch.rand(len(crops.x), generator=chance) < self.config.unconditional_share
        known = self.told(crops).unheard(untold).to(self.device)
        return self.D.mean_of(known), self.target(crops).to(self.device)

    @property
    def before(self) -> int:
        """Steps that teach what the denoiser needs, before its own."""
        return 0

    @property
    def steps(self) -> int:
        return self.before + self.config.steps

    def state(self) -> TrainingState:
        """What a checkpoint of this fit holds."""
        return self._state

    def result(self) -> nn.Module:
        """The averaged network, with what it was at the share `autoguidance_at` of the steps."""
        network = copy.deepcopy(self.average)
        network.worse = copy.deepcopy(self.worse)
        return network

    def seen(self, seen: Seen) -> Seen:
        """`seen` with what the training frames are."""
        return seen.model_copy(update=self.crops.known)

    def __call__(self, step: int) -> Losses:
        c = self.config
        if step == 0:
            self.measure(self.crops.batch(LOOKED_AT, rng("ddpm.bands", self.seed)))
        left = left_of_rate(step / c.steps, c.decay_from)
        self.optimizer.param_groups[0]["lr"] = left * c.learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        totals = torch.zeros(2, device=self.device)
        for part in self.processes.share(c.accumulate):
            crops = self.crops.batch(c.batch_size, rng("ddpm.batch", self.seed, step, part))
            chance = torch.Generator().manual_seed(seed_of("ddpm.noise", self.seed, step, part))
            missed = self.missed(crops, chance)
            evened = self.uncertainty.evened(missed.apart, missed.level)
            loss = (evened + c.perceptual_weight * missed.perceptual).mean() / c.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
            totals += torch.stack(missed[:2]).detach().mean(dim=1) / c.accumulate
        learning = (p for group in self.optimizer.param_groups for p in group["params"])
        self.processes.sum([totals, *(p.grad for p in learning)])
        self.optimizer.step()
        self.D.shorten()
        average_into(self.average, self.D, c.ema_decay, step)
        if step + 1 <= c.autoguidance_at * c.steps:
            self.worse.load_state_dict(self.average.state_dict())
        denoising, perceptual = totals.tolist()
        losses = {"denoising": denoising}
        return losses if self.features is None else losses | {"perceptual": perceptual}

    def missed(self, crops: Crops, chance: torch.Generator) -> Missed:
        """How far the network misses each crop, under noise of a random level."""
        c, n, crops = self.config, len(crops.x), self.coded(crops)
        x = self.target(crops).to(self.device, memory_format=torch.channels_last)
        sigma = training_levels(n, c.log_sigma_mean, c.log_sigma_std, chance).to(self.device)
        noise = torch.randn(crops.x.shape, generator=chance).to(self.device)
        silent = torch.rand(n, generator=chance) < c.unconditional_share
        known = self.told(crops).silenced(silent).to(self.device)
        with half_precision(c.precision, self.device):
            drawn = self.network(x + sigma[:, None, None, None] * noise, sigma, known)
            seen = self._unlike(drawn, x, crops)
        apart = (drawn - x).square().mean(dim=(1, 2, 3))
        expected = self.D.scales(sigma, known)
        return Missed(apart / expected.out.square(), seen, expected.noise)

    def _unlike(self, drawn: Tensor, x: Tensor, crops: Crops) -> Tensor:
        """Distance (N,) of what is drawn to what should be, as pictures in deep features."""
        if self.features is None:
            return drawn.new_zeros(len(drawn))
        return perceptual_distance(
            self.features, self.picture(drawn, crops), self.picture(x, crops)
        )

    def coded(self, crops: Crops) -> Crops:
        """Crops as the network sees them."""
        return crops

    def target(self, crops: Crops) -> Tensor:
        """What the network learns to draw of crops (N, C, H, W)."""
        return crops.x

    def picture(self, drawn: Tensor, crops: Crops) -> Tensor:
        """Pictures (N, C, H, W) of what the network draws of crops."""
        return drawn

    def told(self, crops: Crops) -> Told:
        """What the network is told of crops."""
        return told(crops.y, crops.planes)

    def examine(self, step: int) -> Ailment | None:
        """Whether the averaged network draws many pictures of what is asked for."""
        if too_early(step - self.before, self.config.steps):
            return None
        health = Health(
            steps=self.config.steps,
            before=self.before,
            labelled=self.draws_classes and bool(self.known.vocabulary),
            best_coverage=self._state.losses.get(COVERAGE, 0.0),
        )
        ailment: Ailment | None = self.processes.agreed(health.examine(step, self.probe()))
        self._state.losses[COVERAGE] = health.best_coverage
        return ailment

    def probe(self) -> Probe:
        """Crops that the averaged network draws, and the true ones that they were told of."""
        cells = self.crops.of_cells(K, M, rng("ddpm.examine", self.seed))
        size = self.crops.size
        walk = from_noise("dpmpp", EXAMINED_AT, self.config.sigma_min)
        drawn = [
            sampled(self.average, self.told(crops), size, size, range(M), unguided, walk)
            for crops in cells
        ]
        return Probe(torch.stack(drawn).cpu(), torch.stack([self.target(c) for c in cells]))


def layers_of(config: "DenoiserConfig", data: TrainingData) -> frozenset[Layer]:
    """The layers of y that are read: those that are named, or those that every frame has."""
    if config.layers is not None:
        return frozenset(config.layers)
    frames = data.target if data.target is not None else data.source
    if not len(frames):
        return frozenset()
    there = frozenset[str].intersection(*(key.layers for key in frames.keys))
    return frozenset(layer for layer in get_args(Layer) if layer in there)
