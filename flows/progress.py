"""One progress bar per stage, and per chunk that tells its steps, on standard error."""

import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINES = 10  # of each stage, where nobody watches a terminal


class StageBars:
    """Call it with (stage, done, total): a new stage opens a new bar, and leaves a line at its end.

    Away from a terminal (a log file, CI) a stage prints a line at each tenth of its way. A stage
    may begin again, and who reads along may be gone: no run shall end for that.
    """

    def __init__(self) -> None:
        console = Console(file=sys.stderr)
        self._live = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._printed: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        line = f"{stage:<14} {done}/{total}"
        with suppress(OSError):
            if self._live:
                self._draw(stage, done, total, line)
            else:
                self._print(stage, LINES * done // total if total else LINES, line)

    def _draw(self, stage: str, done: int, total: int, line: str) -> None:
        if done >= total:  # a bar that is full would take the place of those that are not
            if (task := self._tasks.pop(stage, None)) is not None:
                self._bars.remove_task(task)
            self._bars.console.print(line, highlight=False)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def _print(self, stage: str, tenths: int, line: str) -> None:
        if tenths > self._printed.get(stage, 0):
            print(line, file=sys.stderr, flush=True)  # noqa: T201
        self._printed[stage] = tenths

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()
