"""Sees what files this process opens and what folders it lists, and fails at one outside a dataset.

Only Python's own calls are seen: what a library in C opens by itself is not.
"""

import os
import sys
from pathlib import Path
from typing import Any

from mutations import OUTSIDE

PYTHON = tuple(os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, "/proc", "/dev", "/sys"))
SOURCES = str(Path(__file__).parents[1])
EVENTS = ("open", "os.scandir", "os.listdir")


class OutsideWatch:
    """Watches while `root` is set; Python's own files and the project's may be opened."""

    def __init__(self) -> None:
        self.root: Path | None = None
        sys.addaudithook(self._see)

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if self.root is None or event not in EVENTS or not isinstance(args[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(args[0]))
        allowed = tuple(f"{place}/" for place in (os.path.realpath(self.root), SOURCES, *PYTHON))
        if not f"{path}/".startswith(allowed) or path.endswith(Path(OUTSIDE).name):
            raise AssertionError(f"outside the dataset, {event} of {path}")


WATCH = OutsideWatch()
