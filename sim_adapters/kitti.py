"""KITTI (Geiger et al. 2012): the object benchmark, and the pixel-level benchmark of 2015.

    training/image_2/000123.png      object: 7,481 pictures in shuffled order
    training/label_2/000123.txt      type truncated occluded alpha box(4) size(3) place(3) yaw
    training/calib/000123.txt        P2: 3x4 projection of this camera, row after row
    training/image_2/000123_10.png   2015: 200 pictures (_11 has no labels: no frame)
    training/semantic/000123_10.png  8 bits, Cityscapes label ids
    training/instance/000123_10.png  16 bits, class * 256 + instance (Cityscapes has * 1000)
    mapping/train_mapping.txt        of the object devkit: a line "date drive frame" per picture
    mapping/train_rand.txt           the line (from 1) of picture 0, of picture 1, ..., by commas

Boxes are 0-based floats. "DontCare" regions are left out: they hold objects too far off to label,
so a detector that finds one there is not wrong; boxes have no way to say so. Places are those of
the first camera, whose axes are the world here; the fourth column of P2 says where this camera
stands beside it. Point clouds are not read.
"""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import instance_objects
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._kitti_text import LabelRow, label_rows, lens_of, projection
from parhelion.sim_adapters._listing import files_under, with_missing
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES, class_table
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

MAPPING = ("mapping/train_mapping.txt", "mapping/train_rand.txt")
PER_CLASS = 256  # instances of 2015
CLASSES = {
    "Car": SceneClass.CAR,
    "Van": SceneClass.CAR,
    "Truck": SceneClass.TRUCK,
    "Pedestrian": SceneClass.PERSON,
    "Person_sitting": SceneClass.PERSON,
    "Cyclist": SceneClass.RIDER,  # its box holds the bicycle too
    "Tram": SceneClass.TRAIN,
    "Misc": SceneClass.OTHER,
}


class KittiConfig(GroupedConfig, StatedSky):
    """Where KITTI lies, and which half of it."""

    split: Literal["training", "testing"] = "training"  # "testing" has no labels


class Kitti(Recordings):
    """Both benchmarks, each picture with the labels that its name tells of."""

    Config: ClassVar[type[PartConfig]] = KittiConfig
    gives: ClassVar[frozenset[str]] = frozenset({"stencil", "instances", "objects", "camera"})
    about: ClassVar[About] = About(
        title="KITTI",
        kind=Kind.REAL,
        licence="CC BY-NC-SA 3.0",
        units={
            "objects": "0-based float pixels; metres to the middle of the 3D box; occluded, of "
            "four steps, is no share and not kept; DontCare regions are left out",
            "stencil": "PNG, Cityscapes label id",
            "instances": "16-bit PNG, class * 256 + instance; the value is the id",
            "camera": "P2; the world's axes are the first camera's",
        },
        classes=CLASSES,
        label_space=CITYSCAPES | frozenset(CLASSES.values()),
        unverified=(
            "Principal points have pixel centres at +0.5, as they are here: they may have them at "
            "whole numbers.",
            "The place of an object is the middle of the bottom of its 3D box.",
            "The licence is CC BY-NC-SA 3.0.",
            "Pictures of 2015 end in _10, and their instance 0 is no instance.",
            "KITTI was taken by day in dry weather; its files do not say so, and the settings "
            "`weather` and `time_of_day` do.",
            "Where the devkit's mapping is not there, object frames are grouped by calibration, "
            "which is one per day of recording; pictures of 2015 are grouped by their numbers.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        split = self.config.split
        images = files_under(self.root, f"{split}/image_2", ".png", ".jpg")
        folders = ("label_2", "semantic", "instance", "calib")
        found = {f: files_under(self.root, f"{split}/{f}", ".txt", ".png") for f in folders}
        try:
            drives = self._drives if split == "training" else []
        except BadFrame as error:
            drives = []
            yield Entry(native_id="mapping", group="mapping", problem=error)
        boxed = {stem: image for stem, image in images.items() if "_" not in stem}
        pixelwise = {stem: image for stem, image in images.items() if "_" in stem}
        place, masks = f"{split}/image_2", (found["semantic"], found["instance"])
        pictures = with_missing(boxed, place, ".png", found["label_2"])
        for stem, image in (pictures | with_missing(pixelwise, place, ".png", *masks)).items():
            if stem.endswith("_11"):
                continue
            files = {"image": image}
            for folder in ("semantic", "instance") if "_" in stem else ("label_2",):
                if found[folder]:
                    suffix = "txt" if folder == "label_2" else "png"
                    # Named whether it is there or not: a picture without its labels is a bad frame.
                    files[folder] = found[folder].get(stem, f"{split}/{folder}/{stem}.{suffix}")
            if stem in found["calib"]:
                files["calib"] = found["calib"][stem]
            yield Entry(
                native_id=f"{split}/{stem}", group=self._drive(stem, drives, files), files=files
            )

    def _drive(self, stem: str, drives: Sequence[str], files: dict[str, str]) -> str:
        if stem.isdecimal():
            number = int(stem)
            if number < len(drives):
                return drives[number]
            told = self.config.group_pattern is not None
            if not told and "calib" in files and self._calib_is_inside:
                camera = _projection_line(f"{self.root}/{files['calib']}")
                return f"camera-{digest(camera)[:8]}"
        return str(self.config.group_of(stem))

    @cached_property
    def _calib_is_inside(self) -> bool:
        folder: Path = self.root / self.config.split / "calib"
        return folder.resolve().is_relative_to(self.root.resolve())

    @cached_property
    def _drives(self) -> list[str]:
        """The drive of each picture of the object benchmark; empty without the mapping."""
        if not all((self.root / name).is_file() for name in MAPPING):
            return []
        texts = [documents.parse_text(documents.read_document(self.root, n), n) for n in MAPPING]
        lines = [line.split() for line in texts[0].splitlines()]
        try:
            return [lines[int(n) - 1][1] for n in texts[1].replace(",", " ").split()]
        except (ValueError, IndexError) as error:
            sentence = f"{MAPPING[1]}: wanted numbers of lines of {MAPPING[0]}, got {error}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image = files.image()
        known: dict[str, Any] = {"conditions": self.config.conditions}
        if "calib" in files:
            known["camera"] = _camera(files.text("calib"), files.names["calib"])
        if "semantic" in files or "instance" in files:
            known |= _pixels(files)
        elif "label_2" in files:
            text, name = files.text("label_2"), files.names["label_2"]
            rows = label_rows(text, CLASSES, image.shape[:2], name, self.dropped)
            known["objects"] = tuple(_object(row, known.get("camera")) for row in rows)
            known["label_space"] = frozenset(CLASSES.values())
        return Content(image=image, **known)


def _pixels(files: SourceFiles) -> dict[str, Any]:
    """Stencil, instances and their boxes."""
    table = class_table("cityscapes_label_ids")
    made: dict[str, Any] = {"label_space": CITYSCAPES}
    if "semantic" in files:
        made["stencil"] = stencil_of(files.ids("semantic"), table, files.names["semantic"])
    if "instance" in files:
        values = files.ids("instance")
        if values.dtype != np.uint16:
            sentence = f"{files.names['instance']}: wanted 16 bits, got {values.dtype}"
            raise BadFrame(Reason.WRONG_TYPE, sentence)
        if "stencil" not in made:
            made["stencil"] = stencil_of(values // PER_CLASS, table, files.names["instance"])
        made["instances"] = np.where(values % PER_CLASS, values, 0).astype(np.int32)
        made["objects"] = instance_objects(
            made["instances"], PER_CLASS, table, files.names["instance"]
        )
    return made


def _object(row: LabelRow, camera: Camera | None) -> SceneObject:
    ahead = row.bottom_m[2] - (0.0 if camera is None else float(camera.camera_to_world[2, 3]))
    placed = row.tall_m > 0  # -1 where only the box is known
    return SceneObject(
        category=row.category,
        box_xyxy=row.box_xyxy,
        distance_m=ahead if placed and ahead >= 0 else None,
        truncation=row.truncation,
        centre_m=row.centre_m if placed else None,
    )


def _camera(text: str, name: str) -> Camera:
    """P2 = K [1 | t], where t leads from the first camera's axes into this one's."""
    p2 = projection(text, name)
    k = lens_of(p2, name)
    camera_to_world = np.eye(4)
    camera_to_world[:3, 3] = -np.linalg.solve(k, p2[:, 3])
    return Camera(intrinsics=k, camera_to_world=camera_to_world)


def _projection_line(path: str) -> str:
    """The line P2 of a calibration, of a file and not of what a link or a pipe leads to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            head = file.read(4096)
    except OSError:
        return ""
    return next((str(line) for line in head.splitlines() if line.startswith(b"P2:")), "")


PART = Kitti
