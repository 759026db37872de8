"""Independent readers, each in an environment of its own that `make peers` builds."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def told_by(peer: str, folder: Path, *words: str) -> Any:
    """What `peers/PEER_reader.py` says of a folder; skips where its environment was not built.

    A peer that reads several formats takes further words.
    """
    python = ROOT / f"build/peers/{peer}/bin/python"
    if not python.exists():
        pytest.skip(f"{peer} has no environment: `make peers` builds it")
    script = ROOT / f"tests/peers/{peer}_reader.py"
    command = [python, script, folder, *words]
    child = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)
