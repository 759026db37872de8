"""What all trained generators share: they fit and resume, save and load, and refuse alike.

A subclass says what it learns (`learner`), which network draws (`network`) and how one request
becomes a picture (`drawn`); everything else is here.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

from parhelion.generators._settings import Positive
from parhelion.pipeline.conditions import Conditions, Event
from parhelion.pipeline.contracts import (
    Ailment,
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
from parhelion.pipeline.descent import descend, generator_step
from parhelion.pipeline.files import write_bytes, write_json
from parhelion.pipeline.frame import Annotation, Frame, Image
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import digest

if TYPE_CHECKING:
    import torch
    from torch import nn

    from parhelion.pipeline.training import Losses, TrainingState

WEIGHTS, STORY = "weights.safetensors", "fitted.json"


class TrainedConfig(PartConfig):
    """Settings that every trained generator has."""

    min_frames_per_cell: Positive = 8  # conditions with fewer training frames are refused

    device: Device = "auto"  # a GPU where there is one
    threads: Positive = 1  # of torch; training on another number gives other bytes
    checkpoint_every: Positive = 100  # steps; training is examined as often

    drawing: ClassVar[frozenset[str]] = frozenset(
        {"min_frames_per_cell"}
    )  # a subclass adds its own
    # Settings of how it is trained that leave what is learnt as it is.
    elsewhere: ClassVar[frozenset[str]] = frozenset({"device", "checkpoint_every", "cache_mb"})

    @classmethod
    def idle(cls) -> frozenset[str]:
        """Settings that no trained byte depends on."""
        return cls.drawing | cls.elsewhere


class GradientConfig(TrainedConfig):
    """Settings of those that descend a gradient."""

    precision: Precision = "auto"  # of training; bf16 where the hardware multiplies in it
    compile: bool = False  # torch.compile the network for training


class Seen(BaseModel):
    """What a fitted generator knows about its training frames; a subclass may know more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames_per_cell: dict[str, int] = {}
    learnt_from: tuple[str, ...] = ()  # groups, which must not judge
    groups_digest: str = ""
    ailments: tuple[Ailment, ...] = ()
    draws: bool = True  # False where training failed before anything was learnt


class Learner(Protocol):
    """Networks, optimizers and losses of one fit; called with the number of the step."""

    @property
    def steps(self) -> int: ...

    def state(self) -> "TrainingState": ...

    def __call__(self, step: int) -> "Losses": ...

    def examine(self, step: int) -> Ailment | None:
        """What ails the training after `step` steps; asked at every checkpoint."""

    def result(self) -> "nn.Module":
        """The network that draws, as it is after the last step."""

    def seen(self, seen: Seen) -> Seen:
        """`seen` with what the learner knows besides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One picture, and what is true of it."""

    image: Image
    y: Annotation | None  # the labels that it keeps
    conditions: Conditions | None = None  # where the generator knows more than was asked
    parameters: Mapping[str, float] = field(default_factory=dict)  # that it drew, by name


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network that draws, and what it has seen."""

    network: Any  # of the generator's own class
    checkpoint_sha256: str  # of its weights as a safetensors file
    seen: Any  # the generator's own `Seen`


class Trained(ABC):
    """Base of the trained generators."""

    NAME: ClassVar[str]
    VERSION: ClassVar[str]
    Config: ClassVar[type[TrainedConfig]]
    seen_as: ClassVar[type[Seen]] = Seen
    needs_fit: ClassVar[bool] = True

    def __init__(self, config: Any) -> None:
        self.config = config
        self._fitted: Fitted | None = None

    @property
    @abstractmethod
    def models(self) -> str:
        """What is sampled: "p(x)", "p(x | y)", "p(x | y, parent)" or "p(x, y)"."""

    @property
    def needs(self) -> frozenset[str]:
        """Layers without which it cannot draw."""
        return frozenset()

    @abstractmethod
    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        """What is to be brought through its steps."""

    @abstractmethod
    def network(self, seen: Any) -> "nn.Module":
        """The network that draws, of the right shapes; its weights are loaded next."""

    @abstractmethod
    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """One picture, drawn alone. Raises CannotHonour."""

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """The pictures of `at_once` requests or fewer; none may depend on its neighbours."""
        return [self.drawn(request, fitted) for request in requests]

    @property
    def at_once(self) -> int:
        """How many requests are drawn together."""
        return 1

    def rests_on(self) -> tuple[str, ...]:
        """What trained bytes depend on beside settings, data, seed and numerics."""
        return ()

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """The training frames whose conditions it can draw afterwards."""
        return (data.target if data.target is not None else data.source).keys

    def unready(self) -> str | None:
        """What this machine lacks to fit it, in a sentence."""
        return None

    def unsupported(self, request: Request) -> str | None:
        """Why this request cannot be drawn, whatever its conditions, in a sentence."""
        if request.mask is not None or request.becomes is not None:
            return f"{self.NAME} draws whole pictures and got a mask: use one that fills in"
        if request.text is not None:
            return f"{self.NAME} reads no text, got {request.text!r}: put it into the conditions"
        return None

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why these conditions cannot be drawn; None where enough frames of them were seen."""
        if self._fitted is None:
            return f"{self.NAME} has not been fitted: call fit, or load a fitted one"
        seen: Seen = self._fitted.seen
        if not seen.draws:
            return f"{self.NAME} learnt nothing: {seen.ailments[0].sentence}"
        needed = self.config.min_frames_per_cell
        for cell in cells(conditions):
            if (frames := seen.frames_per_cell.get(cell, 0)) < needed:
                return (
                    f"{self.NAME} saw {frames} training frames of {cell} and draws it from "
                    f"{needed} on (min_frames_per_cell): add frames of {cell}"
                )
        return None

    @property
    def whole_fit(self) -> Fitted:
        """What was learnt. Raises ValueError before fit."""
        if self._fitted is None:
            raise ValueError(f"{self.NAME} has learnt nothing yet: fit it first")
        return self._fitted

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Learns from training groups.

        Stopped and called again with the same arguments it resumes from `workdir`, to the same
        bytes. A training that goes wrong ends at its last good checkpoint; the report says why.
        """
        from parhelion.pipeline.training import device_of, torch_threads, train

        with torch_threads(self.config.threads):
            learner = self.learner(data, seed, device_of(self.config.device))
            state = learner.state()
            train(
                state,
                learner,
                steps=learner.steps,
                folder=workdir,
                digest=self._fit_digest(data, seed),
                checkpoint_every=self.config.checkpoint_every,
                examine=learner.examine,
                progress=progress,
            )
            ailments = (state.ailment,) if state.ailment else ()
            seen = self.seen_as(
                frames_per_cell=self._frames_per_cell(data),
                learnt_from=tuple(sorted(data.groups)),
                groups_digest=data.groups_digest,
                ailments=ailments,
                draws=state.step > 0,
            )
            self._fitted = self._draws_with(learner.result(), learner.seen(seen))
        return FitReport(
            steps=state.step,
            losses=state.losses,
            groups_digest=data.groups_digest,
            checkpoint_sha256=self._fitted.checkpoint_sha256,
            frames_per_cell=seen.frames_per_cell,
            ailments=ailments,
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request. Raises CannotHonour."""
        for first in range(0, len(requests), self.at_once):
            yield from self._frames(requests[first : first + self.at_once])

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the rest as JSON. Raises ValueError before fit."""
        from parhelion.pipeline.training import weights_bytes

        if self._fitted is None:
            raise ValueError(f"{self.NAME} has nothing to save: fit it first")
        write_bytes(folder / WEIGHTS, weights_bytes(self._fitted.network))
        story = {
            "generator": self.NAME,
            "version": self.VERSION,
            "config": self.config.model_dump(mode="json"),
            "checkpoint_sha256": self._fitted.checkpoint_sha256,
            "seen": self._fitted.seen.model_dump(mode="json"),
        }
        write_json(folder / STORY, story)

    @classmethod
    def load(cls, folder: Path, **over: Any) -> Self:
        """The generator that was saved there, with the settings `over` in place of its own. Raises
        ValueError for another one, and where weights and JSON disagree.
        """
        import safetensors.torch

        story = json.loads((folder / STORY).read_text())
        if story["generator"] != cls.NAME:
            raise ValueError(f"{folder}: wanted a saved {cls.NAME}, got {story['generator']}")
        content = (folder / WEIGHTS).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != story["checkpoint_sha256"] or story["version"] != cls.VERSION:
            raise ValueError(
                f"{folder}: wanted weights {story['checkpoint_sha256'][:16]} of version "
                f"{cls.VERSION}, got {found[:16]} of version {story['version']}: fit anew"
            )
        made = cls(cls.Config(**{**story["config"], **over}))
        seen = cls.seen_as(**story["seen"])
        network = made.network(seen)
        network.load_state_dict(safetensors.torch.load(content))
        made._fitted = made._draws_with(network, seen)
        return made

    def _frames(self, requests: Sequence[Request]) -> Iterator[Frame]:
        from parhelion.pipeline.training import torch_threads

        refusals = (self.refusal(r.conditions) or self.unsupported(r) for r in requests)
        refused = next(filter(None, refusals), None)
        if refused or self._fitted is None:
            raise CannotHonour(refused)
        with torch_threads(self.config.threads):
            pictures = self.drawn_together(requests, self._fitted)
        for request, drawn in zip(requests, pictures, strict=True):
            yield self._frame(request, drawn, self._fitted)

    def _frame(self, request: Request, drawn: Drawn, fitted: Fitted) -> Frame:
        step = generator_step(
            self.NAME,
            self.VERSION,
            self.config,
            checkpoint_sha256=fitted.checkpoint_sha256,
            drawn=drawn.parameters,
        )
        return descend(
            request,
            drawn.image,
            step,
            self._numerics(),
            conditions=drawn.conditions,
            y=drawn.y if drawn.y is not None else Annotation(),
        )

    def _draws_with(self, network: "nn.Module", seen: Seen) -> Fitted:
        from parhelion.pipeline.training import device_of, on_device, weights_bytes

        sha256 = hashlib.sha256(weights_bytes(network)).hexdigest()
        on_device(network.eval().requires_grad_(False), device_of(self.config.device))
        return Fitted(network, sha256, seen)

    def _frames_per_cell(self, data: TrainingData) -> dict[str, int]:
        return dict(Counter(cell for key in self.learnt(data) for cell in cells(key.conditions)))

    def _numerics(self) -> Numerics:
        from parhelion.pipeline.training import device_of, numerics_of

        return numerics_of(device_of(self.config.device), self.config.threads)

    def _fit_digest(self, data: TrainingData, seed: int) -> str:
        """Names a fit: all that its bytes depend on, and nothing else."""
        sets = (data.source, data.target)
        frames = [[key.frame_id for key in s.keys] if s is not None else None for s in sets]
        settings = self.config.model_dump(mode="json", exclude=set(self.config.idle()))
        numerics = self._numerics()
        return digest(self.VERSION, settings, frames, seed, numerics, *self.rests_on())


def saved_in(folder: Path) -> str:
    """Name of the generator that was saved there; "none" where that cannot be told."""
    return str(_story_in(folder).get("generator", "none"))


def version_in(folder: Path) -> str:
    """The version of the generator that was saved there; "" where that cannot be told."""
    return str(_story_in(folder).get("version", ""))


def checkpoint_in(folder: Path) -> str:
    """The digest of the weights that were saved there; "" where that cannot be told."""
    return str(_story_in(folder).get("checkpoint_sha256", ""))


def _story_in(folder: Path) -> dict[str, Any]:
    try:
        story: dict[str, Any] = json.loads((folder / STORY).read_text())
    except (OSError, ValueError):
        return {}
    return story


def cells(conditions: Conditions) -> tuple[str, ...]:
    """What must have been seen before these conditions can be drawn."""
    if conditions.event is Event.NONE:
        return (conditions.cell,)
    return conditions.cell, f"event/{conditions.event.value}"
