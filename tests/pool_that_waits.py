"""A run with two workers that never ends, for somebody to kill. Takes the run's folder."""

import sys
from pathlib import Path

from parhelion.pipeline.engine import Stage, run_stage
from parhelion.pipeline.workers import SpawnPool

if __name__ == "__main__":
    with SpawnPool(2) as pool:
        work = "chunk_work:wait_for_ever"
        run_stage(Stage(name="wait"), [{"n": 0}, {"n": 1}], work, Path(sys.argv[1]), pool)
