"""CARLA recordings: folders of PNGs per camera, with a `recording.json` that says what no PNG can.

    town03-a/recording.json       server version, cameras, frames: see _carla_manifest.py
    town03-a/rgb/000120.png       folders as the manifest names them, else as the settings do
    town03-a/depth/000120.png     metres = 1000 (R + 256 G + 65536 B) / (2^24 - 1); all white = sky
    town03-a/semantic/000120.png  tag in R; or the colours of CityScapesPalette
    town03-a/instance/000120.png  tag in R, id = G + 256 B

Any number of recordings lies below the root; each is a group, unless its manifest shares one with
others that replay the same drive. CARLA itself saves pictures only: what a manifest does not tell,
the settings must, and what both leave out is unknown. Traps: tags were numbered anew in 0.9.14 (see
_carla_tags.py); night presets carry fog that is none; cameras out of step have other frame numbers,
so that a layer is missing. `_carla_capture.py` records from a running server.
"""

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, Depth, Instances, SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters import _carla_layers as layers
from parhelion.sim_adapters import _carla_tags as tags
from parhelion.sim_adapters import _carla_weather as skies
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._carla_camera import camera_of, matrix_of
from parhelion.sim_adapters._carla_listing import entries_of, name_of, number_of
from parhelion.sim_adapters._carla_manifest import (
    MANIFEST,
    RECORDS,
    DepthConverter,
    FieldOfView,
    FrameRecord,
    Header,
    Layer,
    Recording,
    Sensor,
    TagConverter,
    frame_records,
    recording_at,
    recording_names,
)
from parhelion.sim_adapters._carla_objects import boxed_objects, seen_objects
from parhelion.sim_adapters._carla_semantics import Semantics, semantics_of
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles

Size = tuple[int, int]  # height, width
COARSE: LabelSpace = frozenset({SceneClass.HUMAN, SceneClass.VEHICLE})  # of actors alone

Folder = Annotated[str, Field(pattern=r"^\w[\w./-]*$")]


class CarlaConfig(RecordingsConfig):
    """Where recordings lie, and what their manifests do not tell; empty = as the manifest says."""

    tags: Literal["", "A", "B", "C"] = ""  # A up to 0.9.9, B 0.9.10 to 0.9.13, C from 0.9.14 on
    depth_converter: DepthConverter = ""
    semantic_converter: TagConverter = ""
    fov_deg: FieldOfView | None = None  # horizontal
    weather: str = ""  # a preset's name, for frames that tell none
    # Folders of a recording whose manifest names no sensors.
    rgb: Folder = "rgb"
    depth: Folder = "depth"
    semantic: Folder = "semantic"
    instance: Folder = "instance"


class Carla(Recordings):
    """Recordings of the CARLA simulator, all releases from 0.9 on."""

    Config: ClassVar[type[PartConfig]] = CarlaConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "stencil_native", "depth", "instances", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="CARLA",
        kind=Kind.SIMULATED,
        licence="MIT (simulator), CC-BY (assets)",
        units={
            "stencil": "tag in R by one of three tables (A, B, C), or CityScapesPalette",
            "stencil_native": "the tag; none where colours were saved",
            "depth": "24 bits over 1000 m along the axis, R lowest; greys where so stated",
            "instances": "class * 65536 + B * 256 + G, people and vehicles only",
            "camera": "horizontal field of view; the world is Unreal's with y turned round",
        },
        classes={
            f"{generation} {tag} {name}": tags.classes_of_tags(generation)[tag]
            for generation, names in tags.NAMES.items()
            for tag, name in enumerate(names)
        },
        label_space=tags.label_space("C"),
        weathers={name: skies.weather_of(sky) for name, sky in skies.PRESETS.items()},
        times={name: skies.time_of(sky) for name, sky in skies.PRESETS.items()},
        unverified=(
            "No server was at hand: live capture was tested on a scripted client, and its calls "
            "were compared with the names in the carla 0.9.16 client library.",
            "Cars that a capture holds are taken to stand still, and the camera's exposure to have "
            "settled after settle_ticks.",
            "Depth is taken as planar, along the optical axis.",
            "Frames that a manifest calls twins are believed to show one view; a capture of ours "
            "compares their depth, tags and instances.",
            "Bytes of the instance camera may be an engine's id or, from 0.9.16 on, an actor's; an "
            "actor tells a distance only where its box lies on the instance.",
            "Lens attributes may bend the borders of a picture away from the pinhole.",
            "Riders may carry the tag of pedestrians or of vehicles in tables A and B.",
            "Tag 29 (rock) is of development builds; it has no colour here.",
            "A sun between 0 and 20 degrees is called dusk, since nothing tells it from dawn.",
            "Wetness is the larger of the wetness and the puddles of the weather.",
            "The licence of the assets is CC-BY as far as is known.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        for name, found in self._recordings.items():
            if isinstance(found, BadFrame):
                path = f"{name}/{MANIFEST}".lstrip("/")
                yield Entry(native_id=path, group=name, files={"manifest": path}, problem=found)
            else:
                yield from entries_of(self.root, found)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        name, _, stem = entry.native_id.rpartition("/")
        recording = self._recordings[name]
        assert isinstance(recording, Recording)  # the others are entries with a problem
        record = self._record(recording, stem)
        files.count_in([recording.header, record])
        image = files.image("rgb")
        size = image.shape[0], image.shape[1]
        rgb = recording.sensors.get("rgb", Sensor())
        _check_size(size, rgb, files.names["rgb"])
        depth = self._depth(recording, files, size)
        found, instances = self._labels(recording, files, size)
        camera = self._camera(recording, record, size)
        placed = camera if _pose(rgb, record) is not None else None
        stencil = found.stencil if found else None
        objects: tuple[SceneObject, ...] = ()
        space: LabelSpace = frozenset()
        if instances is not None:
            objects = seen_objects(instances, record.actors or (), placed)
        elif placed is not None and depth is not None and record.actors is not None:
            objects = tuple(boxed_objects(record.actors, placed, depth, stencil))
            space = COARSE
        return Content(
            image=image,
            conditions=self._conditions(recording, record, found),
            stencil=stencil,
            label_space=tags.label_space(found.generation) if found else space,
            stencil_native=found.native if found else None,
            depth=depth,
            instances=instances,
            objects=objects,
            camera=camera,
        )

    @cached_property
    def _recordings(self) -> dict[str, Recording | BadFrame]:
        c = self.config
        folders: dict[Layer, str] = {
            "rgb": c.rgb,
            "depth": c.depth,
            "semantic": c.semantic,
            "instance": c.instance,
        }
        found: dict[str, Recording | BadFrame] = {}
        for name in recording_names(self.root, c.rgb):
            try:
                found[name] = recording_at(self.root, name, folders)
            except BadFrame as error:
                found[name] = error
        return found

    @cached_property
    def _records(self) -> Callable[[str], dict[int, bytes]]:
        """JSON of the frames of a manifest; frames are mostly read one recording after another."""
        return lru_cache(maxsize=2)(lambda path: frame_records(self.root, path))

    def _record(self, recording: Recording, stem: str) -> FrameRecord:
        """What the manifest says of a frame; nothing where it lists none. Raises BadFrame."""
        number = number_of(stem)
        if recording.manifest is None or not recording.manifest.frames or number is None:
            return FrameRecord(frame=number or 0)
        path = name_of(recording, MANIFEST)
        data = self._records(path).get(number)
        if data is None:
            sentence = f"{path}: wanted a record of frame {stem}, got none"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        return documents.parse_json(data, RECORDS, f"{path}, frame {stem}")

    def _depth(self, recording: Recording, files: SourceFiles, size: Size) -> Depth | None:
        if "depth" not in files:
            return None
        told = recording.sensors.get("depth", Sensor()).converter
        if told == "CityScapesPalette":
            sentence = f"{files.names['depth']}: wanted depth, got the converter {told}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        pixels = layers.pixels_of(files, "depth", size)
        return layers.metres(pixels, self.config.depth_converter or told, files.names["depth"])

    def _labels(
        self, recording: Recording, files: SourceFiles, size: Size
    ) -> tuple[Semantics | None, Instances | None]:
        """The stencil, of whichever camera has tags, and the instances."""
        stated = self.config.tags or tags.generation_of(recording.header.carla_version)
        found: Semantics | None = None
        if "semantic" in files:
            told = recording.sensors.get("semantic", Sensor()).converter
            pixels = layers.pixels_of(files, "semantic", size)
            converter = self.config.semantic_converter or told
            found = semantics_of(pixels, converter, stated, files.names["semantic"])
        generation = found.generation if found else stated
        if "instance" not in files:
            return found, None
        if found is None and generation not in (None, "C"):
            # The tags in instances of 0.9.13 are one too high or too low.
            self.dropped["instance pictures of 0.9.13 without a semantic camera"] += 1
            return None, None
        pixels, name = layers.pixels_of(files, "instance", size), files.names["instance"]
        of_tags = layers.red_of(pixels)
        if found is None:
            found = semantics_of(of_tags, "Raw", generation, name)
        elif generation == "C":
            table = tags.classes_of_tags("C")
            return found, layers.instances_of(pixels, stencil_of(of_tags, table, name), name)
        return found, layers.instances_of(pixels, found.stencil, name)

    def _conditions(
        self, recording: Recording, record: FrameRecord, found: Semantics | None
    ) -> Conditions:
        told = _sky_of(record) or _sky_of(recording.header) or (None, self.config.weather)
        sky, name = told
        note = f"tags {found.generation}, told by the pixels" if found and found.proven else ""
        native = "; ".join(w for w in (name, sky.words if sky else "", note) if w)
        by_name = conditions_in(self.about, weather=name, time=name, native=native)
        if sky is None or (sky.untold and name):
            return by_name
        sun = sky.sun_altitude_angle
        return Conditions(
            weather=skies.weather_of(sky),
            time_of_day=by_name.time_of_day if sun is None else skies.time_of(sky),
            native=native,
            sun_altitude_deg=None if sky.untold else sun,
            cloud=sky.share("cloudiness"),
            wetness=sky.share("precipitation_deposits", "wetness"),
        )

    def _camera(self, recording: Recording, record: FrameRecord, size: Size) -> Camera | None:
        rgb = recording.sensors.get("rgb", Sensor())
        fov = self.config.fov_deg or rgb.fov
        return None if fov is None else camera_of(size[1], size[0], fov, _pose(rgb, record))


def _sky_of(told: FrameRecord | Header) -> tuple[skies.WeatherParameters | None, str] | None:
    """Parameters and name of the weather in one place; None where it tells neither."""
    if isinstance(told.weather, skies.WeatherParameters):
        return told.weather, told.weather_name
    name = told.weather or told.weather_name
    return (None, name) if name else None


def _pose(rgb: Sensor, record: FrameRecord) -> NDArray[np.float64] | None:
    """(4, 4) of the camera in Unreal's world; None where nothing tells it."""
    if record.camera is not None:
        return matrix_of(record.camera)
    if record.ego is None or rgb.transform is None:
        return None
    return np.asarray(matrix_of(record.ego) @ matrix_of(rgb.transform))


def _check_size(size: Size, rgb: Sensor, name: str) -> None:
    height, width = size
    if width != (rgb.width or width) or height != (rgb.height or height):
        wanted = f"{rgb.width}x{rgb.height} as its manifest says"
        raise BadFrame(Reason.SIZE_MISMATCH, f"{name}: wanted {wanted}, got {width}x{height}")


PART = Carla
