"""insert: things that a frame lacks, put into it and painted there, p(x | y, parent).

An object of the training frames is put where the ground is of the same class and as far away
(`_joint_recombine`); then a mask about it is filled in by `repaint`. The parent's pixels outside of
that mask stay as they are, and so does what it says of them.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parhelion.generators._joint_layouts import NEEDED
from parhelion.generators._parents_sky import another_sky
from parhelion.generators._settings import Positive, Share
from parhelion.generators._with_stock import Composed, WithStock, with_story
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    PartConfig,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import Annotation
from parhelion.pipeline.frame_list import key_of
from parhelion.pipeline.scene_class import CHILDREN, ClassName, SceneClass
from parhelion.pipeline.seeds import rng, seed_of

if TYPE_CHECKING:
    from parhelion.generators._joint_stock import Stock

EDITS = "a plan's `edits`, which keep what the parent has"


class InsertConfig(PartConfig):
    """What is put in, and how it is painted."""

    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)] = (SceneClass.PERSON,)
    most_objects: Positive = 1  # put into one frame; the seed draws 1 to so many
    least_seen: Share = 0.8  # of an object, for a place to count
    most_layouts: Positive = 400  # training annotations that objects are cut from
    margin_px: Annotated[int, Field(ge=0)] = 3  # painted anew about them: shadows, edges
    repaint: dict[str, Any] = {}  # settings of the generator `repaint`

    def model_post_init(self, _: object) -> None:
        """Raises ValueError for settings that `repaint` does not know."""
        parts.config("generators", "repaint", self.repaint)


class Insert(WithStock):
    """Draws objects into a parent where there is room for them."""

    NAME: ClassVar[str] = "insert"
    VERSION: ClassVar[str] = "6"
    Config: ClassVar[type[PartConfig]] = InsertConfig
    models: str = "p(x | y, parent)"

    def inner_part(self) -> tuple[str, dict[str, Any]]:
        """Always `repaint`."""
        return "repaint", self.config.repaint

    @property
    def needs(self) -> frozenset[str]:
        """Of a parent."""
        return self.inner.needs | NEEDED

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Also another sky than the parent's, whose picture stays but for a few pixels."""
        refused = super().refusal(conditions, parent)
        if refused or parent is None:
            return refused
        return another_sky(self.NAME, conditions, parent.conditions, EDITS)

    def stock_of(self, data: TrainingData, seed: int) -> "Stock":
        """Layouts with such objects. Raises ValueError where there is none."""
        from parhelion.generators._joint_stock import Stock, stock_of

        whole = stock_of(data, self.config.most_layouts, seed)
        sought = self._sought()
        having = {id(p.of) for p in whole.pieces if p.what.category in sought}
        stock = Stock(tuple(la for la in whole.layouts if id(la) in having), whole.stated)
        if not stock.layouts:
            raise ValueError(
                f"insert wanted whole objects of {_named(self.config.classes)} on the ground, found"
                f" none in {len(whole.layouts)} training annotations: give more frames, or name "
                "other classes"
            )
        return stock

    def composed(self, request: Request) -> Composed:
        """The parent with something new in it. Raises CannotHonour."""
        from parhelion.generators._joint_recombine import recombined

        parent, refused = request.parent, _unsupported(request)
        if refused or parent is None:
            raise CannotHonour(refused)
        if refused := self.refusal(request.conditions, key_of(parent)):
            raise CannotHonour(refused)
        y = require_layers(self.NAME, parent, self.needs)
        random, sought = rng(request.seed, "insert"), self._sought()
        pieces = [p for p in self.stock.pieces if p.what.category in sought]
        wanted = int(random.integers(1, self.config.most_objects + 1))
        placed = recombined(y, pieces, parent.group_id, wanted, random, self.config.least_seen)
        if not placed:
            raise CannotHonour(
                f"insert found no place in this frame for any of {len(pieces)} objects, on the same"
                " ground as far away: give more training frames or a lower least_seen"
            )
        asked = Request(
            conditions=request.conditions,
            seed=seed_of(request.seed, "insert.x"),
            parent=parent,
            annotation=placed[-1].y,
            mask=changed(y, placed[-1].y, self.config.margin_px),
        )
        return Composed(asked, lambda x: with_story(x, None, placed, request, self.VERSION))

    def _sought(self) -> frozenset[SceneClass]:
        """The classes, and those of which they are the coarse name."""
        named: tuple[SceneClass, ...] = self.config.classes
        return frozenset(named).union(*(CHILDREN.get(c, ()) for c in named))


def changed(before: Annotation, after: Annotation, margin_px: int) -> NDArray[np.bool_]:
    """(H, W): where instances differ, and so many pixels about it."""
    import cv2

    assert before.instances is not None
    assert after.instances is not None
    differs = (before.instances != after.instances).astype(np.uint8)
    side = 2 * margin_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(differs, disc).astype(np.bool_)


def _unsupported(request: Request) -> str | None:
    if request.parent is None:
        return "insert puts things into a picture: give a parent"
    if request.annotation is not None or request.mask is not None or request.becomes is not None:
        return "insert finds the places itself and got an annotation or a mask: use repaint"
    if request.text is not None:
        return f"insert reads no text, got {request.text!r}: name classes in its settings"
    return None


def _named(classes: tuple[SceneClass, ...]) -> str:
    return ", ".join(c.label for c in classes)


PART = Insert
