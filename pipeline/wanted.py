"""What a plan wants: cells of a dataset, edits of frames that are there, and of which parents."""

from collections.abc import Mapping, Sequence, Set
from fractions import Fraction
from typing import Annotated, Self

from pydantic import Field, model_validator

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import FrameKey, PartConfig
from parhelion.pipeline.scene_class import ClassName

Share = Annotated[float, Field(ge=0, lt=1)]
Hour = Annotated[float, Field(ge=0, lt=24)]


def exact(share: float) -> Fraction:
    """A share as it is written: 0.1 is one tenth, not the binary number beside it."""
    return Fraction(str(share))


class WantedCell(PartConfig):
    """A cell that the dataset shall have: any of these weathers at any of these hours."""

    weathers: Annotated[tuple[Weather, ...], Field(min_length=1)] = (Weather.FOGGY,)
    hours: tuple[Hour, ...] = (9.0, 12.0, 15.0)  # clock hours; none = of no hour, as digits are
    share: Share = 0.1  # of all frames at the end
    count: Annotated[int, Field(ge=0)] | None = None  # frames at the end, in place of the share
    class_shares: dict[ClassName, Share] = Field(default={})  # of the cell's frames, that show it
    image_class_shares: dict[str, Share] = Field(default={})  # of the cell's frames, that are it

    @model_validator(mode="after")
    def _one_cell(self) -> Self:
        cells = sorted({c.cell for c in self.choices})
        if len(cells) != 1:
            raise ValueError(
                f"weathers and hours must all lie in one cell, got {', '.join(cells)}: "
                "want each cell by itself"
            )
        for name in ("class_shares", "image_class_shares"):
            total = sum(map(exact, getattr(self, name).values()))
            if total >= 1:
                raise ValueError(f"{name} must sum to less than 1, got {float(total):g}")
        return self

    @property
    def choices(self) -> tuple[Conditions, ...]:
        """The conditions to draw from, in order."""
        hours = self.hours or (None,)
        return tuple(Conditions(weather=w, hour=h) for w in self.weathers for h in hours)

    @property
    def cell(self) -> str:
        return self.choices[0].cell


class ParentRule(PartConfig):
    """Which frames may be redrawn under other conditions."""

    skies: tuple[str, ...] = ("clear", "cloudy")  # Conditions.sky_kind; dry and without fog
    times: tuple[TimeOfDay, ...] = (TimeOfDay.DAY,)
    kinds: tuple[str, ...] = ("real", "simulated")  # never a generated frame again
    splits: tuple[str, ...] = ("train",)

    def fits(self, key: FrameKey) -> bool:
        """Whether this frame may be a parent."""
        conditions = key.conditions
        return (
            conditions.sky_kind in self.skies
            and conditions.time_of_day in self.times
            and key.kind in self.kinds
            and key.split in self.splits
        )


class WantedEdit(PartConfig):
    """Frames that one generator makes of others, under the conditions that these have, or that its
    text asks for.

    It is told so by a text, or by its own settings, as `insert` is.
    """

    name: Annotated[str, Field(min_length=1)]  # of this wish, in plan and report
    generator: str
    count: Annotated[int, Field(ge=1)]  # accepted frames
    text: str = ""  # what to do, for a generator that reads
    parents: ParentRule = ParentRule()
    lacking: tuple[ClassName, ...] = ()  # parents that show none of these

    @property
    def need(self) -> str:
        """The name of the need that it makes."""
        return f"edit: {self.name}"

    def fitting(self, keys: Sequence[FrameKey], shown: Mapping[str, Set[int]]) -> list[FrameKey]:
        """The frames that may be edited; `shown` has the classes that each shows."""
        unwanted = set(self.lacking)
        return [
            key
            for key in keys
            if self.parents.fits(key) and not unwanted & shown.get(key.frame_id, set())
        ]
