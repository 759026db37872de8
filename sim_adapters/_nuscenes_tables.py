"""The tables of nuScenes: rows as they are written, linked by tokens and kept small."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import FiniteFloat, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._flat_records import flat_records

Vector = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Quaternion = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]  # w, x, y, z


@dataclass(frozen=True, slots=True)
class Named:
    """A row of `sensor` (its channel), `category`, `scene`, `log` or `visibility`."""

    token: str
    channel: str = ""
    name: str = ""
    description: str = ""
    log_token: str = ""
    logfile: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Linked:
    """A row of `sample` (to its scene) or `instance` (to its category)."""

    token: str
    scene_token: str = ""
    category_token: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A row of `ego_pose` or `calibrated_sensor`: metres and a rotation, to its outer axes."""

    token: str
    translation: Vector
    rotation: Quaternion
    sensor_token: str = ""
    camera_intrinsic: tuple[Vector, Vector, Vector] | tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Shot:
    """A row of `sample_data`."""

    token: str
    sample_token: str
    ego_pose_token: str
    calibrated_sensor_token: str
    filename: str
    timestamp: int  # microseconds since 1970
    is_key_frame: bool
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Annotated:
    """A row of `sample_annotation`; size is width, length, height."""

    sample_token: str
    instance_token: str
    visibility_token: str
    translation: Vector
    size: Vector
    rotation: Quaternion


# One parser for each kind of row; columns that are not named here are skipped.
NAMED = TypeAdapter(list[Named])
LINKED = TypeAdapter(list[Linked])
PLACED = TypeAdapter(list[Placed])
SHOTS = TypeAdapter(list[Shot])
ANNOTATED = TypeAdapter(list[Annotated])


@dataclass(frozen=True, eq=False)
class Bodies:
    """The boxes of one sample; world axes, metres."""

    numbers: NDArray[np.float64]  # (n, 10): centre, size (width, length, height), quaternion
    categories: tuple[str, ...]
    visibilities: tuple[str, ...]  # such as "v40-60"; "" where nobody judged it

    def __len__(self) -> int:
        return len(self.categories)


class Tables:
    """One version of nuScenes. What is large is read late, and only for the frames wanted."""

    def __init__(self, root: Path, version: str, channels: tuple[str, ...], keys: bool) -> None:
        self.root, self.version, self.channels, self.keys = root, version, channels, keys

    def file(self, table: str) -> str:
        return f"{self.version}/{table}.json"

    def rows(self, table: str, wanted: TypeAdapter[list[Any]]) -> Iterator[Any]:
        return flat_records(self.root, self.file(table), wanted)

    def named(self, table: str) -> dict[str, Named]:
        return {row.token: row for row in self.rows(table, NAMED)}

    @cached_property
    def sensors(self) -> dict[str, Placed]:
        """Calibrations of the wanted cameras."""
        channels = {t: row.channel for t, row in self.named("sensor").items()}
        rows = self.rows("calibrated_sensor", PLACED)
        return {r.token: r for r in rows if channels.get(r.sensor_token) in self.channels}

    @cached_property
    def shots(self) -> dict[str, Shot]:
        """Wanted pictures by their file."""
        wanted, rows = self.sensors, self.rows("sample_data", SHOTS)
        shots = [r for r in rows if r.calibrated_sensor_token in wanted]
        return {r.filename: r for r in shots if r.is_key_frame or not self.keys}

    @cached_property
    def scenes(self) -> dict[str, tuple[Named, str]]:
        """Scene and log file's name by sample."""
        scenes, logs = self.named("scene"), self.named("log")
        found = {}
        for row in self.rows("sample", LINKED):
            scene = scenes.get(row.scene_token)
            if scene is not None:
                log = logs.get(scene.log_token)
                found[row.token] = scene, "" if log is None else log.logfile
        return found

    @cached_property
    def details(self) -> "Details | BadFrame":
        """Poses and boxes, or what is wrong with them: a broken table is read once, too."""
        try:
            return Details(self)
        except BadFrame as error:
            return error


class Details:
    """Poses and boxes of the wanted pictures. Raises BadFrame."""

    def __init__(self, tables: Tables) -> None:
        shots = tables.shots.values()
        wanted = {shot.ego_pose_token for shot in shots}
        poses = tables.rows("ego_pose", PLACED)
        self.poses: Mapping[str, Placed] = {r.token: r for r in poses if r.token in wanted}
        self._read_boxes(tables, {shot.sample_token for shot in shots})

    def _read_boxes(self, tables: Tables, samples: set[str]) -> None:
        """Rows as numbers, sorted by sample: as objects a million of them would fill memory."""
        categories, levels = tables.named("category"), tables.named("visibility")
        self._names = [row.name for row in categories.values()]
        self._levels = ["", *(row.level for row in levels.values())]
        category = {token: i for i, token in enumerate(categories)}
        level = {"": 0} | {token: i for i, token in enumerate(levels, start=1)}
        kinds = {
            r.token: category.get(r.category_token, -1) for r in tables.rows("instance", LINKED)
        }
        self._place = {token: i for i, token in enumerate(sorted(samples))}
        numbers, ids = array("d"), array("i")
        for row in tables.rows("sample_annotation", ANNOTATED):
            place = self._place.get(row.sample_token)
            if place is not None:
                kind = kinds.get(row.instance_token, -1)
                ids.extend((place, kind, level.get(row.visibility_token, 0)))
                numbers.extend((*row.translation, *row.size, *row.rotation))
        table = np.array(ids, dtype=np.int32).reshape(-1, 3)
        order = np.argsort(table[:, 0], kind="stable")
        self._places, self._ids = table[order, 0], table[order, 1:]
        self._numbers = np.array(numbers).reshape(-1, 10)[order]

    def bodies(self, sample: str) -> Bodies:
        """The boxes of a sample. Raises BadFrame for one whose category is not there."""
        place = self._place[sample]
        first, last = np.searchsorted(self._places, [place, place + 1])
        ids = self._ids[first:last]
        if (ids[:, 0] < 0).any():
            wanted = f"a category of every instance of sample {sample}"
            raise BadFrame(Reason.BAD_METADATA, f"wanted {wanted}, got an instance without one")
        return Bodies(
            self._numbers[first:last],
            tuple(self._names[i] for i in ids[:, 0]),
            tuple(self._levels[i] for i in ids[:, 1]),
        )
