"""The runs that `kill_resume` kills: small street runs, what they must come to, and who is left."""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from parhelion.pipeline.run_config import RunConfig

COMPARED = ("dataset", "chunks", "receipts")  # the report holds seconds
MARK = "PARHELION_KILL_RESUME"  # in the environment of every process of ours
DAY = [{"weather": "Clear", "hour": 13}]
WANTED = [{"weather": "Foggy", "hour": 9}, {"weather": "Raining", "hour": 15}]


def _street(role: str, first: int, shots: list[dict[str, Any]], scenes: int) -> dict[str, Any]:
    settings = {
        "quality": "preview",
        "width": 96,
        "height": 54,
        "scenes": scenes,
        "first_scene": first,
        "views": 2,
        "conditions": shots,
        "pairing": "every",
    }
    frames = 2 * len(shots)
    return {"adapter": "street", "role": role, "settings": settings, "frames_per_chunk": frames}


def smallest_run() -> RunConfig:
    """Every kind of file, as few of them as can be: for the kill at every step."""
    return RunConfig(
        name="smallest",
        sources=(_street("source", 0, DAY, 1),),
        generators=({"generator": "weather"},),
        splits={"train": 1, "validation": 0, "test": 0},
        plan={"wanted": [{"weathers": ["Foggy"], "hours": [9], "share": 0.3}], "max_rounds": 1},
        gate=None,
        scores=None,
        downstream=None,
    )


def timed_run() -> RunConfig:
    """All stages with enough work to be killed in: rendering, two fits, drawing, gate, writing."""
    oracle = {"steps": 10, "width": 64, "height": 48, "batch": 4, "checkpoint_every": 5}
    learner = {"steps": 12, "width": 8, "crop_px": 48, "batch_size": 2, "checkpoint_every": 3}
    return RunConfig(
        name="timed",
        sources=(
            _street("source", 0, DAY, 4),
            _street("target", 100, WANTED, 1),
            _street("reference", 200, WANTED, 2),
        ),
        generators=(
            {"generator": "weather", "frames_per_chunk": 2},
            {
                "generator": "pix2pix",
                "settings": {**learner, "min_frames_per_cell": 2},
                "frames_per_chunk": 2,
            },
        ),
        splits={"train": 1, "validation": 0, "test": 0},
        plan={
            "wanted": [
                {"weathers": ["Foggy"], "hours": [9], "share": 0.3},
                {"weathers": ["Raining"], "hours": [15], "share": 0.3},
            ],
            "mix": {"weather": 1, "pix2pix": 1},
            "max_rounds": 1,
        },
        gate={"oracle": oracle, "fewest_reference": 4},
        scores=None,
        downstream=None,
    )


def fingerprint(folder: Path) -> dict[str, str]:
    """sha256 of every file that a finished run must have, by its path."""
    found = {}
    for part in COMPARED:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                name = str(path.relative_to(folder))
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Files that are missing, too many or of other bytes."""
    return sorted(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))


def marked(mark: str) -> list[psutil.Process]:
    """Processes that carry `mark` in their environment, wherever they hang in the tree."""
    found = []
    for process in psutil.process_iter():
        try:
            carries = process.environ().get(MARK) == mark
            if carries and process.pid != os.getpid() and process.status() != "zombie":
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def left_after(mark: str, seconds: float) -> Sequence[psutil.Process]:
    """Processes with `mark` that are still there after `seconds`; returns early when none is."""
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
