"""Our own loopback Prefect server, tied to a pipe: it ends when its parent does, by any signal.

Prefect's own ephemeral server outlives a killed parent. This one reads its standard input, whose
other end the parent alone holds, so the parent's end is an end of file here.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

START_TIMEOUT_S = 120.0  # a first start runs the database's migrations
SHUTDOWN_GRACE_S = 3.0

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
}


class OwnServer:
    """A Prefect server of this process. Start it early and wait only before the first flow."""

    def __init__(self, home: Path, *, schedules: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True)
        os.environ.update({**QUIET, "PREFECT_HOME": str(home.resolve())})
        self.port = _free_port()
        mode = "schedules" if schedules else "flows"
        self._child = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "parhelion.flows._server", str(self.port), mode],
            stdin=subprocess.PIPE,
        )

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def wait(self) -> None:
        """Until the server answers; then this process's Prefect is pointed at it.

        Raises RuntimeError when the server ends or does not answer in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._child.poll() is not None:
                raise RuntimeError(
                    f"the Prefect server ended with code {self._child.returncode} before it "
                    "answered; set PREFECT_API_URL to a running server, or look at its home "
                    f"{os.environ['PREFECT_HOME']}"
                )
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"the Prefect server did not answer within {START_TIMEOUT_S:.0f} s; "
                    "set PREFECT_API_URL to a running server"
                )
            time.sleep(0.1)
        os.environ["PREFECT_API_URL"] = self.api_url

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=1) as reply:  # noqa: S310
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        """Ends the server and waits for its end."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            self._child.wait(timeout=2 * SHUTDOWN_GRACE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@contextlib.contextmanager
def prefect_server(home: Path, *, schedules: bool = False) -> Iterator[OwnServer | None]:
    """A server for the time of the block; none of ours where PREFECT_API_URL names one already."""
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    server = OwnServer(home, schedules=schedules)
    try:
        yield server
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(port: int, *, schedules: bool) -> None:
    """The child: a uvicorn server on loopback until standard input ends."""
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=not schedules)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)
    )

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True
        time.sleep(SHUTDOWN_GRACE_S)
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run()
    os._exit(0)  # the interpreter's own end may wait for threads of the database, and for ever


if __name__ == "__main__":
    serve(int(sys.argv[1]), schedules=sys.argv[2] == "schedules")
