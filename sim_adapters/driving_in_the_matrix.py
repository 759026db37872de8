"""Driving in the Matrix (Johnson-Roberson et al. 2017), known as Sim 10k: GTA V with boxes.

    VOC2012/Annotations/3384645.xml      the name is the number of a snapshot in their database
    VOC2012/JPEGImages/3384645.jpg
    VOC2012/ImageSets/Main/trainval10k.txt   trainval50k.txt, trainval200k.txt: one name per line
    VOC2012/SegmentationObject/...       not read: its colours repeat and name no object

<filename> names a file of the capture, not the JPEG: pictures go by the name of the XML. Some
<object> nodes are empty. Their `car` is everything that drives and is no motorcycle, so it is
VEHICLE here. `occluded` was made of how much of its box an object fills, which says little of what
hides it, and may be below 0; `truncated` is always 0; `handle` is the game's own number, which no
layer shows: none of the three is kept. Weather and hour are not told.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Literal

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._dataset_words import class_of_word, label_space_of
from parhelion.sim_adapters._grouping import numbered_block
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky
from parhelion.sim_adapters._voc_xml import homes, picture_and_annotation, voc_entries

CLASSES = {
    "car": SceneClass.VEHICLE,
    "motorbike": SceneClass.MOTORCYCLE,
    "person": SceneClass.PERSON,  # the exporter lists humans on foot alone
}
SNAPSHOTS_PER_GROUP = 1000  # nothing tells of drives, but neighbours in number are so in time


class DrivingInTheMatrixConfig(RecordingsConfig, StatedSky):
    """Where the dataset lies, which of its sets to read, and its sky."""

    image_set: Literal["all", "trainval10k", "trainval50k", "trainval200k"] = "all"


class DrivingInTheMatrix(Recordings):
    """GTA V pictures with boxes of cars, motorbikes and persons."""

    Config: ClassVar[type[PartConfig]] = DrivingInTheMatrixConfig
    gives: ClassVar[frozenset[str]] = frozenset({"objects"})
    about: ClassVar[About] = About(
        title="Driving in the Matrix (Sim 10k, 50k, 200k)",
        kind=Kind.SIMULATED,
        licence="research use; captures of a commercial game",
        units={"objects": "corners in pixels from 1, the last included: x0 = xmin - 1, x1 = xmax"},
        classes=CLASSES,
        label_space=label_space_of(CLASSES.values()),
        unverified=(
            "Corners may lie one pixel low: the captures cut them to whole numbers.",
            f"Frames are grouped by {SNAPSHOTS_PER_GROUP} numbers in a row, for want of drives.",
            "The licence of the frames was not found.",
        ),
    )

    config: DrivingInTheMatrixConfig

    def entries(self) -> Iterable[Entry]:
        image_set = "" if self.config.image_set == "all" else self.config.image_set
        for home in homes(self.root):
            for entry in voc_entries(self.root, home, image_set):
                yield replace(entry, group=numbered_block(entry.native_id, SNAPSHOTS_PER_GROUP))

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image, annotation = picture_and_annotation(files)
        name = files.names["annotation"]
        objects = []
        for found in annotation.objects:
            category = class_of_word(found.word, CLASSES, name)
            box = kept_box(found.box_xyxy, category, image.shape[:2], name, self.dropped)
            if box is not None:
                objects.append(SceneObject(category=category, box_xyxy=box))
        return Content(
            image=image,
            conditions=self.config.conditions,
            label_space=self.about.label_space,
            objects=tuple(objects),
        )


PART = DrivingInTheMatrix
