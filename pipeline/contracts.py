"""What every part promises: adapters, generators and metrics, as protocols.

Promises, held by the conformance test: one frame per request, in order; frame i depends only on
request i, its seed and the fitted state; a generator labels only what it keeps; a part that cannot
honour a request raises and names the condition; whatever is fitted sees training groups only.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.mask_runs import runs_of
from parhelion.pipeline.provenance import RequestRecord
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.pipeline.seeds import digest

Progress = Callable[[int, int], None]  # (done, total)
Device = Literal["auto", "cpu", "cuda"]  # auto: a GPU where there is one
Precision = Literal["auto", "bf16", "fp32"]  # auto: bf16 where the hardware multiplies in it


def silent(done: int, total: int) -> None:
    """A progress that says nothing."""


class PartConfig(BaseModel):
    """Base of every part's settings: frozen, and a misspelt key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Names of the settings that matter only when it draws: one training serves all their values.
    drawing: ClassVar[frozenset[str]] = frozenset()


class FrameRef(BaseModel):
    """One frame that an adapter can read, told without touching its pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    native_id: str  # unique within the adapter, stable over runs
    group_id: str  # scene or sequence
    stamp: str = ""  # changes when the source's bytes change, such as "size-mtime"; may be empty


class SimAdapter(Protocol):
    """Frames of one source; recorded datasets and live simulators alike."""

    VERSION: ClassVar[str]
    Config: ClassVar[type[PartConfig]]
    gives: ClassVar[frozenset[str]]  # layers that it can give at all
    about: ClassVar[Any]  # an `About`: what its page says of the source
    dropped: Counter[str]  # left out of frames that were read, such as boxes outside, by what

    def __init__(self, config: Any) -> None: ...

    def index(self) -> Sequence[FrameRef]:
        """All frames in a stable order; cheap, no pixels."""

    def read(self, ref: FrameRef) -> Frame:
        """One frame. Raises BadFrame(reason, sentence)."""


class CannotHonour(ValueError):
    """A request that a generator cannot draw; the sentence names the condition or the layer."""


class CannotLearn(ValueError):
    """Training frames that teach a generator nothing; the sentence says what they lack."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """One x that is wanted: of this parent, or of this annotation, or of anything at all."""

    conditions: Conditions
    seed: int
    draw: int = 0
    parent: Frame | None = None
    annotation: Annotation | None = None
    mask: NDArray[np.bool_] | None = None  # (H, W) where to draw; the rest is kept
    becomes: SceneClass | None = None  # what shall be there; None: what the annotation says
    text: str | None = None

    @property
    def y(self) -> Annotation | None:
        """Whose labels the drawn frame has."""
        return self.annotation if self.annotation is not None else self.parent

    def record(self) -> RequestRecord:
        """The request as plain data, for the provenance."""
        return RequestRecord(
            conditions=self.conditions,
            draw=self.draw,
            seed=self.seed,
            text=self.text,
            mask=runs_of(self.mask) if self.mask is not None else "",
            becomes=self.becomes,
        )


class FrameKey(BaseModel):
    """A stored frame as its table knows it, without pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_id: str
    group_id: str
    twin_id: str = ""
    kind: str = "simulated"
    split: str = "train"
    conditions: Conditions
    label: ImageLabel | None = None  # image-level class
    layers: frozenset[str] = frozenset()  # that it has, as `Frame.layers` names them
    label_space: LabelSpace = frozenset()  # classes that its labels tell apart


class FrameSet(Protocol):
    """Frames that are read one at a time; their keys are at hand without reading."""

    @property
    def keys(self) -> Sequence[FrameKey]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Frame: ...


class TestGroupInFit(ValueError):
    """Somebody tried to fit on a frame that is kept for testing."""

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a part may be fitted on. Raises TestGroupInFit where a test group is among it."""

    source: FrameSet
    target: FrameSet | None = None  # the second domain, for those who carry one into another
    held_out: FrameSet | None = None  # of training groups, for early stopping
    test_groups: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        leaked = sorted(self.groups & self.test_groups)
        if leaked:
            raise TestGroupInFit(
                f"fit must see training groups only, got {len(leaked)} test groups: {leaked[:3]}"
            )

    @property
    def groups(self) -> frozenset[str]:
        sets = (self.source, self.target, self.held_out)
        return frozenset(key.group_id for s in sets if s is not None for key in s.keys)

    @property
    def groups_digest(self) -> str:
        """Digest of the groups that were seen; a checkpoint records it."""
        return digest(self.groups)


class Ailment(BaseModel):
    """A training that went wrong: what happened, when it was seen, and what to change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: Literal["diverged", "collapsed", "ignores conditions"]
    step: int
    sentence: str


class FitReport(BaseModel):
    """What a fit did. Seconds are not in it: the same fit gives the same report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    losses: dict[str, float] = {}
    groups_digest: str
    checkpoint_sha256: str = ""
    frames_per_cell: dict[str, int] = {}
    ailments: tuple[Ailment, ...] = ()  # training ended at the last checkpoint before these


class Generator(Protocol):
    """p(x), p(x | y), p(x | y, parent) or p(x, y)."""

    VERSION: ClassVar[str]
    Config: ClassVar[type[PartConfig]]
    needs_fit: ClassVar[bool]

    def __init__(self, config: Any) -> None: ...

    @property
    def models(self) -> str: ...  # "p(x)", "p(x | y)", "p(x | y, parent)" or "p(x, y)"

    @property
    def needs(self) -> frozenset[str]: ...  # layers without which it cannot draw

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why these conditions cannot be drawn, in a sentence; None where they can.

        `parent`: the frame to draw them from, where that is known. Whether it has the layers in
        `needs` is asked elsewhere.
        """

    def unready(self) -> str | None:
        """What this machine lacks to fit it, such as weights, in a sentence; asked before a run."""

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Learns from training groups; stopped and called again, it resumes from `workdir`."""

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, in order. Raises CannotHonour."""

    def save(self, folder: Path) -> None:
        """Fitted state as safetensors and JSON, never pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self: ...


@runtime_checkable
class DrawsTogether(Protocol):
    """A generator that is quicker with several requests at a time; their bytes are the same."""

    @property
    def at_once(self) -> int: ...  # requests


@runtime_checkable
class ReadsText(Protocol):
    """A generator that takes a wish in words; optional beside `Generator`.

    A request with a text is judged, and its frame counted, under what is understood.
    """

    def understood(self, text: str, conditions: Conditions) -> Conditions:
        """What the wish makes of a frame under `conditions`; unknown where the generator cannot
        tell. To ask it again under the answer changes nothing. Raises CannotHonour.
        """


@runtime_checkable
class RestsOnFiles(Protocol):
    """A generator that takes up what was trained elsewhere; optional beside `Generator`."""

    def rests_on(self) -> tuple[str, ...]:
        """Digests of all that its bytes depend on beside settings, frames and seed."""


Likelihood = Literal["exact", "bound"]  # bound: the true figure is at most this


@runtime_checkable
class HasLikelihood(Protocol):
    """A generator that can say how likely it finds frames; optional beside `Generator`."""

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Mean of -log2 p(x | y) / (C H W) over the frames, y each frame's own.

        In bits per grey level of one channel of one pixel, lower is better: the density is of grey
        levels 0..255 with uniform noise in [0, 1) added, from `seed`, so that eight bits is the
        uniform model and models compare. C, H and W are those that the generator learnt; C = 1
        where all training pictures are grey. Raises CannotHonour where a frame's class or
        conditions are none that it was fitted on.
        """


class Passport(BaseModel):
    """What two scores must share before anyone compares them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = ""
    weights_sha256: str = ""
    resize: str = ""
    quantisation: str = ""
    seed: int = 0


class Score(BaseModel):
    """A number with what it takes to believe it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float | None  # None where it was refused; `note` says why
    interval: tuple[float, float] | None = None  # 95 %
    floor: float | None = None  # the same score of real against real
    floor_n: int | None = None  # frames on either side of the floor; n_real where n is matched
    n_real: Annotated[int, Field(ge=0)]
    n_generated: Annotated[int, Field(ge=0)]
    higher_is_better: bool = False
    passport: Passport = Passport()
    note: str = ""


class Metric(Protocol):
    """Running sums over frames; parts computed apart can be merged."""

    def update(self, frames: Iterable[Frame], *, real: bool) -> None: ...

    def merge(self, other: Self) -> None: ...

    def compute(self) -> Score: ...
