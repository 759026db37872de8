"""GTAVisionExport's exported database, joined to the images by their paths.

    runs                run_id, runguid                    the archive is <runguid>.zip
    snapshots           snapshot_id, run_id, imagepath     <game time>.tiff, or a dated stem
    detections          snapshot_id, type, class, pos, rot, bbox, best_bbox, bbox3d
    snapshot_weathers   snapshot_id, weather_type, snapshot_page

The exporter reads the game's clock once for the path and once for the member of the archive, some
milliseconds apart: what does not match exactly goes to the nearest of the same run within 50 ms.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _gtav_postgres as postgres
from parhelion.sim_adapters._gtav_snapshot import MOST_ENTITIES, Entity, Snapshot
from parhelion.sim_adapters._gtav_tables import (
    TABLES,
    Block,
    Record,
    Rows,
    blocks_in,
    lines_of,
    record_at,
    table_of,
)

APART_MS = 50
MOST_COLOURS = 64


class Place(NamedTuple):
    """Where a snapshot lies, and which run it belongs to."""

    run: str
    block: Block
    offset: int
    is_repeated: bool = False  # another snapshot of the run has the same path


class Database:
    """What the tables below a root say; nothing of it is there where there are none.

    Rows that belong to no snapshot are counted in `dropped` when the first snapshot is read.
    """

    def __init__(self, root: Path, names: Iterable[str], dropped: Counter[str]) -> None:
        self.root = root
        self._dropped = dropped
        tables = (name for name in names if name.lower().endswith((".sql", ".csv")))
        self.names = [name for name in tables if name.lower().endswith(".sql") or table_of(name)]
        self.blocks, self.problems = blocks_in(root, self.names)
        self._doubled = self._tables_of_two_files()
        self.problems += self._doubled
        self._runs: dict[str, dict[str, Place]] = {}
        self._index()

    @property
    def is_there(self) -> bool:
        """Whether there is a table of snapshots, be it whole or not."""
        named = any(table_of(name) == "snapshots" for name in self.names)
        return named or any(block.table == "snapshots" for block in self.blocks)

    @cached_property
    def files(self) -> dict[str, str]:
        """The files that it lies in."""
        used = sorted({block.file for block in self.blocks})
        return {f"table {i}": name for i, name in enumerate(used)}

    def place_of(self, stem: str) -> Place | None:
        """The snapshot of a path that only one run has."""
        found = [run[stem] for run in self._runs.values() if stem in run]
        return found[0] if len(found) == 1 else None

    def places_of(self, run: str, times_ms: Sequence[int]) -> dict[int, Place]:
        """The snapshots of a run, by the clock in the names of its images."""
        rows = self._runs.get(run.lower(), {})
        if not rows and len(self._runs) == 1 and not self._has("runs"):
            rows = next(iter(self._runs.values()))
        by_time = {int(stem): place for stem, place in rows.items() if stem.isdecimal()}
        return {ours: by_time[row] for ours, row in joined(times_ms, by_time).items()}

    def snapshot_at(self, place: Place) -> tuple[Snapshot, list[Record]]:
        """A snapshot with its entities and weathers, and the rows that say so. Raises BadFrame."""
        if self._doubled:
            raise self._doubled[0]
        if place.is_repeated:
            sentence = f"{place.block.file}: wanted one snapshot of a path in its run, got several"
            raise BadFrame(Reason.DUPLICATE_ID, sentence)
        row = record_at(self.root, place.block, place.offset)
        name = f"{place.block.file}, snapshot {row.get('snapshot_id', '')}"
        key = row.get("snapshot_id", "")
        detections, weathers = self._detections.of(key), self._weathers.of(key)
        if len(detections) > MOST_ENTITIES:
            sentence = f"{name}: wanted at most {MOST_ENTITIES:,} detections, got more"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        try:
            entities = tuple(postgres.entity_of(detection, name) for detection in detections)
            listed = entities if self._detections.is_there else None
            snapshot = _snapshot(row, listed, _by_page(weathers, name), name)
        except ValidationError as error:
            said = error.errors(include_url=False, include_context=False)[0]["msg"]
            sentence = f"{name}: wanted numbers and words in their columns, got {said}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error
        return snapshot, [row, *detections, *weathers]

    @cached_property
    def _detections(self) -> Rows:
        return Rows(self.root, self._has("detections"), "snapshot_id", self._dropped)

    @cached_property
    def _weathers(self) -> Rows:
        return Rows(self.root, self._has("snapshot_weathers"), "snapshot_id", self._dropped)

    def _has(self, table: str) -> list[Block]:
        return [block for block in self.blocks if block.table == table]

    def _tables_of_two_files(self) -> list[BadFrame]:
        """Such tables would count each row twice, or mix what belongs to two databases."""
        found = []
        for table in sorted(TABLES):
            files = sorted({block.file for block in self._has(table) if block.start < block.end})
            if len(files) > 1:
                sentence = f"wanted the table {table} in one file, got {', '.join(files)[:200]}"
                found.append(BadFrame(Reason.DUPLICATE_ID, sentence))
        return found

    def _index(self) -> None:
        guids = self._guids()
        for block in self._has("snapshots"):
            if "imagepath" not in block.columns:
                self._note(block, "a column imagepath", f"columns {', '.join(block.columns)[:80]}")
                continue
            for offset, line in lines_of(self.root, block):
                try:
                    row = block.record(line)
                except BadFrame as error:
                    self.problems.append(error)
                    continue
                run = guids.get(row.get("run_id", ""), row.get("run_id", ""))
                stem = stem_of(row["imagepath"])
                places = self._runs.setdefault(run, {})
                places[stem] = Place(run, block, offset, is_repeated=stem in places)

    def _guids(self) -> dict[str, str]:
        """Runguid by run_id."""
        found: dict[str, str] = {}
        for block in self._has("runs"):
            for _, line in lines_of(self.root, block):
                try:
                    row = block.record(line)
                    found[row["run_id"]] = row["runguid"].lower()
                except BadFrame as error:
                    self.problems.append(error)
                except KeyError as error:
                    self._note(block, "columns run_id and runguid", f"none called {error}")
                    break
        return found

    def _note(self, block: Block, wanted: str, got: str) -> None:
        sentence = f"{block.file}: wanted {wanted} in {block.table}, got {got}"
        self.problems.append(BadFrame(Reason.BAD_METADATA, sentence))


def stem_of(imagepath: str) -> str:
    """The name of an image without folder, suffix and the prefix that old captures have."""
    name = imagepath.replace("\\", "/").rpartition("/")[2]
    return name.removesuffix(".tiff").removeprefix("info-")


def joined(ours: Iterable[int], rows: Iterable[int]) -> dict[int, int]:
    """Our clocks -> clocks of rows, ms: the same, else the nearest that nobody else has."""
    mine, theirs = set(ours), set(rows)
    pairs = {time: time for time in mine & theirs}
    free = sorted(theirs - mine)
    near = []
    for time in mine - theirs:
        at = bisect_left(free, time - APART_MS)
        while at < len(free) and free[at] <= time + APART_MS:
            near.append((abs(free[at] - time), time, free[at]))
            at += 1
    taken: set[int] = set()
    for _, time, row in sorted(near):
        if time not in pairs and row not in taken:
            pairs[time] = row
            taken.add(row)
    return pairs


def _by_page(weathers: Sequence[Record], name: str) -> tuple[str, ...]:
    """The weather of each colour page, empty where none is told. Raises BadFrame."""
    said: dict[int, str] = {}
    for row in weathers:
        page = row.get("snapshot_page", "")
        if not (page.isascii() and page.isdecimal() and int(page[:9]) < MOST_COLOURS):
            sentence = f"{name}: wanted the number of a page, got {page!r:.40}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        said[int(page)] = row.get("weather_type", "")
    return tuple(said.get(page, "") for page in range(max(said, default=-1) + 1))


def _snapshot(
    row: Record, entities: tuple[Entity, ...] | None, weathers: tuple[str, ...], name: str
) -> Snapshot:
    return Snapshot.model_validate(
        {
            "timeofday": row.get("timeofday") or None,
            "currentweather": row.get("currentweather") or None,
            "camera_pos": postgres.point_of(row.get("camera_pos", ""), name),
            "view_matrix": postgres.matrix_of(row.get("view_matrix", ""), name),
            "proj_matrix": postgres.matrix_of(row.get("proj_matrix", ""), name),
            "cam_near_clip": row.get("cam_near_clip") or None,
            "cam_far_clip": row.get("cam_far_clip") or None,
            "entities": entities,
            "weathers": weathers,
        }
    )
