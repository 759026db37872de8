"""Work functions for engine tests, importable by name in this process and in spawned ones."""

import os
import signal
import sys
import time
from pathlib import Path

from conftest import make_frame

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.engine import ChunkResult, as_folder, as_json
from parhelion.pipeline.files import append_line, write_text
from parhelion.pipeline.progress import told_in
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.shards import as_table


def draw(spec, chunk):
    """Little frames from the seeds of the spec."""
    frames = [make_frame(seed, group=spec.get("group", "")) for seed in spec["seeds"]]
    return ChunkResult(
        write=as_table((frame, spec["split"]) for frame in frames),
        figures={"frames": float(len(frames))},
    )


def square(spec, chunk):
    """The square of a number; says in a log beside the run that it was really worked out."""
    append_line(chunk.folder.with_suffix(".log"), chunk.key)
    return ChunkResult(write=as_json({"square": spec["x"] ** 2}, rows=1))


def worked(folder: Path) -> list[str]:
    """Keys of the chunks that `square` worked on, in order; the log is begun anew."""
    log = folder.with_suffix(".log")
    keys = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return keys


def refuse_odd(spec, chunk):
    """Streams: what is refused is known only while the file is written."""
    refused = []
    figures = {}

    def write(path):
        for x in spec["numbers"]:
            if x % 2:
                reason, sentence = Reason.BAD_METADATA, f"{x} is odd"
                row = QuarantineRow(stage=chunk.stage, reason=reason, sentence=sentence)
                refused.append(row)
        figures["even"] = float(len(spec["numbers"]) - len(refused))
        return as_json(spec["numbers"], rows=int(figures["even"]))(path)

    return ChunkResult(write=write, quarantined=refused, figures=figures)


def fit(spec, chunk):
    """Learns in steps and keeps what it has learnt; breaks off at a step until told to go on."""
    state = chunk.workdir / "state.txt"
    done = int(state.read_text()) if state.exists() else 0
    append_line(chunk.folder.with_suffix(".log"), f"from-{done}")
    for step in range(done, spec["steps"]):
        if step == 2 and not (chunk.folder / "go-on").exists():
            raise RuntimeError("the power went off")
        write_text(state, str(step + 1))

    def save(folder):
        (folder / "weights").mkdir()
        (folder / "weights" / "a.bin").write_bytes(b"a" * spec["steps"])
        (folder / "config.json").write_text("{}")

    return ChunkResult(write=as_folder(save))


def die(spec, chunk):
    """Kills its own process, as often as the spec says."""
    marks = sorted(chunk.folder.glob("died-*"))
    if len(marks) < spec["deaths"]:
        (chunk.folder / f"died-{len(marks)}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(spec, chunk)


def surroundings(spec, chunk):
    """What a worker sees of its process."""
    import cv2
    from threadpoolctl import threadpool_info

    threads = sorted({pool["num_threads"] for pool in threadpool_info()})
    told = {"cv2": cv2.getNumThreads(), "omp": os.environ["OMP_NUM_THREADS"], "blas": threads}
    return ChunkResult(write=as_json({**told, "torch": "torch" in sys.modules}))


def tell(spec, chunk):
    """Tells three steps of ten, and goes on once somebody has seen it, or after a minute."""
    told_in(chunk.workdir)(3, 10)
    until = time.monotonic() + 60
    while not (chunk.folder / "seen").exists() and time.monotonic() < until:
        time.sleep(0.01)
    return ChunkResult(write=as_json({}))


def wait_for_ever(spec, chunk):
    """Says that it has begun, and never ends."""
    (chunk.folder / f"begun-{chunk.key}").touch()
    signal.pause()


def who(spec, chunk):
    """The process that worked."""
    return ChunkResult(write=as_json({"pid": os.getpid()}, rows=1))
