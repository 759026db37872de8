"""BDD100K (Yu et al. 2020): single frames of 100,000 drives, in two sets that overlap in name only.

    images/100k/train/0000f77c-6257be58.jpg     1280x720
    labels/det_20/det_train.json                boxes and sky of the 100k set (Scalabel)
    images/10k/train/0004a4c0-d4dff0ad.jpg
    labels/sem_seg/masks/train/NAME.png         of the 10k set: Cityscapes train ids
    labels/ins_seg/bitmasks/train/NAME.png      of the 10k set: RGBA = class, flags, id's two bytes
    labels/pan_seg/bitmasks/train/NAME.png      the same, with classes of its own

A name stands for a drive. It can lie in both sets, as two frames of that drive with labels of their
own: a frame is (set, split, name), its group is the drive. The 10k set has no words for its sky.
137 pictures of the 100k set have no entry in the list: they are bad frames, because a picture
without boxes would pass for an empty street.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import Field

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._bdd_bitmasks import (
    FIRST_PANOPTIC_THING,
    INSTANCE_CLASSES,
    PANOPTIC_CLASSES,
    bitmask_classes,
    bitmask_things,
)
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import files_under, folders_under, with_missing
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._scalabel import (
    ScalabelFrame,
    ScalabelList,
    scalabel_frame,
    scalabel_list,
    scalabel_objects,
)
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES, CITYSCAPES_TRAIN_IDS
from parhelion.sim_adapters._source_files import SourceFiles

# Their detection categories, and what older releases called them; IGNORE: no class of ours.
CATEGORIES = {
    **dict.fromkeys(("pedestrian", "person"), SceneClass.PERSON),
    "rider": SceneClass.RIDER,
    **dict.fromkeys(("car", "caravan", "van"), SceneClass.CAR),
    "truck": SceneClass.TRUCK,
    "bus": SceneClass.BUS,
    "train": SceneClass.TRAIN,
    **dict.fromkeys(("motorcycle", "motor"), SceneClass.MOTORCYCLE),
    **dict.fromkeys(("bicycle", "bike"), SceneClass.BICYCLE),
    "traffic light": SceneClass.TRAFFIC_LIGHT,
    "traffic sign": SceneClass.TRAFFIC_SIGN,
    **dict.fromkeys(("other person", "other vehicle", "trailer"), SceneClass.IGNORE),
}
BOXED = frozenset(CATEGORIES.values()) - {SceneClass.IGNORE}
THINGS = frozenset(INSTANCE_CLASSES.values()) - {SceneClass.IGNORE}
PANOPTIC = CITYSCAPES | {SceneClass.STREET_LIGHT}
MASKS = {
    "sem_seg": "labels/sem_seg/masks",
    "ins_seg": "labels/ins_seg/bitmasks",
    "pan_seg": "labels/pan_seg/bitmasks",
}
# Classes, and the first of them that is a thing; the better known things come first.
BITMASKS = {"ins_seg": (INSTANCE_CLASSES, 1), "pan_seg": (PANOPTIC_CLASSES, FIRST_PANOPTIC_THING)}


class Bdd100kConfig(RecordingsConfig):
    """Where BDD100K lies."""

    # Boxes of the 100k set; older releases: "labels/bdd100k_labels_images_{split}.json".
    detections: Annotated[str, Field(pattern=r"\{split\}")] = "labels/det_20/det_{split}.json"


class Bdd100k(Recordings):
    """Frames of American dash cameras under all skies, with boxes or masks."""

    Config: ClassVar[type[RecordingsConfig]] = Bdd100kConfig
    gives: ClassVar[frozenset[str]] = frozenset({"stencil", "instances", "objects"})
    about: ClassVar[About] = About(
        title="BDD100K",
        licence="education, research and non-profit use",
        units={
            "objects": "pixels, 0-based, largest included, so 1 is added; a box that is not "
            "occluded has visibility 1, one that is has none told; truncation likewise",
            "stencil": "8-bit PNG of Cityscapes train ids; else of panoptic ids, in R",
            "instances": "RGBA PNG: R class, G flags, id = B * 256 + A; crowds have no instance",
        },
        classes=CATEGORIES | {f"panoptic id {i}": c for i, c in PANOPTIC_CLASSES.items()},
        label_space=PANOPTIC,
        weathers={
            "clear": Weather.CLEAR,
            "partly cloudy": Weather.CLOUDS,
            "overcast": Weather.OVERCAST,
            "rainy": Weather.RAINING,
            "snowy": Weather.SNOWING,
            "foggy": Weather.FOGGY,
        },
        times={"daytime": TimeOfDay.DAY, "dawn/dusk": TimeOfDay.DUSK, "night": TimeOfDay.NIGHT},
        unverified=(
            "Dawn and dusk are one word: it counts as dusk.",
            "Weather and time are noisy, as its users report.",
            "A name without its suffix stands for one drive, in both sets.",
            "Instance classes 1-8 are the first eight detection categories, in their order.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        for split in folders_under(self.root, "images/100k"):
            yield from self._boxed_entries(split)
        for split in folders_under(self.root, "images/10k"):
            yield from self._masked_entries(split)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        if "detections" in files:
            return self._boxed(entry, files)
        if "sem_seg" in files or "ins_seg" in files or "pan_seg" in files:
            return self._masked(files)
        return Content(image=files.image())

    @cached_property
    def _lists(self) -> dict[str, ScalabelList | BadFrame]:
        """By split; a split without a list has no labels, such as test."""
        found: dict[str, ScalabelList | BadFrame] = {}
        for split in folders_under(self.root, "images/100k"):
            name = self.config.detections.replace("{split}", split)
            try:
                found[split] = scalabel_list(self.root, name)
            except BadFrame as error:
                if error.reason is not Reason.MISSING_FILE:
                    found[split] = error
        return found

    @cached_property
    def _videos(self) -> dict[str, str]:
        videos: dict[str, str] = {}
        for frames in self._lists.values():
            if isinstance(frames, ScalabelList):
                videos |= frames.videos
        return videos

    def _boxed_entries(self, split: str) -> Iterator[Entry]:
        pictures = files_under(self.root, f"images/100k/{split}", ".jpg")
        frames = self._lists.get(split)
        if isinstance(frames, ScalabelList):
            yield from self._listed_entries(split, frames, pictures)
            return
        for stem, image in pictures.items():
            yield Entry(
                native_id=f"100k/{split}/{stem}",
                group=self._videos.get(stem, stem),
                files={"image": image},
                problem=frames,
            )

    def _listed_entries(
        self, split: str, frames: ScalabelList, pictures: dict[str, str]
    ) -> Iterator[Entry]:
        # A list without any picture is only a part of the dataset that was not fetched.
        for stem in pictures.keys() | (frames.spans.keys() if pictures else set()):
            files = {"detections": frames.name}
            if stem in pictures:
                files["image"] = pictures[stem]
            yield Entry(
                native_id=f"100k/{split}/{stem}",
                group=self._videos.get(stem, stem),
                files=files,
                problem=_gap(frames, stem, pictured=stem in pictures),
            )
        for place, problem in frames.broken.items():
            name = f"{frames.name}#{place}"
            yield Entry(
                native_id=name, group=name, files={"detections": frames.name}, problem=problem
            )

    def _masked_entries(self, split: str) -> Iterator[Entry]:
        masks = {
            kind: found
            for kind, folder in MASKS.items()
            if (found := files_under(self.root, f"{folder}/{split}", ".png"))
        }
        # What gives the stencil is listed whether it is there or not: without it the frame is bad.
        stencil = next((kind for kind in ("sem_seg", "pan_seg") if kind in masks), "")
        place = f"images/10k/{split}"
        pictures = files_under(self.root, place, ".jpg")
        for stem, image in with_missing(pictures, place, ".jpg", *masks.values()).items():
            files = {"image": image}
            files |= {kind: there[stem] for kind, there in masks.items() if stem in there}
            if stencil:
                files.setdefault(stencil, f"{MASKS[stencil]}/{split}/{stem}.png")
            yield Entry(
                native_id=f"10k/{split}/{stem}", group=self._videos.get(stem, stem), files=files
            )

    def _boxed(self, entry: Entry, files: SourceFiles) -> Content:
        _, split, stem = entry.native_id.split("/", 2)
        frames = self._lists[split]
        assert isinstance(frames, ScalabelList)
        frame, text = scalabel_frame(self.root, frames, stem)
        files.count_in(text)
        image = files.image()
        size = image.shape[0], image.shape[1]
        if frame.size is not None and (frame.size.height, frame.size.width) != size:
            wanted = f"{frame.size.width}x{frame.size.height} as {frames.name} says"
            sentence = f"{files.names['image']}: wanted {wanted}, got {size[1]}x{size[0]}"
            raise BadFrame(Reason.SIZE_MISMATCH, sentence)
        return Content(
            image=image,
            conditions=self._conditions(frame),
            label_space=BOXED,
            objects=scalabel_objects(frame, CATEGORIES, size, frames.name, self.dropped),
        )

    def _conditions(self, frame: ScalabelFrame) -> Conditions:
        if frame.attributes is None:
            return Conditions()
        weather, scene, time = (
            word or ""
            for word in (
                frame.attributes.weather,
                frame.attributes.scene,
                frame.attributes.timeofday,
            )
        )
        native = "; ".join(word for word in (weather, scene, time) if word)
        return conditions_in(self.about, weather, time, native=native)

    def _masked(self, files: SourceFiles) -> Content:
        read = {kind: files.channels(kind) for kind in BITMASKS if kind in files}
        stencil, instances, space = None, None, THINGS
        objects: tuple[SceneObject, ...] = ()
        if read:
            kind = next(iter(read))
            instances, objects = bitmask_things(read[kind], *BITMASKS[kind], files.names[kind])
        if "sem_seg" in files:
            name = files.names["sem_seg"]
            stencil = stencil_of(files.ids("sem_seg"), CITYSCAPES_TRAIN_IDS, name)
            space = CITYSCAPES
        elif "pan_seg" in files:
            stencil = bitmask_classes(read["pan_seg"], PANOPTIC_CLASSES, files.names["pan_seg"])
            space = PANOPTIC
        return Content(
            image=files.image(),
            stencil=stencil,
            label_space=space,
            instances=instances,
            objects=objects,
        )


def _gap(frames: ScalabelList, stem: str, *, pictured: bool) -> BadFrame | None:
    """What a frame of the 100k set lacks."""
    if not pictured:
        sentence = f"{stem}: wanted a picture for this frame of {frames.name}, it is not there"
        return BadFrame(Reason.MISSING_FILE, sentence)
    if stem not in frames.spans:
        sentence = f"{stem}: wanted this frame in {frames.name}, it is not there"
        return BadFrame(Reason.BAD_METADATA, sentence)
    if stem in frames.repeated:
        sentence = f"{stem}: wanted this frame once in {frames.name}, got it twice"
        return BadFrame(Reason.DUPLICATE_ID, sentence)
    return None


PART = Bdd100k
