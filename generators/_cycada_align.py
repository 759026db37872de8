"""CyCADA's feature level: a task network trained on translated source frames, whose features of
target frames are made to pass for those of translated ones. The target's labels are never read.

Hoffman et al. 2018, equation 5 without its pixel terms; both gradients at the same weights. Beside
it, by setting, self-ensembling of whole pictures (French, Mackiewicz, Fisher 2018): what an
averaged network is sure of in a target picture, the trained one is to say of the same picture moved
otherwise. Its readings are first brought to the source's frequencies of classes (Berthelot et al.
2020, section 3.1): else the class of the first mistakes swallows the others.
Legend: f_T = the task network, D_feat = critic of its features, N = batch, K = classes.
"""

import copy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from parhelion.generators._cycada_jitter import jittered
from parhelion.generators._cycada_losses import alignment_loss, discriminator_loss, task_loss
from parhelion.generators._cycada_task import (
    Task,
    TaskNetwork,
    kind_of_task,
    task_network,
)
from parhelion.generators._settings import AboveZero, Positive, Share, Weight
from parhelion.generators._unpaired_crops import DomainCrops, mirror_safe
from parhelion.generators._unpaired_domains import Domain
from parhelion.generators._whole_images import scaled
from parhelion.pipeline.contracts import (
    Device,
    FrameSet,
    PartConfig,
    Precision,
    Progress,
    silent,
)
from parhelion.pipeline.seeds import digest, rng, seed_of
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    average_into,
    bf16_pays,
    device_of,
    numerics_of,
    on_device,
    torch_threads,
    train,
)

VERSION = "1"
READ_MEMORY = 0.98  # of the running frequencies
RAREST = 1e-3  # added to both, so that no class is divided by nothing


class AlignSettings(PartConfig):
    """Training of one task network."""

    task: Task = "auto"  # auto: a label where frames have one, else a stencil
    steps: Positive = 1500
    batch_size: Positive = 32  # crops of either domain
    crop_px: Positive = 32  # side of the crops, pixels
    flips: bool = True  # mirror crops by chance, where no class forbids it
    learning_rate: AboveZero = 2e-3  # of f_T, Adam, evenly down to nothing
    critic_learning_rate: AboveZero = 5e-4  # of D_feat
    critic_width: Positive = 128
    warm_up: Share = 0.3  # of the steps, before the target's terms have their full weight
    feature_weight: Weight = 0.1  # of alignment
    consistency_weight: Weight = 0.0  # of self-ensembling; whole pictures with a class only
    sure: Share = 0.9  # probability from which the averaged network is believed
    ema_decay: Share = 0.99  # of the averaged network, which is the result
    checkpoint_every: Positive = 250
    cache_mb: Positive = 512
    threads: Positive = 1
    device: Device = "auto"
    precision: Precision = "auto"


class AlignStep:
    """Networks, optimizers and losses; call it with the step's number."""

    def __init__(
        self,
        settings: AlignSettings,
        translated: FrameSet,
        target: FrameSet | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.settings, self.seed, self.device = settings, seed, device
        self.half = bf16_pays(settings.precision, device)
        S = Domain(translated, tuple(range(len(translated))))
        self.kind = kind_of_task(settings.task, S)
        self.f_T, answer = task_network(self.kind, S, settings.crop_px, seed)
        crops = partial(
            DomainCrops,
            crop_px=settings.crop_px,
            flips=settings.flips and mirror_safe(S),
            cache_mb=settings.cache_mb // 2,
        )
        self.source = crops(S, answer=answer)
        T = None if target is None else Domain(target, tuple(range(len(target))))
        self.target = None if T is None else crops(T)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("cycada.critic", seed))
            self.D_feat = feature_critic(self.f_T.channels, settings.critic_width)
        self.frequencies = Frequencies(class_frequencies(S))
        for network in (self.f_T, self.D_feat, self.frequencies):
            on_device(network, device)
        self.average = copy.deepcopy(self.f_T).requires_grad_(False)
        self.f_optimizer = Adam(self.f_T.parameters(), settings.learning_rate)
        self.D_optimizer = Adam(
            self.D_feat.parameters(), settings.critic_learning_rate, betas=(0.5, 0.999)
        )

    def state(self) -> TrainingState:
        """What a checkpoint holds."""
        networks = {
            name: getattr(self, name) for name in ("f_T", "D_feat", "average", "frequencies")
        }
        return TrainingState(networks, {"f_T": self.f_optimizer, "D_feat": self.D_optimizer})

    def __call__(self, step: int) -> Losses:
        s = self.settings
        done = step / s.steps
        self.f_optimizer.param_groups[0]["lr"] = (1 - done) * s.learning_rate
        ramp = min(1.0, done / s.warm_up) if s.warm_up else 1.0
        random = rng("cycada.align", self.seed, step)
        chance = torch.Generator().manual_seed(seed_of("cycada.align.jitter", self.seed, step))
        self.f_optimizer.zero_grad(set_to_none=True)
        self.D_optimizer.zero_grad(set_to_none=True)
        source = self.source.batch(s.batch_size, random).to(self.device)
        assert source.answer is not None
        pictures = [self._moved(source.x, chance)]
        if self.target is not None:
            x_T = self.target.batch(s.batch_size, random).to(self.device).x
            pictures.append(self._moved(x_T, chance))
        # In one batch, so that training and reading normalise alike.
        with self._cast():
            features = self.f_T.features(torch.cat(pictures))
            logits = self.f_T.told(features)
        losses = {"task": task_loss(logits[: s.batch_size], source.answer)}
        total = losses["task"]
        if self.target is not None and s.feature_weight:
            losses["D_feat"], losses["align"] = self._aligned(features)
            total = total + ramp * s.feature_weight * losses["align"]
        if self.target is not None and s.consistency_weight and self.kind == "label":
            losses["consistency"] = self._consistent(logits[s.batch_size :], x_T, chance)
            total = total + ramp * s.consistency_weight * losses["consistency"]
        _backpropagate(total)
        self.f_optimizer.step()
        self.D_optimizer.step()
        average_into(self.average, self.f_T, s.ema_decay, step)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _moved(self, x: Tensor, chance: torch.Generator) -> Tensor:
        """Whole pictures are moved a little; crops of streets have moved already."""
        return jittered(x, chance) if self.kind == "label" else x

    def _aligned(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's loss, whose gradient is added, and that of the features of the target."""
        n = self.settings.batch_size
        with self._cast():
            held = features.detach()
            judged = discriminator_loss(
                self.D_feat(rows(held[:n])).float(), self.D_feat(rows(held[n:])).float()
            )
            _backpropagate(judged)
            self.D_feat.requires_grad_(False)
            fooled = alignment_loss(self.D_feat(rows(features[n:])).float())
            self.D_feat.requires_grad_(True)
        return judged, fooled

    def _consistent(self, logits: Tensor, x_T: Tensor, chance: torch.Generator) -> Tensor:
        """What the averaged network is sure of, against what f_T says."""
        self.average.eval()
        with torch.no_grad(), self._cast():
            p = functional.softmax(self.average(self._moved(x_T, chance)).float(), dim=1)
        return self_ensembling(self.frequencies.aligned(p), logits, self.settings.sure)

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)


class Frequencies(nn.Module):
    """How often each class is read in the target. A module, so that a checkpoint holds it."""

    wanted: Tensor  # (K,) of the source
    read: Tensor  # (K,) running mean over batches of the target

    def __init__(self, wanted: Tensor) -> None:
        super().__init__()
        self.register_buffer("wanted", wanted)
        self.register_buffer("read", wanted.clone())

    @torch.no_grad()
    def aligned(self, p: Tensor) -> Tensor:
        """Readings p (N, K) times wanted / read, each summing to one again."""
        self.read.lerp_(p.mean(dim=0), 1 - READ_MEMORY)
        q = p * (self.wanted + RAREST) / (self.read + RAREST)
        return q / q.sum(dim=1, keepdim=True)


def class_frequencies(S: Domain) -> Tensor:
    """(K,) shares of the classes among the labelled frames; (0,) where there are none."""
    there = [key.label for key in S.keys if key.label is not None]
    counts = torch.zeros(len(there[0].vocabulary) if there else 0)
    for label in there:
        counts[label.index] += 1
    return counts / max(len(there), 1)


def self_ensembling(p: Tensor, logits: Tensor, sure: float) -> Tensor:
    """Mean over N of -sum_k p log softmax(logits), nought where max p < `sure`.

    Cross-entropy in place of French's squared distance: Sohn et al. 2020, equation 4, unsharpened.
    """
    weights = (p.amax(dim=1) >= sure).float()
    cross = -(p * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)
    return (weights * cross).mean()


def feature_critic(channels: int, width: int) -> nn.Sequential:
    """D_feat: logits of rows of features (M, C), high = of a translated frame."""
    return nn.Sequential(
        nn.Linear(channels, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 1),
    )


def rows(features: Tensor) -> Tensor:
    """(N, C) as they are; (N, C, h, w) -> (N h w, C), so that every place is judged."""
    if features.ndim == 2:
        return features
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def adapted_task(
    translated: FrameSet,
    target: FrameSet | None,
    settings: AlignSettings,
    seed: int,
    workdir: Path,
    progress: Progress = silent,
) -> TaskNetwork:
    """A task network for the target: fitted on labelled `translated` frames, its features aligned.

    Its logits have the order of the frames' vocabulary, or of `_conditioning.CLASS_IDS`. Without a
    target it is plain supervised training. Stopped and called again it resumes from `workdir`, to
    the same bytes. Raises NoTask where `translated` has no labels.
    """
    with torch_threads(settings.threads):
        device = device_of(settings.device)
        step = AlignStep(settings, translated, target, seed, device)
        ids = [
            [k.frame_id for k in s.keys] if s is not None else None for s in (translated, target)
        ]
        told = settings.model_dump(exclude={"checkpoint_every", "cache_mb", "device"})
        train(
            step.state(),
            step,
            steps=settings.steps,
            folder=workdir,
            digest=digest(VERSION, told, ids, seed, numerics_of(device, settings.threads)),
            checkpoint_every=settings.checkpoint_every,
            progress=progress,
        )
    return step.average.eval()


@torch.inference_mode()
def classes_of(network: TaskNetwork, frames: FrameSet, side: int = 256) -> list[int]:
    """The class that the network reads in each whole picture, in float32."""
    device = next(network.parameters()).device
    read: list[int] = []
    for first in range(0, len(frames), side):
        images = [frames[i].image for i in range(first, min(first + side, len(frames)))]
        x = scaled(np.stack(images).transpose(0, 3, 1, 2))
        read += network(x.to(device)).argmax(dim=1).tolist()
    return read


def _backpropagate(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]
