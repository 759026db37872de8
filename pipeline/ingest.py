"""Stage `ingest`: frames of every source, read in chunks; what cannot be read is quarantined."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.bias import tally_of
from parhelion.pipeline.contracts import FrameRef, SimAdapter
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, chunked
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity_door import Door
from parhelion.pipeline.integrity_finding import Verdict
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Chunk
from parhelion.pipeline.run_config import Role, RunConfig, SourceConfig
from parhelion.pipeline.seeds import canonical_json
from parhelion.pipeline.shards import as_table
from parhelion.pipeline.splits import split_of

WORK = "parhelion.pipeline.ingest:ingest_chunk"
CLASS, IMAGE_CLASS, DROPPED = "class: ", "image class: ", "left out: "  # what figures count
UNTOLD = "integrity cannot tell: "  # layers and images with too few edges, frame by frame
SPLITS = {Role.TARGET: "train", Role.REFERENCE: "validation", Role.JUDGE: "test"}


def ingest_stage(source: SourceConfig, position: int) -> Stage:
    """The stage that reads the source at that position of the config."""
    module = f"parhelion.sim_adapters.{source.adapter}"
    return Stage(
        name=f"ingest-{position}-{source.role.value}",
        config={"role": source.role.value, "size": source.size and list(source.size)},
        versions=((source.adapter, parts.part("sim_adapters", source.adapter).VERSION),),
        modules=("parhelion.pipeline.ingest", module),
        packages=BYTE_PACKAGES,
    )


def ingest_specs(config: RunConfig, source: SourceConfig) -> list[Spec]:
    """One spec per chunk: which frames of the adapter, and the split of each.

    The source is looked at anew: chunks done in this process must not meet an adapter that an
    earlier run made when other files were there.
    """
    adapter_of.cache_clear()
    adapter: SimAdapter = parts.build("sim_adapters", source.adapter, **source.settings)
    chunks = chunked(adapter.index(), source.frames_per_chunk)
    before = [None, *(refs[-1] for refs in chunks)]
    return [
        {
            "adapter": source.adapter,
            "settings": source.settings,
            "size": source.size,
            "refs": [ref.model_dump() for ref in refs],
            "before": _neighbour(source, last, refs[0]),
            "integrity": source.integrity and source.integrity.model_dump(),
            "splits": [_split(config, source.role, ref) for ref in refs],
        }
        for last, refs in zip(before, chunks, strict=False)
    ]


def _neighbour(source: SourceConfig, last: FrameRef | None, first: FrameRef) -> Any:
    """The frame before a chunk, where its first one is to be compared with it."""
    wanted = source.integrity is not None and source.integrity.neighbours
    if not wanted or last is None or last.group_id != first.group_id:
        return None
    return last.model_dump()


def _split(config: RunConfig, role: Role, ref: FrameRef) -> str:
    if role is Role.SOURCE:
        return split_of(ref.group_id, config.seed, config.splits)
    return SPLITS[role]


@lru_cache(maxsize=4)
def adapter_of(name: str, settings: str) -> SimAdapter:
    """The adapter with these settings (JSON); a worker keeps it, and so the scene that it built."""
    adapter: SimAdapter = parts.build("sim_adapters", name, **json.loads(settings))
    return adapter


def ingest_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: its frames as Parquet, its bad ones as quarantine rows."""
    quarantined: list[QuarantineRow] = []
    figures: Counter[str] = Counter()
    refs = [FrameRef(**ref) for ref in spec["refs"]]
    adapter = adapter_of(spec["adapter"], canonical_json(spec["settings"]))
    door = _door(adapter, spec)
    frames = _judged(adapter, zip(refs, spec["splits"], strict=True), door, quarantined, figures)
    if spec["size"] is not None:
        frames = ((frame.resized(*spec["size"]), split) for frame, split in frames)
    return ChunkResult(
        write=as_table(_counted(frames, adapter, figures)),
        quarantined=quarantined,
        figures=figures,
    )


def _counted(
    frames: Iterable[tuple[Frame, str]], adapter: SimAdapter, figures: Counter[str]
) -> Iterator[tuple[Frame, str]]:
    """The frames as they come; `figures` counts frames by class, and what the adapter left out."""
    before = Counter(adapter.dropped)
    for frame, split in frames:
        figures.update(f"{CLASS}{c.label}" for c in tally_of(frame).frames_with)
        if frame.label is not None:
            figures[f"{IMAGE_CLASS}{frame.label.name}"] += 1
        yield frame, split
    figures.update({f"{DROPPED}{what}": n for what, n in (adapter.dropped - before).items()})


def _door(adapter: SimAdapter, spec: Spec) -> Door | None:
    """What judges the frames of a chunk; None where the source is taken as it is."""
    if spec["integrity"] is None:
        return None
    door = Door(IntegrityLimits(**spec["integrity"]))
    if spec["before"] is not None:
        door.look_back(adapter, FrameRef(**spec["before"]))
    return door


def _judged(
    adapter: SimAdapter,
    refs: Iterable[tuple[FrameRef, str]],
    door: Door | None,
    quarantined: list[QuarantineRow],
    figures: Counter[str],
) -> Iterator[tuple[Frame, str]]:
    """Frames that can be read and do not contradict themselves; `figures` counts what is untold."""
    for ref, split in refs:
        try:
            frame = adapter.read(ref)
        except BadFrame as error:
            quarantined.append(QuarantineRow.of_bad_frame("ingest", ref.native_id, error))
            if door is not None:
                door.unread()
            continue
        verdict = door.judged(frame) if door is not None else Verdict()
        figures.update(f"{UNTOLD}{what}" for what in verdict.untold)
        if verdict.findings:
            row = QuarantineRow.of_frame("ingest", frame, verdict.reason, verdict.sentence)
            quarantined.append(row.model_copy(update={"scores": verdict.scores}))
            continue
        yield frame, split
