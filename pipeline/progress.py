"""How far a run is: stages by their chunks, and a long chunk by its own steps.

A worker is another process, so a chunk that takes long writes its steps into a small file of its
workdir now and then, and who waits for it looks there. Nothing that is made depends on them.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from parhelion.pipeline.contracts import Progress
from parhelion.pipeline.files import write_json

StageProgress = Callable[[str, int, int], None]  # (stage or chunk, done, in all)

STEPS = "steps_done.json"
EVERY_S = 2.0  # between two tellings


def unwatched(stage: str, done: int, total: int) -> None:
    """A progress of stages that says nothing."""


def told_in(workdir: Path) -> Progress:
    """A progress that tells its steps in the folder, once in a while."""
    told_at = -math.inf

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if (now := time.monotonic()) - told_at >= EVERY_S:
            write_json(workdir / STEPS, [done, total])
            told_at = now

    return progress


def steps_told(workdir: Path) -> tuple[int, int] | None:
    """Steps done and in all, as told in the folder; None where nothing is told."""
    try:
        done, total = json.loads((workdir / STEPS).read_bytes())
    except FileNotFoundError:
        return None
    return int(done), int(total)
