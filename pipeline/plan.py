"""The plan: which cells of a dataset fall short of their target share, and by how many frames.

A cell is a slice of conditions ("fog/day"), or such a slice crossed with a class, of pixels and
objects or of the whole image. Shares are meant
of the FINAL dataset: adding frames to one cell dilutes every other, so all additions are found
together, in exact arithmetic. `plan_requests` turns what is missing into requests.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Annotated, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parhelion.pipeline.bias import Census
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, FrameKey, PartConfig, ReadsText
from parhelion.pipeline.frame import ImageLabel
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.wanted import ParentRule, WantedCell, WantedEdit, exact


class PlanConfig(PartConfig):
    """What the dataset shall look like in the end, and who draws what it lacks."""

    wanted: tuple[WantedCell, ...] = (
        WantedCell(weathers=(Weather.CLEAR,), hours=(22.0, 1.0)),
        WantedCell(weathers=(Weather.FOGGY,)),
        WantedCell(weathers=(Weather.RAINING,)),
        WantedCell(weathers=(Weather.SNOWING,)),
    )
    edits: tuple[WantedEdit, ...] = ()  # on top of the cells, whichever their frames fall into
    mix: dict[str, Annotated[float, Field(gt=0)]] = Field(default={"weather": 1.0})  # relative
    parents: ParentRule = ParentRule()
    max_rounds: Annotated[int, Field(ge=1)] = 3  # the first drawing and top-ups after rejection
    max_oversampling: Annotated[float, Field(ge=1)] = 4.0  # requests per frame that is missing

    @model_validator(mode="after")
    def _possible(self) -> Self:
        cells = [w.cell for w in self.wanted]
        twice = sorted({c for c in cells if cells.count(c) > 1})
        if twice:
            raise ValueError(f"wanted: each cell once, got twice: {', '.join(twice)}")
        total = sum(exact(w.share) for w in self.wanted if w.count is None)
        if total >= 1:
            raise ValueError(
                f"wanted: shares must sum to less than 1, so that the frames at hand keep a place, "
                f"got {float(total):g}"
            )
        if self.wanted and not self.mix:
            raise ValueError("mix: wanted at least one generator, got none")
        edits = [edit.name for edit in self.edits]
        if twice := sorted({name for name in edits if edits.count(name) > 1}):
            raise ValueError(f"edits: each name once, got twice: {', '.join(twice)}")
        return self

    @property
    def generators(self) -> frozenset[str]:
        """All that it names."""
        mix = self.mix if self.wanted else ()
        return frozenset(mix) | {edit.generator for edit in self.edits}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(_Record):
    """Conditions to draw, and the generators that can."""

    conditions: Conditions
    generators: tuple[str, ...]


class Need(_Record):
    """What is missing of one cell, or of one class in it; or the frames of an edit."""

    cell: str
    edit: WantedEdit | None = None  # no option then: `conditions_after` says what is asked
    scene_class: SceneClass | None = None  # parents must show it
    image_label: ImageLabel | None = None  # parents must have it, and hand it on
    have: int  # frames there now
    target: int  # frames there at the end
    missing: int  # frames to draw for this need, none of which counts for another
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        """The cell, or cell x class: fog/day x bicycle."""
        return f"{self.cell} x {self.class_name}" if self.class_name else self.cell

    @property
    def class_name(self) -> str:
        """The class, of pixels or of the whole image; empty where any will do."""
        if self.image_label is not None:
            return self.image_label.name
        return self.scene_class.label if self.scene_class is not None else ""


class Plan(_Record):
    """All needs, and the config that they follow from."""

    config: PlanConfig
    frames: int  # in the census
    needs: tuple[Need, ...]

    @property
    def missing(self) -> int:
        return sum(need.missing for need in self.needs)


class Refuses(Protocol):
    """The part of a generator that a plan asks."""

    @property
    def needs(self) -> frozenset[str]: ...

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None: ...


def refusal_of(
    generator: Refuses, conditions: Conditions, parent: FrameKey | None = None
) -> str | None:
    """Why the generator does not draw these conditions of that parent, layers included."""
    if parent is not None and not generator.needs <= parent.layers:
        lacks = ", ".join(sorted(generator.needs - parent.layers))
        return f"it needs {lacks}, which the frames at hand lack"
    return generator.refusal(conditions, parent)


def conditions_after(edit: WantedEdit, generator: Refuses, conditions: Conditions) -> Conditions:
    """What an edit makes of a frame under `conditions`: they stay, or with a text become what the
    generator understands of it; they are asked of it, and their cell is the one that is filled.
    Where it cannot tell they are unknown, and the frame counts for no cell. Raises CannotHonour.
    """
    if not edit.text:
        return conditions
    if not isinstance(generator, ReadsText):
        raise CannotHonour(
            f"it reads no text, got {edit.text!r}: use instruct or hub, or put it into the settings"
        )
    return generator.understood(edit.text, conditions)


def refusal_of_edit(
    edit: WantedEdit, generator: Refuses, parents: Sequence[FrameKey]
) -> str | None:
    """Why the generator edits none of these frames, the text included; None where it does one."""
    unlike = {(key.conditions, key.layers): key for key in edit.fitting(parents, {})}
    sentences: list[str] = []
    for parent in unlike.values():
        try:
            after = conditions_after(edit, generator, parent.conditions)
            sentence = refusal_of(generator, after, parent)
        except CannotHonour as error:
            sentence = str(error)
        if sentence is None:
            return None
        sentences.append(sentence)
    return next(iter(sentences), "no frame may be its parent: widen its `parents`")


class UnfillableCell(ValueError):
    """A cell that no generator can draw; it carries the sentence of each."""

    def __init__(self, cell: str, refusals: tuple[tuple[str, str], ...]) -> None:
        self.cell, self.refusals = cell, refusals
        said = "; ".join(f"{name}: {sentence}" for name, sentence in refusals)
        super().__init__(f"no generator can draw the cell {cell} ({said})")

    def __reduce__(self) -> tuple[type["UnfillableCell"], tuple[object, ...]]:
        return UnfillableCell, (self.cell, self.refusals)


def make_plan(census: Census, config: PlanConfig) -> Plan:
    """What is missing of every wanted cell and of the classes in it, and the edits.

    Raises ValueError for a class of whole images that no frame's vocabulary has.
    """
    _check_image_classes(census, config)
    added = _additions(census, config)
    needs: list[Need] = []
    for wanted in config.wanted:
        have = census.frames_in(wanted.cell)
        target = have + added[wanted.cell]
        options = tuple(Option(conditions=c, generators=tuple(config.mix)) for c in wanted.choices)
        of_class = []
        for c in sorted(wanted.class_shares):
            shown, _ = census.frames_with(wanted.cell, c)
            short = _class_short(census, wanted, c, added[wanted.cell])
            of_class.append(
                Need(
                    cell=wanted.cell,
                    scene_class=c,
                    have=shown,
                    target=shown + short,
                    missing=short,
                    options=options,
                )
            )
        for name in wanted.image_class_shares:
            have_of, _ = census.frames_of(wanted.cell, name)
            short = _image_class_short(census, wanted, name, added[wanted.cell])
            of_class.append(
                Need(
                    cell=wanted.cell,
                    image_label=census.label_of(name),
                    have=have_of,
                    target=have_of + short,
                    missing=short,
                    options=options,
                )
            )
        rest = added[wanted.cell] - sum(need.missing for need in of_class)
        whole = Need(cell=wanted.cell, have=have, target=target, missing=rest, options=options)
        needs += [whole, *of_class]
    needs += [
        Need(cell=e.need, edit=e, have=0, target=e.count, missing=e.count, options=())
        for e in config.edits
    ]
    return Plan(config=config, frames=census.frames, needs=tuple(needs))


def _additions(census: Census, config: PlanConfig) -> dict[str, int]:
    """The fewest frames a_i >= 0 to add to each cell i so that all final shares hold at once.

    n_i + a_i >= s_i (N + sum a) for every i. Starting from nothing, each pass adds what the last
    one's total asks for; it only grows and, since sum s_i < 1, ends at the least solution.
    """
    N = census.frames
    added = {wanted.cell: 0 for wanted in config.wanted}
    while True:
        total = N + sum(added.values())
        wider = {w.cell: _short(census, w, total, added[w.cell]) for w in config.wanted}
        if wider == added:
            return added
        added = wider


def _short(census: Census, wanted: WantedCell, total: int, added: int) -> int:
    """Frames that the cell lacks, in a dataset of `total` frames where it gets `added` new ones."""
    target = wanted.count if wanted.count is not None else ceil(exact(wanted.share) * total)
    by_class = sum(_class_short(census, wanted, c, added) for c in wanted.class_shares)
    by_class += sum(_image_class_short(census, wanted, c, added) for c in wanted.image_class_shares)
    return max(target - census.frames_in(wanted.cell), by_class, 0)


def _class_short(census: Census, wanted: WantedCell, c: SceneClass, added: int) -> int:
    """Frames with class c that the cell lacks; only frames whose source annotates c count."""
    shown, annotated = census.frames_with(wanted.cell, c)
    return max(ceil(exact(wanted.class_shares[c]) * (annotated + added)) - shown, 0)


def _image_class_short(census: Census, wanted: WantedCell, name: str, added: int) -> int:
    """Frames of an image-level class that the cell lacks; only frames that have a label count."""
    have, labelled = census.frames_of(wanted.cell, name)
    share = exact(wanted.image_class_shares[name])
    return max(ceil(share * (labelled + added)) - have, 0)


def _check_image_classes(census: Census, config: PlanConfig) -> None:
    names = {name for wanted in config.wanted for name in wanted.image_class_shares}
    if unknown := sorted(name for name in names if census.label_of(name) is None):
        known = [word for label in census.labels for word in label.vocabulary]
        raise ValueError(
            f"image_class_shares: wanted classes of the frames' labels, got {', '.join(unknown)}; "
            f"there are: {', '.join(known) or 'no labels at all'}"
        )


def fillable(
    plan: Plan, generators: Mapping[str, Refuses], parents: Iterable[FrameKey]
) -> tuple[Plan, tuple[UnfillableCell, ...]]:
    """The plan with only the options that some generator draws, and the cells that none draws.

    A generator draws an option where it does so from one of `parents` at least; without any that
    fits the plan's rule, where it refuses no conditions as such. Raises KeyError where the mix
    names a generator that is not among `generators`.
    """
    absent = sorted(plan.config.generators - generators.keys())
    if absent:
        raise KeyError(f"plan names generators that are not there: {', '.join(absent)}")
    parents = list(parents)
    fitting = {
        (key.conditions, key.layers): key for key in parents if plan.config.parents.fits(key)
    }
    needs: list[Need] = []
    unfillable: dict[str, UnfillableCell] = {}
    for need in plan.needs:
        if need.edit is not None:
            sentence = refusal_of_edit(need.edit, generators[need.edit.generator], parents)
            if sentence is None:
                needs.append(need)
            else:
                refused = ((need.edit.generator, sentence),)
                unfillable[need.cell] = UnfillableCell(need.cell, refused)
            continue
        options, refusals = _honoured(need, generators, [*fitting.values()] or [None])
        if options or not need.missing:
            needs.append(need.model_copy(update={"options": options}))
        else:
            unfillable.setdefault(need.cell, UnfillableCell(need.cell, refusals))
    return plan.model_copy(update={"needs": tuple(needs)}), tuple(unfillable.values())


def _honoured(
    need: Need, generators: Mapping[str, Refuses], parents: Sequence[FrameKey | None]
) -> tuple[tuple[Option, ...], tuple[tuple[str, str], ...]]:
    options: list[Option] = []
    refusals: dict[str, str] = {}
    for option in need.options:
        able = []
        for name in option.generators:
            generator = generators[name]
            sentences = [refusal_of(generator, option.conditions, parent) for parent in parents]
            if None in sentences:
                able.append(name)
            else:
                refusals.setdefault(name, str(sentences[0]))
        if able:
            options.append(option.model_copy(update={"generators": tuple(able)}))
    return tuple(options), tuple(refusals.items())
