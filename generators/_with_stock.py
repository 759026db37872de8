"""What generators share that let another one draw, and keep annotations of training frames.

A subclass says who draws (`inner_part`), what it keeps (`stock_of`) and what it makes of a request
(`composed`).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from parhelion.generators._joint_layouts import Origin
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import (
    DrawsTogether,
    FitReport,
    FrameKey,
    Generator,
    PartConfig,
    Progress,
    Request,
    RestsOnFiles,
    TrainingData,
    silent,
)
from parhelion.pipeline.descent import descend, generator_step
from parhelion.pipeline.files import write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Step
from parhelion.pipeline.seeds import canonical_json, digest

if TYPE_CHECKING:
    from parhelion.generators._joint_recombine import Placed
    from parhelion.generators._joint_stock import Stock

INNER = "inner"


class Composed(NamedTuple):
    """A request whose annotation was made up."""

    asked: Request  # of the inner generator
    told: Callable[[Frame], Frame]  # gives the drawn frame the story of its annotation


class WithStock(ABC):
    """Base of those that put training objects into annotations and let another generator draw."""

    NAME: ClassVar[str]
    VERSION: ClassVar[str]
    Config: ClassVar[type[PartConfig]]
    needs_fit: ClassVar[bool] = True

    def __init__(self, config: Any) -> None:
        self.config = config
        name, settings = self.inner_part()
        self.inner: Generator = parts.build("generators", name, **settings)
        self._stock: Stock | None = None

    @abstractmethod
    def inner_part(self) -> tuple[str, dict[str, Any]]:
        """Name and settings of the generator that draws."""

    @abstractmethod
    def stock_of(self, data: TrainingData, seed: int) -> "Stock":
        """What is kept of training groups. Raises ValueError where there is nothing to draw of."""

    @abstractmethod
    def composed(self, request: Request) -> Composed:
        """What the inner generator is asked for. Raises CannotHonour."""

    @property
    def at_once(self) -> int:
        """As many as the inner generator draws together."""
        return self.inner.at_once if isinstance(self.inner, DrawsTogether) else 1

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why not: as the inner generator says."""
        if self._stock is None:
            return f"{self.NAME} has not been fitted: call fit, or load a fitted one"
        return self.inner.refusal(conditions, parent)

    def unready(self) -> str | None:
        """What the inner generator lacks."""
        return self.inner.unready()

    def rests_on(self) -> tuple[str, ...]:
        """What the inner generator's fit depends on."""
        return self.inner.rests_on() if isinstance(self.inner, RestsOnFiles) else ()

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Fits the inner generator, resuming it, and keeps annotations of training groups."""
        stock = self.stock_of(data, seed)
        report = self.inner.fit(data, workdir / INNER, seed, progress)
        self.take(stock, report.checkpoint_sha256)
        return report.model_copy(update={"checkpoint_sha256": self._sha256})

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request. Raises CannotHonour."""
        for first in range(0, len(requests), self.at_once):
            some = requests[first : first + self.at_once]
            composed = [self.composed(request) for request in some]
            drawn = self.inner.generate([one.asked for one in composed])
            for request, one, inner in zip(some, composed, drawn, strict=True):
                yield one.told(self._drawn(request, one.asked, inner))

    def save(self, folder: Path) -> None:
        """The inner generator's state in a folder of its own; annotations as safetensors, JSON."""
        self.stock.save(folder)
        self.inner.save(folder / INNER)
        story = {"version": self.VERSION, "config": self.config, "inner_sha256": self._inner_sha256}
        write_json(folder / self.story(), json.loads(canonical_json(story)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The generator that was saved there. Raises ValueError for another version's."""
        from parhelion.generators._joint_stock import Stock

        story = json.loads((folder / cls.story()).read_text())
        if story["version"] != cls.VERSION:
            raise ValueError(
                f"{folder}: wanted {cls.NAME} of version {cls.VERSION}, got {story['version']}: "
                "fit anew"
            )
        made = cls(cls.Config(**story["config"]))
        made.inner = parts.part("generators", made.inner_part()[0]).load(folder / INNER)
        made.take(Stock.load(folder), story["inner_sha256"])
        return made

    @classmethod
    def story(cls) -> str:
        """Name of the file that tells what was fitted."""
        return f"{cls.NAME}.json"

    def take(self, stock: "Stock", inner_sha256: str) -> None:
        """Draws with this from now on."""
        self._stock, self._inner_sha256 = stock, inner_sha256
        self._sha256 = digest(inner_sha256, stock.sha256)

    @property
    def stock(self) -> "Stock":
        """What was kept. Raises ValueError before fit."""
        if self._stock is None:
            raise ValueError(f"{self.NAME} has nothing to save or to draw from: fit it first")
        return self._stock

    def _drawn(self, request: Request, asked: Request, inner: Frame) -> Frame:
        """The inner generator's frame of `asked`, as what comes of `request`."""
        step = generator_step(self.NAME, self.VERSION, self.config, checkpoint_sha256=self._sha256)
        frame = descend(
            request,
            inner.image,
            step,
            inner.provenance.numerics,
            conditions=inner.conditions,
            y=inner,
        )
        known = len(request.parent.provenance.steps) if request.parent is not None else 0
        own = inner.provenance.steps[known if asked.parent is not None else 0 :]
        *before, last = frame.provenance.steps
        return frame.with_provenance(steps=(*before, *own, last), twin_id="")


def with_story(
    frame: Frame, layout: Origin | None, placed: Sequence["Placed"], request: Request, version: str
) -> Frame:
    """The frame with the story of its annotation before the picture's."""
    told = {
        "layout": layout.model_dump(mode="json") if layout is not None else "of the request",
        "objects": [p.told() for p in placed],
    }
    number = len(request.parent.provenance.steps) if request.parent is not None else 0
    step = Step(part="recombined", version=version, settings=canonical_json(told))
    steps = frame.provenance.steps
    return frame.with_provenance(steps=(*steps[:number], step, *steps[number:]))
