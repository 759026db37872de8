"""Tables of a database as files: CSV with a header, or the COPY blocks of a plain pg_dump.

    snapshots.csv    snapshot_id,run_id,imagepath,...
    any.sql          COPY public.snapshots (snapshot_id, ...) FROM stdin;
                     rows with tabs between, and at the end of them a line of backslash and dot

Rows may fill gigabytes, so they stay on disk: only the place of each is kept, by the text of one
of its columns. A row that is torn is refused when somebody asks for it.
"""

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import file_inside

LONGEST_LINE = 1 << 20
TABLES = frozenset({"snapshots", "detections", "snapshot_weathers", "runs"})
COPY = re.compile(rb"COPY (?:\w+\.)?\"?(\w+)\"? \(([^)]*)\) FROM stdin;\r?\n?")
END_OF_COPY = b"\\."
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
NULL = "\\N"
BLOCK_SHIFT = 48  # a place is the number of its block, and below it the offset in the file

Record = dict[str, str]


@dataclass(frozen=True)
class Block:
    """Rows of one table that lie one after the other in a file."""

    file: str  # relative to the root
    table: str
    columns: tuple[str, ...]
    copied: bool  # as COPY writes rows, else CSV
    start: int
    end: int

    def cells(self, line: bytes) -> list[str]:
        """The cells of a row, empty where they are null. Raises ValueError or csv.Error."""
        text = line.decode().rstrip("\r\n")
        if self.copied:
            return [_unescaped(cell) for cell in text.split("\t")]
        return next(csv.reader([text]), [])

    def record(self, line: bytes) -> Record:
        """A row by its columns. Raises BadFrame."""
        try:
            return dict(zip(self.columns, self.cells(line), strict=True))
        except (ValueError, csv.Error) as error:
            wanted = f"a row of {len(self.columns)} columns"
            sentence = f"{self.file}: wanted {wanted} in {self.table}, got {error}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error


def blocks_in(root: Path, names: Iterable[str]) -> tuple[list[Block], list[BadFrame]]:
    """All blocks of our tables in files of tables, and what is wrong with those files."""
    blocks: list[Block] = []
    problems: list[BadFrame] = []
    for name in names:
        try:
            path = file_inside(root, root, name)
            blocks += _in_dump(path, name) if name.lower().endswith(".sql") else [_csv(path, name)]
        except BadFrame as error:
            problems.append(error)
        except (OSError, ValueError, csv.Error) as error:
            sentence = f"{name}: wanted a table with a header, got {error}"
            problems.append(BadFrame(Reason.BAD_METADATA, sentence))
    return blocks, problems


def table_of(name: str) -> str:
    """The table that a file is named after: public.snapshots.csv -> snapshots; else empty."""
    stem = name.rpartition("/")[2].lower().removesuffix(".csv").rpartition(".")[2]
    stem = stem.removesuffix("_view")
    return stem if stem in TABLES else ""


def lines_of(root: Path, block: Block) -> Iterator[tuple[int, bytes]]:
    """The rows of a block, each with its place in the file; none is longer than LONGEST_LINE."""
    with (root / block.file).open("rb") as file:
        file.seek(block.start)
        at = block.start
        while at < block.end and (line := file.readline(LONGEST_LINE)):
            if line.strip():
                yield at, line
            at += len(line)


class Rows:
    """The rows of one table by the text of one of its columns.

    Rows that do not even tell whose they are are counted in `dropped`.
    """

    def __init__(
        self, root: Path, blocks: Sequence[Block], column: str, dropped: Counter[str]
    ) -> None:
        self._root = root
        self._blocks = [block for block in blocks if column in block.columns]
        self._column = column
        self._places: dict[str, array[int]] = {}
        self._dropped = dropped
        for number, block in enumerate(self._blocks):
            self._note(number, block, block.columns.index(column))

    @property
    def is_there(self) -> bool:
        """Whether there is such a table, be it empty or not."""
        return bool(self._blocks)

    def of(self, key: str) -> list[Record]:
        """The rows that have `key` in the column. Raises BadFrame where one is torn."""
        found: list[Record] = []
        for place in self._places.get(key, ()):
            block = self._blocks[place >> BLOCK_SHIFT]
            record = record_at(self._root, block, place & ((1 << BLOCK_SHIFT) - 1))
            if record[self._column] != key:
                sentence = f"{block.file}: wanted it as it was indexed, got another one"
                raise BadFrame(Reason.BAD_METADATA, sentence)
            found.append(record)
        return found

    def _note(self, number: int, block: Block, column: int) -> None:
        for offset, line in lines_of(self._root, block):
            try:
                key = block.cells(line)[column]
            except (ValueError, csv.Error, IndexError):
                self._dropped[f"rows of {block.table} that tell no {self._column}"] += 1
                continue
            self._places.setdefault(key, array("q")).append(number << BLOCK_SHIFT | offset)


def record_at(root: Path, block: Block, offset: int) -> Record:
    """The row at a place. Raises BadFrame."""
    try:
        with (root / block.file).open("rb") as file:
            file.seek(offset)
            line = file.readline(LONGEST_LINE)
    except OSError as error:
        sentence = f"{block.file}: wanted a readable file, got {error.strerror}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error
    return block.record(line)


def _csv(path: Path, name: str) -> Block:
    with path.open("rb") as file:
        header = file.readline(LONGEST_LINE)
        start = file.tell()
    cells = next(csv.reader([header.decode("utf-8-sig").strip()]), [])
    columns = tuple(cell.strip().lower() for cell in cells)
    return Block(name, table_of(name), columns, copied=False, start=start, end=path.stat().st_size)


def _in_dump(path: Path, name: str) -> list[Block]:
    found: list[Block] = []
    at = start = 0
    inside: re.Match[bytes] | None = None
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            if inside is None:
                inside, start = COPY.fullmatch(line), at + len(line)
            elif line.rstrip() == END_OF_COPY:
                found.append(_copied(name, inside, start, at))
                inside = None
            at += len(line)
    if inside is not None:
        found.append(_copied(name, inside, start, at))
    return [block for block in found if block.table in TABLES]


def _copied(name: str, head: re.Match[bytes], start: int, end: int) -> Block:
    columns = tuple(cell.strip(' "') for cell in head[2].decode().split(","))
    return Block(name, head[1].decode().lower(), columns, copied=True, start=start, end=end)


def _unescaped(cell: str) -> str:
    if cell == NULL:
        return ""
    if "\\" not in cell:
        return cell
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), cell)
