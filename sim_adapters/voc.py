"""Pascal VOC (Everingham et al. 2010), and whatever else is kept in its layout.

    VOC2012/Annotations/2007_000027.xml          boxes; the folder VOC2012 may be left out
    VOC2012/JPEGImages/2007_000027.jpg
    VOC2012/ImageSets/Main/train.txt             read where the setting `image_set` names it
    VOC2012/SegmentationClass/2007_000027.png    a palette picture of class ids, for some frames
    VOC2012/SegmentationObject/2007_000027.png   a palette picture of object numbers

A picture is found by the name of its XML: <filename> may name another file. Boxes count from 1 and
include their last pixel. Class masks are read where `mask_classes` says what their ids mean.
Weather and hour are not told.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Instances, SceneObject
from parhelion.pipeline.layers import Box, box_area, instance_boxes
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._dataset_words import (
    WORDS,
    ClassIds,
    ClassWords,
    class_of_word,
    label_space_of,
)
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._listing import files_under
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky
from parhelion.sim_adapters._voc_xml import VocObject, homes, picture_and_annotation, voc_entries

VOID = 255  # of masks: borders and what is hard to tell
SAME_THING = 0.5  # overlap over union above which a numbered mask and a box are one object
ANIMALS = ("bird", "cat", "cow", "dog", "horse", "sheep")
OTHER_THINGS = (
    *("aeroplane", "boat", "bottle", "chair"),
    *("diningtable", "pottedplant", "sofa", "tvmonitor"),
)
VOC_WORDS: dict[str, SceneClass] = {
    **{word: WORDS[word] for word in ("bicycle", "bus", "car", "motorbike", "person", "train")},
    **dict.fromkeys(ANIMALS, SceneClass.ANIMAL),
    **dict.fromkeys(OTHER_THINGS, SceneClass.OTHER),
}


class VocConfig(GroupedConfig, StatedSky):
    """Where the dataset lies, what its words and ids mean, and its sky."""

    image_set: str = ""  # of ImageSets/Main, such as "train"; empty = every frame
    classes: ClassWords = VOC_WORDS  # class words; one that is not here is refused
    mask_classes: ClassIds = {}  # ids in SegmentationClass beside 0 and 255, which are ignored


class Voc(Recordings):
    """Boxes in Pascal VOC's layout, masks where there are any."""

    Config: ClassVar[type[PartConfig]] = VocConfig
    gives: ClassVar[frozenset[str]] = frozenset({"objects", "stencil", "instances"})
    about: ClassVar[About] = About(
        title="Pascal VOC",
        licence="as the setting `licence` says",
        units={
            "objects": "corners in pixels from 1, the last included: x0 = xmin - 1, x1 = xmax; "
            "the flags truncated and occluded become a share of 0 where they are 0, none where 1; "
            "difficult objects are kept",
            "stencil": "palette PNG of ids that `mask_classes` explains; background is ignored",
            "instances": "palette PNG of object numbers; 255 = border, becomes 0",
        },
        classes=VOC_WORDS,
        label_space=label_space_of(VOC_WORDS.values()),
        unverified=(
            "A flag of 0 is read as nothing truncated or hidden, though VOC's annotators let small "
            "shares pass.",
            "Numbers in SegmentationObject follow the order of objects in the XML; a number is "
            "given to an object only where the mask's box and the object's agree.",
            "The word person is read as persons, though VOC's persons may ride.",
        ),
    )

    config: VocConfig

    @property
    def label_space(self) -> LabelSpace:
        return label_space_of([*self.config.classes.values(), *self.config.mask_classes.values()])

    def entries(self) -> Iterable[Entry]:
        for home in homes(self.root):
            layers = {"instances": files_under(self.root, f"{home}SegmentationObject", ".png")}
            if self.config.mask_classes:
                layers["stencil"] = files_under(self.root, f"{home}SegmentationClass", ".png")
            for entry in voc_entries(self.root, home, self.config.image_set):
                stem = entry.group
                masks = {layer: found[stem] for layer, found in layers.items() if stem in found}
                group = self.config.group_of(f"{home}{stem}")
                yield replace(entry, group=group, files={**entry.files, **masks})

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image, annotation = picture_and_annotation(files)
        instances = _numbers(files) if "instances" in files else None
        stencil = None
        if "stencil" in files:
            ids = {0: SceneClass.IGNORE, VOID: SceneClass.IGNORE, **self.config.mask_classes}
            stencil = stencil_of(files.ids("stencil"), ids, files.names["stencil"])
        objects = []
        tight = instance_boxes(instances) if instances is not None else {}
        for number, found in enumerate(annotation.objects, 1):
            where = f"{files.names['annotation']}, object {number}"
            category = class_of_word(found.word, self.config.classes, where)
            box = kept_box(found.box_xyxy, category, image.shape[:2], where, self.dropped)
            if box is not None:
                same = number in tight and _overlap(tight[number], box) > SAME_THING
                objects.append(_object(found, category, box, number if same else None))
        return Content(
            image=image,
            conditions=self.config.conditions,
            stencil=stencil,
            label_space=self.label_space,
            instances=instances,
            objects=tuple(objects),
        )


def _object(found: VocObject, category: SceneClass, box: Box, instance: int | None) -> SceneObject:
    return SceneObject(
        category=category,
        instance=instance,
        box_xyxy=box,
        visibility=1.0 if found.occluded == 0 else None,
        truncation=0.0 if found.truncated == 0 else None,
    )


def _numbers(files: SourceFiles) -> Instances:
    """Object numbers (H, W), void as background."""
    ids: NDArray[np.integer] = files.ids("instances")
    numbers: Instances = ids.astype(np.int32)
    numbers[ids == VOID] = 0
    return numbers


def _overlap(one: Box, other: Box) -> float:
    """Common area over the area of both together."""
    shared = box_area(
        (
            *(max(one[0], other[0]), max(one[1], other[1])),
            *(min(one[2], other[2]), min(one[3], other[3])),
        )
    )
    return shared / (box_area(one) + box_area(other) - shared)


PART = Voc
