"""Frames as PreSIL has them: KITTI's folders, with the game's buffers as bare numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

NEAR, FAR = 0.15, 10001.5
FOCAL = 27.0
LABELS = """\
Car 0.25 0.4 -1.58 0 12 14 24 1.5 1.6 4.0 -2.0 1.6 10.0 -1.57
Pedestrian 0 1 0.2 20 10 23 20 1.8 0.5 0.9 0 1.7 20 0.01
Moterbike 0 0 0.2 30 12 34 20 1.4 0.6 1.8 3 1.7 15 0.01
Railed 0 0 0.2 90 12 94 20 3.5 2.6 12.8 30 1.7 25 0.01
DontCare -1 -1 -10 40 11 44 13 -1 -1 -1 -1000 -1000 -1000 -10
"""


def write(folder: Path) -> dict[str, Any]:
    """Two frames far apart in number, and so in different groups."""
    base = folder / "object/training"
    for stem in ("000342", "000780"):
        save(base / f"image_2/{stem}.png", street_pixels(int(stem)))
        put(base / f"depth/{stem}.bin", buffer().astype("<f4").tobytes())
        put(base / f"stencil/{stem}.raw", stencil().tobytes())
        put(base / f"label_2/{stem}.txt", LABELS.encode())
        put(base / f"calib/{stem}.txt", calibration().encode())
    return {"path": folder}


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def depth_m() -> NDArray[np.float64]:
    rows = np.linspace(300, 5, HEIGHT)
    made = np.repeat(rows[:, None], WIDTH, axis=1)
    made[:9] = np.inf
    return made


def buffer() -> NDArray[np.float32]:
    """1 at the near plane, 0 infinitely far."""
    d = NEAR * FAR / (FAR - NEAR) / depth_m() - NEAR / (FAR - NEAR)
    return np.where(np.isinf(depth_m()), 0, d).astype(np.float32)


def stencil() -> NDArray[np.uint8]:
    raw = np.zeros((HEIGHT, WIDTH), np.uint8)
    raw[:9], raw[9:14], raw[14:18] = 7, 3, 4
    raw[6:9, 40:] = 8  # an entrance
    raw[12:24, :14] = 2
    raw[28:] = 0x82
    return raw


def calibration() -> str:
    row = f"{FOCAL} 0 {WIDTH // 2} 0 0 {FOCAL} {HEIGHT // 2} 0 0 0 1 0"
    lines = [f"P{i}: {row}" for i in range(4)]
    return "\n".join([*lines, "R0_rect: 1 0 0 0 1 0 0 0 1", ""])
