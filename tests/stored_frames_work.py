"""Work functions for engine tests, importable by name in this process and in spawned ones."""

from conftest import make_frame

from parhelion.pipeline.engine import ChunkResult
from parhelion.pipeline.shards import as_table


def draw(spec, chunk):
    """Little frames from the seeds of the spec."""
    frames = [make_frame(seed, group=spec.get("group", "")) for seed in spec["seeds"]]
    return ChunkResult(
        write=as_table((frame, spec["split"]) for frame in frames),
        figures={"frames": float(len(frames))},
    )
