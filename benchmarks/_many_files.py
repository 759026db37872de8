"""Datasets of very many empty frames under the names of their formats, for what an index costs."""

from collections.abc import Callable
from pathlib import Path


def touch(path: Path) -> None:
    """An empty file; its folder must be there."""
    path.touch()


def playing_for_data(root: Path, frames: int) -> None:
    for layer in ("images", "labels"):
        (root / layer).mkdir()
        for i in range(frames):
            touch(root / layer / f"{i:05d}.png")


MANY: dict[str, Callable[[Path, int], None]] = {
    "playing_for_data": playing_for_data,
}
