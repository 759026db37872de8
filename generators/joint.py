"""p(x, y): an annotation is sampled first, then its picture by a generator of p(x | y).

Two ways to an annotation. "recombine": an object of one training annotation is put into another,
where the ground is of the same class and as far away (`_joint_recombine`). This is copy-paste
augmentation (Dwibedi et al. 2017) of labels alone: the picture is drawn for them, not pasted.
"classes": an image-level class and conditions from the training frames' own p(y), or from a flat
one. Whether picture and annotation agree, the pipeline's gate says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from parhelion.generators._joint_layouts import NEEDED, Origin
from parhelion.generators._settings import Positive, Share
from parhelion.generators._with_stock import Composed, WithStock, with_story
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    Generator,
    PartConfig,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    from parhelion.generators._joint_recombine import Placed
    from parhelion.generators._joint_stock import Stock

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


class Joint(WithStock):
    """Draws annotation and picture. A parent, or an annotation, is the layout to recombine."""

    NAME: ClassVar[str] = "joint"
    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = JointConfig
    models: str = "p(x, y)"

    _drawable: Sequence[Conditions] = ()  # stated by training frames, and drawn by the inner

    def inner_part(self) -> tuple[str, dict[str, Any]]:
        """As the settings name it."""
        return self.config.inner, self.config.inner_settings

    @property
    def needs(self) -> frozenset[str]:
        """Of a layout; frames of an image-level class need none."""
        return self.inner.needs | (NEEDED if self.recombines else frozenset())

    @property
    def recombines(self) -> bool:
        return bool(self.config.annotations == "recombine")

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why not: as the inner generator says; conditions that nobody states are drawn."""
        if conditions == ANYTHING and self._drawable:
            return None
        return super().refusal(conditions, parent)

    def stock_of(self, data: TrainingData, seed: int) -> "Stock":
        """Layouts to recombine, and p(y). Raises ValueError where there is none."""
        from parhelion.generators._joint_stock import stock_of

        stock = stock_of(data, self.config.most_layouts if self.recombines else 0, seed)
        if not self.recombines and not any(s.label for s in stock.stated):
            raise ValueError("joint draws image-level classes, and no training frame has a label")
        if self.recombines and not stock.pieces:
            raise ValueError(
                f"joint recombines objects with stencil, depth and instances, and found none whole "
                f"and on the ground in {len(stock.layouts)} training annotations"
            )
        return stock

    def take(self, stock: "Stock", inner_sha256: str) -> None:
        """Also finds which conditions it can choose itself."""
        super().take(stock, inner_sha256)
        stated = dict.fromkeys(s.conditions for s in stock.stated)
        self._drawable = [c for c in stated if self.inner.refusal(c) is None]

    def composed(self, request: Request) -> Composed:
        """An annotation, of which a picture is asked. Raises CannotHonour."""
        if refused := self.refusal(request.conditions) or _unsupported(request):
            raise CannotHonour(refused)
        random = rng(request.seed, "joint")
        conditions = request.conditions
        if conditions == ANYTHING and self.inner.refusal(conditions) is not None:
            conditions = self.stock.conditions(self._drawable, random)
        if not self.recombines:
            y = Annotation(conditions=conditions, label=self._label(request, conditions, random))
            return Composed(_asked(request, y), lambda frame: frame)
        origin, placed = self._recombined(request, random)

        def told(frame: Frame) -> Frame:
            frame = with_story(frame, origin, placed, request, self.VERSION)
            if origin is None or request.parent is not None:
                return frame
            return frame.with_provenance(group_id=origin.group_id, source=origin.source)

        return Composed(_asked(request, replace(placed[-1].y, conditions=conditions)), told)

    def _label(
        self, request: Request, conditions: Conditions, random: np.random.Generator
    ) -> ImageLabel:
        """The class that is asked for, else one drawn from p(class) of the cell."""
        if request.y is not None and request.y.label is not None:
            return request.y.label
        settings = parts.config("generators", self.config.inner, self.config.inner_settings)
        least = int(getattr(settings, "min_frames_per_cell", 1))
        uniform = self.config.classes == "uniform"
        label = self.stock.label(conditions.cell, least, uniform, random)
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

        c, stock = self.config, self.stock
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


def _asked(request: Request, y: Annotation) -> Request:
    """The picture of `y`."""
    return Request(
        conditions=y.conditions,
        seed=seed_of(request.seed, "joint.x"),
        draw=request.draw,
        annotation=y,
    )


def _unsupported(request: Request) -> str | None:
    if request.mask is not None:
        return "joint draws whole pictures and got a mask: use a generator that fills in"
    if request.text is not None:
        return f"joint reads no text, got {request.text!r}: put it into the conditions"
    return None


def _group_of(request: Request) -> str:
    return request.parent.group_id if request.parent is not None else ""


PART = Joint
