"""The augmentation flow: `pipeline.steps` with each chunk as a Prefect task."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from parhelion.flows.progress import StageBars
from parhelion.pipeline import run
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.workers import SpawnPool

SERVED_BY = "PARHELION_SERVED_BY"  # process id of the scheduler, for the runs that it starts
RETRY_DELAYS_S = [1.0, 4.0]


def may_pass(task: Any, task_run: Any, state: State[Any]) -> bool:
    """Whether to try again: a full disk or a lost worker may pass, a fault in the code does not."""
    return isinstance(state.data, (OSError, BrokenExecutor))


@task(
    name="chunk",
    task_run_name="{chunk.name}",
    cache_policy=NO_CACHE,  # receipts are the ledger
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=may_pass,
)
def draw_chunk(chunk: Chunk, pool: SpawnPool) -> Receipt:
    """One chunk in a worker process; only paths and plain data travel."""
    return pool.run(chunk)


class PrefectExecutor:
    """Chunks as tasks of the current flow, each in a worker process of our own pool."""

    def __init__(self, pool: SpawnPool) -> None:
        self._pool = pool

    def map(self, chunks: Sequence[Chunk]) -> Iterator[Receipt]:
        """Receipts as they come; the stage puts them in order."""
        futures: list[PrefectFuture[Receipt]] = [
            draw_chunk.submit(chunk, self._pool) for chunk in chunks
        ]
        for future in as_completed(futures):
            yield future.result()


def augment(config: RunConfig, folder: str, workers: int = 2, until: str = "report") -> run.Outcome:
    """From sources to dataset and report."""
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=workers)
    threads = _augment.with_options(task_runner=runner)  # type: ignore[arg-type]
    return threads(config, folder, workers, until)


@flow(name="augment", flow_run_name="{config.name}", validate_parameters=True)
def _augment(config: RunConfig, folder: str, workers: int, until: str) -> run.Outcome:
    with StageBars() as bars, SpawnPool(workers, bars) as pool:
        return run.augment(
            config, Path(folder), executor=PrefectExecutor(pool), progress=bars, until=until
        )


@flow(name="scheduled-augment", flow_run_name="{config.name}")
def scheduled_augment(config: RunConfig, folder: str, workers: int = 2) -> dict[str, str]:
    """What a schedule runs: the same flow in a process that ends with the one that serves it."""
    _end_with_parent()
    done = run.finished_run(config, Path(folder))
    return done.lines if done is not None else augment(config, folder, workers).lines


def _end_with_parent() -> None:
    """Ends this process once the one that serves the schedule is gone, even before we began."""
    parent = int(os.environ[SERVED_BY])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
