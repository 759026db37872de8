"""Croissant: the dataset described for machines (MLCommons Croissant 1.0, JSON-LD)."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from parhelion.pipeline.dataset_card import About
from parhelion.pipeline.manifest import ShardEntry, SplitEntry
from parhelion.pipeline.schema import PICTURE, SCHEMA, SCHEMA_VERSION

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PARQUET = "application/x-parquet"

_CR = (
    *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *("references", "regex", "repeated", "replace", "separator", "source", "subField", "transform"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in _CR},
}


def croissant(about: About, splits: Mapping[str, SplitEntry]) -> dict[str, Any]:
    """The description of a dataset with these splits."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": about.name,
        "description": about.description,
        "version": f"{SCHEMA_VERSION}.0.0",
        "license": sorted({licence for licence in about.licences.values() if licence})
        or ["unknown"],
        "distribution": [
            *(_file_object(shard) for split in splits.values() for shard in split.shards),
            *(_file_set(name) for name in splits),
        ],
        "recordSet": [_record_set(name) for name in splits],
    }


def _file_object(shard: ShardEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": shard.file,
        "name": shard.file.rpartition("/")[2],
        "contentUrl": shard.file,
        "contentSize": f"{shard.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": shard.sha256,
    }


def _file_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-shards",
        "name": f"{split}-shards",
        "encodingFormat": PARQUET,
        "includes": f"data/{split}-*.parquet",
    }


def _record_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The frames of the split {split}, one a row.",
        "key": {"@id": f"{split}/frame_id"},
        "field": [_field(split, field) for field in SCHEMA],
    }


def _field(split: str, field: pa.Field) -> dict[str, Any]:
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{split}/{field.name}",
        "name": field.name,
    }
    if pa.types.is_list(field.type):
        described["repeated"] = True
        if pa.types.is_struct(field.type.value_type):
            parts = [_part(split, field.name, part) for part in field.type.value_type]
            return {**described, "subField": parts}
    if field.type == PICTURE:
        source = _source(split, field.name, "bytes")
        return {**described, "dataType": "sc:ImageObject", "source": source}
    return {**described, "dataType": _data_type(field.type), "source": _source(split, field.name)}


def _part(split: str, column: str, part: pa.Field) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{column}/{part.name}",
        "name": part.name,
        "dataType": _data_type(part.type),
        "source": _source(split, column, f"[*].{part.name}"),
    }


def _source(split: str, column: str, json_path: str = "") -> dict[str, Any]:
    source: dict[str, Any] = {
        "fileSet": {"@id": f"{split}-shards"},
        "extract": {"column": column},
    }
    return {**source, "transform": {"jsonPath": json_path}} if json_path else source


def _data_type(arrow_type: pa.DataType) -> str:
    if pa.types.is_list(arrow_type):
        return _data_type(arrow_type.value_type)
    if pa.types.is_floating(arrow_type):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(arrow_type) else "sc:Text"
