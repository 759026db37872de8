"""Who does the chunks: this process, or a pool of processes that end with it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from parhelion.pipeline.engine import run_chunk
from parhelion.pipeline.progress import StageProgress, steps_told, unwatched
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.threads import one_thread_children

# Workers are replaced after so many chunks: mitsuba 3.7.1 keeps about 10 MB of every scene that it
# has loaded, and memory shall not grow with the number of frames.
CHUNKS_PER_WORKER = 12
LOOK_S = 2.0  # between looks after the thread that manages a pool, and at a chunk's steps
RESTARTS = 3  # a worker that dies alone (out of memory, killed) does not end the run


class Inline:
    """Chunks one after another, in this process."""

    def map(self, chunks: Sequence[Chunk]) -> Iterator[Receipt]:
        return map(run_chunk, chunks)


class SpawnPool:
    """Chunks in spawned processes, one thread each; `with SpawnPool(2) as pool`.

    Workers serve all stages and live for some chunks, so that models that they cache are loaded
    once, and torch only where a chunk imports it. `progress` is told the steps of those that tell
    theirs.
    """

    def __init__(self, workers: int, progress: StageProgress = unwatched) -> None:
        if workers < 1:
            raise ValueError(f"a pool has at least one worker, got {workers}")
        self.workers, self.progress = workers, progress
        self._pool: ProcessPoolExecutor | None = None
        self._given = 0  # chunks given to the pool at hand
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(kill=error is not None)

    def close(self, *, kill: bool = False) -> None:
        """Ends the workers: after their chunk, or at once."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is None:
            return
        if kill:
            # The standard library offers no way to stop a running task before Python 3.14.
            for process in list((pool._processes or {}).values()):
                process.kill()
        pool.shutdown(wait=True, cancel_futures=True)

    def map(self, chunks: Sequence[Chunk]) -> Iterator[Receipt]:
        """Receipts as they come. Raises what a chunk raises; the chunks not yet begun are left."""
        threads = ThreadPoolExecutor(self.workers)
        futures = [threads.submit(self.run, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def run(self, chunk: Chunk) -> Receipt:
        """One chunk in a worker; callable from several threads at once.

        Where a worker dies, the pool is made anew and the chunk given out again, three times.
        Raises BrokenProcessPool after that, and whatever the chunk itself raises.
        """
        for attempt in range(RESTARTS + 1):
            pool, manager, future = self._submitted(chunk)
            try:
                return _result(manager, future, self._watched(chunk))
            except BrokenProcessPool:
                if attempt == RESTARTS or self._closed:
                    raise
                self._drop(pool)
        raise AssertionError("the last attempt returns or raises")

    def _watched(self, chunk: Chunk) -> Callable[[bool], None]:
        """What looks at the steps of a chunk, for the last time when it is done."""
        told = (0, 0)

        def look(done: bool) -> None:
            nonlocal told
            told = steps_told(chunk.workdir) or told
            if told[1]:
                self.progress(chunk.name, told[1] if done else told[0], told[1])

        return look

    def _submitted(
        self, chunk: Chunk
    ) -> tuple[ProcessPoolExecutor, threading.Thread | None, Future[Receipt]]:
        # Workers are started while tasks are handed in, and take over the environment then.
        with self._lock, one_thread_children():
            if self._closed:
                raise RuntimeError("this pool is closed; chunks need an open one")
            if self._pool is not None and self._given >= CHUNKS_PER_WORKER * self.workers:
                self._pool.shutdown(wait=False)  # its workers end after the chunks that they have
                self._pool = None
            self._given += 1
            if self._pool is None:
                self._given = 1
                self._pool = ProcessPoolExecutor(
                    self.workers,
                    multiprocessing.get_context("spawn"),
                    initializer=start_worker,
                )
            try:
                future = self._pool.submit(run_chunk, chunk)
                manager: object = self._pool._executor_manager_thread
                assert isinstance(manager, threading.Thread)
                return self._pool, manager, future
            except BrokenProcessPool as error:  # broken since the last chunk, by another thread's
                failed: Future[Receipt] = Future()
                failed.set_exception(error)
                return self._pool, None, failed

    def _drop(self, broken: ProcessPoolExecutor) -> None:
        """Ends a broken pool, once, and before a new one is made.

        Every thread that waited finds it broken. Were it shut down twice at the same time, the
        second could close a file descriptor by number that is the new pool's by then: its results
        would come to nobody, and the run would wait for ever (seen on Python 3.11.7).
        """
        with self._lock:
            if self._pool is broken:
                self._pool = None
                broken.shutdown(wait=True, cancel_futures=True)


def _result(
    manager: threading.Thread | None, future: Future[Receipt], look: Callable[[bool], None]
) -> Receipt:
    """The chunk's receipt. Raises BrokenProcessPool, or what the chunk raised.

    Measured on Python 3.11.7: where a worker is killed while a chunk is on its way to it, the
    thread that manages the pool can end without a word to those who wait. So it is looked after.
    """
    while True:
        gone = manager is not None and not manager.is_alive()
        done, _ = wait([future], timeout=0 if gone else LOOK_S)
        if done:
            receipt = future.result()
            look(True)
            return receipt
        look(False)
        if gone:
            raise BrokenProcessPool("the pool's manager ended before the chunk did")


def start_worker() -> None:
    """Initialiser of a spawned worker: ends with its parent, leaves Ctrl-C to it."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_parent() -> None:
    """Ends this spawned process as soon as the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("only a process started by multiprocessing can end with its parent")

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
