"""Sees every file that this process opens, and fails where one outside a dataset is among them."""

import os
import sys
from pathlib import Path
from typing import Any

from mutations import OUTSIDE

PYTHON = tuple(os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, "/proc", "/dev", "/sys"))
SOURCES = str(Path(__file__).parents[1])


class OutsideWatch:
    """Watches while `root` is set; Python's own files and the project's may be opened."""

    def __init__(self) -> None:
        self.root: Path | None = None
        sys.addaudithook(self._see)

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if self.root is None or event != "open" or not isinstance(args[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(args[0]))
        allowed = (os.path.realpath(self.root), SOURCES, *PYTHON)
        if not path.startswith(allowed) or path.endswith(Path(OUTSIDE).name):
            raise AssertionError(f"a file outside the dataset was opened: {path}")


WATCH = OutsideWatch()
