"""One progress bar per stage, on standard error; silent where nobody watches a terminal."""

import sys
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
)


class StageBars:
    """Call it with (stage, done, total): a new stage opens a new bar.

    Away from a terminal (a log file, CI) each stage prints one line when it is done.
    """

    def __init__(self) -> None:
        console = Console(file=sys.stderr)
        self._live = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)
        if not self._live and done == total:
            print(f"{stage:<12} {done}/{total}", file=sys.stderr)  # noqa: T201

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
