"""What a table of Hugging Face `datasets` says of its columns: the names behind class numbers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._documents import parse_json

METADATA_KEY = b"huggingface"  # of an Arrow schema
LISTS = ("List", "LargeList", "Sequence")

# Columns by name, as `datasets` writes them: {"_type": "ClassLabel", "names": [...]} and so on.
Features = Mapping[str, Any]


class Info(BaseModel):
    features: dict[str, Any] = {}


class TableMetadata(BaseModel):
    info: Info = Info()


TABLE_METADATA = TypeAdapter(TableMetadata)


def features_of(metadata: Mapping[bytes, bytes] | None, name: str) -> Features:
    """The features in the metadata of a schema; none where it was written by others."""
    told = (metadata or {}).get(METADATA_KEY)
    return {} if told is None else parse_json(told, TABLE_METADATA, name).info.features


def class_names(feature: Any) -> tuple[str, ...]:
    """Of a column of classes; empty where it is another column."""
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or feature.get("_type") != "ClassLabel":
        return ()
    return tuple(map(str, names))


def named(value: Any, feature: Any, column: str) -> Any:
    """A cell with class numbers replaced by their names, at any depth. Raises BadFrame."""
    names = class_names(feature)
    if names and isinstance(value, int):
        if not 0 <= value < len(names):
            if value == -1:
                return None  # a test set's answer that nobody gave away
            wanted = f"a class below {len(names)}"
            raise BadFrame(Reason.UNKNOWN_CLASS, f"{column}: wanted {wanted}, got {value}")
        return names[value]
    if isinstance(value, list):
        inner = _of_items(feature)
        return [named(item, inner, column) for item in value]
    if isinstance(value, dict) and isinstance(feature, dict):
        # A sequence of structs is stored as a struct of lists, one per field.
        fields = _of_items(feature) if feature.get("_type") in LISTS else feature
        told = fields if isinstance(fields, dict) else {}
        return {k: named(v, told.get(k), f"{column}.{k}") for k, v in value.items()}
    return value


def _of_items(feature: Any) -> Any:
    if isinstance(feature, list):  # the oldest spelling
        return feature[0] if feature else None
    if isinstance(feature, dict) and feature.get("_type") in LISTS:
        return feature.get("feature")
    return feature  # a field of a sequence of structs


def as_columns(objects: Any) -> Any:
    """Boxes as lists beside each other, where they were one struct per box."""
    if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
        return objects
    if not objects or "bbox" not in objects[0]:
        return objects
    word = "categories" if "categories" in objects[0] else "category"
    return {key: [o.get(key) for o in objects] for key in ("bbox", word)}
