"""Sets of digits as their makers wrote them: IDX, MATLAB 5, LIBSVM's text, scikit-learn's table."""

import bz2
import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from parhelion.pipeline.seeds import rng

LABELS = np.array([0, 3, 9, 1, 0])


def write(folder: Path) -> dict[str, Any]:
    """MNIST's four files, two of them packed."""
    return write_idx(folder)


def pixels(height: int, width: int, *channels: int) -> NDArray[np.uint8]:
    random = rng("tests.digits", height)
    return random.integers(0, 256, (len(LABELS), height, width, *channels), dtype=np.uint8)


def write_idx(folder: Path, dataset: str = "mnist") -> dict[str, Any]:
    for part in ("train", "t10k"):
        write_pair(folder, part, pixels(28, 28), LABELS)
    return {"dataset": dataset, "path": folder}


def write_pair(
    folder: Path, part: str, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    """One part: pictures (n, h, w) as they are, classes packed."""
    sizes = struct.pack(">3I", *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images.tobytes())
    told = b"\0\0\x08\x01" + struct.pack(">I", len(labels)) + labels.astype(np.uint8).tobytes()
    (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(told, mtime=0))


def write_svhn(folder: Path) -> dict[str, Any]:
    """N is the last axis, and a zero is a ten."""
    y = np.where(LABELS == 0, 10, LABELS).astype(np.uint8)[:, None]
    for part in ("train", "test"):
        x = np.moveaxis(pixels(32, 32, 3), 0, 3)
        savemat(folder / f"{part}_32x32.mat", {"X": x, "y": y}, do_compression=True)
    return {"dataset": "svhn", "path": folder}


def write_usps(folder: Path) -> dict[str, Any]:
    """Ink between -1 and 1, three places behind the point; a zero is a one."""
    lines = [
        f"{label + 1} " + " ".join(f"{i}:{v / 127.5 - 1:.3g}" for i, v in enumerate(ink, 1)) + " \n"
        for label, ink in zip(LABELS, pixels(16, 16).reshape(-1, 256), strict=True)
    ]
    for name in ("usps.bz2", "usps.t.bz2"):
        (folder / name).write_bytes(bz2.compress("".join(lines).encode()))
    return {"dataset": "usps", "path": folder}


def write_scikit_learn(folder: Path) -> dict[str, Any]:
    counts = pixels(8, 8).reshape(-1, 64) % 17
    rows = [",".join(map(str, (*c, label))) for c, label in zip(counts, LABELS, strict=True)]
    (folder / "digits.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    return {"dataset": "scikit-learn", "path": folder}
