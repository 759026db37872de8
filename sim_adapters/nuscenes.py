"""nuScenes (Caesar et al. 2020): drives in Boston and Singapore, boxes in space.

    v1.0-mini/scene.json, sample.json, sample_data.json, ...     tables, linked by tokens
    samples/CAM_FRONT/n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg
    sweeps/CAM_FRONT/...     pictures between the annotated ones, which have no boxes

Boxes are annotated in space, in global axes, once for all cameras. Here they become rectangles: the
part of the 3D box that falls into the picture, whether or not something hides it. Their visibility
is the middle of the interval that annotators chose, over all six cameras together. The weather
stands in the words of a scene's description only; the hour is the time of the picture by the
clock of the car, whose offset the log's name tells.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import folders_under
from parhelion.sim_adapters._nuscenes_tables import Bodies, Placed, Shot, Tables
from parhelion.sim_adapters._projected_boxes import corners_of, rectangles
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._rotations import rotation_matrices
from parhelion.sim_adapters._source_files import SourceFiles

TABLES = (
    *("sample_data", "sample_annotation", "calibrated_sensor", "ego_pose", "sample", "scene"),
    *("instance", "category", "sensor", "log", "visibility"),
)
CLASSES = {
    "animal": SceneClass.ANIMAL,
    "human.pedestrian.adult": SceneClass.PERSON,
    "human.pedestrian.child": SceneClass.PERSON,
    "human.pedestrian.construction_worker": SceneClass.PERSON,
    "human.pedestrian.personal_mobility": SceneClass.PERSON,
    "human.pedestrian.police_officer": SceneClass.PERSON,
    "human.pedestrian.stroller": SceneClass.OTHER,
    "human.pedestrian.wheelchair": SceneClass.PERSON,
    "movable_object.barrier": SceneClass.OTHER,
    "movable_object.debris": SceneClass.DEBRIS,
    "movable_object.pushable_pullable": SceneClass.OTHER,
    "movable_object.trafficcone": SceneClass.OTHER,
    "static_object.bicycle_rack": SceneClass.OTHER,
    "vehicle.bicycle": SceneClass.BICYCLE,
    "vehicle.bus.bendy": SceneClass.BUS,
    "vehicle.bus.rigid": SceneClass.BUS,
    "vehicle.car": SceneClass.CAR,
    "vehicle.construction": SceneClass.OTHER,
    "vehicle.emergency.ambulance": SceneClass.CAR,
    "vehicle.emergency.police": SceneClass.CAR,
    "vehicle.motorcycle": SceneClass.MOTORCYCLE,
    "vehicle.trailer": SceneClass.OTHER,
    "vehicle.truck": SceneClass.TRUCK,
}
LABEL_SPACE = frozenset(CLASSES.values())
# Looked for at the start of words, so that no train makes rain; the first that is there counts.
WEATHERS = {"after rain": Weather.CLEARING, "rain": Weather.RAINING}
TIMES = {"night": TimeOfDay.NIGHT}
OFFSET = re.compile(r"([+-])(\d\d)(\d\d)$")
LEVEL = re.compile(r"v(\d+)-(\d+)$")


class NuscenesConfig(RecordingsConfig):
    """Which tables, and which cameras."""

    version: str = ""  # folder of the tables, such as v1.0-mini; empty = the only one there
    cameras: tuple[str, ...] = ("CAM_FRONT",)  # channels
    sweeps: bool = False  # also the pictures between the annotated ones, which have no boxes


class Nuscenes(Recordings):
    """Pictures of nuScenes with the rectangles of its boxes."""

    Config: ClassVar[type[PartConfig]] = NuscenesConfig
    gives: ClassVar[frozenset[str]] = frozenset({"objects", "camera"})
    about: ClassVar[About] = About(
        title="nuScenes",
        kind=Kind.REAL,
        licence="CC BY-NC-SA 4.0",
        units={
            "objects": "3D boxes, metres, global axes; the rectangle of the part inside the "
            "picture, hidden or not; visibility = middle of 0-40, 40-60, 60-80 or 80-100 %, of "
            "all six cameras together",
            "camera": "calibrated_sensor and ego_pose; quaternions w, x, y, z; global axes",
        },
        classes=CLASSES,
        label_space=LABEL_SPACE,
        weathers=WEATHERS,
        times=TIMES,
        unverified=(
            "The licence is CC BY-NC-SA 4.0.",
            "Principal points have pixel centres at +0.5, as they are here: they may have them at "
            "whole numbers.",
            "The names of logs end in the offset of local time.",
            "A scene whose description has neither rain nor night may still have either.",
            "Riders are within the boxes of their bicycles and motorcycles.",
            "Of strollers, trailers, barriers, cones and construction vehicles our classes know "
            "nothing nearer than other.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        tables = self._tables
        try:
            shots, scenes = tables.shots, tables.scenes
            if not shots:
                wanted = f"pictures of {', '.join(self.config.cameras)}"
                sentence = f"{tables.file('sample_data')}: wanted {wanted}, got none"
                raise BadFrame(Reason.BAD_METADATA, sentence)
        except BadFrame as error:
            yield Entry(native_id=tables.version, group=tables.version, problem=error)
            return
        for name, shot in shots.items():
            told = scenes.get(shot.sample_token)
            problem = None
            if told is None:
                sentence = f"{name}: wanted a sample and its scene, got {shot.sample_token!r:.60}"
                problem = BadFrame(Reason.BAD_METADATA, sentence)
            yield Entry(
                native_id=name,
                group="" if told is None else told[0].name,
                files={"image": name},
                problem=problem,
            )

    def _stamp(self, entry: Entry) -> str:
        """Of the picture and of all tables, which are looked at once and not once per frame."""
        return digest(super()._stamp(entry), self._tables_stamp)[:16]

    @cached_property
    def _tables_stamp(self) -> str:
        files = {table: self._tables.file(table) for table in TABLES}
        return super()._stamp(Entry(native_id="", group="", files=files))

    @cached_property
    def _tables(self) -> Tables:
        version = self.config.version or self._only_version()
        return Tables(self.root, version, self.config.cameras, not self.config.sweeps)

    def _only_version(self) -> str:
        there = [
            f for f in folders_under(self.root) if (self.root / f / "sample_data.json").is_file()
        ]
        if len(there) != 1:
            got = ", ".join(there) or "none"
            wanted = "one folder of tables, such as v1.0-mini (version)"
            raise FileNotFoundError(f"nuscenes: wanted {wanted} in {self.root}, got {got}")
        return there[0]

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        tables, details = self._tables, self._tables.details
        if isinstance(details, BadFrame):
            raise BadFrame(details.reason, details.sentence)
        shot = tables.shots[entry.native_id]
        sensor, pose = (
            tables.sensors[shot.calibrated_sensor_token],
            details.poses.get(shot.ego_pose_token),
        )
        if pose is None:
            sentence = f"{tables.file('ego_pose')}: wanted {shot.ego_pose_token!r:.60}, it is not"
            raise BadFrame(Reason.BAD_METADATA, f"{sentence} there")
        image = files.image()
        if image.shape[:2] != (shot.height, shot.width):
            wanted, got = f"{shot.width}x{shot.height}", f"{image.shape[1]}x{image.shape[0]}"
            sentence = f"{entry.native_id}: wanted {wanted} as its table says, got {got}"
            raise BadFrame(Reason.SIZE_MISMATCH, sentence)
        scene, log = tables.scenes[shot.sample_token]
        conditions = _conditions(self.about, scene.description, shot.timestamp, log)
        camera = _camera(sensor, pose, entry.native_id)
        poses = [(placed.translation, placed.rotation) for placed in (sensor, pose)]
        files.count_in([poses, sensor.camera_intrinsic, conditions])
        if not shot.is_key_frame:
            return Content(image=image, conditions=conditions, camera=camera)
        bodies = details.bodies(shot.sample_token)
        files.count_in([bodies.numbers.tolist(), bodies.categories, bodies.visibilities])
        return Content(
            image=image,
            conditions=conditions,
            camera=camera,
            objects=_objects(bodies, camera, shot),
            label_space=LABEL_SPACE,
        )


def _conditions(about: About, description: str, timestamp: int, log: str) -> Conditions:
    def word(words: Iterable[str]) -> str:
        found = (w for w in words if re.search(rf"\b{w}", description, re.IGNORECASE))
        return next(found, "")

    offset = OFFSET.search(log)
    hour = None
    if offset is not None:
        sign = -1 if offset[1] == "-" else 1
        minutes = timestamp // 60_000_000 + sign * (60 * int(offset[2]) + int(offset[3]))
        hour = minutes % 1440 / 60
    return conditions_in(
        about, word(about.weathers), word(about.times), native=description, hour=hour
    )


def _camera(sensor: Placed, pose: Placed, name: str) -> Camera:
    """The sensor stands in the car, the car in the world; axes of cameras are OpenCV's."""
    if not sensor.camera_intrinsic:
        raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted camera_intrinsic 3x3, got none")
    (fx, _, _), (_, fy, _), last = k = sensor.camera_intrinsic
    if not (fx > 0 and fy > 0 and last == (0, 0, 1)):
        sentence = f"{name}: wanted focal lengths above 0 in pixels, got {k}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    outer, inner = rotation_matrices([pose.rotation, sensor.rotation], name, scalar_first=True)
    made: NDArray[np.float64] = np.eye(4)
    made[:3, :3] = outer @ inner
    made[:3, 3] = outer @ np.array(sensor.translation) + pose.translation
    return Camera(intrinsics=np.array(k), camera_to_world=made)


def _objects(bodies: Bodies, camera: Camera, shot: Shot) -> tuple[SceneObject, ...]:
    centres, sizes, turns = np.split(bodies.numbers, [3, 6], axis=1)
    rotations = rotation_matrices(turns, shot.filename, scalar_first=True)
    # Sizes are width, length, height; the box's own x points along its length, y to its left.
    halves = sizes[:, [1, 0, 2]] / 2
    corners = corners_of(centres, -halves, halves, rotations)
    boxes = rectangles(corners, camera, shot.width, shot.height)
    depths = (centres - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, 2]
    made = []
    for i, box in enumerate(boxes):
        if box is not None:
            known: dict[str, Any] = {"centre_m": tuple(centres[i].tolist())}
            if depths[i] >= 0:
                known["distance_m"] = float(depths[i])
            made.append(
                SceneObject(
                    category=_category(bodies.categories[i], shot.filename),
                    box_xyxy=box,
                    visibility=_share(bodies.visibilities[i]),
                    **known,
                )
            )
    return tuple(made)


def _category(word: str, name: str) -> SceneClass:
    found = CLASSES.get(word)
    if found is None:
        sentence = f"{name}: wanted a category of nuScenes, got {word!r:.60}"
        raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
    return found


def _share(level: str) -> float | None:
    """The middle of an interval of per cent, such as "v40-60"."""
    found = LEVEL.match(level)
    if found is None or int(found[1]) > int(found[2]) or int(found[2]) > 100:
        return None
    return (int(found[1]) + int(found[2])) / 200


PART = Nuscenes
