"""Runs on a schedule: our loopback server keeps the clock, a Prefect runner starts the flow."""

import os
import signal
from pathlib import Path
from types import FrameType

from parhelion.flows._server import prefect_server
from parhelion.pipeline.run_config import RunConfig


def serve_augmentation(
    config: RunConfig,
    folder: Path,
    *,
    workers: int,
    cron: str | None = None,
    interval_s: float | None = None,
) -> None:
    """Serves `config` until the process ends; each run goes on where the last one stopped.

    Server, runner and workers end with this process, by whatever signal it ends.
    """
    with prefect_server(folder.parent / ".prefect", schedules=True) as server:
        if server is not None:
            server.wait()
        from prefect.types.entrypoint import EntrypointType

        from parhelion.flows.augment import SERVED_BY, scheduled_augment

        os.environ[SERVED_BY] = str(os.getpid())
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, _stop_at_once)
        print(f"serving {config.name} at {os.environ['PREFECT_API_URL']}", flush=True)  # noqa: T201
        scheduled_augment.serve(
            name=config.name,
            cron=cron,
            interval=interval_s,
            parameters={
                "config": config.model_dump(mode="json"),
                "folder": str(folder.resolve()),
                "workers": workers,
            },
            limit=1,  # two runs in one folder would wait for each other
            pause_on_shutdown=False,
            print_starting_message=False,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )


def _stop_at_once(signum: int, frame: FrameType | None) -> None:
    """Ends this process now, and with it all that hang on it; the next run resumes this one.

    Prefect's runner would wait for a run that is under way, however long that takes.
    """
    os._exit(128 + signum)
