"""Stage `ingest`: frames of every source, read in chunks; what cannot be read is quarantined."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.bias import tally_of
from parhelion.pipeline.contracts import FrameRef, SimAdapter
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, chunked
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Chunk
from parhelion.pipeline.run_config import Role, RunConfig, SourceConfig
from parhelion.pipeline.seeds import canonical_json
from parhelion.pipeline.shards import as_table
from parhelion.pipeline.splits import split_of

WORK = "parhelion.pipeline.ingest:ingest_chunk"
CLASS, DROPPED = "class: ", "left out: "  # what a chunk's figures count
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
    return [
        {
            "adapter": source.adapter,
            "settings": source.settings,
            "size": source.size,
            "refs": [ref.model_dump() for ref in refs],
            "splits": [_split(config, source.role, ref) for ref in refs],
        }
        for refs in chunked(adapter.index(), source.frames_per_chunk)
    ]


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
    frames = _frames(adapter, refs, spec["splits"], spec["size"], quarantined)
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
        yield frame, split
    figures.update({f"{DROPPED}{what}": n for what, n in (adapter.dropped - before).items()})


def _frames(
    adapter: SimAdapter,
    refs: Sequence[FrameRef],
    splits: Sequence[str],
    size: Any,
    quarantined: list[QuarantineRow],
) -> Iterator[tuple[Frame, str]]:
    for ref, split in zip(refs, splits, strict=True):
        try:
            frame = adapter.read(ref)
        except BadFrame as error:
            quarantined.append(QuarantineRow.of_bad_frame("ingest", ref.native_id, error))
            continue
        yield (frame.resized(*size) if size is not None else frame), split
