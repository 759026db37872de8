"""The four editions of SYNTHIA side by side: labels in channels of numbers, depth in three ways."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

CAR_BOX = (20, 15, 30, 23)  # x0, y0, x1, y1, half-open
CAR_NUMBER = 700  # more than a byte holds
CAR_CM, HOUSE_CM = 1234, 3000
AL_RUN = "train/test5_10segs_weather_2_spawn_1/19-10-2018_12-47-37"
# Class ids: sky, building, road, car.
FIRST_IDS, LATER_IDS = (1, 2, 3, 8), (11, 3, 1, 14)


def write(folder: Path) -> dict[str, Any]:
    """Two unrelated views, one drive under two skies, and a frame of each later edition."""
    for number in range(2):
        stem = f"{number:07d}"
        write_layers(folder, stem, {"RGB": 0, "GT/LABELS": 1, "Depth": 2})
    for sky in ("SPRING", "RAINNIGHT"):
        write_drive(folder / f"SYNTHIA-SEQS-05-{sky}")
    write_later(folder / "SEQ1", "0000067", ("RGBLeft", "GTLeft", "DepthLeft"), 1000)
    write_later(folder / AL_RUN, "000101", ("RGB", "SemSeg", "Depth"), 5000)
    write_kitti(folder / AL_RUN)
    return {"path": folder}


def write_layers(place: Path, stem: str, folders: dict[str, int]) -> None:
    """The picture, its labels and its depth, of 16 bits each but the first."""
    made = (street_pixels(int(stem)), labels(), centimetres())
    for name, which in folders.items():
        save_channels(place / name / f"{stem}.png", made[which])


def write_drive(place: Path) -> None:
    view = "Stereo_Left/Omni_F"
    folders = {f"RGB/{view}": 0, f"GT/LABELS/{view}": 1, f"Depth/{view}": 2}
    write_layers(place, "000000", folders)
    camera = place / "CameraParams"
    (camera / view).mkdir(parents=True, exist_ok=True)
    (camera / "intrinsics.txt").write_text("40.0\n\n24.0\n\n16.0\n\n0.8\n")
    # Column after column: it stands at (5, 2, 7) and looks along the world's -x.
    pose = (0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 5, 2, 7, 1)
    (camera / view / "000000.txt").write_text(" ".join(map(str, pose)) + "\n")


def write_later(place: Path, stem: str, folders: tuple[str, str, str], far_m: float) -> None:
    image, semantic, depth = (place / folder / f"{stem}.png" for folder in folders)
    save(image, street_pixels(7))
    ids = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    ids[..., 0], ids[..., 3] = painted(LATER_IDS, np.uint8), 255
    save(semantic, ids)
    metres = painted((far_m, HOUSE_CM / 100, HOUSE_CM / 100, CAR_CM / 100), np.float64)
    code = np.round(metres / far_m * (256**3 - 1)).astype(np.int64)
    save(depth, np.stack([code & 255, code >> 8 & 255, code >> 16], axis=-1).astype(np.uint8))


def write_kitti(place: Path) -> None:
    for folder in ("labels_kitti", "calib_kitti"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    x0, y0, x1, y1 = CAR_BOX
    line = f"Car 0.0 0 0.11 {x0} {y0} {x1} {y1} 1.5 1.8 4.2 0.3 1.9 12.34 0.11 \n"
    (place / "labels_kitti/000101.txt").write_text(line)
    line = "40.0 0.0 24.0 0.0 0.0 40.0 16.0 0.0 0.0 0.0 1.0 0.0"
    text = "".join(f"P{i}: {line}\n" for i in range(4))
    (place / "calib_kitti/000101.txt").write_text(text)


def painted(values: tuple[float, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Sky, building, road and car of some layer (H, W)."""
    sky, building, road, car = values
    layer = np.full((HEIGHT, WIDTH), building, dtype=dtype)
    x0, y0, x1, y1 = CAR_BOX
    layer[:10], layer[22:], layer[y0:y1, x0:x1] = sky, road, car
    return layer


def labels() -> NDArray[np.uint16]:
    channels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint16)
    channels[..., 0] = painted(FIRST_IDS, np.uint16)
    channels[..., 1] = painted((0, 0, 0, CAR_NUMBER), np.uint16)
    return channels


def centimetres() -> NDArray[np.uint16]:
    depth = painted((65535, HOUSE_CM, HOUSE_CM, CAR_CM), np.uint16)
    return np.repeat(depth[..., None], 3, axis=-1)


def save_channels(path: Path, channels: NDArray[Any]) -> None:
    """R first; Pillow cannot write three channels of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), channels[..., ::-1])
