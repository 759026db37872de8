"""What a comparison found, as plain data: `comparison.json` is exactly `Comparison`.

Seconds are kept apart in `Costs`, so that the same comparison gives the same `comparison.json`.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from parhelion.pipeline.compare_budget import Pace
from parhelion.pipeline.contracts import Ailment, Score

REAL = "real"  # the arm of real training frames: what a perfect generator would come to

Count = Annotated[int, Field(ge=0)]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CopyPair(_Plain):
    """A drawn picture and the training picture that it is nearest to."""

    drawn: Count  # number of the picture among those of its arm
    training: Count  # number of the training picture, source first
    distance: float  # grey levels, RMS of thumbnails
    files: tuple[str, str] | None = None  # the two pictures on the page


class Measured(_Plain):
    """What the drawn pictures of one arm came to."""

    scores: tuple[Score, ...] = ()
    spectrum: tuple[float | None, ...] = ()  # power per ring relative to real frames
    pairs: tuple[CopyPair, ...] = ()  # the worst first


class Arm(_Plain):
    """One generator with its settings, or real frames."""

    name: str
    generator: str = ""
    version: str = ""
    models: str = ""  # "p(x | y)"
    settings: dict[str, JsonValue] = {}
    refusal: str = ""  # why there are no numbers, in a sentence
    steps: int | None = None  # of training; None where nothing is trained in steps
    parameters: Count = 0  # numbers in the fitted state
    ailments: tuple[Ailment, ...] = ()
    drawn: Count = 0  # pictures
    refused: Count = 0  # requests
    why_refused: str = ""  # the first of them
    size: tuple[int, int] | None = None  # (H, W) of its pictures, pixels
    samples: tuple[str | None, ...] = ()  # files of pictures, one per shown request
    measured: Measured = Measured()

    def score(self, name: str) -> Score | None:
        """The score of that name."""
        return next((score for score in self.measured.scores if score.name == name), None)


class Costs(_Plain):
    """What a clock said of one arm."""

    fit_s: float | None = None
    draw_s_per_1000: float | None = None  # pictures
    pace: Pace | None = None  # where the budget is in seconds


class Shown(_Plain):
    """One column of the samples: the real frame whose like was asked for."""

    label: str  # class and cell
    parent: str = ""  # file of the parent's picture, where parents are of another domain


class Comparison(_Plain):
    """Everything that the page says, but for seconds."""

    data: str  # the dataset's name
    facts: tuple[tuple[str, str], ...]  # what it holds
    notes: tuple[str, ...] = ()
    budget: str
    seed: int
    size: tuple[int, int]  # (H, W) at which pictures are compared, pixels
    shown: tuple[Shown, ...] = ()
    arms: tuple[Arm, ...] = ()  # the real one first
    versions: tuple[tuple[str, str], ...] = ()


class Timed(_Plain):
    """`timings.json`: seconds by the arm's name."""

    costs: dict[str, Costs] = {}
