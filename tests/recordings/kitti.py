"""Pictures as both benchmarks of KITTI have them: two of objects, two of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import save, street_pixels

BUILDING, ROAD, CAR, UNLABELLED = 11, 7, 26, 0  # Cityscapes label ids
FOCAL, CENTRE = 40.0, (24.5, 15.5)
OFFSET = (2.0, 0.1, 0.003)  # fourth column of P2: pixels, pixels, metres
LABELS = """\
Car 0.25 1 -1.58 -3.50 12.00 14.25 24.00 1.50 1.60 4.00 -2.00 1.60 10.00 -1.57
Pedestrian 0.00 3 0.20 20.00 10.00 23.50 20.00 1.80 0.50 0.90 0.00 1.70 20.00 0.01
Cyclist 0.00 0 0.20 30.00 12.00 34.00 20.00 1.70 0.60 1.80 3.00 1.70 15.00 0.01
Tram 0.00 0 0.20 90.00 12.00 94.00 20.00 3.50 2.60 12.8 30.0 1.70 25.00 0.01
DontCare -1 -1 -10 40.00 11.00 44.00 13.00 -1 -1 -1 -1000 -1000 -1000 -10
"""


def write(folder: Path) -> dict[str, Any]:
    """Two frames of objects from two drives, and two of 2015."""
    for number in (0, 1):
        save(folder / f"training/image_2/{number:06d}.png", street_pixels(number))
        put(folder / f"training/label_2/{number:06d}.txt", LABELS)
        put(folder / f"training/calib/{number:06d}.txt", calibration())
    put(
        folder / "mapping/train_mapping.txt",
        "2011_09_26 2011_09_26_drive_0005_sync 0000000109\n"
        "2011_09_28 2011_09_28_drive_0106_sync 0000000048\n",
    )
    put(folder / "mapping/train_rand.txt", "2,1")
    for number in (0, 100):
        stem = f"{number:06d}_10"
        save(folder / f"training/image_2/{stem}.png", street_pixels(number))
        save(folder / f"training/image_2/{number:06d}_11.png", street_pixels(number + 1))
        ids, instances = pixels()
        save(folder / f"training/semantic/{stem}.png", ids)
        save(folder / f"training/instance/{stem}.png", ids.astype(np.uint16) * 256 + instances)
    return {"path": folder}


def pixels() -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """(class ids, instances) of two cars before a house; a strip has no class."""
    ids = np.full((32, 48), BUILDING, dtype=np.uint8)
    instances = np.zeros((32, 48), dtype=np.uint16)
    ids[22:], ids[:2] = ROAD, UNLABELLED
    for i, columns in enumerate((slice(4, 12), slice(20, 30)), start=1):
        ids[16:24, columns], instances[16:24, columns] = CAR, i
    return ids, instances


def calibration() -> str:
    p = np.zeros((3, 4))
    p[0, 0] = p[1, 1] = FOCAL
    p[:2, 2], p[2, 2], p[:, 3] = CENTRE, 1, OFFSET
    other = np.hstack([np.eye(3), np.zeros((3, 1))])
    rows = {f"P{i}": p if i == 2 else other for i in range(4)} | {"R0_rect": np.eye(3)}
    return "".join(f"{k}: {' '.join(f'{v:.12e}' for v in m.flat)}\n" for k, m in rows.items())


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
