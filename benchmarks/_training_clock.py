"""Processor time of a training, over all runs of a program that took it up."""

import json
import time
from pathlib import Path

from parhelion.pipeline.files import write_bytes


class TrainingClock:
    """A training's progress: prints it, and keeps the seconds in a file."""

    def __init__(self, name: str, kept: Path) -> None:
        self.name, self.kept = name, kept
        self._before = self.seconds if kept.is_file() else 0.0
        self._started = time.process_time()
        self._learns = False

    @property
    def seconds(self) -> float:
        """Spent in all. Raises FileNotFoundError where nobody kept it."""
        return float(json.loads(self.kept.read_text()))

    def __call__(self, done: int, total: int) -> None:
        self._learns |= done < total  # a training that is only loaded takes no time
        if not self._learns or (done % 50 and done != total):
            return
        spent = self._before + time.process_time() - self._started
        write_bytes(self.kept, json.dumps(spent).encode())
        print(f"\r{self.name}: {done}/{total} steps, {spent:.0f} s", end="", flush=True)
