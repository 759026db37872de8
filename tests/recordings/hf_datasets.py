"""A dataset as `save_to_disk` leaves it: Arrow streams, and a file that names them."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from recordings import street_pixels

SKIES, THINGS, SCENES = ("sunny", "rainy"), ("car", "person"), ("a", "a", "b", "b", "c")
BOXES = [[4.0, 2.0, 10.0, 8.0], [30.0, 4.0, 5.0, 12.0]]  # x, y, width, height
FEATURES = {
    "image": {"_type": "Image"},
    "weather": {"names": SKIES, "_type": "ClassLabel"},
    "scene": {"dtype": "string", "_type": "Value"},
    "objects": {
        "bbox": {
            "feature": {
                "feature": {"dtype": "float32", "_type": "Value"},
                "length": 4,
                "_type": "List",
            },
            "_type": "List",
        },
        "category": {"feature": {"names": THINGS, "_type": "ClassLabel"}, "_type": "List"},
    },
}
SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "weather": pa.int64(),
        "scene": pa.string(),
        "objects": pa.struct(
            {"bbox": pa.list_(pa.list_(pa.float32(), 4)), "category": pa.list_(pa.int64())}
        ),
    },
    metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
)


def write(folder: Path) -> dict[str, Any]:
    """Two splits: five rows in two files, and one row."""
    put(folder / "saved/dataset_dict.json", {"splits": ["train", "test"]})
    rows = [row(i) for i in range(5)]
    save(folder / "saved/train", [rows[:3], rows[3:]])
    save(folder / "saved/test", [[row(7)]])
    return {"path": folder / "saved"}


def row(i: int) -> dict[str, Any]:
    return {
        "image": {"bytes": png(i), "path": f"{i}.png"},
        "weather": i % 2,
        "scene": SCENES[i % 5],
        "objects": {"bbox": BOXES, "category": [1, 0]},
    }


def save(folder: Path, shards: list[list[dict[str, Any]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{len(shards):05d}.arrow" for i in range(len(shards))]
    for name, rows in zip(names, shards, strict=True):
        with pa.ipc.new_stream(folder / name, SCHEMA) as stream:
            for start in range(0, len(rows), 2):  # several batches in a file
                stream.write_batch(pa.RecordBatch.from_pylist(rows[start : start + 2], SCHEMA))
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0" * 16}
    state |= {"_format_columns": None, "_format_kwargs": {}, "_format_type": None}
    put(folder / "state.json", state | {"_output_all_columns": False, "_split": folder.name})
    put(
        folder / "dataset_info.json",
        {"citation": "", "description": "", "features": FEATURES, "homepage": "", "license": ""},
    )


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(street_pixels(seed)).save(buffer, "PNG")
    return buffer.getvalue()


def put(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2))
