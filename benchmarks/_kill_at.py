"""Kills this process at its k-th write, flush, rename or removal: set up from outside the product.

A write is torn: half of it reaches the file before the process ends.
"""

import builtins
import io
import itertools
import os
import signal
from collections.abc import Callable
from typing import Any


class Steps:
    """Counts the steps that this process takes on the disk, and ends it at the k-th."""

    def __init__(self, kill_at: int | None) -> None:
        self.taken = 0
        self._kill_at = kill_at
        self._counter = itertools.count(1)

    def last(self) -> bool:
        """Takes a step; whether it is the one to die at."""
        self.taken = next(self._counter)
        return self.taken == self._kill_at

    def step(self) -> None:
        """Takes a step, and dies if it is the k-th."""
        if self.last():
            os.kill(os.getpid(), signal.SIGKILL)


class TornFile:
    """A file whose every write is a step."""

    def __init__(self, file: Any, steps: Steps) -> None:
        self._file, self._steps = file, steps

    def write(self, data: Any) -> Any:
        if self._steps.last():
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._file.write(data)

    def __enter__(self) -> "TornFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def watch_steps(kill_at: int | None) -> Steps:
    """From now on every step of this process counts; it ends at step `kill_at`, from 1."""
    steps = Steps(kill_at)
    really_open = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **settings: Any) -> Any:
        found = really_open(file, mode, *args, **settings)
        return TornFile(found, steps) if set(mode) & set("wxa+") else found

    def stepping(action: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any, **settings: Any) -> Any:
            steps.step()
            return action(*args, **settings)

        return taken

    builtins.open = io.open = opened  # type: ignore[assignment]
    for name in ("fsync", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, stepping(getattr(os, name)))
    return steps
