"""From the bytes of one recorded frame, in whatever files they lay, to a checked Frame."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import (
    GIVES_LIGHT,
    IS_LIT,
    Camera,
    Depth,
    Frame,
    ImageLabel,
    SceneObject,
)
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.version import __version__
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters import _layer_files as layer_files
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._condition_words import TIME_WORDS, WEATHER_WORDS, conditions_in
from parhelion.sim_adapters._grouping import GroupPattern
from parhelion.sim_adapters._scene_vocabularies import (
    CITYSCAPES,
    NAMES,
    Vocabulary,
    class_of,
    class_table,
)

LAYER_NAMES = ("stencil", "depth", "instances", "emissive")
GIVES = frozenset({*LAYER_NAMES, "objects", "camera", "label"})
HOURS = 24  # of a day
EMISSIVE_BITS = GIVES_LIGHT | IS_LIT

Row = Mapping[str, Any]  # one row of metadata, as its file spells it


class Columns(PartConfig):
    """Names of the metadata columns; one that a source lacks is nothing to worry about."""

    weather: str = "weather"  # a word; unknown words are kept beside UNKNOWN
    hour: str = "hour"  # clock hour, 0 <= h < 24
    time_of_day: str = "time_of_day"  # a word
    group: tuple[str, ...] = ("group_id", "group", "sequence", "scene")  # the first that is there
    twin_id: str = "twin_id"  # same scene, camera and event under another sky
    label: str = "label"  # image-level class: a name of `label_names`, or its place
    # Focal lengths and principal point, pixels: a row has all four or none.
    intrinsics: tuple[str, str, str, str] = ("fx", "fy", "cx", "cy")
    objects: str = "objects"  # boxes: {"bbox": [[x, y, w, h]], "categories": []} or SceneObjects

    @property
    def sky(self) -> tuple[str, str, str]:
        """The columns of weather, time of day and hour."""
        return self.weather, self.time_of_day, self.hour


class RecordedConfig(PartConfig):
    """How a recorded dataset writes what it knows."""

    dataset: str = ""  # its name; empty = the name of its file or folder
    licence: str = ""
    kind: Kind = Kind.REAL
    columns: Columns = Columns()
    group_pattern: GroupPattern = None
    label_names: tuple[str, ...] = ()  # vocabulary of the label column; empty = no labels
    vocabulary: Vocabulary = "scene_class"  # of the ids in stencils and objects
    label_space: frozenset[SceneClass] = CITYSCAPES  # classes that the source annotates at all
    # Metres per unit of depth in whole numbers; depth in floating point is in metres.
    depth_metres_per_unit: Annotated[float, Field(gt=0)] | None = None
    depth_unknown_value: int | None = 0  # of depth in whole numbers: nothing was measured
    depth_sky_value: int | None = None  # of depth in whole numbers: infinitely far
    allow_unknown_depth: bool = False  # whether depth may be nan somewhere
    # Of a camera that looks at the middle of its picture; columns of intrinsics win over it.
    horizontal_fov_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    max_pixels: Annotated[int, Field(gt=0, le=image_files.MOST_PIXELS)] = 64_000_000  # per picture


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One frame as its source stores it."""

    native_id: str
    group_id: str
    image: bytes
    layers: Mapping[str, bytes] = field(default_factory=dict)  # by LAYER_NAMES
    row: Row = field(default_factory=dict)


def about_recorded(title: str) -> About:
    """What all adapters say that read frames whose owner tells how they are stored."""
    return About(
        title=title,
        licence="as the setting `licence` says",
        units={
            "image": "PNG, JPEG, WebP, BMP, TIFF; 16 bits lose their lower byte, alpha is dropped",
            "stencil": "ids in one channel of PNG or TIFF, of the setting `vocabulary`",
            "depth": "metres in floating point (TIFF, .npy), or whole numbers of a stated scale",
            "instances": "ids in one channel of PNG or TIFF; 0 = background",
            "emissive": "bits in one channel: 1 gives light, 2 is lit by a lamp",
            "objects": "boxes as x, y, width, height, pixels from 0",
            "camera": "fx, fy, cx, cy in pixels, or the horizontal angle of view in degrees",
        },
        classes=NAMES,
        label_space=CITYSCAPES,
        weathers=WEATHER_WORDS,
        times=TIME_WORDS,
    )


def text(row: Row, column: str) -> str:
    """A cell as text; missing and empty are the same."""
    value = row.get(column)
    return "" if value is None else str(value).strip()


def first_text(row: Row, columns: tuple[str, ...]) -> str:
    """The first of these cells that says anything."""
    return next((found for column in columns if (found := text(row, column))), "")


def frame_from(
    adapter: str, about: About, dataset: str, config: RecordedConfig, recorded: Recorded
) -> Frame:
    """The frame. Raises BadFrame that names it."""
    try:
        return _frame(adapter, about, dataset, config, recorded)
    except BadFrame as error:
        if recorded.native_id in error.sentence:
            raise
        raise BadFrame(error.reason, f"{recorded.native_id}: {error.sentence}") from error


def _frame(
    adapter: str, about: About, dataset: str, config: RecordedConfig, recorded: Recorded
) -> Frame:
    name, row, columns = recorded.native_id, recorded.row, config.columns
    layers = _layers(config, recorded)
    objects = _objects(row.get(columns.objects), config, name)
    # A list that is there and empty says that there is nothing; an empty cell says nothing.
    boxed_or_masked = bool(text(row, columns.objects) or "stencil" in layers)
    source_sha256, twin = _sha256(recorded), text(row, columns.twin_id)
    intrinsics = _intrinsics(row, columns.intrinsics, name)
    image = image_files.decode_image(
        recorded.image, name, config.max_pixels, upright=bool(layers or objects or intrinsics)
    )
    return Frame(
        frame_id=digest(adapter, dataset, name, source_sha256)[:32],
        image=image,
        conditions=conditions_in(
            about,
            text(row, columns.weather),
            text(row, columns.time_of_day),
            hour=_hour(text(row, columns.hour), name),
        ),
        label=_label(text(row, columns.label), config.label_names, name),
        label_space=config.label_space if boxed_or_masked else frozenset(),
        objects=objects,
        camera=_camera(intrinsics, config.horizontal_fov_deg, image.shape[1], image.shape[0]),
        provenance=Provenance(
            kind=config.kind,
            source=Source(
                adapter=adapter,
                dataset=dataset,
                native_id=name,
                licence=config.licence,
                sha256=source_sha256,
            ),
            group_id=recorded.group_id,
            twin_id=f"{dataset}/{twin}" if twin else "",
            code_version=__version__,
        ),
        **cast(dict[str, Any], layers),
    )


def _sha256(recorded: Recorded) -> str:
    """Of the image's bytes, and then of each layer's with its name."""
    hasher = hashlib.sha256(recorded.image)
    for name, data in sorted(recorded.layers.items()):
        hasher.update(name.encode() + hashlib.sha256(data).digest())
    return hasher.hexdigest()


def _layers(config: RecordedConfig, recorded: Recorded) -> dict[str, NDArray[Any]]:
    made: dict[str, NDArray[Any]] = {}
    for layer, data in recorded.layers.items():
        name = f"{layer} of {recorded.native_id}"
        if layer == "depth":
            made[layer] = _depth(data, name, config)
        else:
            made[layer] = layer_files.decode_ids(data, name, config.max_pixels)
    if "stencil" in made:
        name = f"stencil of {recorded.native_id}"
        made["stencil"] = stencil_of(made["stencil"], class_table(config.vocabulary), name)
    if "emissive" in made:
        made["emissive"] = _emissive(made["emissive"], f"emissive of {recorded.native_id}")
    if "instances" in made:
        made["instances"] = made["instances"].astype(np.int32)
    return made


def _emissive(bits: NDArray[Any], name: str) -> NDArray[np.uint8]:
    odd = np.unique(bits[bits > EMISSIVE_BITS])
    if odd.size:
        raise BadFrame(
            Reason.WRONG_TYPE,
            f"{name}: wanted the bits {GIVES_LIGHT} (gives light) and {IS_LIT} (is lit), "
            f"got {', '.join(map(str, odd[:8]))}",
        )
    return bits.astype(np.uint8)


def _depth(data: bytes, name: str, config: RecordedConfig) -> Depth:
    depth = layer_files.decode_depth(
        data,
        name,
        config.max_pixels,
        metres_per_unit=config.depth_metres_per_unit,
        unknown_value=config.depth_unknown_value,
        sky_value=config.depth_sky_value,
    )
    unknown = int(np.isnan(depth).sum())
    if unknown and not config.allow_unknown_depth:
        raise BadFrame(
            Reason.NAN_DEPTH,
            f"{name}: wanted a depth for every pixel, got none for {unknown:,} of {depth.size:,}; "
            "if the source measures only a part, set allow_unknown_depth",
        )
    return depth


def _hour(cell: str, name: str) -> float | None:
    """The clock hour in a cell; None where it is empty. Raises BadFrame."""
    try:
        hour = float(cell) if cell else None
    except ValueError:
        hour = math.nan
    if hour is not None and not 0 <= hour < HOURS:
        sentence = f"{name}: wanted an hour of 0 to {HOURS}, got {cell!r}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return hour


def _intrinsics(
    row: Row, columns: tuple[str, str, str, str], name: str
) -> tuple[float, ...] | None:
    """(fx, fy, cx, cy) in pixels of a row that tells them. Raises BadFrame."""
    cells = [text(row, column) for column in columns]
    if not any(cells):
        return None
    try:
        fx, fy, cx, cy = map(float, cells)
    except ValueError:
        fx = fy = cx = cy = math.nan
    if not (0 < fx < math.inf and 0 < fy < math.inf and math.isfinite(cx) and math.isfinite(cy)):
        wanted = ", ".join(columns)
        got = ", ".join(map(repr, cells))
        raise BadFrame(
            Reason.BAD_CAMERA,
            f"{name}: wanted {wanted} as numbers of pixels, the first two above 0, got {got}",
        )
    return fx, fy, cx, cy


def _camera(
    intrinsics: tuple[float, ...] | None, fov_deg: float | None, width: int, height: int
) -> Camera | None:
    """A level camera; None where nothing is told about its lens.

    The world's axes are the camera's own, so `centre_m` of objects is in camera axes here.
    """
    if intrinsics is None and fov_deg is not None:
        focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
        intrinsics = focal, focal, width / 2, height / 2
    if intrinsics is None:
        return None
    fx, fy, cx, cy = intrinsics
    matrix = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    return Camera(intrinsics=matrix, camera_to_world=np.eye(4))


def _label(word: str, names: tuple[str, ...], frame: str) -> ImageLabel | None:
    if not names or not word:
        return None
    if word in names:
        return ImageLabel(index=names.index(word), vocabulary=names)
    if word.isdecimal() and int(word) < len(names):
        return ImageLabel(index=int(word), vocabulary=names)
    raise BadFrame(
        Reason.BAD_METADATA, f"{frame}: wanted a label of {', '.join(names[:8])}, got {word!r}"
    )


def _objects(cell: Any, config: RecordedConfig, name: str) -> tuple[SceneObject, ...]:
    """Objects from JSON or from nested columns. Raises BadFrame."""
    try:
        value = json.loads(cell) if isinstance(cell, str) and cell.strip() else cell
        if not value:
            return ()
        entries = _from_columns(value) if isinstance(value, dict) else value
        return tuple(
            SceneObject(**{**e, "category": class_of(e["category"], config.vocabulary, name)})
            for e in entries
        )
    except BadFrame:
        raise
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        wanted = '{"bbox": [[x, y, width, height]], "categories": [...]}'
        raise BadFrame(
            Reason.BAD_METADATA, f"{name}: wanted objects such as {wanted}, got {cell!r:.80}"
        ) from error


def _from_columns(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The spelling of Hugging Face: lists beside each other, boxes as x, y, width, height."""
    categories = value["categories"] if "categories" in value else value["category"]
    return [
        {"category": category, "box_xyxy": (x, y, x + width, y + height)}
        for (x, y, width, height), category in zip(value["bbox"], categories, strict=True)
    ]
