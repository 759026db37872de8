"""Chunks of work, and the receipts that stand on the disk once they are done.

Both are plain data, the only things that travel between a run and its workers. A receipt is written
after its file, so a receipt whose file still has its size and hash is proof that the work need not
be done again. How long it took is kept apart, in a file that nobody hashes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.files import append_line, model_from, sha256_of, size_of, write_json
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.seeds import digest

RECEIPTS = "receipts"
TIMINGS = "timings.jsonl"


class Chunk(BaseModel):
    """A part of a stage: plain data that travels to any worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    stage_digest: str
    key: str  # "00012", "train-00012"
    spec: str  # canonical JSON of plain data
    work: str  # "module:function"
    file: str  # relative to the run's folder
    folder: Path  # of the run; not in the digest

    @property
    def digest(self) -> str:
        """What identifies the work and its result."""
        return digest(self.stage_digest, self.key, self.spec, self.work, self.file)

    @property
    def name(self) -> str:
        """What people are told that it is."""
        return f"{self.stage}-{self.key}"

    @property
    def path(self) -> Path:
        """Where its file goes."""
        return self.folder / self.file

    @property
    def workdir(self) -> Path:
        """A folder of its own for resumable state, gone once the chunk is done."""
        return self.folder / "work" / self.digest[:16]


class Receipt(BaseModel):
    """One chunk that is done. Equal work gives an equal receipt, on any machine, at any time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    key: str
    digest: str  # of the chunk: what was asked
    file: str  # relative to the run's folder
    sha256: str  # of the file: what came out
    bytes: int
    rows: int
    quarantined: tuple[QuarantineRow, ...] = ()
    figures: dict[str, float] = {}

    def path(self, run_folder: Path) -> Path:
        """The file it vouches for."""
        return run_folder / self.file

    def sized(self, run_folder: Path) -> bool:
        """Whether that file is there and of the right size."""
        path = self.path(run_folder)
        return path.exists() and size_of(path) == self.bytes

    def holds(self, run_folder: Path) -> bool:
        """Whether that file is there, whole and unchanged."""
        return self.sized(run_folder) and sha256_of(self.path(run_folder)) == self.sha256


def receipt_path(run_folder: Path, stage: str, key: str) -> Path:
    """Where the receipt of a chunk is kept."""
    return run_folder / RECEIPTS / stage / f"{key}.json"


def write_receipt(run_folder: Path, receipt: Receipt) -> None:
    """Keeps a receipt; its file must be in place already."""
    write_json(receipt_path(run_folder, receipt.stage, receipt.key), receipt)


def read_receipt(run_folder: Path, stage: str, key: str) -> Receipt | None:
    """The receipt of a chunk; None where there is none or it cannot be read."""
    receipt = model_from(receipt_path(run_folder, stage, key), Receipt)
    return receipt if isinstance(receipt, Receipt) else None


def read_receipts(run_folder: Path, stage: str) -> list[Receipt]:
    """All readable receipts of a stage, by key."""
    paths = sorted((run_folder / RECEIPTS / stage).glob("*.json"))
    found = (read_receipt(run_folder, stage, path.stem) for path in paths)
    return [receipt for receipt in found if receipt is not None]


def missing_files(run_folder: Path) -> list[str]:
    """Files with a receipt that are gone or of another size; looks at no content."""
    stages = sorted(path.name for path in (run_folder / RECEIPTS).glob("*"))
    receipts = [receipt for stage in stages for receipt in read_receipts(run_folder, stage)]
    return [receipt.file for receipt in receipts if not receipt.sized(run_folder)]


def stage_output_digest(receipts: Sequence[Receipt]) -> str:
    """Digest of what a stage made: an input of the stages that read it.

    It covers what came out and not how: a chunk that was redone to the same bytes leaves the
    stages after it alone.
    """
    return digest([r.model_dump(mode="json", exclude={"digest"}) for r in receipts])


class Timing(BaseModel):
    """What a stage cost, summed over the chunks that were really worked on."""

    model_config = ConfigDict(frozen=True)

    chunks: int = 0
    wall_s: float = 0.0  # summed over workers
    cpu_s: float = 0.0


def append_timing(run_folder: Path, stage: str, key: str, wall_s: float, cpu_s: float) -> None:
    """Notes the cost of one chunk beside the run; it is in no digest."""
    line = {"stage": stage, "key": key, "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3)}
    append_line(run_folder / TIMINGS, json.dumps(line))


def timings(run_folder: Path) -> Mapping[str, Timing]:
    """Cost per stage, in the order in which stages first appeared; a chunk counts once."""
    try:
        lines = (run_folder / TIMINGS).read_text().splitlines()
    except FileNotFoundError:
        return {}
    last = {(line["stage"], line["key"]): line for line in _readable(lines)}
    cost: dict[str, Timing] = {}
    for (stage, _), line in last.items():
        so_far = cost.get(stage, Timing())
        cost[stage] = Timing(
            chunks=so_far.chunks + 1,
            wall_s=so_far.wall_s + line["wall_s"],
            cpu_s=so_far.cpu_s + line["cpu_s"],
        )
    return cost


def _readable(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # cut off by a kill; the chunk was timed again
            continue
