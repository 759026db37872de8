"""A small run, killed at every step and resumed: forked, so that all imports are paid once.

Run as a script with a folder; prints {"steps": n, "different": [steps after which bytes differed]}.
"""

import json
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks")]

import chunk_work  # noqa: E402, F401  (imported before forking, as are the next two)
import cv2  # noqa: E402, F401
import pandas as pd  # noqa: E402, F401
from _kill_at import watch_steps  # noqa: E402
from PIL import Image  # noqa: E402

from parhelion.pipeline.engine import Stage, run_stage  # noqa: E402
from parhelion.pipeline.files import sha256_of  # noqa: E402
from parhelion.pipeline.receipts import TIMINGS  # noqa: E402
from parhelion.pipeline.run_lock import run_lock  # noqa: E402
from parhelion.pipeline.schema import SCHEMA  # noqa: E402
from parhelion.pipeline.shards import writer_settings  # noqa: E402
from parhelion.pipeline.workers import Inline  # noqa: E402

WORK, FOLDER = "chunk_work:", "chunks/{stage}/{key}"


def run(folder: Path) -> None:
    """A chunk of frames, a fitted folder, a chunk of plain data."""
    with run_lock(folder):
        arguments = (folder, Inline())
        run_stage(Stage(name="draw"), [{"seeds": [0], "split": "train"}], WORK + "draw", *arguments)
        run_stage(Stage(name="fit"), [{"steps": 1}], WORK + "fit", *arguments, file=FOLDER)
        run_stage(Stage(name="square"), [{"x": 1}], WORK + "square", *arguments, file=FOLDER)


def in_fork(folder: Path, kill_at: int | None) -> bool:
    """Runs in a forked child; whether it came to its end."""
    child = os.fork()
    if child == 0:
        watch_steps(kill_at)
        run(folder)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"the run failed by itself at step {kill_at}: status {status}")
    return os.WIFEXITED(status)


def hashes(folder: Path) -> dict[str, str]:
    """All files of a finished run but the timings, by hash."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != TIMINGS)
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}


def warm() -> None:
    """What every child would otherwise work out anew; nothing here starts a thread."""
    Image.init()
    Stage(name="any").digest  # noqa: B018
    writer_settings(SCHEMA)


def main(folder: Path) -> None:
    warm()
    whole = folder / "whole"
    in_fork(whole, None)
    wanted, different = hashes(whole), []
    step, ended = 0, False
    while not ended:
        step += 1
        killed = folder / "killed"
        ended = in_fork(killed, step)
        if not in_fork(killed, None) or hashes(killed) != wanted:
            different.append(step)
        shutil.rmtree(killed)
    print(json.dumps({"steps": step - 1, "different": different}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
