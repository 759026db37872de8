"""VIPER, "Playing for Benchmarks" (Richter et al. 2017): GTA V drives under five conditions.

    SPLIT/img/001/001_00010.jpg       or .png; 1920x1080
    SPLIT/cls/001/001_00010.png       a palette picture: its indices are class ids
    SPLIT/inst/001/001_00010.png      three channels of numbers: R class, 256 * G + B instance
    SPLIT/bb/001/001_00010.csv        class, instance, 2D box (4), 3D box (6), model to camera (16)
    SPLIT/camera/001.csv              frame, projection (16), view (16), row by row
    conditions.csv                    not theirs: `sequence,condition`, written by whoever knows

SPLIT is train, val or test. R = 0 in inst is no instance. Classes are read by id, because two share
a colour. Where a sequence has a folder of cls or inst, each of its pictures must have its file in
it. Boxes are those of the instances; only where inst is not there, those of bb.
"""

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, Image, Instances, SceneObject
from parhelion.pipeline.layers import Box, instance_boxes
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._class_tables import codes, stencil_of
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import files_under, folders_under, with_missing
from parhelion.sim_adapters._poses import FLIP_Y_AND_Z, inverse, numbers, pinhole, rigid
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._viper_tables import (
    BY_ID,
    CLASSES,
    LABEL_SPACE,
    THINGS,
    BoxRows,
    box_rows,
    distance_m,
)

SPLITS = ("train", "val", "test")
LAYERS = {"cls": "stencil", "inst": "instances"}  # folder -> layer
BOX_ORDERS = {"x0,y0,x1,y1": (0, 1, 2, 3), "x0,x1,y0,y1": (0, 2, 1, 3), "y0,x0,y1,x1": (1, 0, 3, 2)}
PIXEL_ASPECT_SLACK = 0.05


class ViperConfig(RecordingsConfig):
    """Where VIPER lies, and what its files do not tell."""

    # Sequence ("train/001", or "001" for all splits) -> day, sunset, rain, night or snow.
    conditions: dict[str, str] = {}
    conditions_file: str = "conditions.csv"  # the same as a table; settings win over it
    # Of the four values of a 2D box in bb; asked for only where inst is not there.
    box_order: Literal["x0,y0,x1,y1", "x0,x1,y0,y1", "y0,x0,y1,x1"] = "x0,y0,x1,y1"


class Viper(Recordings):
    """GTA V drives with classes, instances and cameras."""

    Config: ClassVar[type[PartConfig]] = ViperConfig
    gives: ClassVar[frozenset[str]] = frozenset({"stencil", "instances", "objects", "camera"})
    about: ClassVar[About] = About(
        title="VIPER",
        kind=Kind.SIMULATED,
        licence="research use; captures of a commercial game",
        units={
            "stencil": "palette PNG, index = class id",
            "instances": "PNG, R = class, 256 G + B = instance; here 65536 R + 256 G + B",
            "objects": "boxes of the instances; without them, of the bb tables",
            "camera": "OpenGL projection and view; the world stays theirs, its y axis points up",
        },
        classes={name: c for name, (_, c) in CLASSES.items()},
        label_space=LABEL_SPACE,
        weathers={
            **dict.fromkeys(("day", "sunset", "night"), Weather.CLEAR),
            "rain": Weather.RAINING,
            "snow": Weather.SNOWING,
        },
        times={"day": TimeOfDay.DAY, "sunset": TimeOfDay.DUSK, "night": TimeOfDay.NIGHT},
        unverified=(
            "Which sequence has which condition is published nowhere that we found: a table "
            "conditions.csv or the setting `conditions` tells; else the weather is UNKNOWN.",
            "Day, sunset and night are taken for clear skies; rain and snow tell no time of day.",
            "The folders bb and camera, and the names of their files, follow the documentation's "
            "headings.",
            "The order of the four values of a 2D box in bb: setting `box_order`.",
            "The matrix of a 3D box is read row by row; the distance is that of the model's "
            "origin, and left out where that does not lie in the object's box.",
            "A person on a cycle counts as a person.",
            "Which classes are listed one by one: the ids from 20 on and those of the benchmark.",
        ),
    )

    def __init__(self, config: ViperConfig) -> None:
        super().__init__(config)
        self._camera_lines = lru_cache(maxsize=4)(self._read_camera_lines)

    def entries(self) -> Iterable[Entry]:
        table = self.config.conditions_file
        shared = {"conditions": table} if (self.root / table).is_file() else {}
        for split in SPLITS:
            cameras = files_under(self.root, f"{split}/camera", ".csv")
            for sequence in folders_under(self.root, f"{split}/img"):
                camera = cameras.get(sequence)
                common = shared | ({"camera": camera} if camera else {})
                yield from self._sequence(split, sequence, common)

    def _sequence(self, split: str, sequence: str, common: dict[str, str]) -> Iterable[Entry]:
        layers = {
            layer: files_under(self.root, f"{split}/{folder}/{sequence}", ".png")
            for folder, layer in LAYERS.items()
        }
        boxes = files_under(self.root, f"{split}/bb/{sequence}", ".csv")
        place = f"{split}/img/{sequence}"
        # Both are distributed; who fetched both has one frame twice, and PNG has lost nothing.
        images = files_under(self.root, place, ".jpg") | files_under(self.root, place, ".png")
        for stem, image in with_missing(images, place, ".jpg", *layers.values(), boxes).items():
            files = {"image": image, **common}
            for folder, layer in LAYERS.items():
                if layers[layer]:
                    missing = f"{split}/{folder}/{sequence}/{stem}.png"
                    files[layer] = layers[layer].get(stem, missing)
            if stem in boxes:
                files["boxes"] = boxes[stem]
            group = f"{split}/{sequence}"
            yield Entry(native_id=f"{split}/{stem}", group=group, files=files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image = files.image()
        stencil = None
        if "stencil" in files:
            stencil = stencil_of(files.ids("stencil"), BY_ID, files.names["stencil"])
        instances = _instances(files) if "instances" in files else None
        camera = self._camera(entry, files, image) if "camera" in files else None
        objects = self._objects(files, image, instances, camera)
        return Content(
            image=image,
            conditions=self._conditions(entry, files),
            stencil=stencil,
            label_space=_label_space(files),
            instances=instances,
            objects=objects,
            camera=camera,
        )

    def _conditions(self, entry: Entry, files: SourceFiles) -> Conditions:
        known = {**(self._listed_conditions if "conditions" in files else {})}
        known.update(self.config.conditions)
        word = known.get(entry.group) or known.get(entry.group.rpartition("/")[2], "")
        files.count_in(word)
        return conditions_in(self.about, weather=word, time=word, native=word)

    @cached_property
    def _listed_conditions(self) -> dict[str, str]:
        name = self.config.conditions_file
        text = documents.parse_text(documents.read_document(self.root, name), name)
        rows = list(documents.parse_table(text, name))
        if rows and not {"sequence", "condition"} <= rows[0].keys():
            got = ", ".join(rows[0])[:80]
            sentence = f"{name}: wanted the columns sequence, condition, got {got}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        return {row["sequence"].strip(): row["condition"].strip() for row in rows}

    def _read_camera_lines(self, name: str) -> dict[int, str]:
        """Lines of a sequence's cameras by frame; their numbers are read when they are wanted."""
        text = documents.parse_text(documents.read_document(self.root, name), name)
        lines: dict[int, str] = {}
        for line in text.splitlines():
            frame = line.partition(",")[0].strip().rpartition("_")[2]
            if frame.isdecimal() and len(frame) < 19:
                lines[int(frame)] = line
        return lines

    def _camera(self, entry: Entry, files: SourceFiles, image: Image) -> Camera:
        """OpenCV's camera of OpenGL's matrices. Raises BadFrame."""
        name = files.names["camera"]
        frame = entry.native_id.rpartition("_")[2]
        line = self._camera_lines(name).get(int(frame)) if frame.isdecimal() else None
        if line is None:
            raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted a row for frame {frame}, got none")
        files.count_in(line)
        what = f"{name}, frame {frame}"
        found = numbers(line.split(",")[1:33], what, Reason.BAD_CAMERA)
        height, width = image.shape[:2]
        view = rigid(found[16:], what)
        focal_x, focal_y = found[0] * width / 2, found[5] * height / 2
        intrinsics = pinhole(focal_x, focal_y, width / 2, height / 2, what)
        if abs(focal_x - focal_y) > PIXEL_ASPECT_SLACK * focal_y:
            sentence = f"{what}: wanted a projection for {width}x{height}, got other proportions"
            raise BadFrame(Reason.BAD_CAMERA, sentence)
        return Camera(intrinsics=intrinsics, camera_to_world=inverse(view) @ FLIP_Y_AND_Z)

    def _objects(
        self,
        files: SourceFiles,
        image: Image,
        instances: Instances | None,
        camera: Camera | None,
    ) -> tuple[SceneObject, ...]:
        name = files.names.get("boxes", "")
        rows = box_rows(files.text("boxes"), name) if name else {}
        if instances is None:
            boxes = self._listed_boxes(rows, name, image)
        else:
            boxes = instance_boxes(instances)
        return tuple(
            SceneObject(
                category=category,
                instance=None if instances is None else code,
                box_xyxy=box,
                distance_m=distance_m(rows[code], box, camera) if camera and code in rows else None,
            )
            for code, box in boxes.items()
            if (category := _category(code)) is not SceneClass.IGNORE
        )

    def _listed_boxes(self, rows: BoxRows, name: str, image: Image) -> dict[int, Box]:
        order = BOX_ORDERS[self.config.box_order]
        found = {}
        for code, row in rows.items():
            x0, y0, x1, y1 = (float(row[i]) for i in order)
            what = f"{name} (box_order {self.config.box_order})"
            corners = (x0, y0, x1, y1)
            box = kept_box(corners, _category(code), image.shape[:2], what, self.dropped)
            if box is not None:
                found[code] = box
        return found


def _label_space(files: SourceFiles) -> LabelSpace:
    if "stencil" in files:
        return LABEL_SPACE
    return THINGS if "instances" in files or "boxes" in files else frozenset()


def _category(code: int) -> SceneClass:
    found = BY_ID.get(code >> 16)
    if found is None:
        wanted = "instances of classes of the table"
        raise BadFrame(Reason.UNKNOWN_CLASS, f"wanted {wanted}, got class id {code >> 16}")
    return found


def _instances(files: SourceFiles) -> Instances:
    """65536 R + 256 G + B (H, W), which keeps classes apart; 0 where R is 0."""
    pixels = files.channels("instances")
    if pixels.dtype != np.uint8:
        name = files.names["instances"]
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted 8 bits a channel, got {pixels.dtype}")
    found = codes(pixels)
    found[found < 1 << 16] = 0
    return found


PART = Viper
