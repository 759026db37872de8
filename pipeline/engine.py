"""The run engine: stages cut into chunks, each done once, whoever is killed and however often.

A chunk is one task, one file, one receipt. Its digest covers everything its bytes depend on: the
stage's settings, the code, the packages, what it reads, and its own part of the work; never the
clock, the folder, the worker or their number. Where the receipt fits, nothing is done.
"""

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from parhelion.pipeline.code_digest import code_digest
from parhelion.pipeline.contracts import Progress, silent
from parhelion.pipeline.files import create, discard, json_bytes, replacing, sha256_of, size_of
from parhelion.pipeline.provenance import version_of
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import (
    Chunk,
    Receipt,
    append_timing,
    read_receipt,
    read_receipts,
    receipt_path,
    write_receipt,
)
from parhelion.pipeline.seeds import canonical_json, digest
from parhelion.pipeline.threads import one_thread

Item = TypeVar("Item")

CHUNK_FILE = "chunks/{stage}/{key}.parquet"  # JSON and folders: "chunks/{stage}/{key}.json", ...


class Stage(BaseModel):
    """One kind of work with everything that its bytes depend on, as plain data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # lower case and dashes: it names a folder
    config: JsonValue = None
    inputs: tuple[str, ...] = ()  # digests of what it reads
    versions: tuple[tuple[str, str], ...] = ()  # (name, VERSION) of the parts it uses
    modules: tuple[str, ...] = ()  # root modules, "parhelion.generators.weather"
    packages: tuple[str, ...] = ()  # distributions that touch bytes

    @property
    def digest(self) -> str:
        """Digest of name, settings, inputs, versions, code and installed packages."""
        packages = [[name, version_of(name)] for name in sorted(self.packages)]
        told = self.model_dump(mode="json", exclude={"packages", "modules"})
        return digest(told, packages, code_digest(*sorted(self.modules)))


Spec = Any  # the parsed `Chunk.spec`: plain data, as the stage wrote it


@dataclass(frozen=True)
class ChunkResult:
    """How to write the one file of a chunk, and what there is to say about it.

    `write` makes a file, or a folder, at the path it is given, and returns its number of rows;
    `quarantined` and `figures` are read after it has returned, so that a work may stream.
    """

    write: Callable[[Path], int]
    quarantined: Sequence[QuarantineRow] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


Work = Callable[[Spec, Chunk], ChunkResult]


def as_json(value: object, rows: int = 0) -> Callable[[Path], int]:
    """A `ChunkResult.write` for plain data or a pydantic model, as one JSON file."""

    def write(path: Path) -> int:
        with create(path) as file:
            file.write(json_bytes(value))
        return rows

    return write


def as_folder(save: Callable[[Path], None]) -> Callable[[Path], int]:
    """A `ChunkResult.write` for a folder that `save` fills, such as `generator.save`."""

    def write(path: Path) -> int:
        path.mkdir()
        save(path)
        return 0

    return write


class Executor(Protocol):
    """Where chunks are worked on: in this process, in a pool, in Prefect tasks."""

    def map(self, chunks: Sequence[Chunk]) -> Iterator[Receipt]:
        """`run_chunk` of each chunk, wherever; one receipt per chunk, in any order."""


def chunked(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """`items` in runs of `size`; the last may be shorter."""
    if size < 1:
        raise ValueError(f"a chunk holds at least one item, got size {size}")
    return [items[start : start + size] for start in range(0, len(items), size)]


def done_already(chunk: Chunk) -> Receipt | None:
    """The receipt of exactly this chunk, if its file is whole."""
    receipt = read_receipt(chunk.folder, chunk.stage, chunk.key)
    fits = receipt is not None and receipt.digest == chunk.digest and receipt.file == chunk.file
    return receipt if receipt is not None and fits and receipt.holds(chunk.folder) else None


def run_chunk(chunk: Chunk) -> Receipt:
    """Does a chunk unless it is done: the file first, its receipt last."""
    receipt = done_already(chunk)
    if receipt is None:
        one_thread()
        wall, cpu = time.perf_counter(), time.process_time()
        receipt = _worked(chunk)
        write_receipt(chunk.folder, receipt)
        append_timing(
            chunk.folder,
            chunk.stage,
            chunk.key,
            time.perf_counter() - wall,
            time.process_time() - cpu,
        )
    discard(chunk.workdir)
    return receipt


def _worked(chunk: Chunk) -> Receipt:
    module, _, name = chunk.work.partition(":")
    work: Work = getattr(importlib.import_module(module), name)
    try:
        with replacing(chunk.path) as draft:
            result = work(json.loads(chunk.spec), chunk)
            rows = result.write(draft)
            sha256, size = sha256_of(draft), size_of(draft)
    except Exception as error:
        error.add_note(f"while working on chunk {chunk.key} of stage {chunk.stage}")
        raise
    return Receipt(
        stage=chunk.stage,
        key=chunk.key,
        digest=chunk.digest,
        file=chunk.file,
        sha256=sha256,
        bytes=size,
        rows=rows,
        quarantined=tuple(result.quarantined),
        figures=dict(result.figures),
    )


def chunks_of(
    stage: Stage, specs: Sequence[Spec], work: str, run_folder: Path, file: str = CHUNK_FILE
) -> list[Chunk]:
    """A stage's chunks, one per spec, in order."""
    return [
        Chunk(
            stage=stage.name,
            stage_digest=stage.digest,
            key=f"{i:05d}",
            spec=canonical_json(spec),
            work=work,
            file=file.format(stage=stage.name, key=f"{i:05d}"),
            folder=run_folder,
        )
        for i, spec in enumerate(specs)
    ]


def run_stage(
    stage: Stage,
    specs: Sequence[Spec],
    work: str,
    run_folder: Path,
    executor: Executor,
    progress: Progress = silent,
    *,
    file: str = CHUNK_FILE,
) -> list[Receipt]:
    """Does what is not done of a stage; its receipts, in the order of `specs`.

    `work` is "module:function" of a `Work`; `specs` are plain data, one per chunk; `file` names the
    chunks' files by {stage} and {key}. The caller holds `run_lock(run_folder)`.
    """
    return run_chunks(chunks_of(stage, specs, work, run_folder, file), executor, progress)


def run_chunks(
    chunks: Sequence[Chunk], executor: Executor, progress: Progress = silent
) -> list[Receipt]:
    """Does what is not done of the chunks, of one stage or of several that may run side by side.

    The receipts come in the order of `chunks`; what an earlier plan left over is removed.
    """
    progress(0, len(chunks))
    receipts: dict[tuple[str, str], Receipt] = {}
    for receipt in executor.map(chunks):
        receipts[receipt.stage, receipt.key] = receipt
        progress(len(receipts), len(chunks))
    missing = [f"{c.stage}/{c.key}" for c in chunks if (c.stage, c.key) not in receipts]
    if missing:
        raise RuntimeError(
            f"wanted a receipt for each of {len(chunks)} chunks, got none for {missing[:5]}; "
            "run again"
        )
    _remove_leftovers(chunks)
    return [receipts[chunk.stage, chunk.key] for chunk in chunks]


def _remove_leftovers(chunks: Sequence[Chunk]) -> None:
    wanted = {(chunk.stage, chunk.key) for chunk in chunks}
    kept = {chunk.file for chunk in chunks}
    for stage, folder in {(chunk.stage, chunk.folder) for chunk in chunks}:
        for receipt in read_receipts(folder, stage):
            if (stage, receipt.key) not in wanted:
                if receipt.file not in kept:
                    discard(receipt.path(folder))
                discard(receipt_path(folder, stage, receipt.key))
