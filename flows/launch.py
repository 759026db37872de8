"""Starting a run: answered from its manifest where it is done, else through the flow."""

from pathlib import Path

from parhelion.flows._server import prefect_server
from parhelion.pipeline.run_config import RunConfig


def launch(config: RunConfig, folder: Path, *, workers: int, until: str) -> None:
    """Runs `config` in `folder` up to stage `until`, and prints where the results lie."""
    from parhelion.pipeline.run import finished_run

    done = finished_run(config, folder) if until == "report" else None
    if done is not None:
        _say(done.lines, "nothing to do: the manifest matches")
        return
    with prefect_server(folder.parent / ".prefect") as server:
        if server is not None:
            server.wait()
        from parhelion.flows.augment import augment

        paths = augment(config, str(folder), workers, until)
    _say(paths, "done")


def _say(paths: dict[str, str], verdict: str) -> None:
    print(verdict)  # noqa: T201
    for name, path in paths.items():
        print(f"{name:10} {path}")  # noqa: T201
