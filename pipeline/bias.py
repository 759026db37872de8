"""What a dataset has too little of: counts and shares by weather, time of day, class and crossings.

A class counts only in frames whose source annotates it (their label space); a class of the whole
image among the frames that have one of its vocabulary. The unit is the group:
with p_g the share of frames in group g, 1 / sum p_g^2 (Kish 1965; Simpson 1949) groups carry the
evidence, and the Wilson intervals are those of that many observations, not of the rows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.scene_class import COARSE, PARENT, LabelSpace, SceneClass

Count = Annotated[int, Field(ge=0)]
ClassCounts = dict[SceneClass, Count]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TallyKey(_Record):
    """Frames are counted together where all of this is equal."""

    group_id: str
    weather: Weather
    time_of_day: TimeOfDay
    label_space: tuple[SceneClass, ...]  # sorted
    image_class: str = ""  # of the whole image; empty = the frame has none

    @property
    def cell(self) -> str:
        return _cell(self.weather, self.time_of_day)


class Tally(_Record):
    """Counts over the frames of one key; a coarse class includes its fine ones."""

    frames: Count = 0
    labelled_pixels: Count = 0  # pixels of the stencils that are not IGNORE
    frames_with: ClassCounts = {}  # frames in which the class is seen
    pixels: ClassCounts = {}
    objects: ClassCounts = {}

    @classmethod
    def total(cls, tallies: Iterable["Tally"]) -> "Tally":
        """The counts of all of them together."""
        frames = labelled = 0
        frames_with: Counter[SceneClass] = Counter()
        pixels: Counter[SceneClass] = Counter()
        objects: Counter[SceneClass] = Counter()
        for tally in tallies:
            frames += tally.frames
            labelled += tally.labelled_pixels
            frames_with.update(tally.frames_with)
            pixels.update(tally.pixels)
            objects.update(tally.objects)
        return cls(
            frames=frames,
            labelled_pixels=labelled,
            frames_with=dict(sorted(frames_with.items())),
            pixels=dict(sorted(pixels.items())),
            objects=dict(sorted(objects.items())),
        )


class Census(_Record):
    """All counts of a set of frames; plain data, so chunks are counted apart and merged."""

    tallies: tuple[tuple[TallyKey, Tally], ...] = ()  # sorted by key
    labels: tuple[ImageLabel, ...] = ()  # the first class of each vocabulary that occurs, sorted

    def merged(self, other: "Census") -> "Census":
        """The census of both sets together; a frame in both counts twice."""
        return _census([*self.tallies, *other.tallies], {*self.labels, *other.labels})

    @property
    def frames(self) -> int:
        return sum(tally.frames for _, tally in self.tallies)

    def frames_in(self, cell: str) -> int:
        """Frames of a cell of conditions, such as "fog/day"."""
        return sum(tally.frames for key, tally in self.tallies if key.cell == cell)

    def frames_with(self, cell: str, scene_class: SceneClass) -> tuple[int, int]:
        """(frames that show the class, frames whose source annotates it) of a cell."""
        there = [
            tally
            for key, tally in self.tallies
            if key.cell == cell and scene_class in annotated(key.label_space)
        ]
        return (
            sum(t.frames_with.get(scene_class, 0) for t in there),
            sum(t.frames for t in there),
        )

    def frames_of(self, cell: str, image_class: str) -> tuple[int, int]:
        """(frames of an image-level class, frames that have one of its vocabulary) of a cell."""
        words = self.vocabulary_of(image_class)
        there = [(k.image_class, t.frames) for k, t in self.tallies if k.cell == cell]
        return (
            sum(frames for name, frames in there if name == image_class),
            sum(frames for name, frames in there if name in words),
        )

    def vocabulary_of(self, image_class: str) -> tuple[str, ...]:
        """The words of which it is one; none where no frame has a label of such a vocabulary."""
        label = self.label_of(image_class)
        return label.vocabulary if label is not None else ()

    def label_of(self, image_class: str) -> ImageLabel | None:
        """The label that frames of that class have; None where no vocabulary has it."""
        for label in self.labels:
            if image_class in label.vocabulary:
                return label.model_copy(update={"index": label.vocabulary.index(image_class)})
        return None


def census_of(frames: Iterable[Frame]) -> Census:
    """Counts frames one at a time; only counts are kept."""
    labels: set[ImageLabel] = set()

    def counted() -> Iterator[tuple[TallyKey, Tally]]:
        for frame in frames:
            if frame.label is not None:
                labels.add(frame.label.model_copy(update={"index": 0}))
            yield _key(frame), tally_of(frame)

    return _census(counted(), labels)


def tally_of(frame: Frame) -> Tally:
    """The counts of one frame, within its label space."""
    pixels: dict[SceneClass, int] = {}
    if frame.stencil is not None:
        per_id = np.bincount(frame.stencil.ravel(), minlength=256)
        pixels = {SceneClass(i): int(per_id[i]) for i in np.flatnonzero(per_id).tolist()}
        pixels.pop(SceneClass.IGNORE, None)
    objects: dict[SceneClass, int] = defaultdict(int)
    for thing in frame.objects:
        if thing.category in annotated(frame.label_space):
            objects[thing.category] += 1
    with_coarse = _with_coarse(pixels), _with_coarse(objects)
    return Tally(
        frames=1,
        labelled_pixels=sum(pixels.values()),
        frames_with=dict.fromkeys(sorted(with_coarse[0].keys() | with_coarse[1].keys()), 1),
        pixels=with_coarse[0],
        objects=with_coarse[1],
    )


@lru_cache
def annotated(label_space: LabelSpace | tuple[SceneClass, ...]) -> LabelSpace:
    """The classes that a source says something of: its own, and the parents of its fine ones."""
    return frozenset(label_space) | {PARENT[c] for c in label_space if c in PARENT}


def effective_groups(weights: Iterable[float]) -> float:
    """1 / sum p_g^2 of group weights: how many equal groups carry as much evidence; 0 of none."""
    w = np.array(list(weights), dtype=np.float64)
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


def _census(tallies: Iterable[tuple[TallyKey, Tally]], labels: Iterable[ImageLabel]) -> Census:
    of_key: dict[TallyKey, Tally] = {}
    for key, tally in tallies:
        of_key[key] = Tally.total([of_key[key], tally]) if key in of_key else tally
    return Census(
        tallies=tuple((key, of_key[key]) for key in sorted(of_key, key=_order)),
        labels=tuple(sorted(labels, key=lambda label: label.vocabulary)),
    )


@lru_cache
def _cell(weather: Weather, time_of_day: TimeOfDay) -> str:
    return Conditions(weather=weather, time_of_day=time_of_day).cell


def _order(key: TallyKey) -> tuple[str, str, str, tuple[SceneClass, ...], str]:
    return key.group_id, key.weather, key.time_of_day, key.label_space, key.image_class


def _key(frame: Frame) -> TallyKey:
    return TallyKey(
        group_id=frame.group_id,
        weather=frame.conditions.weather,
        time_of_day=frame.conditions.time_of_day,
        label_space=tuple(sorted(frame.label_space)),
        image_class="" if frame.label is None else frame.label.name,
    )


def _with_coarse(counts: Mapping[SceneClass, int]) -> dict[SceneClass, int]:
    """Each class, and each coarse class as the sum of itself and its fine ones."""
    totals = dict(counts)
    for c, count in counts.items():
        if c not in COARSE and c in PARENT:
            totals[PARENT[c]] = totals.get(PARENT[c], 0) + count
    return dict(sorted(totals.items()))
