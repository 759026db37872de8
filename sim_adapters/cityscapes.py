"""Cityscapes (Cordts et al. 2016), with the fog and the rain that others drew over it.

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png       2048x1024
    leftImg8bit_foggy/train/aachen/..._leftImg8bit_foggy_beta_0.02.png  fog (Sakaridis et al. 2018)
    leftImg8bit_rain/train/aachen/..._leftImg8bit_rain_alpha_0.01_beta_0.005_dropsize_0.01_pattern_1.png
    gtFine/train/aachen/aachen_000000_000019_gtFine_{labelIds,instanceIds,polygons}.{png,json}
    gtCoarse/...                                                        the same, roughly drawn
    disparity/train/aachen/aachen_000000_000019_disparity.png           uint16
    camera/train/aachen/aachen_000000_000019_camera.json

What lies there is read; every part but the pictures may be missing. Polygons are read only where a
city has no labelIds. Labels of the test split are dummies and are left alone. Fog and rain are
drawn over real pictures, so those frames are simulated ones, and twins of the clear one.

A group is a city, the unit by which the makers split. Some cities are one drive cut into snippets
that are seconds apart, each with a sequence number of its own: the number keeps nothing apart.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import instance_objects
from parhelion.sim_adapters._cityscapes_polygons import FIRST_THING, PER_CLASS, POLYGONS, drawn
from parhelion.sim_adapters._cityscapes_stereo import CAMERA
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import files_under, folders_under
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._scene_vocabularies import (
    CITYSCAPES,
    CITYSCAPES_LABEL_IDS,
    LAST_LABEL_ID,
    class_table,
)
from parhelion.sim_adapters._source_files import SourceFiles

Pictures = Literal["leftImg8bit", "leftImg8bit_foggy", "leftImg8bit_rain"]
Labels = Literal["gtFine", "gtCoarse"]

NUMBER = r"(\d{1,3}(?:\.\d{1,6})?)"
STEM = r"(?P<stem>[^/]+_\d{6}_\d{6})_"
NAMES: dict[Pictures, re.Pattern[str]] = {
    "leftImg8bit": re.compile(rf"{STEM}leftImg8bit"),
    "leftImg8bit_foggy": re.compile(rf"{STEM}leftImg8bit_foggy_beta_{NUMBER}"),
    "leftImg8bit_rain": re.compile(
        rf"{STEM}leftImg8bit_rain_alpha_{NUMBER}_beta_{NUMBER}_dropsize_{NUMBER}_pattern_{NUMBER}"
    ),
}
SKIES = {"leftImg8bit": "clear", "leftImg8bit_foggy": "foggy", "leftImg8bit_rain": "rain"}
EXTINCTION_AT_VISIBILITY = math.log(20)  # at the limit of sight 5 % of the contrast is left
LABEL_CLASSES = class_table("cityscapes_label_ids")
THINGS = {i: LABEL_CLASSES[i] for i in range(FIRST_THING, LAST_LABEL_ID + 1)}  # caravans: IGNORE
UNLABELLED = ("test", "demoVideo")


class CityscapesConfig(RecordingsConfig):
    """Where Cityscapes lies, and what of it is wanted."""

    pictures: frozenset[Pictures] = frozenset(get_args(Pictures))
    labels: tuple[Labels, ...] = ("gtFine", "gtCoarse")  # the first that a city has


@dataclass(frozen=True)
class BesidePictures:
    """What a city has beside its pictures: by layer, what stands before and after the stem."""

    paths: dict[str, tuple[str, str]] = field(default_factory=dict)
    labelled: set[str] = field(default_factory=set)  # stems

    def files(self, stem: str) -> dict[str, str]:
        """Paths by layer; a file that is not there is listed too, and makes a bad frame."""
        return {layer: before + stem + after for layer, (before, after) in self.paths.items()}


class Cityscapes(Recordings):
    """Street pictures of fifty cities, finely labelled, and their foggy and rainy twins."""

    Config: ClassVar[type[RecordingsConfig]] = CityscapesConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "instances", "objects", "depth", "camera"}
    )
    about: ClassVar[About] = About(
        title="Cityscapes, Foggy Cityscapes, Rain Cityscapes",
        licence="custom, non-commercial",
        units={
            "stencil": "8-bit PNG of label ids; ids without a train class become IGNORE",
            "instances": "16 bits: below 1000 a class, or several things at once, which have no "
            "instance; else class * 1000 + number, which is kept",
            "depth": "disparity p in uint16: baseline * fx * 256 / (p - 1) metres; 0 unknown, "
            "1 infinitely far",
            "camera": "fx, fy, u0, v0, pixels; the world's axes are the camera's own",
            "visibility_m": "ln(20) / beta of the fog",
        },
        classes={f"id {i}": c for i, c in sorted(CITYSCAPES_LABEL_IDS.items())},
        label_space=CITYSCAPES,
        weathers={"clear": Weather.CLEAR, "foggy": Weather.FOGGY, "rain": Weather.RAINING},
        times={"day": TimeOfDay.DAY},
        unverified=(
            "Nothing is told of weather and hour: frames count as clear day, as the makers chose "
            "dry days, though many skies are grey.",
            "`fy` of the camera files, and whether pixel centres lie at 0 or at 0.5.",
            "The rain's names follow file lists of its users; its own haze (beta) gives no "
            "visibility.",
            "A number behind the city's folder, as in stuttgart_00, is a drive of that city.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        for tree in sorted(self.config.pictures):
            for split in folders_under(self.root, tree):
                for city in folders_under(self.root, f"{tree}/{split}"):
                    yield from self._city(tree, split, city)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image = files.image()
        size = image.shape[0], image.shape[1]
        stencil, instances = None, None
        objects: tuple[SceneObject, ...] = ()
        if ids := _label_ids(files, size):
            name, plain, numbered = ids
            stencil = stencil_of(plain, LABEL_CLASSES, name)
            if numbered is not None:
                # Ids of single things; plain classes and crowds are none.
                instances = (numbered * (numbered >= PER_CLASS)).astype(np.int32)
                objects = instance_objects(instances, PER_CLASS, THINGS, name)
        camera = files.document("camera", CAMERA) if "camera" in files else None
        depth = None
        if camera and "disparity" in files:
            depth = camera.depth(files.ids("disparity"), files.names["disparity"])
        return Content(
            image=image,
            conditions=self._conditions(files.names["image"]),
            stencil=stencil,
            label_space=frozenset() if stencil is None else CITYSCAPES,
            instances=instances,
            objects=objects,
            depth=depth,
            camera=camera.camera if camera else None,
        )

    def _conditions(self, image: str) -> Conditions:
        """From the name of a picture."""
        name = image.rpartition("/")[2].rpartition(".")[0]
        # The index has refused names that fit none.
        tree, told = next((tree, m) for tree, n in NAMES.items() if (m := n.fullmatch(name)))
        beta = float(told[2]) if tree == "leftImg8bit_foggy" else 0.0
        return conditions_in(
            self.about,
            SKIES[tree],
            "day",
            native=name.removeprefix(f"{told['stem']}_"),
            visibility_m=EXTINCTION_AT_VISIBILITY / beta if beta else None,
        )

    def _city(self, tree: Pictures, split: str, city: str) -> Iterator[Entry]:
        folder = f"{tree}/{split}/{city}"
        group = city.partition("_")[0]  # stuttgart_00 is a drive through Stuttgart
        beside = self._beside(split, city)
        pictures = files_under(self.root, folder, ".png")
        clear = tree == "leftImg8bit"
        missing = set(beside.labelled) if clear and pictures else set()
        for name, image in pictures.items():
            told = NAMES[tree].fullmatch(name)
            if told is None:
                wanted = f"a name such as {city}_000000_000019_{tree}..., got another"
                problem = BadFrame(Reason.BAD_METADATA, f"{image}: wanted {wanted}")
                yield Entry(native_id=image, group=group, files={"image": image}, problem=problem)
                continue
            stem = told["stem"]
            missing.discard(stem)
            yield Entry(
                native_id=f"{split}/{name}",
                group=group,
                files={"image": image, **beside.files(stem)},
                twin=stem,
                kind=None if clear else Kind.SIMULATED,
            )
        for stem in missing:  # labels without their picture
            name = f"{stem}_{tree}"
            files = {"image": f"{folder}/{name}.png", **beside.files(stem)}
            yield Entry(native_id=f"{split}/{name}", group=group, files=files, twin=stem)

    def _beside(self, split: str, city: str) -> BesidePictures:
        found = BesidePictures()
        for layer, suffix in (("disparity", ".png"), ("camera", ".json")):
            place = f"{layer}/{split}/{city}"
            if files_under(self.root, place, suffix):
                found.paths[layer] = f"{place}/", f"_{layer}{suffix}"
        for labels in () if split in UNLABELLED else self.config.labels:
            place = f"{labels}/{split}/{city}"
            names = files_under(self.root, place, ".png", ".json")
            kinds = {name.rpartition("_")[2] for name in names}
            wanted = ("labelIds", "instanceIds") if "labelIds" in kinds else ("polygons",)
            if kinds & {"labelIds", "polygons"}:
                for kind in (kind for kind in wanted if kind in kinds):  # in order, for stamps
                    suffix = ".json" if kind == "polygons" else ".png"
                    found.paths[kind] = f"{place}/", f"_{labels}_{kind}{suffix}"
                found.labelled.update(name.partition(f"_{labels}_")[0] for name in names)
                break
        return found


def _label_ids(
    files: SourceFiles, size: tuple[int, int]
) -> tuple[str, NDArray[Any], NDArray[Any] | None] | None:
    """Name of the labels, plain ids (H, W), and numbered ids (H, W) where they are there."""
    if "labelIds" in files:
        numbered = files.ids("instanceIds") if "instanceIds" in files else None
        return files.names["labelIds"], files.ids("labelIds"), numbered
    if "polygons" in files:
        name = files.names["polygons"]
        numbered = drawn(files.document("polygons", POLYGONS), size, name)
        plain = np.where(numbered < PER_CLASS, numbered, numbered // PER_CLASS)
        return name, plain.astype(np.uint8), numbered
    return None


PART = Cityscapes
