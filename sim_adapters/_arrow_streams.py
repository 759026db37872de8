"""Rows of Arrow stream files, as `datasets` saves them: mapped into memory, checked before use."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from parhelion.pipeline.bad_frame import BadFrame, Reason

# What cells of a schema that nobody foresaw raise when they become Python's.
UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError, LookupError, MemoryError)


class ArrowRows:
    """Single rows of one stream file, in any order. Raises BadFrame."""

    ours = False

    def __init__(self, file: Path, name: str, columns: frozenset[str] = frozenset()) -> None:
        self.name, self._columns = name, columns  # of rows, as far as they are there
        try:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                self.names: list[str] = stream.schema.names
                self.metadata: Mapping[bytes, bytes] | None = stream.schema.metadata
                self._batches = list(stream)
        except (*UNREADABLE, OSError) as error:
            raise self._bad("a whole Arrow stream", error) from error
        self._ends = list(accumulate(batch.num_rows for batch in self._batches))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def row(self, number: int) -> dict[str, Any]:
        """The row at that place."""
        batch = bisect_right(self._ends, number)
        first = self._ends[batch - 1] if batch else 0
        try:
            part = self._selected(self._batches[batch], self._columns).slice(number - first, 1)
            part.validate(full=True)  # offsets lead anywhere in a file that is not sound
            row: dict[str, Any] = part.to_pylist()[0]
        except UNREADABLE as error:
            raise self._bad(f"a readable row {number}", error) from error
        return row

    def cells(self, columns: frozenset[str]) -> list[dict[str, Any]]:
        """These columns of all rows, without their pictures."""
        try:
            parts = [self._selected(batch, columns) for batch in self._batches]
            for part in parts:
                part.validate(full=True)
            return [row for part in parts for row in part.to_pylist()]
        except UNREADABLE as error:
            raise self._bad(f"readable columns {', '.join(sorted(columns))}", error) from error

    def paths(self, column: str) -> list[str]:
        """The paths in a column of pictures; "" where there is none."""
        try:
            found: list[str] = []
            for batch in self._batches:
                batch.validate(full=True)
                paths = pc.struct_field(batch.column(column), "path")
                found += [path or "" for path in paths.to_pylist()]
            return found
        except UNREADABLE as error:
            raise self._bad(f"paths in the column {column}", error) from error

    def _selected(self, batch: pa.RecordBatch, columns: frozenset[str]) -> pa.RecordBatch:
        return batch.select([name for name in self.names if name in columns])

    def _bad(self, wanted: str, error: Exception) -> BadFrame:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return BadFrame(Reason.BAD_METADATA, f"{self.name}: wanted {wanted}, got {said:.200}")
