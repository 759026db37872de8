"""Virtual KITTI 2 (Cabon et al. 2020): five drives of KITTI in a game engine, under six skies.

    Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg                               1242x375
                        /depth/Camera_0/depth_00000.png                           uint16, cm
                        /classSegmentation/Camera_0/classgt_00000.png             colours
                        /instanceSegmentation/Camera_0/instancegt_00000.png       trackID + 1
    Scene01/clone/{bbox,info,pose,extrinsic,intrinsic}.txt                        with headers

Or the same below a folder per archive, such as vkitti_2.0.3_rgb/Scene01/clone/frames/...
Names of layer folders are compared without case. Layers and tables that are not there are None.

Columns of bbox.txt are left, right, top, bottom, and their maxima are inclusive. occupancy_ratio is
the share of a box that its pixels fill, not the share of an object that is seen: it is not used.
clone, fog, morning, overcast, rain and sunset show the same views; 15-deg-left and the like do not.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Camera, Depth, Image, SceneObject
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._class_tables import Colour, stencil_of_colours
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._listing import files_under, folders_under
from parhelion.sim_adapters._poses import numbers
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._virtual_kitti2_tables import SEEN, Row, Tables, View

LAYERS = {  # folder in lower case -> our layer, how its files' names begin
    "rgb": ("image", "rgb"),
    "depth": ("depth", "depth"),
    "classsegmentation": ("stencil", "classgt"),
    "instancesegmentation": ("instances", "instancegt"),
}
TABLES = ("bbox", "info", "pose", "extrinsic", "intrinsic")
SKY_CM = 65535
KEPT_TABLES = 8  # scenes under one sky whose tables are kept; the largest takes some megabytes

CLASSES: dict[str, tuple[Colour, SceneClass]] = {
    "Terrain": ((210, 0, 200), SceneClass.TERRAIN),
    "Sky": ((90, 200, 255), SceneClass.SKY),
    "Tree": ((0, 199, 0), SceneClass.VEGETATION),
    "Vegetation": ((90, 240, 0), SceneClass.VEGETATION),
    "Building": ((140, 140, 140), SceneClass.BUILDING),
    "Road": ((100, 60, 100), SceneClass.ROAD),
    "GuardRail": ((250, 100, 255), SceneClass.OTHER),
    "TrafficSign": ((255, 255, 0), SceneClass.TRAFFIC_SIGN),
    "TrafficLight": ((200, 200, 0), SceneClass.TRAFFIC_LIGHT),
    "Pole": ((255, 130, 0), SceneClass.POLE),
    "Misc": ((80, 80, 80), SceneClass.OTHER),
    "Truck": ((160, 60, 60), SceneClass.TRUCK),
    "Car": ((255, 127, 80), SceneClass.CAR),
    "Van": ((0, 139, 139), SceneClass.CAR),
    "Undefined": ((0, 0, 0), SceneClass.IGNORE),
}
BY_COLOUR = dict(CLASSES.values())
LABEL_SPACE: LabelSpace = frozenset(BY_COLOUR.values()) - {SceneClass.IGNORE}
TRACKED = {label: CLASSES[label][1] for label in ("Car", "Van", "Truck")}
SKIES = {
    "clone": (Weather.CLEAR, TimeOfDay.DAY),
    "morning": (Weather.CLEAR, TimeOfDay.DAWN),
    "sunset": (Weather.CLEAR, TimeOfDay.DUSK),
    "overcast": (Weather.OVERCAST, TimeOfDay.DAY),
    "fog": (Weather.FOGGY, TimeOfDay.DAY),
    "rain": (Weather.RAINING, TimeOfDay.DAY),
}
OTHER_VIEWS = ("15-deg-left", "15-deg-right", "30-deg-left", "30-deg-right")


class VirtualKitti2(Recordings):
    """Five drives under six skies, with depth, classes, instances, objects and cameras."""

    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "depth", "instances", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="Virtual KITTI 2",
        kind=Kind.SIMULATED,
        licence="CC BY-NC-SA 3.0",
        units={
            "depth": "PNG of 16 bits, centimetres along the optical axis; 65535 is the sky",
            "stencil": "PNG, colours",
            "instances": "palette PNG, index = trackID + 1",
            "objects": "tables by frame; boxes left right top bottom, maxima inclusive",
            "camera": "tables by frame; which way the matrix leads is checked against the poses",
        },
        classes={name: c for name, (_, c) in CLASSES.items()},
        label_space=LABEL_SPACE,
        weathers={
            **{word: weather for word, (weather, _) in SKIES.items()},
            **dict.fromkeys(OTHER_VIEWS, Weather.CLEAR),
        },
        times={
            **{word: time for word, (_, time) in SKIES.items()},
            **dict.fromkeys(OTHER_VIEWS, TimeOfDay.DAY),
        },
        unverified=(
            "The licence of the data, and that no split is official.",
            "Principal points have pixel centres at whole numbers, as (W-1)/2, (H-1)/2 says: 0.5 "
            "is added to them.",
            "The layers of one view under its six skies are equal pixel by pixel.",
            "clone and the turned views are taken for clear days, morning for dawn.",
            "Poses are taken for the middle of the bottom of a 3D box, as in KITTI, so its centre "
            "lies half its height above.",
        ),
    )

    def __init__(self, config: RecordingsConfig) -> None:
        super().__init__(config)
        self._tables = lru_cache(maxsize=KEPT_TABLES)(self._read_tables)

    def entries(self) -> Iterable[Entry]:
        archives = [f for f in folders_under(self.root) if f.lower().startswith("vkitti")]
        places: dict[tuple[str, str], list[str]] = {}
        for base in ("", *(f"{archive}/" for archive in archives)):
            for scene in folders_under(self.root, base or "."):
                if scene.lower().startswith("scene"):
                    for variation in folders_under(self.root, f"{base}{scene}"):
                        place = f"{base}{scene}/{variation}"
                        places.setdefault((scene, variation), []).append(place)
        for (scene, variation), found in places.items():
            yield from self._variation(scene, variation, found)

    def _variation(self, scene: str, variation: str, places: list[str]) -> Iterable[Entry]:
        tables = {
            table: name
            for place in places
            for table, name in files_under(self.root, place, ".txt").items()
            if table in TABLES
        }
        layers = {
            folder.lower(): f"{place}/frames/{folder}"
            for place in places
            for folder in folders_under(self.root, f"{place}/frames")
            if folder.lower() in LAYERS
        }
        images = layers.get("rgb", "")
        for camera in folders_under(self.root, images) if images else ():
            by_number = {
                layer: self._numbered(f"{folder}/{camera}") for layer, folder in layers.items()
            }
            # Layers without their picture are frames too, where any pictures were fetched.
            numbers_there = {n for there in by_number.values() for n in there}
            for number in numbers_there if by_number["rgb"] else ():
                files = dict(tables)
                for layer, there in by_number.items():
                    if there:
                        ours, begin = LAYERS[layer]
                        missing = f"{layers[layer]}/{camera}/{begin}_{number}.png"
                        files[ours] = there.get(number, missing)
                twin = f"{scene}/{camera}/{number}" if variation.lower() in SKIES else ""
                native_id = f"{scene}/{variation}/{camera}/{number}"
                yield Entry(native_id=native_id, group=scene, files=files, twin=twin)

    def _numbered(self, folder: str) -> dict[str, str]:
        names = files_under(self.root, folder, ".png", ".jpg")
        return {stem.rpartition("_")[2]: name for stem, name in names.items()}

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        _, variation, camera_name, number = entry.native_id.split("/")
        image = files.image()
        stencil = None
        if "stencil" in files:
            pixels = files.channels("stencil")
            stencil = stencil_of_colours(pixels, BY_COLOUR, files.names["stencil"])
        tables = self._tables(tuple((t, files.names[t]) for t in TABLES if t in files))
        view = _view(camera_name, number)
        files.count_in([tables.lines(view), sorted(tables.labels.items())])
        camera = tables.camera(view)
        objects = self._objects(tables, view, image, camera, "instances" in files)
        space = LABEL_SPACE if stencil is not None else frozenset(TRACKED.values())
        return Content(
            image=image,
            conditions=conditions_in(self.about, variation, variation, native=variation),
            stencil=stencil,
            label_space=space if stencil is not None or "bbox" in files else frozenset(),
            depth=_depth(files) if "depth" in files else None,
            instances=files.ids("instances").astype(np.int32) if "instances" in files else None,
            objects=objects,
            camera=camera,
        )

    def _read_tables(self, files: tuple[tuple[str, str], ...]) -> Tables:
        return Tables.read(self.root, dict(files))

    def _objects(
        self, tables: Tables, view: View, image: Image, camera: Camera | None, masked: bool
    ) -> tuple[SceneObject, ...]:
        poses = {row["trackID"]: row for row in tables.rows("pose", view)}
        made = []
        for row in tables.rows("bbox", view):
            what = f"{tables.by_view['bbox'].name}, frame {view[0]}, track {row['trackID']}"
            cells = [row[c] for c in ("trackID", "left", "top", "right", "bottom", "number_pixels")]
            track, left, top, right, bottom, pixels = map(float, numbers(cells, what))
            category = _category(tables.labels.get(row["trackID"], "no track"), what)
            corners = (left, top, right + 1, bottom + 1)
            box = kept_box(corners, category, image.shape[:2], what, self.dropped)
            if pixels <= 0:
                self.dropped["objects of which no pixel is seen"] += 1
            if box is None or pixels <= 0:
                continue
            made.append(
                _object(
                    what,
                    category=category,
                    instance=int(track) + 1 if masked else None,
                    box_xyxy=box,
                    truncation=numbers([row["truncation_ratio"]], what)[0],
                    **_position(poses.get(row["trackID"]), camera, what),
                )
            )
        return tuple(made)


def _category(label: str, what: str) -> SceneClass:
    if label not in TRACKED:
        wanted = f"a label of {', '.join(TRACKED)} in info.txt"
        sentence = f"{what}: wanted {wanted}, got {label[:40]}"
        raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
    return TRACKED[label]


def _object(what: str, **fields: Any) -> SceneObject:
    try:
        return SceneObject(**fields)
    except ValidationError as error:
        said = error.errors(include_url=False, include_context=False)[0]
        sentence = f"{what}: wanted another {said['loc'][0]}, got {said['input']}: {said['msg']}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error


def _position(row: Row | None, camera: Camera | None, what: str) -> Mapping[str, Any]:
    """Distance and centre of a pose: half the height above its bottom."""
    if row is None:
        return {}
    x, y, z, height = numbers([row[c] for c in (*SEEN, "height")], what)
    found: dict[str, Any] = {"distance_m": z if z >= 0 else None}
    if camera is not None:
        centre = camera.camera_to_world @ (x, y - height / 2, z, 1.0)
        found["centre_m"] = tuple(map(float, centre[:3]))
    return found


def _view(camera: str, number: str) -> View:
    """Frame and camera as tables number them. Raises BadFrame."""
    camera_id = camera.rpartition("_")[2]
    if not (number.isdecimal() and camera_id.isdecimal()):
        wanted = "names such as Camera_0/rgb_00000"
        raise BadFrame(Reason.BAD_METADATA, f"{camera}/{number}: wanted {wanted}")
    return int(number), int(camera_id)


def _depth(files: SourceFiles) -> Depth:
    """Centimetres as metres (H, W) float32; the sky is infinitely far."""
    values, name = files.ids("depth"), files.names["depth"]
    if values.dtype != np.uint16:
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted 16 bits a pixel, got {values.dtype}")
    depth: Depth = values * np.float32(0.01)
    depth[values == SKY_CM] = np.inf
    return depth


PART = VirtualKitti2
