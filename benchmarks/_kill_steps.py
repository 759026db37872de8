"""Part (a): a small run that dies at its k-th step on the disk, for every k, then is resumed.

The run is forked off a process that holds all imports, so that a death costs no start. Each killed
folder is resumed twice: in one process, and by a pool of two workers that waits for folders.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from _kill_at import watch_steps
from _kill_runs import differences, fingerprint, smallest_run
from PIL import Image

from parhelion.pipeline import report, reporting
from parhelion.pipeline.run import augment, inputs_digest
from parhelion.pipeline.schema import SCHEMA
from parhelion.pipeline.shards import writer_settings
from parhelion.pipeline.workers import Inline, SpawnPool

HERE = Path(__file__).parent
IMPORTED_EARLY = (report, reporting)  # the run itself imports them late


@dataclass
class EveryStep:
    """What came of it."""

    steps: int = 0  # that the run takes on the disk
    killed: int = 0
    different: dict[str, list[str]] = field(default_factory=dict)  # by "step/workers"


def kill_at_every_step(work: Path, every: int = 1) -> EveryStep:
    """Kills at step 1, 1 + every, ...; until the run comes to its end before its step."""
    _warm()
    whole = work / "whole"
    if not _forked(whole, None):
        raise RuntimeError("the uninterrupted run was killed; there is nothing to compare with")
    wanted, found = fingerprint(whole), EveryStep()
    with _Resumer() as two_workers:
        for step in range(1, 1_000_000, every):
            one, two = work / f"{step}-one", work / f"{step}-two"
            if _forked(one, step):
                found.steps = step - 1
                shutil.rmtree(one)
                return found
            found.killed += 1
            shutil.copytree(one, two)
            _forked(one, None)
            two_workers.resume(two)
            for folder in (one, two):
                if wrong := differences(fingerprint(folder), wanted):
                    found.different[folder.name] = wrong
                shutil.rmtree(folder)
    raise AssertionError("a run takes a finite number of steps")


def _warm() -> None:
    """What every fork would work out anew; nothing here starts a thread."""
    Image.init()
    inputs_digest(smallest_run())
    writer_settings(SCHEMA)


def _forked(folder: Path, kill_at: int | None) -> bool:
    """The run in a fork of this process; whether it came to its end. Raises if it failed."""
    child = os.fork()
    if child == 0:
        try:
            watch_steps(kill_at)
            _run(folder, Inline())
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"the run in {folder} failed by itself; its traceback stands above")
    return os.WIFEXITED(status)


def _run(folder: Path, executor: Inline | SpawnPool) -> None:
    augment(smallest_run(), folder, executor=executor, progress=lambda stage, done, total: None)


class _Resumer:
    """A process with a pool of two workers that finishes the runs it is told."""

    def __enter__(self) -> "_Resumer":
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "_kill_steps.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def resume(self, folder: Path) -> None:
        """Returns once the run in `folder` is finished."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(folder, file=self._process.stdin, flush=True)
        if self._process.stdout.readline().strip() != "finished":
            raise RuntimeError(f"two workers could not finish {folder}")

    def __exit__(self, *error: object) -> None:
        self._process.communicate()


def main() -> None:
    """The resumer's loop: a folder per line of input."""
    with SpawnPool(2) as pool:
        for line in sys.stdin:
            _run(Path(line.strip()), pool)
            print("finished", flush=True)


if __name__ == "__main__":
    main()
