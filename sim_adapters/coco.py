"""COCO's instances (Lin et al. 2014), and whatever else is written in their JSON.

    annotations/instances_val2017.json    images, categories, annotations
    val2017/000000000139.jpg              or images/val2017/, or images/
    train/_annotations.coco.json          or beside its pictures

Boxes are x, y, width, height from 0, so that x1 = x + width. Masks are polygons, or runs in column
order, plain or packed. Where a file has any masks, they are painted into a stencil and numbered
instances, small objects on large ones; what no mask covers is not annotated and is ignored. Crowds
are no objects: they are left out, and their pixels are ignored. COCO tells of no sky, but a
picture's record may hold "attributes": {"weather": "rainy", "timeofday": "night"}.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Instances, SceneObject
from parhelion.pipeline.layers import Box
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._coco_document import (
    Annotation,
    CocoDocument,
    Mask,
    Picture,
    Runs,
    read_coco,
)
from parhelion.sim_adapters._coco_masks import (
    Patch,
    Shape,
    Size,
    is_visible,
    painted,
    polygon_patches,
    runs_patch,
    unpacked,
)
from parhelion.sim_adapters._condition_words import TIME_WORDS, WEATHER_WORDS, conditions_in
from parhelion.sim_adapters._dataset_words import (
    WORDS,
    ClassWords,
    bare,
    class_of_word,
    label_space_of,
)
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._listing import files_under, folders_under
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

INSTANCES = "instances_"  # what files of instances are called, before the name of their set
BESIDE = "_annotations.coco.json"  # a file that lies beside its pictures


class CocoConfig(GroupedConfig, StatedSky):
    """Where the dataset lies, what its words mean, and the sky of pictures that tell none."""

    annotations: tuple[str, ...] = ()  # files relative to the root; empty = the usual ones
    images: str = ""  # folder that file names start from, relative to the root; empty = found
    classes: ClassWords = {}  # what words mean that are not known, or mean something else here


class Thing(NamedTuple):
    """An annotation that is kept."""

    number: int
    category: SceneClass
    box: Box
    mask: Mask
    where: str


class Coco(Recordings):
    """Boxes and masks of COCO's JSON."""

    Config: ClassVar[type[PartConfig]] = CocoConfig
    gives: ClassVar[frozenset[str]] = frozenset({"objects", "stencil", "instances"})
    about: ClassVar[About] = About(
        title="COCO instances",
        licence="as the setting `licence` says",
        units={
            "objects": "x, y, width, height, pixels from 0; crowds are left out",
            "stencil": "painted from the masks, small ones on large ones; the rest is ignored; a "
            "pixel is inside a polygon where its centre is, which differs from pycocotools by "
            "single pixels along slanted edges",
            "instances": "numbered in the file's order, from 1: COCO's own ids may exceed 32 bits",
        },
        classes=WORDS,
        label_space=label_space_of(WORDS.values()),
        weathers=WEATHER_WORDS,
        times=TIME_WORDS,
        unverified=(
            "The names weather and timeofday of attributes follow other datasets' habits.",
            "Which of two overlapping objects lies in front is not told.",
            "The word person is read as persons, though COCO's persons may ride.",
        ),
    )

    config: CocoConfig

    def entries(self) -> Iterable[Entry]:
        for name, document in self._documents.items():
            if isinstance(document, BadFrame):
                yield Entry(native_id=name, group=name, problem=document)
                continue
            told = {"annotations": name}
            for what, problem in document.problems.items():
                where = f"{name}, {what}"
                yield Entry(native_id=where, group=where, files=told, problem=problem)
            folder = self._folders[name]
            for file_name in document.pictures:
                path = f"{folder}{file_name}"
                group = self.config.group_of(os.path.splitext(path)[0])
                yield Entry(native_id=path, group=group, files={"image": path, **told})

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        document = self._documents[files.names["annotations"]]
        assert isinstance(document, CocoDocument), "its frames have a problem otherwise"
        told = document.told(entry.native_id.removeprefix(self._folders[document.name]))
        files.count_in([told.text, sorted(document.categories.items())])
        image = files.image()
        size = image.shape[:2]
        _check_size(told.picture, size, document.name)
        classes = {**WORDS, **self.config.classes}
        things = list(self._things(told.annotations, document, classes, size))
        shapes = _shapes(things, size)
        stencil = instances = None
        if document.has_masks:
            stencil, instances = painted(shapes, size)
        known = {bare(word) for word in document.categories.values()} & classes.keys()
        sky = told.picture.attributes
        conditions = conditions_in(self.about, sky.weather, sky.timeofday)
        return Content(
            image=image,
            conditions=self.config.completed(conditions),
            stencil=stencil,
            label_space=label_space_of(classes[word] for word in known),
            instances=instances,
            objects=tuple(
                _object(thing, shape, instances)
                for thing, shape in zip(things, shapes, strict=True)
            ),
        )

    def _things(
        self,
        annotations: Sequence[Annotation],
        document: CocoDocument,
        classes: Mapping[str, SceneClass],
        size: Size,
    ) -> Iterator[Thing]:
        """What is annotated and kept. Raises BadFrame."""
        for number, one in enumerate(annotations, 1):
            where = f"{document.name}, image {one.image_id}, annotation {number}"
            word = document.categories.get(one.category_id)
            if word is None:
                sentence = f"{where}: wanted one of its `categories`, got {one.category_id}"
                raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
            category = class_of_word(word, classes, where)
            if one.iscrowd:
                self.dropped["crowd regions"] += 1
                continue
            x, y, width, height = one.bbox
            box = kept_box((x, y, x + width, y + height), category, size, where, self.dropped)
            if box is not None:
                yield Thing(number, category, box, one.segmentation, where)

    @cached_property
    def _documents(self) -> dict[str, CocoDocument | BadFrame]:
        """By name: what was read, or why it could not be."""
        return {name: _document(self.root, name) for name in self._names()}

    @cached_property
    def _folders(self) -> dict[str, str]:
        """Where the file names of each document start."""
        return {name: self._folder_of(name) for name in self._documents}

    def _names(self) -> Sequence[str]:
        """The files of annotations, relative to the root."""
        if self.config.annotations:
            return self.config.annotations
        instances = files_under(self.root, "annotations", ".json")
        beside = (f"{folder}/{BESIDE}" for folder in folders_under(self.root))
        found = [name for stem, name in instances.items() if stem.startswith(INSTANCES)]
        found += [name for name in beside if (self.root / name).is_file()]
        return found or [f"annotations/{INSTANCES}*.json"]  # which is not there, and reported

    def _folder_of(self, name: str) -> str:
        """Where the file names of a document start, relative to the root, with a slash."""
        if self.config.images:
            return f"{self.config.images.rstrip('/')}/"
        part = os.path.splitext(os.path.basename(name))[0].removeprefix(INSTANCES)
        for place in (part, f"images/{part}", "images"):
            if (self.root / place).is_dir():
                return f"{place}/"
        return f"{os.path.dirname(name)}/".removeprefix("/")


def _document(root: Path, name: str) -> CocoDocument | BadFrame:
    try:
        return read_coco(root, name)
    except BadFrame as problem:
        return problem


def _check_size(picture: Picture, size: Size, name: str) -> None:
    """Raises BadFrame where the record speaks of a picture of another size."""
    told = (picture.height or size[0], picture.width or size[1])
    if told != size:
        sentence = (
            f"{name}, image {picture.file_name}: wanted labels for a picture of "
            f"{size[1]}x{size[0]}, got them for {told[1]}x{told[0]}"
        )
        raise BadFrame(Reason.SIZE_MISMATCH, sentence)


def _shapes(things: Sequence[Thing], size: Size) -> list[Shape]:
    """What each of them fills; nothing where it has no mask. Raises BadFrame."""
    polygons = [
        (polygon, thing.where)
        for thing in things
        if isinstance(thing.mask, list)
        for polygon in thing.mask
    ]
    filled = iter(polygon_patches([p for p, _ in polygons], size, [where for _, where in polygons]))
    return [
        Shape(
            thing.number,
            thing.category,
            [next(filled) for _ in thing.mask]
            if isinstance(thing.mask, list)
            else _runs_patches(thing.mask, size, thing.where),
        )
        for thing in things
    ]


def _runs_patches(mask: Runs | None, size: Size, where: str) -> list[Patch]:
    if mask is None:
        return []
    if mask.size != size:
        told = f"{mask.size[1]}x{mask.size[0]}"
        sentence = f"{where}: wanted a mask of {size[1]}x{size[0]}, got one of {told}"
        raise BadFrame(Reason.SIZE_MISMATCH, sentence)
    counts = unpacked(mask.counts, where) if isinstance(mask.counts, str) else mask.counts
    return [runs_patch(counts, size, where)]


def _object(thing: Thing, shape: Shape, instances: Instances | None) -> SceneObject:
    seen = instances is not None and is_visible(shape, instances)
    return SceneObject(
        category=thing.category, instance=thing.number if seen else None, box_xyxy=thing.box
    )


PART = Coco
