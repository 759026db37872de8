"""pix2pix: a conditional GAN trained on the user's own frames, p(x | y) or p(x | y, parent).

Isola et al. 2017, with the network of Park et al. 2019 (SPADE), the critics of Wang et al. 2018,
augmentation after Zhao et al. 2020, a term that makes noise count after Mao et al. 2019 and one
that makes conditions count after Reed et al. 2016.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from parhelion.generators._conditioning import Layers
from parhelion.generators._settings import (
    AboveZero,
    Augmentation,
    Layer,
    Positive,
    Share,
    Weight,
)
from parhelion.pipeline.conditions import Conditions, Event
from parhelion.pipeline.contracts import (
    CannotHonour,
    Device,
    FitReport,
    FrameKey,
    PartConfig,
    Precision,
    Progress,
    Request,
    TrainingData,
    silent,
)
from parhelion.pipeline.descent import descend, generator_step, require_layers
from parhelion.pipeline.files import write_bytes, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.pretrained import MOBILENET_SHA256, WeightsMissing, mobilenet_path
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import digest

if TYPE_CHECKING:
    from parhelion.generators._spade import SpadeUNet

WEIGHTS, STORY = "pix2pix.safetensors", "pix2pix.json"


class Pix2PixConfig(PartConfig):
    """Settings. The defaults suit minutes on one CPU core; on a GPU think of width 64, crops of
    512, batches of 8 and 50,000 steps.
    """

    # What is drawn from what
    uses_parent: bool = True  # p(x | y, parent) rather than p(x | y)
    layers: tuple[Layer, ...] = ("stencil", "instances", "depth")  # of y; each must be there
    objective: Literal["gan", "l1"] = "gan"  # "l1": the same network on pixel distance alone
    min_frames_per_cell: Positive = 8  # conditions with fewer training frames are refused

    # Networks
    width: Positive = 24  # channels of G at full size; doubled per level, at most 8 times
    levels: Positive = 3  # times that G halves the picture
    style_size: Positive = 64  # entries of the embedding of conditions and noise
    noise_size: Positive = 16  # entries of the noise vector z
    noise_planes: Positive = 1  # planes of noise (H, W) beside it: where a flake falls
    critic_width: Positive = 32  # channels of D's first layer
    critic_layers: Positive = 4  # convolutions of each critic
    critic_scales: Positive = 2  # critics, each on a picture half as large

    # Training
    steps: Positive = 400  # updates of both networks
    crop_px: Positive = 64  # side of the training crops, pixels
    batch_size: Positive = 4  # crops per batch
    accumulate: Positive = 1  # batches per update
    learning_rate: AboveZero = 5e-4  # of G, Adam
    critic_learning_rate: AboveZero = 5e-4  # of D, Adam
    steady_share: Share = 0.5  # of the steps, before both rates fall evenly to nothing
    adversarial_weight: Weight = 1.0
    mismatch_weight: Weight = 0.5  # of real crops under another's conditions, in D's loss
    feature_matching_weight: Weight = 5.0
    perceptual_weight: Weight = 5.0
    l1_weight: Weight = 5.0  # of pixel distance beside the others, in units of half the range
    diversity_weight: Weight = 2.0
    diversity_grey_levels: AboveZero = 8.0  # wanted between two seeds, mean
    diversity_every: Positive = 4  # steps between draws of a second picture
    augment: tuple[Augmentation, ...] = ("colour", "translation", "cutout")  # before D
    parent_dropout: Share = 0.25  # crops drawn without their parent, so that p(x | y) is learnt too
    told_dropout: Share = 0.5  # crops whose hour, or physical numbers, are withheld
    ema_decay: Share = 0.995  # of the averaged weights, which draw

    # Machine
    device: Device = "auto"  # a GPU where there is one
    precision: Precision = "auto"  # of training; bf16 where the hardware multiplies in it
    threads: Positive = 1  # of torch; training on another number gives other bytes
    compile: bool = False  # torch.compile the network for training
    checkpoint_every: Positive = 100  # steps
    cache_mb: Positive = 512  # training frames kept in memory

    @model_validator(mode="after")
    def _fits(self) -> "Pix2PixConfig":
        if self.crop_px % 2**self.levels:
            raise ValueError(
                f"crop_px must be a multiple of 2^levels = {2**self.levels}, got {self.crop_px}"
            )
        return self


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A network that draws, and what it has seen."""

    network: "SpadeUNet"
    checkpoint_sha256: str  # of its weights as a safetensors file
    frames_per_cell: dict[str, int]
    groups_digest: str


class Pix2Pix:
    """Draws frames under the conditions of its training frames."""

    VERSION: ClassVar[str] = "3"
    Config: ClassVar[type[PartConfig]] = Pix2PixConfig
    needs_fit: ClassVar[bool] = True

    def __init__(self, config: Pix2PixConfig) -> None:
        self.config = config
        self._fitted: _Fitted | None = None

    @property
    def models(self) -> str:
        return "p(x | y, parent)" if self.config.uses_parent else "p(x | y)"

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(self.config.layers)

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why these conditions cannot be drawn; None where enough frames of them were seen."""
        if self._fitted is None:
            return "pix2pix has not been fitted: call fit, or load a fitted one"
        needed = self.config.min_frames_per_cell
        for cell in _cells(conditions):
            seen = self._fitted.frames_per_cell.get(cell, 0)
            if seen < needed:
                return (
                    f"pix2pix saw {seen} training frames of {cell} and draws it from {needed} on "
                    f"(min_frames_per_cell): add frames of {cell}"
                )
        return None

    def unready(self) -> str | None:
        """Names the perceptual network's weights where they are wanted and missing."""
        if self.config.objective == "l1" or not self.config.perceptual_weight:
            return None
        try:
            mobilenet_path()
        except WeightsMissing as error:
            return f"pix2pix: the perceptual loss of {error}, or set perceptual_weight to 0"
        return None

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Learns the frames of `target`, or of `source` where there is none.

        Parents are frames of `source`; a frame with a twin there is learnt as a pair. Stopped and
        called again with the same arguments it resumes from `workdir`, to the same bytes.
        """
        from parhelion.generators._pix2pix_step import Pix2PixStep
        from parhelion.pipeline.training import device_of, torch_threads, train

        config = self.config
        with torch_threads(config.threads):
            update = Pix2PixStep(config, data, seed, device_of(config.device))
            state = update.state()
            train(
                state,
                update,
                steps=config.steps,
                folder=workdir,
                digest=self._fit_digest(data, seed),
                checkpoint_every=config.checkpoint_every,
                progress=progress,
            )
        keys = (data.target if data.target is not None else data.source).keys
        read = [key for key in keys if self.needs <= key.layers]  # the others taught nothing
        seen = Counter(cell for key in read for cell in _cells(key.conditions))
        self._fitted = self._draws_with(update.average, dict(seen), data.groups_digest)
        return FitReport(
            steps=state.step,
            losses=state.losses,
            groups_digest=self._fitted.groups_digest,
            checkpoint_sha256=self._fitted.checkpoint_sha256,
            frames_per_cell=self._fitted.frames_per_cell,
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, each drawn alone. Raises CannotHonour."""
        for request in requests:
            yield self._draw(request)

    def save(self, folder: Path) -> None:
        """Averaged weights as safetensors, the rest as JSON. Raises ValueError before fit."""
        from parhelion.pipeline.training import weights_bytes

        if self._fitted is None:
            raise ValueError("pix2pix has nothing to save: fit it first")
        write_bytes(folder / WEIGHTS, weights_bytes(self._fitted.network))
        story = {
            "version": self.VERSION,
            "config": self.config.model_dump(mode="json"),
            "checkpoint_sha256": self._fitted.checkpoint_sha256,
            "frames_per_cell": self._fitted.frames_per_cell,
            "groups_digest": self._fitted.groups_digest,
        }
        write_json(folder / STORY, story)

    @classmethod
    def load(cls, folder: Path) -> "Pix2Pix":
        """The generator that was saved there. Raises ValueError where weights and JSON disagree."""
        from parhelion.generators._pix2pix_draw import with_weights

        story = json.loads((folder / STORY).read_text())
        content = (folder / WEIGHTS).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != story["checkpoint_sha256"] or story["version"] != cls.VERSION:
            raise ValueError(
                f"{folder}: wanted weights {story['checkpoint_sha256'][:16]} of version "
                f"{cls.VERSION}, got {found[:16]} of version {story['version']}: fit anew"
            )
        made = cls(Pix2PixConfig(**story["config"]))
        network = with_weights(made.config, content)
        made._fitted = made._draws_with(network, story["frames_per_cell"], story["groups_digest"])
        return made

    def _draw(self, request: Request) -> Frame:
        from parhelion.generators._pix2pix_draw import whole_picture
        from parhelion.pipeline.training import torch_threads

        refused = self.refusal(request.conditions) or self._unsupported(request)
        if refused or self._fitted is None:
            raise CannotHonour(refused)
        y = require_layers("pix2pix", request.y, self.needs)
        parent = request.parent.image if request.parent and self.config.uses_parent else None
        if parent is not None and parent.shape[:2] != y.size:
            raise CannotHonour(
                f"pix2pix needs parent and annotation of one size (H, W), got {parent.shape[:2]} "
                f"and {y.size}"
            )
        layers = Layers.of(y, self.needs)
        with torch_threads(self.config.threads):
            image = whole_picture(
                self._fitted.network, layers, y.size, parent, request.conditions, request.seed
            )
        sha256 = self._fitted.checkpoint_sha256
        step = generator_step("pix2pix", self.VERSION, self.config, checkpoint_sha256=sha256)
        return descend(request, image, step, self._numerics(), y=y)

    def _unsupported(self, request: Request) -> str | None:
        if request.mask is not None:
            return "pix2pix draws whole pictures and got a mask: use a generator that fills in"
        if request.text is not None:
            return f"pix2pix reads no text, got {request.text!r}: put the wish into the conditions"
        if self.config.uses_parent and self.config.parent_dropout == 0 and request.parent is None:
            return "pix2pix learnt with parents only (parent_dropout 0): give a parent"
        return None

    def _draws_with(
        self, network: "SpadeUNet", frames_per_cell: dict[str, int], groups_digest: str
    ) -> _Fitted:
        from parhelion.generators._pix2pix_draw import on_device
        from parhelion.pipeline.training import device_of, weights_bytes

        sha256 = hashlib.sha256(weights_bytes(network)).hexdigest()
        on_device(network.eval().requires_grad_(False), device_of(self.config.device))
        return _Fitted(network, sha256, frames_per_cell, groups_digest)

    def _numerics(self) -> Numerics:
        from parhelion.pipeline.training import device_of, numerics_of

        return numerics_of(device_of(self.config.device), self.config.threads)

    def _fit_digest(self, data: TrainingData, seed: int) -> str:
        """Names a fit: all that its bytes depend on, and nothing else."""
        sets = (data.source, data.target)
        frames = [[key.frame_id for key in s.keys] if s is not None else None for s in sets]
        idle = {"device", "checkpoint_every", "cache_mb", "min_frames_per_cell"}
        settings = self.config.model_dump(mode="json", exclude=idle)
        return digest(self.VERSION, settings, frames, seed, self._numerics(), MOBILENET_SHA256)


def _cells(conditions: Conditions) -> tuple[str, ...]:
    """What must have been seen before these conditions can be drawn."""
    if conditions.event is Event.NONE:
        return (conditions.cell,)
    return conditions.cell, f"event/{conditions.event.value}"


PART = Pix2Pix
