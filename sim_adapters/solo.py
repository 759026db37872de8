"""SOLO, the format of Unity Perception: synthetic frames with labels of a project's own.

    sensor_definitions.json, annotation_definitions.json    cameras, and what the labels are called
    sequence.0/step0.frame_data.json                        captures of a frame and their labels
    sequence.0/step0.camera.png
    sequence.0/step0.camera.semantic segmentation.png       colours, named in the frame's JSON
    sequence.0/step0.camera.instance segmentation.png
    sequence.0/step0.camera.Depth.exr                       float32 in the red channel

Files are those that the JSON names. Rotations are x, y, z, w (a page of the format says w first).
Unity's axes are left-handed, y up: here camera and world both have y down, which is a mirror of
Unity's y and turns them into OpenCV's. Label names are the project's own: the setting `classes`
says what they mean. Weather and hour are not told.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, Depth, Instances, SceneObject, Stencil
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters import _solo_documents as solo
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._colour_runs import Colour, ids_of_colours
from parhelion.sim_adapters._dataset_words import (
    WORDS,
    ClassWords,
    bare,
    class_of_word,
    label_space_of,
)
from parhelion.sim_adapters._exr import decode_exr
from parhelion.sim_adapters._listing import walk
from parhelion.sim_adapters._ray_depth import planar_depth
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._rotations import rotation_matrices
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

T = TypeVar("T")
Layer = TypeVar("Layer", bound=NDArray[Any])

SENSORS, DEFINITIONS = "sensor_definitions.json", "annotation_definitions.json"
UNLABELLED: dict[Colour, int] = {(0, 0, 0, 255): 0, (0, 0, 0, 0): 0}
FLIP_Y = np.diag([1.0, -1.0, 1.0])


class SoloConfig(RecordingsConfig, StatedSky):
    """Where a dataset lies, and what its labels mean."""

    classes: ClassWords = {}  # label -> class, where our own words do not say it
    cameras: tuple[str, ...] = ()  # ids of sensors; empty = all


class Solo(Recordings):
    """Frames of Unity Perception, one per camera and step."""

    Config: ClassVar[type[PartConfig]] = SoloConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "instances", "depth", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="Unity Perception (SOLO)",
        kind=Kind.SIMULATED,
        licence="the project's own",
        units={
            "stencil": "colours named in each frame; black is ignored",
            "instances": "colours named in each frame; the instanceId is the id",
            "depth": "OpenEXR, red channel, metres, planar or along the ray as each frame says; "
            "0, where nothing was drawn, is infinitely far",
            "objects": "pixels, 0-based, width and height; visible part",
            "camera": "projection matrix and pose; left-handed axes become OpenCV's",
        },
        classes=WORDS,
        label_space=label_space_of(WORDS.values()),
        unverified=(
            "One unit of Unity is a metre.",
            "The label space is what annotation_definitions.json and the frame name together.",
            "A camera whose lens is shifted or that sees in parallel has no intrinsics here.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        problems = [p for p in (self._sensors, self._definitions) if isinstance(p, BadFrame)]
        for problem in problems:
            name = problem.sentence.partition(":")[0]
            yield Entry(native_id=name, group=name, problem=problem)
        cameras = self.config.cameras or self._cameras
        for step, paths in groupby(walk(self.root), _step):
            sequence, _, stem = step.partition("/")
            if stem and sequence.startswith("sequence"):
                files = {path.rpartition("/")[2]: path for path in paths}
                # Named whether it is there or not: pictures without it are a bad frame.
                files["frame"] = f"{step}.frame_data.json"
                for camera in cameras:
                    native_id = f"{step}/{camera}" if camera else step
                    yield Entry(native_id=native_id, group=sequence, files=files)

    @cached_property
    def _sensors(self) -> solo.SensorDefinitions | BadFrame | None:
        return self._shared(SENSORS, solo.SENSOR_DEFINITIONS)

    @cached_property
    def _definitions(self) -> solo.AnnotationDefinitions | BadFrame | None:
        return self._shared(DEFINITIONS, solo.ANNOTATION_DEFINITIONS)

    def _shared(self, name: str, wanted: TypeAdapter[T]) -> T | BadFrame | None:
        """A document of the root, what is wrong with it, or None where it is not there."""
        if not (self.root / name).is_file():
            return None
        try:
            return documents.parse_json(documents.read_document(self.root, name), wanted, name)
        except BadFrame as error:
            return error

    @property
    def _cameras(self) -> tuple[str, ...]:
        """Ids of the cameras; one that is empty stands for the only one of each frame."""
        if not isinstance(self._sensors, solo.SensorDefinitions):
            return ("",)
        sensors = self._sensors.sensorDefinitions
        return tuple(s.id for s in sensors if s.modality in ("camera", "")) or ("",)

    @cached_property
    def _classes(self) -> dict[str, SceneClass]:
        return {**WORDS, **self.config.classes}

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        frame = files.document("frame", solo.FRAME)
        files.count_in(sorted(self._defined_labels))
        capture = _capture(frame, entry.native_id)
        image = files.image(_there(files, capture.filename, "picture"))
        camera = _camera(capture, image.shape[:2], files.names["frame"])
        known: dict[str, Any] = {}
        labels = set(self._defined_labels)
        for told in capture.annotations:
            if isinstance(told, solo.SemanticSegmentation):
                labels |= {one.labelName for one in told.instances}
                made = self._stencil(told, files)
                known["stencil"] = _agreed(known.get("stencil"), made, files)
            elif isinstance(told, solo.InstanceSegmentation):
                known["instances"] = _agreed(known.get("instances"), _instances(told, files), files)
            elif isinstance(told, solo.Boxes):
                labels |= {one.labelName for one in told.values}
                more = self._objects(told, image.shape[:2], files.names["frame"])
                known["objects"] = tuple(dict.fromkeys((*known.get("objects", ()), *more)))
            elif isinstance(told, solo.DepthPicture):
                known["depth"] = self._depth(told, camera, files)
        if known.keys() & {"stencil", "objects"}:
            words = map(bare, labels)
            known["label_space"] = label_space_of(
                self._classes[word] for word in words if word in self._classes
            )
        return Content(image=image, camera=camera, conditions=self.config.conditions, **known)

    @cached_property
    def _defined_labels(self) -> frozenset[str]:
        if not isinstance(self._definitions, solo.AnnotationDefinitions):
            return frozenset()
        specs = (d.spec for d in self._definitions.annotationDefinitions)
        return frozenset(label.label_name for spec in specs for label in spec)

    def _stencil(self, told: solo.SemanticSegmentation, files: SourceFiles) -> Stencil:
        layer = _there(files, told.filename, "semantic segmentation")
        where = files.names["frame"]
        ids: dict[Colour, int] = dict.fromkeys(UNLABELLED, int(SceneClass.IGNORE))
        for one in told.instances:
            ids[one.pixelValue] = int(class_of_word(one.labelName, self._classes, where))
        made = ids_of_colours(files.channels(layer), ids, files.names[layer])
        return made.astype(np.uint8)

    def _objects(
        self, told: solo.Boxes, size: tuple[int, int], name: str
    ) -> tuple[SceneObject, ...]:
        made = []
        for one in told.values:
            (x, y), (width, height) = one.origin, one.dimension
            category = class_of_word(one.labelName, self._classes, name)
            box = kept_box((x, y, x + width, y + height), category, size, name, self.dropped)
            if box is not None:
                instance = one.instanceId or None
                made.append(SceneObject(category=category, instance=instance, box_xyxy=box))
        return tuple(made)

    def _depth(self, told: solo.DepthPicture, camera: Camera | None, files: SourceFiles) -> Depth:
        layer = _there(files, told.filename, "depth")
        name = files.names[layer]
        depth = decode_exr(files.data(layer), name, files.max_pixels, ("R",))
        depth[depth == 0] = np.inf  # Unity clears to 0 before it draws
        if told.measurementStrategy == "Depth":
            return depth
        if told.measurementStrategy != "Range":
            wanted, got = "Depth or Range as measurementStrategy", told.measurementStrategy
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {got!r:.40}")
        return planar_depth(depth, camera, name)


def _step(path: str) -> str:
    """sequence.0/step0.camera.png -> sequence.0/step0."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def _capture(frame: solo.FrameData, native_id: str) -> solo.Capture:
    camera = native_id.split("/", 2)[2] if native_id.count("/") > 1 else ""
    found = [c for c in frame.captures if c.id == camera or not camera]
    if len(found) != 1:
        wanted = f"one capture of {camera!r}" if camera else "one capture"
        got = ", ".join(repr(c.id)[:40] for c in frame.captures) or "none"
        raise BadFrame(Reason.BAD_METADATA, f"{native_id}: wanted {wanted}, got {got}")
    return found[0]


def _there(files: SourceFiles, name: str | None, what: str) -> str:
    """The layer's key, which is its file's name: files beside the frame, and no others."""
    if name is None or name not in files or name == "frame":
        sentence = f"{files.names['frame']}: wanted its {what} beside it, got {name!r:.80}"
        raise BadFrame(Reason.MISSING_FILE, sentence)
    return name


def _camera(capture: solo.Capture, size: tuple[int, ...], name: str) -> Camera | None:
    """None for a camera without a focal point in the middle of its picture."""
    m, (height, width) = np.reshape(capture.matrix, (3, 3)), size
    turn = rotation_matrices(capture.rotation, name, scalar_first=False)[0]
    centred = abs(m[0, 2]) < 1e-6 and abs(m[1, 2]) < 1e-6 and m[0, 1] == m[1, 0] == 0
    if capture.projection.lower() != "perspective" or not centred:
        return None
    if not (m[0, 0] > 0 and m[1, 1] > 0):
        sentence = f"{name}: wanted a projection matrix above 0, got {m.tolist()}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    fx, fy = m[0, 0] * width / 2, m[1, 1] * height / 2
    pose: NDArray[np.float64] = np.eye(4)
    pose[:3, :3] = FLIP_Y @ turn @ FLIP_Y
    pose[:3, 3] = FLIP_Y @ capture.position
    k = np.array([[fx, 0, width / 2], [0, fy, height / 2], [0, 0, 1]])
    return Camera(intrinsics=k, camera_to_world=pose)


def _agreed(before: Layer | None, made: Layer, files: SourceFiles) -> Layer:
    """The layer of several labellers of one kind. Raises BadFrame where they differ."""
    if before is not None and not np.array_equal(before, made):
        sentence = f"{files.names['frame']}: wanted one segmentation of a kind, got two that differ"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return made


def _instances(told: solo.InstanceSegmentation, files: SourceFiles) -> Instances:
    layer = _there(files, told.filename, "instance segmentation")
    ids = UNLABELLED | {one.color: one.instanceId for one in told.instances}
    return ids_of_colours(files.channels(layer), ids, files.names[layer])


PART = Solo
