"""`recording.json`: what a recording says of itself, and where recordings lie.

Only what is needed is asked for, and what else is there is passed over. Numbers that an arithmetic
could choke on are refused at the door.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter
from pydantic_core import to_json

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._carla_weather import WeatherParameters
from parhelion.sim_adapters._listing import folders_below

MANIFEST = "recording.json"
FURTHEST_M = 1e7  # larger than any map

DepthConverter = Literal["", "Raw", "Depth", "LogarithmicDepth"]
TagConverter = Literal["", "Raw", "CityScapesPalette"]
Converter = Literal["", "Raw", "Depth", "LogarithmicDepth", "CityScapesPalette"]
Layer = Literal["rgb", "depth", "semantic", "instance"]
LAYER_OF_TYPE: dict[str, Layer] = {
    "sensor.camera.rgb": "rgb",
    "sensor.camera.depth": "depth",
    "sensor.camera.semantic_segmentation": "semantic",
    "sensor.camera.instance_segmentation": "instance",
}

Metres = Annotated[float, Field(ge=-FURTHEST_M, le=FURTHEST_M)]
Degrees = Annotated[float, Field(ge=-1e6, le=1e6)]
FieldOfView = Annotated[float, Field(ge=0.1, lt=180)]  # degrees, horizontal
Pixels = Annotated[int, Field(gt=0, le=1 << 20)]
Number = Annotated[int, Field(ge=0, lt=1 << 63)]
# A folder beside the manifest; dots lead nowhere.
FolderName = Annotated[str, Field(pattern=r"^\w[\w.-]{0,80}$")]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Vector(_Told):
    """Metres, Unreal's axes."""

    x: Metres = 0.0
    y: Metres = 0.0
    z: Metres = 0.0


class Rotation(_Told):
    """Degrees, Unreal's order."""

    pitch: Degrees = 0.0
    yaw: Degrees = 0.0
    roll: Degrees = 0.0


class Pose(_Told):
    """`carla.Transform`."""

    location: Vector = Vector()
    rotation: Rotation = Rotation()


class Sensor(_Told):
    """A camera on the car."""

    type: str = ""  # of its blueprint
    width: Pixels | None = None
    height: Pixels | None = None
    fov: FieldOfView | None = None
    transform: Pose | None = None  # in the car's axes
    converter: Converter = ""  # that its pictures went through; empty = not told


class Actor(_Told):
    """Somebody in the street."""

    id: Number
    type_id: str = ""  # "vehicle.audi.a2", "walker.pedestrian.0001"
    transform: Pose
    extent: Vector | None = None  # half the size of its box
    centre: Vector = Vector()  # of its box, in its own axes
    bbox2d: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 pixels, whole box


class FrameRecord(_Told):
    """One frame of all sensors."""

    frame: Number
    timestamp: Annotated[float, Field(allow_inf_nan=False)] | None = None  # seconds, simulated
    weather: WeatherParameters | str | None = None  # a string is a preset's name
    weather_name: str = ""
    twin: str = ""  # shared by the same view under other skies
    differing: tuple[Layer, ...] = ()  # from the view's first sky, for which it is no twin
    ego: Pose | None = None  # in the world
    camera: Pose | None = None  # in the world
    actors: tuple[Actor, ...] | None = None  # None: nobody listed them


class FrameHead(_Told):
    """What an index needs of a frame."""

    frame: Number
    twin: str = ""


class Header(_Told):
    """What all frames of a recording share."""

    carla_version: str = ""  # of the server
    map: str = ""
    group: str = ""  # shared by recordings that replay one drive; empty = the folder's
    sensors: dict[FolderName, Sensor] = {}
    weather: WeatherParameters | str | None = None  # where no frame tells it
    weather_name: str = ""


class Manifest(Header):
    """The header with its frames by number."""

    frames: tuple[FrameHead, ...] = ()


class _Frames(_Told):
    frames: list[dict[str, JsonValue]] = []


MANIFESTS, FRAMES, RECORDS = TypeAdapter(Manifest), TypeAdapter(_Frames), TypeAdapter(FrameRecord)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One folder of pictures; the manifest is None where there is none."""

    name: str  # its path below the root; empty = the root itself
    manifest: Manifest | None
    folders: dict[Layer, str] = field(default_factory=dict)  # relative to the root
    sensors: dict[Layer, Sensor] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        return self.manifest or Header()

    @property
    def group(self) -> str:
        return self.header.group or self.name or "recording"


def recording_at(root: Path, name: str, folders: dict[Layer, str]) -> Recording:
    """The recording in a folder; `folders` where no manifest names the sensors. Raises BadFrame."""
    here = f"{name}/" if name else ""
    manifest: Manifest | None = None
    places: dict[Layer, str] = {}
    if os.path.lexists(f"{root}/{here}{MANIFEST}"):
        manifest = documents.parse_json(
            documents.read_document(root, here + MANIFEST), MANIFESTS, here + MANIFEST
        )
    if manifest is None or not manifest.sensors:
        for layer, folder in folders.items():
            if layer == "rgb" or os.path.isdir(f"{root}/{here}{folder}"):
                places[layer] = here + folder
        return Recording(name=name, manifest=manifest, folders=places)
    sensors: dict[Layer, Sensor] = {}
    for folder, sensor in manifest.sensors.items():
        told = LAYER_OF_TYPE.get(sensor.type)
        if told in places:
            raise _bad(here, f"one {sensor.type}", f"another one in {folder}")
        if told is not None:
            sensors[told], places[told] = sensor, here + folder
    if "rgb" not in sensors:
        raise _bad(here, "a sensor.camera.rgb", ", ".join(manifest.sensors))
    _check_one_view(here, sensors)
    return Recording(name=name, manifest=manifest, folders=places, sensors=sensors)


def recording_names(root: Path, rgb: str) -> Iterator[str]:
    """Folders that hold a manifest or a folder `rgb`, relative to the root; "" = the root."""
    for here, inner, names in folders_below(root):
        if MANIFEST in names or os.path.isdir(f"{root}/{here}/{rgb}"):
            inner.clear()
            yield here


def frame_records(root: Path, name: str) -> dict[int, bytes]:
    """JSON of every frame of a manifest by its number. Raises BadFrame."""
    data = documents.read_document(root, name)
    found = documents.parse_json(data, FRAMES, name).frames
    heads = documents.parse_json(data, MANIFESTS, name).frames
    return {head.frame: to_json(one) for head, one in zip(heads, found, strict=True)}


def _check_one_view(here: str, sensors: dict[Layer, Sensor]) -> None:
    """Layers of cameras that look elsewhere lie beside their picture. Raises BadFrame."""
    rgb = sensors["rgb"]
    for layer, sensor in sensors.items():
        for what in ("width", "height", "fov", "transform"):
            mine, theirs = getattr(rgb, what), getattr(sensor, what)
            if None not in (mine, theirs) and mine != theirs:
                raise _bad(here, f"one {what} (rgb: {mine})", f"{layer}: {theirs}")


def _bad(here: str, wanted: str, got: str) -> BadFrame:
    sentence = f"{here}{MANIFEST}: wanted {wanted} among its sensors, got {got}"
    return BadFrame(Reason.BAD_METADATA, sentence)
