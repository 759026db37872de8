"""Does a schedule run on time, and does nothing of ours outlive it?

A served run with an interval of ten seconds completes two runs; then the scheduler is stopped by
SIGINT, SIGTERM or SIGKILL in turn, and ten seconds later no process of ours is left.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import yaml
from _figures import Figure, arguments, report

INTERVAL_S = 10
PATIENCE_S = 240.0  # for two runs, on a busy machine
GRACE_S = 10.0

CONFIG = {
    "name": "scheduled",
    "sources": [
        {
            "adapter": "street",
            "settings": {
                "quality": "preview",
                "width": 64,
                "height": 36,
                "scenes": 2,
                "conditions": [{"weather": "Clear", "hour": 13}],
            },
        }
    ],
    "generators": [{"generator": "weather"}],
    "splits": {"train": 1, "validation": 0, "test": 0},
    "gate": None,
    "scores": None,
    "downstream": None,
}


def served(folder: Path) -> subprocess.Popen[str]:
    """A scheduler in a process group of its own; its first line says where its server listens."""
    config = folder / "scheduled.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    parhelion = Path(sys.executable).with_name("parhelion")
    command = [str(parhelion), "serve", str(config), "--out", str(folder / "run"), "--workers", "1"]
    return subprocess.Popen(
        [*command, "--interval", str(INTERVAL_S)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def completed_runs(api_url: str) -> int:
    """Scheduled runs that the server knows as completed."""
    wanted = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    request = urllib.request.Request(
        f"{api_url}/flow_runs/filter",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        runs = json.load(reply)
    return sum(run["deployment_id"] is not None for run in runs)


def seconds_to_two_runs(api_url: str) -> float:
    """Waits for two completed runs. Raises TimeoutError."""
    start = time.monotonic()
    while completed_runs(api_url) < 2:
        if time.monotonic() - start > PATIENCE_S:
            raise TimeoutError(f"wanted two runs within {PATIENCE_S:.0f} s")
        time.sleep(1)
    return time.monotonic() - start


def left_over(family: list[psutil.Process]) -> int:
    """Processes of the family that are still there after the grace period."""
    _, alive = psutil.wait_procs(family, timeout=GRACE_S)
    for process in alive:
        print("left:", " ".join(process.cmdline())[:120], file=sys.stderr)
        process.kill()
    return len(alive)


def ends_after(stop: signal.Signals) -> dict[str, Figure]:
    """Two runs on time, one signal to the main process alone, and what is left of the rest."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as scheduler:
        assert scheduler.stdout is not None
        api_url = scheduler.stdout.readline().split()[-1]
        seconds = seconds_to_two_runs(api_url)
        main = psutil.Process(scheduler.pid)
        family = [main, *main.children(recursive=True)]
        scheduler.send_signal(stop)
        scheduler.stdout.close()
        left = left_over(family)
    name = stop.name.lower()
    return {
        f"{name}_processes_left": Figure(value=left, bar=0, sense="at most"),
        f"{name}_two_runs_s": Figure(value=seconds, unit="s", bar=PATIENCE_S, sense="at most"),
    }


def main() -> int:
    arguments("Does a schedule run on time and end whole?").parse_args()
    figures: dict[str, Figure] = {}
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        figures |= ends_after(stop)
    return report("schedule_ends", figures, False, ("prefect",))


if __name__ == "__main__":
    sys.exit(main())
