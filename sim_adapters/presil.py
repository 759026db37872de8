"""PreSIL (Hurl et al. 2019): GTA V frames in the layout of KITTI, with the game's buffers.

    object/training/image_2/000342.png    1920x1080
    object/training/depth/000342.bin      float32, row after row: 1 near, 0 far, as the game has it
    object/training/stencil/000342.raw    the game's byte, row after row
    object/training/label_2/000342.txt    type truncated occluded alpha box(4) size(3) place(3) yaw
    object/training/calib/000342.txt      P2: 3x4 projection of the camera, row after row

The buffers have no header: they are of the picture's size. Depth becomes metres by the planes that
the exporter states, 0.15 and 10,001.5 m; the formula in its tools mixes distance along the axis
with distance along the ray, and is 1 % off at 100 m. `occluded` is a share, not KITTI's four steps.
Places are in the camera's own axes, which are the world here. Point clouds are not read, nor are
the instance pictures, whose ids may have lost all but eight bits. Weather and hour are not told.
"""

import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._gtav_depth import Planes, space_of
from parhelion.sim_adapters._gtav_stencil import BASES, LABEL_SPACE
from parhelion.sim_adapters._kitti_text import label_rows, lens_of, projection
from parhelion.sim_adapters._listing import files_under
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

PLANES = Planes.of(0.15, 10001.5)
VERTICAL_FOV_DEG = 59.0
FOLDERS = {"depth": ".bin", "stencil": ".raw", "label_2": ".txt", "calib": ".txt"}

CLASSES = {
    "Car": SceneClass.CAR,
    "Van": SceneClass.CAR,
    "Truck": SceneClass.TRUCK,
    "Bus": SceneClass.BUS,
    "Tram": SceneClass.TRAIN,
    "Railed": SceneClass.TRAIN,
    "Motorbike": SceneClass.MOTORCYCLE,
    "Moterbike": SceneClass.MOTORCYCLE,  # as the exporter spells some
    "Cyclist": SceneClass.RIDER,  # its box holds the bicycle too
    "Pedestrian": SceneClass.PERSON,
    "Person_sitting": SceneClass.PERSON,
    "Animal": SceneClass.ANIMAL,
    "Trailer": SceneClass.VEHICLE,
    "Utility": SceneClass.VEHICLE,
    "Unknown": SceneClass.VEHICLE,  # the exporter says so of vehicles only
    "Boat": SceneClass.OTHER,
    "Airplane": SceneClass.OTHER,
    "Misc": SceneClass.OTHER,
}
OBJECT_CLASSES: LabelSpace = frozenset(CLASSES.values())


class PreSilConfig(GroupedConfig, StatedSky):
    """Where PreSIL lies, which frames belong together, and their sky."""


class PreSil(Recordings):
    """GTA V frames of PreSIL, some 51,000."""

    Config: ClassVar[type[PartConfig]] = PreSilConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "stencil_native", "depth", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="PreSIL",
        kind=Kind.SIMULATED,
        licence="captures of a commercial game; see the makers' page",
        units={
            "depth": "reversed-Z in raw float32; metres by planes at 0.15 and 10,001.5 m",
            "stencil": "raw byte; low three bits tell the class, the highest the player",
            "objects": "0-based pixels; metres to the middle of the 3D box; visibility is "
            "1 - occluded; DontCare regions are left out",
            "camera": "P2; the world's axes are the camera's own",
        },
        classes={f"stencil {i}": c for i, c in BASES.items()} | CLASSES,
        label_space=LABEL_SPACE | OBJECT_CLASSES,
        unverified=(
            "Types beside KITTI's are those that its exporter names; another one is refused.",
            "A box may end with the last pixel of its object and so be one pixel too small.",
            "Without a calibration the camera has a vertical angle of 59 degrees.",
            "Frames are grouped by neighbours in number, for want of scenes.",
            "Weather was clear by default; no frame says so: it is unknown unless the setting "
            "`weather` names it.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        base = next((b for b in ("object/training", "training") if (self.root / b).is_dir()), ".")
        found = {
            folder: files_under(self.root, f"{base}/{folder}", suffix)
            for folder, suffix in FOLDERS.items()
        }
        images = files_under(self.root, f"{base}/image_2", ".png", ".jpg")
        told = [stems for folder, stems in found.items() if folder != "calib"]
        for stem in sorted(set(images).union(*told)):
            files = {"image": images.get(stem, f"{base}/image_2/{stem}.png")}
            for folder, suffix in FOLDERS.items():
                if found[folder]:
                    # Named whether it is there or not: a frame without its labels is a bad frame.
                    files[folder] = found[folder].get(stem, f"{base}/{folder}/{stem}{suffix}")
            yield Entry(native_id=stem, group=self.config.group_of(stem), files=files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        image = files.image()
        size = image.shape[0], image.shape[1]
        raw = files.numbers("stencil", np.uint8, size) if "stencil" in files else None
        buffer = files.numbers("depth", np.float32, size) if "depth" in files else None
        depth, classes = space_of(buffer, raw, PLANES, entry.native_id)
        of_stencil = frozenset() if raw is None else LABEL_SPACE
        of_objects = OBJECT_CLASSES if "label_2" in files else frozenset()
        return Content(
            image=image,
            conditions=self.config.conditions,
            stencil=classes,
            label_space=of_stencil | of_objects,
            stencil_native=raw,
            depth=depth,
            objects=self._objects(files, size) if "label_2" in files else (),
            camera=_camera(files, size),
        )

    def _objects(self, files: SourceFiles, size: tuple[int, int]) -> tuple[SceneObject, ...]:
        text, name = files.text("label_2"), files.names["label_2"]
        return tuple(
            SceneObject(
                category=row.category,
                box_xyxy=row.box_xyxy,
                distance_m=row.bottom_m[2] if row.bottom_m[2] >= 0 else None,
                visibility=1 - row.occluded if 0 <= row.occluded <= 1 else None,
                truncation=row.truncation,
                centre_m=row.centre_m,
            )
            for row in label_rows(text, CLASSES, size, name, self.dropped)
        )


def _camera(files: SourceFiles, size: tuple[int, int]) -> Camera:
    """Of P2, which has no shift here; else by the angle that the exporter states."""
    height, width = size
    if "calib" not in files:
        focal = height / 2 / math.tan(math.radians(VERTICAL_FOV_DEG) / 2)
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        return Camera(intrinsics=intrinsics, camera_to_world=np.eye(4))
    name = files.names["calib"]
    p2 = projection(files.text("calib"), name)
    if p2[:, 3].any():
        sentence = f"{name}: wanted P2 without a shift, got {p2[:, 3].tolist()}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    return Camera(intrinsics=lens_of(p2, name), camera_to_world=np.eye(4))


PART = PreSil
