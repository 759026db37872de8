"""Two pictures in one Parquet file, as any Hugging Face dataset has them."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from recordings import street_pixels


def write(folder: Path) -> dict[str, Any]:
    """One file, two scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": _png(i), "path": f"{i}.png"} for i in range(2)]
    table = pa.table({"image": images, "weather": ["Clear"] * 2, "scene": ["a", "b"]})
    pq.write_table(table, folder / "a.parquet")
    return {"path": folder / "a.parquet"}


def _png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(street_pixels(seed)).save(buffer, "PNG")
    return buffer.getvalue()
