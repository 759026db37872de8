"""p(x, y): an annotation is sampled first, then its picture by a generator of p(x | y).

Two ways to an annotation. "recombine": an object of one training annotation is put into another,
where the ground is of the same class and as far away (`_joint_recombine`). This is copy-paste
augmentation (Dwibedi et al. 2017) of labels alone: the picture is drawn for them, not pasted.
"classes": an image-level class and conditions from the training frames' own p(y), or from a flat
one. Whether picture and annotation agree, the pipeline's gate says.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from parhelion.generators._joint_layouts import NEEDED, Origin
from parhelion.generators._settings import Positive, Share
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import (
    CannotHonour,
    FitReport,
    FrameKey,
    Generator,
    PartConfig,
    Progress,
    Request,
    TrainingData,
    silent,
)
from parhelion.pipeline.descent import descend, generator_step, require_layers
from parhelion.pipeline.files import write_json
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.provenance import Step
from parhelion.pipeline.seeds import canonical_json, digest, rng, seed_of

if TYPE_CHECKING:
    from parhelion.generators._joint_recombine import Placed
    from parhelion.generators._joint_stock import Stock

INNER, STORY = "inner", "joint.json"
LAYOUTS_TRIED = 8  # of the stock, until an object finds a place
ANYTHING = Conditions()  # a request that states none: conditions are drawn as well


class JointConfig(PartConfig):
    """Which annotations, and who draws the pictures."""

    inner: str = "pix2pix"  # a generator of p(x | y)
    inner_settings: dict[str, Any] = {"uses_parent": False}  # its own settings
    annotations: Literal["recombine", "classes"] = "recombine"
    most_objects: Positive = 3  # put into one layout; the seed draws 1 to so many
    least_seen: Share = 0.4  # of an object, for a place to count
    most_layouts: Positive = 200  # training annotations kept, chosen by the seed
    classes: Literal["empirical", "uniform"] = "empirical"  # p(class) that "classes" draws from

    @model_validator(mode="after")
    def _draws_of_y(self) -> "JointConfig":
        if self.inner == "joint":
            raise ValueError("inner must draw pictures of an annotation, got joint: name another")
        try:
            made: Generator = parts.build("generators", self.inner, **self.inner_settings)
        except KeyError as error:
            raise ValueError(f"inner: {error.args[0]}") from error
        if made.models != "p(x | y)":
            raise ValueError(
                f"inner must be a generator of p(x | y), got {self.inner}, which with these "
                f"settings models {made.models}: name another, or turn its use of a parent off"
            )
        reads = "stencil" in made.needs
        if reads != (self.annotations == "recombine"):
            raise ValueError(
                f"annotations: {self.annotations} wants an inner generator that "
                f"{'reads no layers' if reads else 'reads a stencil'}, and {self.inner} "
                f"{'reads ' + ', '.join(sorted(made.needs)) if reads else 'reads none'}"
            )
        return self


class Joint:
    """Draws annotation and picture. A parent, or an annotation, is the layout to recombine."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = JointConfig
    needs_fit: ClassVar[bool] = True
    models: str = "p(x, y)"

    def __init__(self, config: JointConfig) -> None:
        self.config = config
        self.inner: Generator = parts.build("generators", config.inner, **config.inner_settings)
        self._stock: Stock | None = None
        self._drawable: list[Conditions] = []  # stated by training frames, and drawn by the inner

    @property
    def needs(self) -> frozenset[str]:
        """Of a layout; frames of an image-level class need none."""
        return self.inner.needs | (NEEDED if self.recombines else frozenset())

    @property
    def recombines(self) -> bool:
        return self.config.annotations == "recombine"

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why not: as the inner generator says; conditions that nobody states are drawn."""
        if self._stock is None:
            return "joint has not been fitted: call fit, or load a fitted one"
        if conditions == ANYTHING and self._drawable:
            return None
        return self.inner.refusal(conditions, parent)

    def unready(self) -> str | None:
        """What the inner generator lacks."""
        return self.inner.unready()

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Fits the inner generator, resuming it, and keeps annotations of training groups.

        Raises ValueError where nothing is there to recombine, or no frame has a class.
        """
        from parhelion.generators._joint_stock import stock_of

        stock = stock_of(data, self.config.most_layouts if self.recombines else 0, seed)
        if not self.recombines and not any(s.label for s in stock.stated):
            raise ValueError("joint draws image-level classes, and no training frame has a label")
        if self.recombines and not stock.pieces:
            raise ValueError(
                f"joint recombines objects with stencil, depth and instances, and found none whole "
                f"and on the ground in {len(stock.layouts)} training annotations"
            )
        report = self.inner.fit(data, workdir / INNER, seed, progress)
        self._take(stock, report.checkpoint_sha256)
        return report.model_copy(update={"checkpoint_sha256": self._sha256})

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, each drawn alone. Raises CannotHonour."""
        for request in requests:
            yield self._frame(request)

    def save(self, folder: Path) -> None:
        """The inner generator's state in a folder of its own; annotations as safetensors, JSON."""
        stock = self._fitted()
        self.inner.save(folder / INNER)
        stock.save(folder)
        story = {"version": self.VERSION, "config": self.config, "inner_sha256": self._inner_sha256}
        write_json(folder / STORY, json.loads(canonical_json(story)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The generator that was saved there. Raises ValueError for another version's."""
        from parhelion.generators._joint_stock import Stock

        story = json.loads((folder / STORY).read_text())
        if story["version"] != cls.VERSION:
            raise ValueError(
                f"{folder}: wanted joint of version {cls.VERSION}, got {story['version']}: fit anew"
            )
        made = cls(JointConfig(**story["config"]))
        made.inner = parts.part("generators", made.config.inner).load(folder / INNER)
        made._take(Stock.load(folder), story["inner_sha256"])
        return made

    def _take(self, stock: "Stock", inner_sha256: str) -> None:
        self._stock, self._inner_sha256 = stock, inner_sha256
        self._sha256 = digest(inner_sha256, stock.sha256)
        stated = dict.fromkeys(s.conditions for s in stock.stated)
        self._drawable = [c for c in stated if self.inner.refusal(c) is None]

    def _fitted(self) -> "Stock":
        if self._stock is None:
            raise ValueError("joint has nothing to save or to draw from: fit it first")
        return self._stock

    def _frame(self, request: Request) -> Frame:
        if refused := self.refusal(request.conditions) or _unsupported(request):
            raise CannotHonour(refused)
        random = rng(request.seed, "joint")
        conditions = request.conditions
        if conditions == ANYTHING and self.inner.refusal(conditions) is not None:
            conditions = self._fitted().conditions(self._drawable, random)
        if not self.recombines:
            y = Annotation(conditions=conditions, label=self._label(request, conditions, random))
            return self._drawn(request, y)
        origin, placed = self._recombined(request, random)
        frame = self._drawn(request, replace(placed[-1].y, conditions=conditions))
        return _with_story(frame, origin, placed, request)

    def _label(
        self, request: Request, conditions: Conditions, random: np.random.Generator
    ) -> ImageLabel:
        """The class that is asked for, else one drawn from p(class) of the cell."""
        if request.y is not None and request.y.label is not None:
            return request.y.label
        settings = parts.config("generators", self.config.inner, self.config.inner_settings)
        least = int(getattr(settings, "min_frames_per_cell", 1))
        uniform = self.config.classes == "uniform"
        label = self._fitted().label(conditions.cell, least, uniform, random)
        if label is None:
            raise CannotHonour(
                f"joint saw no class of {least} frames or more under {conditions.cell}: ask for "
                "other conditions or add frames with labels"
            )
        return label

    def _recombined(
        self, request: Request, random: np.random.Generator
    ) -> tuple[Origin | None, list["Placed"]]:
        """Objects put into the request's layout, or into one of the stock, whose origin is told."""
        from parhelion.generators._joint_recombine import recombined

        c, stock = self.config, self._fitted()
        wanted = int(random.integers(1, c.most_objects + 1))
        candidates: Iterable[tuple[Annotation, Origin | None]]
        if request.y is not None:
            candidates = [(require_layers("joint", request.y, self.needs), None)]
        else:
            fitting = [layout for layout in stock.layouts if self.needs <= layout.y.layers]
            order = random.permutation(len(fitting))[:LAYOUTS_TRIED].tolist()
            candidates = [(fitting[i].y, fitting[i].origin) for i in order]
        for y, origin in candidates:
            group = origin.group_id if origin is not None else _group_of(request)
            placed = recombined(y, stock.pieces, group, wanted, random, c.least_seen)
            if placed:
                return origin, placed
        raise CannotHonour(
            f"joint found no place for any of {len(stock.pieces)} objects of other groups, on the "
            "same ground as far away: give a larger layout, more training frames or a lower "
            "least_seen"
        )

    def _drawn(self, request: Request, y: Annotation) -> Frame:
        """The picture of `y`, by the inner generator, with the labels that it keeps."""
        asked = Request(
            conditions=y.conditions,
            seed=seed_of(request.seed, "joint.x"),
            draw=request.draw,
            annotation=y,
        )
        (inner,) = self.inner.generate([asked])
        step = generator_step("joint", self.VERSION, self.config, checkpoint_sha256=self._sha256)
        frame = descend(
            request,
            inner.image,
            step,
            inner.provenance.numerics,
            conditions=inner.conditions,
            y=inner,
        )
        *before, last = frame.provenance.steps
        return frame.with_provenance(steps=(*before, *inner.provenance.steps, last), twin_id="")


def _unsupported(request: Request) -> str | None:
    if request.mask is not None:
        return "joint draws whole pictures and got a mask: use a generator that fills in"
    if request.text is not None:
        return f"joint reads no text, got {request.text!r}: put it into the conditions"
    return None


def _group_of(request: Request) -> str:
    return request.parent.group_id if request.parent is not None else ""


def _with_story(
    frame: Frame, origin: Origin | None, placed: Sequence["Placed"], request: Request
) -> Frame:
    """The frame with the story of its annotation before the picture's; of its layout's group."""
    told = {
        "layout": origin.model_dump(mode="json") if origin is not None else "of the request",
        "objects": [p.told() for p in placed],
    }
    number = len(request.parent.provenance.steps) if request.parent is not None else 0
    step = Step(part="recombined", version=Joint.VERSION, settings=canonical_json(told))
    steps = frame.provenance.steps
    frame = frame.with_provenance(steps=(*steps[:number], step, *steps[number:]))
    if origin is None or request.parent is not None:
        return frame
    return frame.with_provenance(group_id=origin.group_id, source=origin.source)


PART = Joint
