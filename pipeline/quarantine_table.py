"""The quarantine as a Parquet file: rows that were refused, with their pictures where known."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.schema import PICTURE, Row, with_features
from parhelion.pipeline.shards import write_rows

SCHEMA = with_features(
    [
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("sentence", pa.string()),
        ("native_id", pa.string()),
        ("frame_id", pa.string()),
        ("parent_id", pa.string()),
        ("group_id", pa.string()),
        ("cell", pa.string()),
        ("scores", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))),
        ("image", PICTURE),
    ]
)


def write_quarantine(path: Path, run_folder: Path, refused: Iterable[QuarantineRow]) -> int:
    """Writes the refused rows to a new file; how many there were.

    The picture of a generated row is fetched from the file of the run that still holds it.
    """
    return write_rows(path, _rows(run_folder, refused), SCHEMA)


def _rows(run_folder: Path, refused: Iterable[QuarantineRow]) -> Iterator[Row]:
    file, pictures = "", list[Row]()
    for row in refused:
        if row.file and row.file != file:
            file = row.file
            pictures = pq.read_table(run_folder / file, columns=["image"])["image"].to_pylist()
        told = row.model_dump(mode="json", exclude={"file", "row", "scores"})
        scores = [{"name": name, "value": value} for name, value in row.scores]
        known = row.file and row.row is not None
        yield {**told, "scores": scores, "image": pictures[row.row or 0] if known else None}


def read_quarantine(path: Path) -> list[Row]:
    """The rows of a quarantine file, pictures still encoded."""
    rows: list[Row] = pq.read_table(path).to_pylist()
    return rows
