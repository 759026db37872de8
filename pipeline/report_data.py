"""Everything that the report says, as plain data: `report.json` is exactly this model.

The page is drawn from it and from a folder of pictures; nothing on the page is computed from
anything else. Shares and IoU are fractions of 1; intervals are 95 %, (low, high). Seconds are kept
apart in `Timings`, so that the same run gives the same `report.json`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline.contracts import Score
from parhelion.pipeline.jackknife import LEVEL

Interval = tuple[float, float]
Count = Annotated[int, Field(ge=0)]
Tone = Literal["gain", "harm", "unclear", "unmeasured"]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(_Report):
    """A number and its 95 % interval, where there is one."""

    value: float
    interval: Interval | None = None


class Counts(_Report):
    """What became of the frames."""

    source: Count  # frames that came in from the user's source
    requested: Count = 0
    drawn: Count = 0
    accepted: Count = 0  # uncalibrated ones included
    uncalibrated: Count = 0  # accepted, but judged against their parent only
    rejected: Count = 0
    refused: Count = 0  # requests that no generator could honour
    quarantined: Count = 0  # input frames that could not be read


class Verdict(_Report):
    """The answer, in plain words; `report_verdict.verdict_of` finds them."""

    tone: Tone = "unmeasured"
    headline: str
    sentences: tuple[str, ...] = ()
    caveat: str = ""  # "Indicative: one seed."


class FrameSetRow(_Report):
    """One of the sets that the run worked with: source, reference, judge, generated."""

    name: str
    role: str  # one sentence: what it was used for
    frames: Count
    groups: Count
    detail: str = ""  # conditions, fidelity


class Scenario(_Report):
    """What was rendered or read, before anything was drawn."""

    title: str
    paragraphs: tuple[str, ...] = ()
    sets: tuple[FrameSetRow, ...] = ()
    seeds: tuple[tuple[str, int], ...] = ()


class RepresentationBar(_Report):
    """The share of one value of one axis, before and after the run, with Wilson intervals."""

    axis: str  # "weather", "time of day", "class", "weather x time of day"
    name: str
    before: float | None  # share of frames; None where nothing was counted
    before_interval: Interval | None = None
    before_frames: Count = 0
    before_groups: float | None = None  # effective number of groups
    after: float | None = None
    after_interval: Interval | None = None
    after_frames: Count = 0
    after_groups: float | None = None


class CellPlan(_Report):
    """One cell of the plan: what it had, what it should have, what was asked for and came of it."""

    cell: str  # "fog/day"
    scene_class: str = ""  # empty = all frames of the cell
    have: Count
    target: Count
    requested: Count = 0
    accepted: Count = 0
    rejected: Count = 0
    refusal: str = ""  # why no generator could draw it

    @property
    def deficit(self) -> int:
        """Frames missing before the run."""
        return max(self.target - self.have, 0)


class GalleryItem(_Report):
    """One frame of the gallery; the files are names inside the folder of pictures."""

    frame_id: str
    parent_id: str = ""
    weather: str
    cell: str
    generator: str
    verdict: str  # accepted, rejected, uncalibrated
    reason: str = ""  # why it was rejected, in a sentence
    classes: tuple[str, ...] = ()  # what its stencil shows, for the legend
    image_class: str = ""  # of the whole image; empty = it has none
    scores: tuple[tuple[str, float], ...] = ()
    drawn: tuple[tuple[str, float], ...] = ()  # parameters that the generator drew
    width: Annotated[int, Field(gt=0)]  # pixels of the pictures
    height: Annotated[int, Field(gt=0)]
    image: str
    parent: str | None = None
    stencil: str | None = None
    depth: str | None = None


class DistanceRow(_Report):
    """How far a set lies from the real target frames of a cell, floor and passport included."""

    cell: str
    compared: str  # "source", "generated", "generated, gated"
    score: Score


class DownstreamRow(_Report):
    """One slice of the downstream check: base arm, treated arm and their paired difference."""

    cell: str
    scene_class: str = ""  # empty = mean over classes
    base: Estimate
    treated: Estimate
    difference: Estimate
    q: float | None = None  # corrected over all conditions; None = too few groups for a test
    frames: Count
    groups: Count = 0

    @property
    def tone(self) -> Tone:
        """Gain or harm only where the test says so that is corrected over all conditions."""
        if self.q is None or self.q >= LEVEL:
            return "unclear"
        return "gain" if self.difference.value > 0 else "harm"


class Downstream(_Report):
    """Whether a model gets better with the generated frames, at equal steps."""

    metric: str = "mean IoU"
    base_arm: str = "without generated frames"
    treated_arm: str = "with generated frames"
    model: str = ""
    steps: Count = 0
    seeds: Count = 1
    note: str = ""  # what the interval covers, same-physics warnings
    rows: tuple[DownstreamRow, ...] = ()


class ClassRejection(_Report):
    """How often the gate rejected frames that contain a class: its own bias."""

    scene_class: str
    rejected: Count
    judged: Count


class FaultCaught(_Report):
    """How often the gate refused one kind of wrong label, planted in true frames."""

    fault: str
    caught: Estimate
    planted: Count


class GateRow(_Report):
    """The gate in one condition."""

    cell: str
    calibrated: bool
    threshold: float | None = None
    reference_frames: Count = 0
    level: float | None = None  # at most this share of true frames is rejected
    faults: tuple[FaultCaught, ...] = ()
    accepted: Count = 0
    rejected: Count = 0
    ignored_share: float = 0.0  # pixels that became IGNORE in accepted frames
    classes: tuple[ClassRejection, ...] = ()


class Gate(_Report):
    score: str = "agreement"  # what the threshold is on
    target_false_reject: float = 0.05
    confidence: float = 0.9  # that a row's level holds
    note: str = ""
    rows: tuple[GateRow, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """The kinds of fault that were planted, in order."""
        return tuple(dict.fromkeys(f.fault for row in self.rows for f in row.faults))


class QuarantineCount(_Report):
    """Refused rows of one reason code, with one sentence as an example."""

    reason: str
    stage: str = ""  # "ingest", "generate", "gate"
    rows: Count
    example: str = ""


class ReportData(_Report):
    """The whole report."""

    title: str
    verdict: Verdict
    counts: Counts
    scenario: Scenario
    representation: tuple[RepresentationBar, ...] = ()
    plan: tuple[CellPlan, ...] = ()
    gallery: tuple[GalleryItem, ...] = ()
    distances: tuple[DistanceRow, ...] = ()
    downstream: Downstream | None = None
    gate: Gate | None = None
    quarantine: tuple[QuarantineCount, ...] = ()
    dataset: str = ""  # where the dataset lies, relative to the report
    config: str = ""  # the whole run config, as YAML or JSON text
    versions: tuple[tuple[str, str], ...] = ()
    digests: tuple[tuple[str, str], ...] = ()  # name, sha256


class StageSeconds(_Report):
    """What a stage cost."""

    stage: str
    wall_s: Annotated[float, Field(ge=0)]
    cpu_s: Annotated[float, Field(ge=0)]
    note: str = ""  # "from receipts" where nothing had to be done


class Timings(_Report):
    """`timings.json`: the only part of the report that a clock wrote."""

    stages: tuple[StageSeconds, ...] = ()
