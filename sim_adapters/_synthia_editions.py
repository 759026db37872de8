"""What the editions of SYNTHIA write differently: class ids, depth, cameras, labels of objects.

The same id is a motorcycle in one edition and a lane marking in another.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera, Depth, Image, Instances, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters import _layer_files as layer_files
from parhelion.sim_adapters._class_tables import codes
from parhelion.sim_adapters._kitti_text import label_rows, lens_of, projection
from parhelion.sim_adapters._poses import FLIP_Y_AND_Z, numbers, pinhole, rigid
from parhelion.sim_adapters._source_files import SourceFiles

COLOUR_TYPES = (2, 6)  # of a PNG's header: RGB and RGBA
MOST_CODE = (1 << 24) - 1
SF_FOCAL = 847.630211643 / 1920  # in widths of the picture

_COMMON = (  # ids 0 to 11, of RAND-CITYSCAPES and of the sequences of 2016
    *(SceneClass.IGNORE, SceneClass.SKY, SceneClass.BUILDING, SceneClass.ROAD),
    *(SceneClass.SIDEWALK, SceneClass.FENCE, SceneClass.VEGETATION, SceneClass.POLE),
    *(SceneClass.CAR, SceneClass.TRAFFIC_SIGN, SceneClass.PERSON, SceneClass.BICYCLE),
)
_RAND = (
    *_COMMON,
    SceneClass.MOTORCYCLE,
    SceneClass.IGNORE,  # parking slot
    SceneClass.OTHER,  # road work
    *(SceneClass.TRAFFIC_LIGHT, SceneClass.TERRAIN, SceneClass.RIDER, SceneClass.TRUCK),
    *(SceneClass.BUS, SceneClass.TRAIN, SceneClass.WALL),
    SceneClass.ROAD,  # lane marking
)
_SEQS = (
    *_COMMON,
    SceneClass.ROAD,  # lane marking
    *(SceneClass.IGNORE, SceneClass.IGNORE),  # reserved
    SceneClass.TRAFFIC_LIGHT,
)
_SF = (
    SceneClass.IGNORE,
    *(c for c in SceneClass if c <= SceneClass.BICYCLE),  # in the order of Cityscapes' train ids
    SceneClass.ROAD,  # road lines
    *(SceneClass.OTHER, SceneClass.OTHER),  # other, road works
)
_NOT_IN_RAND = frozenset({SceneClass.TERRAIN, SceneClass.TRUCK, SceneClass.TRAIN})
_DISPUTED = dict.fromkeys((4, 5, 15, 23, 24, 25), SceneClass.IGNORE)


@dataclass(frozen=True)
class Edition:
    """How the files of one edition read."""

    classes: Mapping[int, SceneClass]
    metres_per_unit: float  # of depth
    numbered: bool  # G of the labels is the instance
    absent: LabelSpace = frozenset()  # classes that have an id and never occur

    @property
    def label_space(self) -> LabelSpace:
        return frozenset(self.classes.values()) - {SceneClass.IGNORE} - self.absent


EDITIONS = {
    "RAND": Edition(dict(enumerate(_RAND)), 0.01, numbered=True, absent=_NOT_IN_RAND),
    "SEQS": Edition(dict(enumerate(_SEQS)), 0.01, numbered=True),
    "SF": Edition(dict(enumerate(_SF)), 1000 / MOST_CODE, numbered=False),
    "AL": Edition(dict(enumerate(_SF)) | _DISPUTED, 5000 / MOST_CODE, numbered=False),
}
AL_OBJECTS = {
    "Car": SceneClass.CAR,
    "Van": SceneClass.CAR,
    "Truck": SceneClass.TRUCK,
    "Pedestrian": SceneClass.PERSON,
    "Cyclist": SceneClass.RIDER,
    "Bicycle": SceneClass.BICYCLE,
    "Wheelchair": SceneClass.OTHER,
    "TrafficLight": SceneClass.TRAFFIC_LIGHT,
    "TrafficSign": SceneClass.TRAFFIC_SIGN,
}


def depth_of(files: SourceFiles, edition: Edition) -> Depth:
    """Metres (H, W) float32; the largest number is the sky.

    Centimetres lie in one channel or in three equal ones; the later editions spread 24 bits over
    three channels, R lowest. Raises BadFrame.
    """
    data, name = files.data("depth"), files.names["depth"]
    if data[25:26] and data[25] in COLOUR_TYPES:
        planes = layer_files.decode_channels(data, name, files.max_pixels)
    else:
        planes = layer_files.decode_ids(data, name, files.max_pixels)
    wide = planes.dtype == np.uint16
    if edition.numbered and wide:
        values, largest = planes if planes.ndim == 2 else planes[..., 0], 65535
    elif not edition.numbered and planes.ndim == 3 and planes.dtype == np.uint8:
        values, largest = codes(planes[..., 2::-1]), MOST_CODE
    else:
        wanted = "centimetres of 16 bits" if edition.numbered else "three channels of 8 bits"
        got = f"{planes.dtype}, {planes.shape}"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted depth in {wanted}, got {got}")
    depth: Depth = values.astype(np.float32) * np.float32(edition.metres_per_unit)
    depth[values == largest] = np.inf
    return depth


def numbered_objects(instances: Instances, edition: Edition) -> tuple[SceneObject, ...]:
    """The instances, 65536 * class id + number, with their boxes."""
    return tuple(
        SceneObject(category=category, instance=i, box_xyxy=box)
        for i, box in instance_boxes(instances).items()
        if (category := edition.classes[i >> 16]) is not SceneClass.IGNORE
    )


def seqs_camera(files: SourceFiles) -> Camera:
    """Of `intrinsics` (focal length, principal point, baseline) and `pose` (16 numbers).

    The pose leads from OpenGL's camera axes to the world. Raises BadFrame.
    """
    name = files.names["intrinsics"]
    lens = numbers(files.text("intrinsics").split(), name, Reason.BAD_CAMERA)
    if len(lens) < 3:
        sentence = f"{name}: wanted focal length and principal point, got {len(lens)} numbers"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    focal, x, y = map(float, lens[:3])
    name = files.names["pose"]
    found = numbers(files.text("pose").split(), name, Reason.BAD_CAMERA)
    # Column after column: only then the shift stands last. A pose without shift reads either way
    # but for its rotation, and no frame of a drive stands at the world's origin.
    if len(found) == 16 and np.any(found[12:15]):
        found = found.reshape(4, 4).T.reshape(-1)
    return Camera(
        intrinsics=pinhole(focal, focal, x, y, files.names["intrinsics"]),
        camera_to_world=rigid(found, name) @ FLIP_Y_AND_Z,
    )


def sf_camera(image: Image) -> Camera:
    """Of one lens for all pictures; where it stood is not told, so the world is the camera's."""
    height, width = image.shape[:2]
    focal = SF_FOCAL * width
    intrinsics = pinhole(focal, focal, width / 2, height / 2, "SYNTHIA-SF")
    return Camera(intrinsics=intrinsics, camera_to_world=np.eye(4))


def al_camera(files: SourceFiles) -> Camera:
    """Of a KITTI calibration; the world is the camera's."""
    name = files.names["calibration"]
    p2 = projection(files.text("calibration"), name)
    return Camera(intrinsics=lens_of(p2, name), camera_to_world=np.eye(4))


def al_objects(files: SourceFiles, image: Image, dropped: Counter[str]) -> tuple[SceneObject, ...]:
    """Of KITTI lines; truncation and occlusion are written as 0 throughout and not kept."""
    text, name = files.text("objects"), files.names["objects"]
    return tuple(
        SceneObject(
            category=row.category,
            box_xyxy=row.box_xyxy,
            distance_m=row.bottom_m[2] if row.bottom_m[2] >= 0 else None,
            centre_m=row.centre_m,
        )
        for row in label_rows(text, AL_OBJECTS, image.shape[:2], name, dropped)
    )
