"""Starting a run: answered from its manifest where it is done, else through the flow."""

import logging
import os
import time
from pathlib import Path

from parhelion.flows._server import prefect_server
from parhelion.flows.failures import Uncurable
from parhelion.pipeline.receipts import timings
from parhelion.pipeline.run_config import RunConfig


def launch(config: RunConfig, folder: Path, *, workers: int, until: str) -> bool:
    """Runs `config` in `folder` up to stage `until`; prints costs, findings, where results lie.
    False where frames were missing and none was accepted.
    """
    from parhelion.pipeline.readiness import check_ready
    from parhelion.pipeline.run import finished_run

    done = finished_run(config, folder) if until == "report" else None
    if done is not None:
        _say(done.lines, "nothing to do: the manifest matches")
        return True
    check_ready(config)
    start = time.monotonic()
    with prefect_server(folder.parent / ".prefect") as server:
        if server is not None:
            server.wait()
        from parhelion.flows.augment import augment

        logging.getLogger("prefect.flow_runs").addFilter(Uncurable())
        outcome = augment(config, str(folder), workers, until)
    _say_costs(folder, time.monotonic() - start)
    if outcome.tables:
        from parhelion.flows.tables import print_tables

        print_tables(outcome.tables)
    _say(outcome.lines, "no frame was accepted" if outcome.empty_handed else "done")
    return not outcome.empty_handed


def _say_costs(folder: Path, wall_s: float) -> None:
    """Seconds of every stage, summed over its workers, and of the whole command."""
    print(f"{'stage':20} {'wall s':>8} {'CPU s':>8}")  # noqa: T201
    for stage, cost in timings(folder).items():
        print(f"{stage:20} {cost.wall_s:8.1f} {cost.cpu_s:8.1f}")  # noqa: T201
    spent = os.times()
    cpu_s = spent.user + spent.system + spent.children_user + spent.children_system
    print(f"{'this command':20} {wall_s:8.1f} {cpu_s:8.1f}")  # noqa: T201


def _say(lines: dict[str, str], verdict: str) -> None:
    print(verdict)  # noqa: T201
    for name, value in lines.items():
        for line in value.splitlines():
            print(f"{name:10} {line}")  # noqa: T201
