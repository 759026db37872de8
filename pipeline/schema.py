"""The table that frames are stored in: one row a frame, one schema for every dataset of a version.

What is asked for often has a column of its own; what is needed to rebuild the frame exactly stands
beside it as JSON. The schema's metadata carry the features in the spelling of Hugging Face
`datasets`, so pictures come out of `load_dataset("parquet", ...)` as pictures.
"""

import json
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from parhelion.pipeline import encoding
from parhelion.pipeline.conditions import PHYSICS, Conditions
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.frame import Camera, Frame, ImageLabel, SceneObject
from parhelion.pipeline.provenance import Provenance
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.pipeline.seeds import canonical_json

SCHEMA_VERSION = "1"  # another version is another dataset folder: readers refuse mixed schemas
VERSION_KEY = b"parhelion.schema_version"

Row = dict[str, Any]

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PICTURES = ("image", "stencil", "stencil_native", "emissive", "depth", "instances")
# Few different values: dictionary-encoded on disk.
LABELS = (
    *("split", "kind", "group_id", "twin_id", "parent_id", "weather", "time_of_day", "event"),
    *("cell", "label_name"),
)
_PLAIN_KEYS = ("frame_id", "group_id", "twin_id", "kind", "split")
KEY_COLUMNS = (*_PLAIN_KEYS, "conditions", "image_label", "label_space")
# A layer that is missing is null, so that its lightest leaf tells whether it is there.
LAYER_LEAVES = {
    **{f"{name}.path": name for name in PICTURES if name != "image"},
    "objects.list.element.category_id": "objects",
    "intrinsics": "camera",
    "label": "label",
}

_OBJECT = pa.struct(
    [
        ("category", pa.string()),
        ("category_id", pa.int32()),
        ("instance", pa.int64()),
        ("box_xyxy", pa.list_(pa.float64())),  # pixels, half-open
        ("distance_m", pa.float64()),
        ("visibility", pa.float64()),
        ("truncation", pa.float64()),
        ("centre_m", pa.list_(pa.float64())),  # (3,) world
    ]
)

_FIELDS = [
    ("frame_id", pa.string()),
    ("split", pa.string()),
    ("kind", pa.string()),
    ("group_id", pa.string()),
    ("twin_id", pa.string()),
    ("parent_id", pa.string()),
    ("cell", pa.string()),
    ("weather", pa.string()),
    ("hour", pa.float64()),
    ("time_of_day", pa.string()),
    ("event", pa.string()),
    *((name, pa.float64()) for name in PHYSICS),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("image", PICTURE),
    ("label", pa.int64()),
    ("label_name", pa.string()),
    ("stencil", PICTURE),
    ("stencil_native", PICTURE),
    ("emissive", PICTURE),
    ("depth", PICTURE),
    ("instances", PICTURE),
    ("instance_ids", pa.list_(pa.int64())),  # what the values of `instances` stand for, if not ids
    ("objects", pa.list_(_OBJECT)),
    ("intrinsics", pa.list_(pa.float64())),  # (9,) row by row
    ("camera_to_world", pa.list_(pa.float64())),  # (16,) row by row
    ("label_space", pa.list_(pa.string())),
    ("image_label", pa.string()),  # JSON
    ("conditions", pa.string()),  # JSON
    ("provenance", pa.string()),  # JSON
]


def feature(arrow_type: pa.DataType) -> dict[str, Any]:
    """An Arrow type in the spelling of Hugging Face `datasets`."""
    if arrow_type == PICTURE:
        return {"_type": "Image"}
    if pa.types.is_list(arrow_type):
        return {"_type": "List", "feature": feature(arrow_type.value_type)}
    if pa.types.is_struct(arrow_type):
        return {field.name: feature(field.type) for field in arrow_type}
    return {"_type": "Value", "dtype": {"double": "float64"}.get(str(arrow_type), str(arrow_type))}


def with_features(fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    """A schema of ours: the fields, the schema version and the features for `datasets`."""
    features = {name: feature(arrow_type) for name, arrow_type in fields}
    metadata = {
        b"huggingface": json.dumps({"info": {"features": features}}).encode(),
        VERSION_KEY: SCHEMA_VERSION.encode(),
    }
    return pa.schema(fields, metadata=metadata)


SCHEMA = with_features(_FIELDS)


class WrongSchema(ValueError):
    """A Parquet file that is not a table of frames, or one of another version."""


def check_schema(found: pa.Schema, name: str) -> None:
    """Raises WrongSchema unless `found`, of the file `name`, is the schema of this version."""
    version = (found.metadata or {}).get(VERSION_KEY, b"none").decode()
    if version != SCHEMA_VERSION or not found.equals(SCHEMA):
        raise WrongSchema(
            f"{name}: wanted frames of schema version {SCHEMA_VERSION}, got version {version} with "
            f"{len(found.names)} columns; read foreign tables with the adapter `parquet`"
        )


def row_of(frame: Frame, split: str, image_format: encoding.ImageFormat = "png") -> Row:
    """The frame as a row of SCHEMA."""
    height, width = frame.size
    c, p = frame.conditions, frame.provenance
    row: Row = {
        "frame_id": frame.frame_id,
        "split": split,
        "kind": p.kind.value,
        "group_id": p.group_id,
        "twin_id": p.twin_id,
        "parent_id": p.parent_id,
        "cell": c.cell,
        "weather": c.weather.value,
        "hour": c.hour,
        "time_of_day": c.time_of_day.value,
        "event": c.event.value,
        "width": width,
        "height": height,
        "objects": [_object_row(o) for o in frame.objects],
        "label_space": [SceneClass(c).label for c in sorted(frame.label_space)],
        "conditions": canonical_json(c),
        "provenance": canonical_json(p),
    }
    row.update({name: getattr(c, name) for name in PHYSICS})
    row.update(_label_columns(frame.label))
    row.update(_camera_columns(frame.camera))
    row.update(_picture_columns(frame, image_format))
    return row


def frame_of(row: Row) -> Frame:
    """The frame that `row_of` was given, bit by bit, unless its image went through JPEG.

    Raises BadFrame where a picture cannot be read.
    """
    pictures = {name: row[name]["bytes"] for name in PICTURES if row[name] is not None}
    grey = {
        name: encoding.bytes_layer_from_bytes(pictures[name], name)
        for name in ("stencil", "stencil_native", "emissive")
        if name in pictures
    }
    depth, instances = pictures.get("depth"), pictures.get("instances")
    return Frame(
        frame_id=row["frame_id"],
        image=encoding.image_from_bytes(pictures["image"]),
        conditions=_conditions_of(row["conditions"]),
        label=_label_of(row["image_label"]),
        label_space=_label_space_of(tuple(row["label_space"])),
        depth=encoding.depth_from_bytes(depth) if depth is not None else None,
        instances=encoding.instances_from_bytes(instances, row["instance_ids"])
        if instances is not None
        else None,
        objects=tuple(_object_of(o) for o in row["objects"]),
        camera=_camera_of(row),
        provenance=Provenance.model_validate_json(row["provenance"]),
        **grey,
    )


@lru_cache(maxsize=1024)
def _conditions_of(text: str) -> Conditions:
    """Equal texts give one object: a hundred thousand keys then cost little memory."""
    return Conditions.model_validate_json(text)


@lru_cache(maxsize=1024)
def _label_of(text: str | None) -> ImageLabel | None:
    return ImageLabel.model_validate_json(text) if text else None


def key_of_row(row: Row) -> FrameKey:
    """The key of a row of KEY_COLUMNS and LAYER_LEAVES."""
    named = {n: row[n] for n in _PLAIN_KEYS}
    columns = ((leaf.split(".")[0], name) for leaf, name in LAYER_LEAVES.items())
    return FrameKey(
        conditions=_conditions_of(row["conditions"]),
        label=_label_of(row["image_label"]),
        # An empty list of objects is none, and so is a null of any other layer.
        layers=frozenset(name for column, name in columns if row[column] not in (None, [])),
        label_space=_label_space_of(tuple(row["label_space"])),
        **named,
    )


_CLASSES = {c.label: c for c in SceneClass}


@lru_cache(maxsize=1024)
def _label_space_of(names: tuple[str, ...]) -> LabelSpace:
    return frozenset(_CLASSES[name] for name in names)


def _picture_columns(frame: Frame, image_format: encoding.ImageFormat) -> Row:
    data: dict[str, bytes] = {"image": encoding.image_to_bytes(frame.image, image_format)}
    ids: list[int] | None = None
    for name in ("stencil", "stencil_native", "emissive"):
        if (layer := getattr(frame, name)) is not None:
            data[name] = encoding.bytes_layer_to_bytes(layer)
    if frame.depth is not None:
        data["depth"] = encoding.depth_to_bytes(frame.depth)
    if frame.instances is not None:
        data["instances"], ids = encoding.instances_to_bytes(frame.instances)
    endings = {"depth": "tiff", "image": "jpg" if image_format == "jpeg" else "png"}
    columns: Row = {
        name: {"bytes": d, "path": f"{frame.frame_id}-{name}.{endings.get(name, 'png')}"}
        for name, d in data.items()
    }
    return {name: columns.get(name) for name in PICTURES} | {"instance_ids": ids}


def _label_columns(label: ImageLabel | None) -> Row:
    if label is None:
        return {"label": None, "label_name": None, "image_label": None}
    return {
        "label": label.index,
        "label_name": label.vocabulary[label.index],
        "image_label": canonical_json(label),
    }


def _camera_columns(camera: Camera | None) -> Row:
    names = ("intrinsics", "camera_to_world")
    return {n: getattr(camera, n).ravel().tolist() if camera is not None else None for n in names}


def _camera_of(row: Row) -> Camera | None:
    if row["intrinsics"] is None:
        return None
    intrinsics = np.array(row["intrinsics"], dtype=np.float64).reshape(3, 3)
    return Camera(intrinsics, np.array(row["camera_to_world"], dtype=np.float64).reshape(4, 4))


def _object_row(o: SceneObject) -> Row:
    return {**o.model_dump(), "category": o.category.label, "category_id": int(o.category)}


def _object_of(row: Row) -> SceneObject:
    values = {name: value for name, value in row.items() if name != "category_id"}
    return SceneObject(**{**values, "category": SceneClass(row["category_id"])})
