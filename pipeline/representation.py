"""The census as a table: one row per value of an axis or crossing, with its Wilson interval."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict
from statsmodels.stats.proportion import proportion_confint

from parhelion.pipeline.bias import Census, Tally, TallyKey, annotated, effective_groups
from parhelion.pipeline.scene_class import COARSE, PARENT, SceneClass

Axis = Literal["weather", "time of day", "weather x time of day"]
Measure = Literal["frames", "pixels", "objects"]
Entry = tuple[TallyKey, Tally]

AXES: dict[Axis, Callable[[TallyKey], str]] = {
    "weather": lambda key: key.weather.value,
    "time of day": lambda key: key.time_of_day.value,
    "weather x time of day": lambda key: key.cell,
}
COUNTED: dict[Measure, Callable[[Tally, SceneClass], int]] = {
    "frames": lambda tally, c: tally.frames_with.get(c, 0),
    "pixels": lambda tally, c: tally.pixels.get(c, 0),
    "objects": lambda tally, c: tally.objects.get(c, 0),
}


class RepresentationRow(BaseModel):
    """How much of a dataset has one value: `count` of `total`, within the label space."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    axis: str  # "weather", "class", "weather x class", "weather x image class", ...
    name: str  # "fog/day", "car", "fog/day x car"
    measure: Measure  # what is counted: frames that have it, pixels of it, objects of it
    count: int
    total: int
    share: float | None  # of 1; None where nothing was there to count
    interval: tuple[float, float] | None = None  # 95 %, Wilson over effective groups
    groups: int  # groups behind `total`
    effective_groups: float  # 1 / sum p_g^2

    @property
    def design_effect(self) -> float:
        """Rows per effective group: by how much counting rows would overstate the evidence."""
        return self.total / self.effective_groups if self.effective_groups else 0.0


class RepresentationChange(BaseModel):
    """One row before and after a run; None where that set had no such row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    axis: str
    name: str
    measure: Measure
    before: RepresentationRow | None
    after: RepresentationRow | None

    @property
    def change(self) -> float | None:
        """Share after less share before; None where either is not known."""
        shares = [row.share if row else None for row in (self.before, self.after)]
        return None if shares[0] is None or shares[1] is None else shares[1] - shares[0]


def representation_table(census: Census) -> list[RepresentationRow]:
    """Rows for weather, time of day, class, class of the whole image and their crossings.

    Conditions are shares of all frames. A class is a share of the frames, labelled pixels and
    objects of those sources that annotate it; in a crossing, of those under that condition. A class
    of the whole image is a share of the frames that have one of its vocabulary.
    """
    entries = list(census.tallies)
    rows = [row for axis in AXES for row in _condition_rows(axis, entries)]
    classes = sorted({c for key, _ in entries for c in key.label_space})
    rows += [row for c in classes for row in _class_rows("class", c.label, c, _by_source(entries))]
    rows += _image_class_rows("image class", "", census, entries)
    for axis, value_of in AXES.items():
        for value, there in _by_value(entries, value_of).items():
            sources = _by_source(there)
            for c in classes:
                rows += _class_rows(f"{axis} x class", f"{value} x {c.label}", c, sources)
            rows += _image_class_rows(f"{axis} x image class", f"{value} x ", census, there)
    return rows


def compare(before: Census, after: Census) -> list[RepresentationChange]:
    """Both tables row beside row. A condition that one set lacks has share 0 there."""
    tables = [
        {(row.axis, row.name, row.measure): row for row in representation_table(census)}
        for census in (before, after)
    ]
    keys = list(dict.fromkeys([*tables[0], *tables[1]]))
    return [
        RepresentationChange(
            axis=axis,
            name=name,
            measure=measure,
            before=_row_or_zero(tables[0], before, axis, name, measure),
            after=_row_or_zero(tables[1], after, axis, name, measure),
        )
        for axis, name, measure in keys
    ]


def _row_or_zero(
    table: dict[tuple[str, str, Measure], RepresentationRow],
    census: Census,
    axis: str,
    name: str,
    measure: Measure,
) -> RepresentationRow | None:
    row = table.get((axis, name, measure))
    if row is None and axis in AXES:
        return _row(axis, name, measure, 0, census.frames, _frames_by_group(census.tallies))
    return row


def _by_value(
    entries: Sequence[Entry], value_of: Callable[[TallyKey], str]
) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(value_of(entry[0]), []).append(entry)
    return dict(sorted(found.items()))


def _condition_rows(axis: Axis, entries: Sequence[Entry]) -> list[RepresentationRow]:
    groups = _frames_by_group(entries)
    total = _frames(entries)
    return [
        _row(axis, value, "frames", _frames(there), total, groups)
        for value, there in _by_value(entries, AXES[axis]).items()
    ]


def _frames(entries: Sequence[Entry]) -> int:
    return sum(tally.frames for _, tally in entries)


class _Source(NamedTuple):
    """All frames of one label space together."""

    label_space: tuple[SceneClass, ...]
    tally: Tally
    groups: dict[str, int]  # frames by group


def _by_source(entries: Sequence[Entry]) -> list[_Source]:
    found: dict[tuple[SceneClass, ...], list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry[0].label_space, []).append(entry)
    return [
        _Source(space, Tally.total(tally for _, tally in there), _frames_by_group(there))
        for space, there in found.items()
    ]


def _class_rows(
    axis: str, name: str, c: SceneClass, sources: Sequence[_Source]
) -> list[RepresentationRow]:
    """One row per measure, over the sources that annotate the class; none where no source does."""
    rows = []
    for measure, of in COUNTED.items():
        there = [source for source in sources if _annotates(source, c, measure)]
        groups: Counter[str] = Counter()
        for source in there:
            groups.update(source.groups)
        tally = Tally.total(source.tally for source in there)
        totals = {
            "frames": tally.frames,
            "pixels": tally.labelled_pixels,
            "objects": _objects(tally),
        }
        if there:
            rows.append(_row(axis, name, measure, of(tally, c), totals[measure], groups))
    return rows


def _image_class_rows(
    axis: str, before: str, census: Census, entries: Sequence[Entry]
) -> list[RepresentationRow]:
    """One row per class of every vocabulary, in its order, also where no frame has the class."""
    rows = []
    for label in census.labels:
        there = [entry for entry in entries if entry[0].image_class in label.vocabulary]
        groups, total = _frames_by_group(there), _frames(there)
        for name in label.vocabulary:
            count = _frames([entry for entry in there if entry[0].image_class == name])
            rows.append(_row(axis, f"{before}{name}", "frames", count, total, groups))
    return rows


def _annotates(source: _Source, c: SceneClass, measure: Measure) -> bool:
    """Whether the class can be counted there.

    Where a coarse class stands beside its fine ones, the stencil tells the coarse one and objects
    the fine ones, as in GTA V.
    """
    known = c in annotated(source.label_space)
    return known and (measure != "pixels" or PARENT.get(c) not in source.label_space)


def _objects(tally: Tally) -> int:
    """All objects, each once: coarse sums are left out, coarse words of the source are not."""
    own = sum(n for c, n in tally.objects.items() if c not in COARSE)
    for coarse in COARSE & set(tally.objects):
        own += tally.objects[coarse] - sum(
            n for c, n in tally.objects.items() if PARENT.get(c) is coarse
        )
    return own


def _frames_by_group(entries: Sequence[Entry]) -> dict[str, int]:
    groups: dict[str, int] = {}
    for key, tally in entries:
        groups[key.group_id] = groups.get(key.group_id, 0) + tally.frames
    return groups


def _row(
    axis: str, name: str, measure: Measure, count: int, total: int, groups: Mapping[str, int]
) -> RepresentationRow:
    effective = effective_groups(groups.values())
    share = count / total if total else None
    return RepresentationRow(
        axis=axis,
        name=name,
        measure=measure,
        count=count,
        total=total,
        share=share,
        interval=None if share is None else wilson(share, effective),
        groups=len(groups),
        effective_groups=effective,
    )


def wilson(share: float, observations: float) -> tuple[float, float]:
    """95 % Wilson interval of a share seen in (possibly fractional) effective observations."""
    low, high = proportion_confint(share * observations, observations, 0.05, method="wilson")
    return max(float(low), 0.0), min(float(high), 1.0)
