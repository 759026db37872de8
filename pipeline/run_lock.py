"""One run at a time in a folder: a lock that ends with its process, by whatever signal."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parhelion.pipeline.files import discard_drafts, make_folder

LOCK = ".lock"


class RunFolderBusy(RuntimeError):
    """Another process is running in this folder."""


@contextmanager
def run_lock(run_folder: Path) -> Iterator[None]:
    """Holds the folder, and clears what was left half written. Raises RunFolderBusy.

    The kernel lets the lock go when its holder ends; no stale lock is ever left to remove by hand.
    """
    make_folder(run_folder)
    with open(run_folder / LOCK, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunFolderBusy(
                f"another process is running in {run_folder}: wait for it to end, or choose "
                "another folder"
            ) from error
        discard_drafts(run_folder)
        try:
            yield
        finally:
            discard_drafts(run_folder)  # of workers that were killed while this run went on
