"""Who does the chunks makes no difference to the bytes, and nobody outlives the run."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import psutil
import pytest

from parhelion.pipeline import workers
from parhelion.pipeline.engine import Stage, run_stage
from parhelion.pipeline.files import sha256_of
from parhelion.pipeline.receipts import TIMINGS
from parhelion.pipeline.workers import RESTARTS, Inline, SpawnPool, end_with_parent

TESTS = Path(__file__).parent
JSON = "chunks/{stage}/{key}.json"


def run(work, specs, folder, executor, file=JSON):
    folder.mkdir(exist_ok=True)
    return run_stage(Stage(name=work), specs, f"chunk_work:{work}", folder, executor, file=file)


def hashes(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != TIMINGS)
    return {str(p.relative_to(folder)): sha256_of(p) for p in files}


@pytest.fixture(scope="module")
def pool():
    with SpawnPool(2) as pool:
        yield pool


def test_a_pool_gives_the_bytes_of_one_process(pool, tmp_path):
    specs = [{"seeds": [i, i + 10], "split": "train"} for i in range(4)]
    ours = run("draw", specs, tmp_path / "pool", pool, "chunks/{stage}/{key}.parquet")
    alone = run("draw", specs, tmp_path / "alone", Inline(), "chunks/{stage}/{key}.parquet")
    assert ours == alone
    assert hashes(tmp_path / "pool") == hashes(tmp_path / "alone")


def test_a_worker_computes_on_one_thread_without_torch(pool, tmp_path):
    (receipt,) = run("surroundings", [{}], tmp_path / "run", pool)
    told = json.loads(receipt.path(tmp_path / "run").read_text())
    assert (told["cv2"], told["omp"], told["blas"]) == (1, "1", [1])
    assert not told["torch"]


def test_a_chunk_that_fails_fails_the_stage_and_says_where(pool, tmp_path):
    with pytest.raises(RuntimeError, match="the power went off") as caught:
        run("fit", [{"steps": 4}], tmp_path / "run", pool, "chunks/{stage}/{key}")
    assert "while working on chunk 00000 of stage fit" in caught.value.__notes__


def test_workers_are_replaced_after_their_share(tmp_path, monkeypatch):
    monkeypatch.setattr("parhelion.pipeline.workers.CHUNKS_PER_WORKER", 1)
    with SpawnPool(1) as pool:
        receipts = run("who", [{"i": 0}, {"i": 1}], tmp_path, pool)
    pids = {json.loads(r.path(tmp_path).read_text())["pid"] for r in receipts}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_worker_that_is_killed_is_replaced(tmp_path):
    with SpawnPool(1) as pool:
        receipts = run("die", [{"x": 3, "deaths": 1}, {"x": 4, "deaths": 0}], tmp_path, pool)
    assert [json.loads(r.path(tmp_path).read_text())["square"] for r in receipts] == [9, 16]


def test_a_chunk_that_always_kills_its_worker_ends_the_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("parhelion.pipeline.workers.RESTARTS", 1)
    with SpawnPool(1) as pool, pytest.raises(BrokenProcessPool):
        run("die", [{"x": 3, "deaths": RESTARTS + 9}], tmp_path, pool)
    assert len(list(tmp_path.glob("died-*"))) == 2


def test_workers_end_with_a_killed_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, str(TESTS / "pool_that_waits.py"), str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    workers = _children_once(parent.pid, lambda: len(list(tmp_path.glob("begun-*"))) == 2)
    assert len(workers) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
    assert len(gone) == len(workers)


def _children_once(pid, ready):
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline, "the pool never began"
        time.sleep(0.05)
    return psutil.Process(pid).children(recursive=True)


def test_a_closed_pool_and_an_empty_pool_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        SpawnPool(0)
    with SpawnPool(1) as pool:
        pass
    with pytest.raises(RuntimeError, match="this pool is closed"):
        run("square", [{"x": 1}], tmp_path / "run", pool)


def test_only_a_child_can_end_with_its_parent():
    with pytest.raises(RuntimeError, match="only a process started by multiprocessing"):
        end_with_parent()


def test_a_chunk_whose_pool_ended_silently_is_given_out_again() -> None:
    """The thread that manages a pool is gone, and nobody will ever answer for the chunk."""
    gone = threading.Thread(target=lambda: None)
    gone.start()
    gone.join()
    with pytest.raises(BrokenProcessPool, match="manager ended before the chunk did"):
        workers._result(gone, Future(), lambda done: None)
    answered: Future[Any] = Future()
    answered.set_result("receipt")
    assert workers._result(gone, answered, lambda done: None) == "receipt"


def test_a_broken_pool_is_shut_down_once_however_many_threads_find_it_broken() -> None:
    """A second shutdown at the same time could close a descriptor that is another's by then."""

    class Broken:
        shutdowns = 0

        def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
            self.shutdowns += 1
            time.sleep(0.01)  # long enough for the others to come

    pool, broken = SpawnPool(2), Broken()
    pool._pool = broken  # type: ignore[assignment]
    threads = [threading.Thread(target=pool._drop, args=(broken,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken.shutdowns == 1
    assert pool._pool is None
