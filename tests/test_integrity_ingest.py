"""The door in a run: who is refused does not depend on how the frames were cut into chunks."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest
from block_scene import block_frame

from parhelion.pipeline import ingest
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import FrameRef
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.run_config import RunConfig, SourceConfig
from parhelion.pipeline.seeds import canonical_json

frame_at = lru_cache(block_frame)
LENGTH, LATE, UNREADABLE, STALE = 8, 3, 5, 7


class Done(NamedTuple):
    """A chunk that was worked on."""

    rows: int
    quarantined: Sequence[QuarantineRow]


class Drives:
    """Two drives of eight frames in memory; in the first, three went wrong."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.reads: list[str] = []

    def index(self) -> list[FrameRef]:
        return [
            FrameRef(native_id=f"{seed}/{i}", group_id=f"blocks-{seed}")
            for seed in (0, 1)
            for i in range(LENGTH)
        ]

    def read(self, ref: FrameRef) -> Frame:
        self.reads.append(ref.native_id)
        seed, i = (int(part) for part in ref.native_id.split("/"))
        frame, before = frame_at(seed, 0.5 * i), frame_at(seed, 0.5 * (i - 1))
        if seed == 1:
            return frame
        if i == UNREADABLE:
            raise BadFrame(Reason.UNREADABLE_LAYER, f"{ref.native_id}: cut off")
        if i == LATE:
            return replace(frame, depth=before.depth, objects=())
        return replace(frame, instances=before.instances, objects=()) if i == STALE else frame


def ingested(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object
) -> tuple[list[Done], Drives]:
    drives = Drives()
    monkeypatch.setattr(ingest.parts, "build", lambda *named, **settings: drives)
    ingest.adapter_of.cache_clear()
    source = SourceConfig(adapter="street", **settings)
    config = RunConfig(
        name="door",
        sources=[source],
        generators=[{"generator": "classical"}],
        plan={"mix": {"classical": 1}},
    )
    done = []
    for i, spec in enumerate(ingest.ingest_specs(config, source)):
        result = ingest.ingest_chunk(json.loads(canonical_json(spec)), chunk=None)
        rows = result.write(folder / f"{i}.parquet")
        done.append(Done(rows, result.quarantined))
    ingest.adapter_of.cache_clear()
    return done, drives


def refused(chunks: list[Done]) -> list[tuple[str, Reason, str]]:
    rows = [row for chunk in chunks for row in chunk.quarantined]
    return [(row.native_id.split("/")[1], row.reason, row.sentence) for row in rows]


def test_bad_frames_are_refused_with_reason_and_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks, _ = ingested(tmp_path, monkeypatch, frames_per_chunk=16)
    rows = [row for chunk in chunks for row in chunk.quarantined]
    assert [row.reason for row in rows] == [
        Reason.STALE_BUFFER,  # the late depth is the one before's, byte for byte
        Reason.UNREADABLE_LAYER,
        Reason.STALE_BUFFER,
    ]
    late = rows[0]
    assert late.group_id == "blocks-0"
    assert late.frame_id
    assert late.cell == "clear/day"
    assert dict(late.scores)["integrity depth_stencil"] < 0
    assert sum(chunk.rows for chunk in chunks) == 2 * LENGTH - len(rows)


@pytest.mark.parametrize("size", [1, 3])
def test_chunks_of_any_size_refuse_the_same(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = ingested(tmp_path, monkeypatch, frames_per_chunk=16)
    (tmp_path / "cut").mkdir()
    cut, _ = ingested(tmp_path / "cut", monkeypatch, frames_per_chunk=size)
    assert refused(cut) == refused(whole)
    assert sum(chunk.rows for chunk in cut) == sum(chunk.rows for chunk in whole)


def test_only_the_frame_before_a_chunk_is_read_twice_and_never_another_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, drives = ingested(tmp_path, monkeypatch, frames_per_chunk=4)
    twice = [name for name, n in Counter(drives.reads).items() if n == 2]
    assert twice == ["0/3", "1/3"]


def test_without_neighbours_a_stale_buffer_passes_and_nothing_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"neighbours": False, "met": 0.0}
    chunks, drives = ingested(tmp_path, monkeypatch, frames_per_chunk=4, integrity=alone)
    assert Reason.STALE_BUFFER not in {reason for _, reason, _ in refused(chunks)}
    assert set(Counter(drives.reads).values()) == {1}


def test_a_source_may_be_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks, _ = ingested(tmp_path, monkeypatch, integrity=None)
    assert {reason for _, reason, _ in refused(chunks)} == {Reason.UNREADABLE_LAYER}
