"""One of several processes that fit a generator together; `processes.launch` starts it."""

import json
import sys
from pathlib import Path

from parhelion.pipeline.fitting import fit_here, save_fitted
from parhelion.pipeline.processes import writes


def main(told: Path) -> None:
    """Fits what the file says; the first process saves it."""
    task = json.loads(told.read_text())
    generator, report = fit_here(task["spec"], Path(task["run_folder"]), told.parent)
    if writes():
        save_fitted(generator, report, Path(task["out"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
