"""Independent readers, each in an environment of its own that `make peers` builds."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parhelion.pipeline.frame import Frame

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


def mask_of(told: dict[str, Any], frame: Frame) -> NDArray[np.bool_]:
    """A mask (H, W) that a reader told of a picture of the frame's size, in hexadecimal digits."""
    pixels = np.frombuffer(bytes.fromhex(told["mask"]), dtype=np.uint8)
    return pixels.reshape(frame.image.shape[:2]) != 0
