"""Part (b): `parhelion augment` killed from outside, at a chosen moment of a chosen stage.

To the main process alone, to one worker, or to the whole group; afterwards nobody may be left, and
one and two workers must each finish the run to the bytes of an uninterrupted one.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from _kill_runs import MARK, differences, fingerprint, left_after, timed_run

from parhelion.pipeline.files import write_json
from parhelion.pipeline.manifest import read_manifest
from parhelion.pipeline.receipts import TIMINGS

STAGES = ("render", "fit", "generate", "gate", "write")
TARGETS = ("main", "worker", "group")
# A stage begins when all receipts before it are there, and ends with the last of its own.
RECEIPTS = {
    "render": ("ingest-*",),
    "fit": ("audit", "fit-*", "calibrate"),
    "generate": ("generate-*",),
    "gate": ("gate-*",),
}
LEFT_AFTER_S = 10.0
TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Kill:
    """One kill: in which stage, of whom, at which share of the stage's time."""

    stage: str
    target: str
    share: float


class Killer:
    """Kills runs of one config, and compares what they are resumed to."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.config = work / "timed.yaml"
        self.config.write_text(yaml.safe_dump(timed_run().model_dump(mode="json")))
        self.whole = work / "whole"
        if self.finish(self.whole, 2) != 0:
            raise RuntimeError(f"the uninterrupted run failed; {self._log(self.whole)} says why")
        self.wanted = fingerprint(self.whole)
        self.receipts = {
            stage: sorted(
                str(path.relative_to(self.whole))
                for name in names
                for path in (self.whole / "receipts").glob(f"{name}/*.json")
            )
            for stage, names in RECEIPTS.items()
        }
        self.seconds = self._seconds()

    def _seconds(self) -> dict[str, float]:
        """How long each stage took in the uninterrupted run, from the ages of its files."""
        ends = [(self.whole / "config.json").stat().st_mtime]
        for stage in STAGES[:-1]:
            ends.append(max((self.whole / r).stat().st_mtime for r in self.receipts[stage]))
        ends.append((self.whole / "dataset/manifest.json").stat().st_mtime)
        pairs = zip(STAGES, ends[:-1], ends[1:], strict=True)
        return {stage: max(after - before, 0.02) for stage, before, after in pairs}

    def begun(self, folder: Path, stage: str) -> bool:
        """Whether everything before the stage is there."""
        earlier = STAGES[: STAGES.index(stage)]
        files = [receipt for name in earlier for receipt in self.receipts[name]]
        return (folder / "config.json").exists() and all((folder / f).exists() for f in files)

    def over(self, folder: Path, stage: str) -> bool:
        """Whether everything of the stage is there."""
        if stage == "write":
            return read_manifest(folder / "dataset") is not None
        return all((folder / receipt).exists() for receipt in self.receipts[stage])

    def start(self, folder: Path, workers: int, mark: str = "") -> subprocess.Popen[bytes]:
        """`parhelion augment` in a process group of its own."""
        command = [sys.executable, "-m", "parhelion.flows.cli", "augment", str(self.config)]
        with open(self._log(folder), "ab") as log:
            return subprocess.Popen(
                [*command, "--out", str(folder), "--workers", str(workers)],
                start_new_session=True,
                stdout=log,
                stderr=log,
                env={**os.environ, MARK: mark},
            )

    def _log(self, folder: Path) -> Path:
        """What the runs in `folder` have printed."""
        return self.work / f"{folder.name}.log"

    def finish(self, folder: Path, workers: int) -> int:
        """Runs to the end; the exit code."""
        return self.start(folder, workers).wait(TIMEOUT_S)

    def kill(self, kill: Kill, folder: Path) -> dict[str, object]:
        """Starts a run, kills it, resumes copies of what is left with 1 and 2 workers."""
        mark = secrets.token_hex(8)
        process = self.start(folder, 2, mark)
        deadline = time.monotonic() + TIMEOUT_S
        while not self.begun(folder, kill.stage) or not _there(kill.target, process):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the run ended before {kill.stage}: code {process.poll()}")
            time.sleep(0.002)
        time.sleep(kill.share * self.seconds[kill.stage])
        hit = self._strike(kill.target, process)
        landed = hit and not self.over(folder, kill.stage)
        process.wait(TIMEOUT_S)  # at once, unless a worker died alone: then the run goes on
        left = left_after(mark, LEFT_AFTER_S)
        names = [" ".join(p.cmdline())[:80] for p in left if p.is_running()]
        for stray in left:
            stray.kill()
        return {
            "stage": kill.stage,
            "target": kill.target,
            "landed": landed,
            "ended_with": process.returncode,
            "left": names,
            "different": self._resumed(folder),
        }

    def _strike(self, target: str, process: subprocess.Popen[bytes]) -> bool:
        if target == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif target == "main":
            process.kill()
        else:
            workers = _workers(process.pid)
            if not workers:
                process.kill()
                return False
            workers[0].kill()
        return True

    def _resumed(self, folder: Path) -> list[str]:
        """Files that differ after one worker, and after two, have finished the killed run."""
        wrong = []
        for workers in (1, 2):
            copy = folder.with_name(f"{folder.name}-{workers}")
            shutil.copytree(folder, copy)
            self.finish(copy, workers)
            found = fingerprint(copy)
            wrong += [f"{workers}: {name}" for name in differences(found, self.wanted)]
            shutil.rmtree(copy)
        shutil.rmtree(folder)
        return wrong

    def redone(self, damage: str) -> tuple[list[str], list[str]]:
        """What is worked on again after one flipped byte in a shard, or one deleted chunk.

        Returns the chunk that should be, and those that were, as "stage/key"; the latter has
        another entry for every file that then differs.
        """
        folder = self.work / damage
        shutil.copytree(self.whole, folder)
        shard = next(iter(sorted((folder / "dataset/data").glob("train-*.parquet"))))
        chunk = folder / self.receipts["generate"][0]
        if damage == "flipped byte":
            content = bytearray(shard.read_bytes())
            content[len(content) // 2] ^= 1
            shard.write_bytes(content)
            wanted = "write/train-00000"
        else:
            wanted = "/".join(chunk.with_suffix("").parts[-2:])
            (folder / f"chunks/{wanted}.parquet").unlink()
        lines = len((folder / TIMINGS).read_text().splitlines())
        self.finish(folder, 2)
        again = [json.loads(line) for line in (folder / TIMINGS).read_text().splitlines()[lines:]]
        wrong = differences(fingerprint(folder), self.wanted)
        shutil.rmtree(folder)
        return [wanted], [f"{line['stage']}/{line['key']}" for line in again] + wrong


def kill_and_keep(killer: Killer, kill: Kill, number: int) -> dict[str, object]:
    """One kill, tried again earlier where it came too late; what is done already is read back."""
    kept = killer.work / "results" / f"{number:02d}.json"
    if kept.exists():
        found: dict[str, object] = json.loads(kept.read_text())
        return found
    share = kill.share
    for attempt in range(4):
        folder = killer.work / f"kill-{number:02d}-{attempt}"
        result = killer.kill(Kill(kill.stage, kill.target, share), folder)
        if result["landed"] or result["different"] or result["left"]:
            break
        share *= 0.5
    write_json(kept, result)
    return result


def _there(target: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether what is to be killed is running; on a busy machine workers come late."""
    return target != "worker" or bool(_workers(process.pid))


def _workers(pid: int) -> list[psutil.Process]:
    """The pool's processes below `pid`, the busiest first."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("spawn_main" in word for word in child.cmdline()):
                found.append((sum(child.cpu_times()[:2]), child.pid, child))
    return [child for _, _, child in sorted(found, reverse=True)]
