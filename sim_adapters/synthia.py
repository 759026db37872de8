"""SYNTHIA (Ros et al. 2016 and later): four editions of streets drawn by a game engine.

RAND-CITYSCAPES, 9,400 unrelated views of 1280x760:

    RGB/0000000.png  GT/LABELS/0000000.png  Depth/0000000.png

SYNTHIA-SEQS, drives of eight cameras each under many skies, 1280x760:

    SYNTHIA-SEQS-05-SPRING/RGB/Stereo_Left/Omni_F/000000.png, and below GT/LABELS and Depth alike
                          /CameraParams/Stereo_Left/Omni_F/000000.txt, /CameraParams/intrinsics.txt

SYNTHIA-SF, 1920x1080, and SYNTHIA-AL, 640x480:

    SEQ1/RGBLeft/0000000.png  SEQ1/GTLeft/0000000.png  SEQ1/DepthLeft/0000000.png
    train/NAME_weather_0_.../19-10-2018_12-47-37/{RGB,SemSeg,Depth}/000101.png
                                                /{labels_kitti,calib_kitti}/000101.txt

Labels are channels of numbers, of 16 bits in the first two editions: R is the class, G the instance
of things that move. GT/COLOR is for the eye and not read.

There are no twins. A drive of SYNTHIA-SEQS under another sky is another run through the same
streets, with other traffic and another number of frames; all of them are one group. The other
editions tell of no sky.
"""

import os
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import files_under, folders_under, with_missing
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky
from parhelion.sim_adapters._synthia_editions import (
    AL_OBJECTS,
    EDITIONS,
    Edition,
    al_camera,
    al_objects,
    depth_of,
    numbered_objects,
    seqs_camera,
    sf_camera,
)

DRIVE = re.compile(r"SYNTHIA-SEQS-(\d+)-([A-Z]+)", re.IGNORECASE)
SF_DRIVE = re.compile(r"SEQ\d+", re.IGNORECASE)
AL_WEATHER = re.compile(r"_(weather_[^_/]*)")
TEXTS = ("pose", "objects", "calibration")
NONE: Mapping[str, str] = MappingProxyType({})

SKIES = {
    "dawn": (Weather.CLEAR, TimeOfDay.DAWN),
    "fall": (Weather.CLEAR, TimeOfDay.DAY),
    "fog": (Weather.FOGGY, TimeOfDay.DAY),
    "night": (Weather.CLEAR, TimeOfDay.NIGHT),
    "rain": (Weather.RAINING, TimeOfDay.DAY),
    "rainnight": (Weather.RAINING, TimeOfDay.NIGHT),
    "softrain": (Weather.RAINING, TimeOfDay.DAY),
    "spring": (Weather.CLEAR, TimeOfDay.DAY),
    "summer": (Weather.CLEAR, TimeOfDay.DAY),
    "sunset": (Weather.CLEAR, TimeOfDay.DUSK),
    "winter": (Weather.CHRISTMAS, TimeOfDay.DAY),
    "winternight": (Weather.CHRISTMAS, TimeOfDay.NIGHT),
}


class SynthiaConfig(RecordingsConfig, StatedSky):
    """Where SYNTHIA lies, and the sky of the editions that tell none."""


class Synthia(Recordings):
    """Drawn streets with classes and depth, and with instances or objects by edition."""

    Config: ClassVar[type[PartConfig]] = SynthiaConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "depth", "instances", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="SYNTHIA",
        kind=Kind.SIMULATED,
        licence="non-commercial research",
        units={
            "stencil": "PNG of three channels of numbers: R = class id, by edition",
            "instances": "65536 R + G of the same; RAND-CITYSCAPES and SYNTHIA-SEQS only",
            "depth": "16 bits, cm; SF and AL: R + 256 G + 65536 B, of 16777215 = 1000 m and 5000 m",
            "objects": "boxes of the instances; SYNTHIA-AL: KITTI lines",
            "camera": "SEQS: poses in OpenGL's axes; SF, AL: the lens, the world is the camera's",
        },
        classes={
            f"{name} {i}": c
            for name, edition in EDITIONS.items()
            for i, c in edition.classes.items()
        },
        label_space=frozenset[SceneClass]().union(
            AL_OBJECTS.values(), *(edition.label_space for edition in EDITIONS.values())
        ),
        weathers={word: weather for word, (weather, _) in SKIES.items()},
        times={word: time for word, (_, time) in SKIES.items()},
        unverified=(
            "The licence of the data.",
            "Depth lies along the optical axis, and its largest number is the sky.",
            "Seasons, dawn, sunset and night are taken for clear skies, seasons for day; winter "
            "for snow that lies and does not fall.",
            "A lane marking is road; id 11 of SYNTHIA-SEQS is a bicycle, its rider included.",
            "Poses of SYNTHIA-SEQS lead from OpenGL's camera axes to the world, column by column.",
            "The class ids of SYNTHIA-AL are those of SYNTHIA-SF; ids that readers dispute "
            "(4, 5, 15) or nobody names (23, 24, 25) become IGNORE.",
            "What the weather numbers of SYNTHIA-AL mean: its weather is UNKNOWN.",
            "SYNTHIA-SF has one lens of 847.63 pixels at a width of 1920.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        yield from self._pictures("RGB", {"stencil": "GT/LABELS", "depth": "Depth"}, "RAND")
        for folder in folders_under(self.root):
            if drive := DRIVE.fullmatch(folder):
                yield from self._drive(folder, f"SEQS/{drive[1]}")
            elif SF_DRIVE.fullmatch(folder):
                layers = {"stencil": f"{folder}/GTLeft", "depth": f"{folder}/DepthLeft"}
                yield from self._pictures(f"{folder}/RGBLeft", layers, f"SF/{folder}")
            elif folder in ("train", "test"):
                for name in folders_under(self.root, folder):
                    yield from self._runs(f"{folder}/{name}", f"AL/{AL_WEATHER.sub('', name)}")

    def _drive(self, drive: str, group: str) -> Iterable[Entry]:
        texts = files_under(self.root, f"{drive}/CameraParams", ".txt")
        shared = {"intrinsics": texts["intrinsics"]} if "intrinsics" in texts else {}
        for side in folders_under(self.root, f"{drive}/RGB"):
            for way in folders_under(self.root, f"{drive}/RGB/{side}"):
                view = f"{side}/{way}"
                layers = {
                    "stencil": f"{drive}/GT/LABELS/{view}",
                    "depth": f"{drive}/Depth/{view}",
                    "pose": f"{drive}/CameraParams/{view}",
                }
                yield from self._pictures(f"{drive}/RGB/{view}", layers, group, shared)

    def _runs(self, folder: str, group: str) -> Iterable[Entry]:
        for date in folders_under(self.root, folder):
            place = f"{folder}/{date}"
            layers = {
                "stencil": f"{place}/SemSeg",
                "depth": f"{place}/Depth",
                "objects": f"{place}/labels_kitti",
                "calibration": f"{place}/calib_kitti",
            }
            yield from self._pictures(f"{place}/RGB", layers, group)

    def _pictures(
        self, images: str, layers: Mapping[str, str], group: str, shared: Mapping[str, str] = NONE
    ) -> Iterable[Entry]:
        """The pictures of one folder; of a layer that is there, each must have its file."""
        suffixes = {layer: ".txt" if layer in TEXTS else ".png" for layer in layers}
        there = {
            layer: files_under(self.root, folder, suffixes[layer])
            for layer, folder in layers.items()
        }
        labels = (there[layer] for layer in ("stencil", "depth", "objects") if layer in there)
        pictures = files_under(self.root, images, ".png")
        for stem, image in with_missing(pictures, images, ".png", *labels).items():
            files = {"image": image, **shared}
            for layer, folder in layers.items():
                if there[layer]:
                    missing = f"{folder}/{stem}{suffixes[layer]}"
                    files[layer] = there[layer].get(stem, missing)
            own = f"{group}/{stem}" if group == "RAND" else group  # views that nothing joins
            yield Entry(native_id=os.path.splitext(image)[0], group=own, files=files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        edition = EDITIONS[entry.group.partition("/")[0]]
        image = files.image()
        known: dict[str, Any] = {"conditions": self.config.completed(self._conditions(entry))}
        space = set(edition.label_space if "stencil" in files else ())
        if "stencil" in files:
            known |= _labels(files, edition)
        if "depth" in files:
            known["depth"] = depth_of(files, edition)
        if "objects" in files:
            known["objects"] = al_objects(files, image, self.dropped)
            space |= set(AL_OBJECTS.values())
        if entry.group.startswith("SF/"):
            known["camera"] = sf_camera(image)
        elif "calibration" in files:
            known["camera"] = al_camera(files)
        elif "pose" in files and "intrinsics" in files:
            known["camera"] = seqs_camera(files)
        return Content(image=image, label_space=frozenset(space), **known)

    def _conditions(self, entry: Entry) -> Conditions:
        if drive := DRIVE.match(entry.native_id):
            return conditions_in(self.about, drive[2], drive[2], native=drive[2])
        number = AL_WEATHER.search(entry.native_id)
        return Conditions(native=number[1] if number else "")


def _labels(files: SourceFiles, edition: Edition) -> dict[str, Any]:
    """Stencil, and of the editions that number things, instances and their boxes."""
    channels = files.channels("stencil")
    ids = np.ascontiguousarray(channels[..., 0])
    if ids.max() < 256:
        ids = ids.astype(np.uint8)
    stencil = stencil_of(ids, edition.classes, files.names["stencil"])
    if not edition.numbered:
        return {"stencil": stencil}
    # The same number on another class is another thing: 65536 * class + number.
    numbers = channels[..., 1].astype(np.int32)
    instances = np.where(numbers, ids.astype(np.int32) << 16 | numbers, 0)
    objects = numbered_objects(instances, edition)
    return {"stencil": stencil, "instances": instances, "objects": objects}


PART = Synthia
