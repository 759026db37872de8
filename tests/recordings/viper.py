"""Two drives as VIPER has them: palette classes, instances in channels, boxes and cameras."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import HEIGHT, WIDTH, save, street_pixels

SKY, ROAD, BUILDING, CAR, VAN = 2, 3, 9, 24, 25  # ids of VIPER's classes.csv
CAR_NUMBER = 300  # instance 256 * 1 + 44
FOCAL_PX = 40.0
AHEAD_M = 12.0
CAR_BOX = (20, 15, 30, 23)  # x0, y0, x1, y1, half-open


def write(folder: Path) -> dict[str, Any]:
    """Sequences 001 and 002 with two frames each, whose numbers have a gap."""
    for sequence in (1, 2):
        for frame in (10, 30):
            write_frame(folder, sequence, frame)
        write_camera(folder / f"train/camera/{sequence:03d}.csv")
    (folder / "conditions.csv").write_text("sequence,condition\n001,night\n002,snow\n")
    return {"path": folder}


def write_frame(folder: Path, sequence: int, frame: int) -> None:
    where = f"{sequence:03d}/{sequence:03d}_{frame:05d}"
    save(folder / f"train/img/{where}.jpg", street_pixels(sequence * 100 + frame))
    save_palette(folder / f"train/cls/{where}.png", classes())
    save(folder / f"train/inst/{where}.png", instances())
    (folder / f"train/bb/{sequence:03d}").mkdir(parents=True, exist_ok=True)
    (folder / f"train/bb/{where}.csv").write_text(box_line() + "\n")


def classes() -> NDArray[np.uint8]:
    ids = np.full((HEIGHT, WIDTH), BUILDING, dtype=np.uint8)
    x0, y0, x1, y1 = CAR_BOX
    ids[:10], ids[22:], ids[y0:y1, x0:x1] = SKY, ROAD, CAR
    return ids


def instances() -> NDArray[np.uint8]:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    x0, y0, x1, y1 = CAR_BOX
    pixels[y0:y1, x0:x1] = CAR, CAR_NUMBER // 256, CAR_NUMBER % 256
    pixels[0, :3] = 0, 7, 7  # R = 0: no instance, whatever the others say
    return pixels


def box_line(box: tuple[float, ...] = CAR_BOX, ahead_m: float = AHEAD_M) -> str:
    """A car whose origin projects into the middle of its box; -z is ahead, y up."""
    x = ((CAR_BOX[0] + CAR_BOX[2]) / 2 - WIDTH / 2) / FOCAL_PX * ahead_m
    y = -((CAR_BOX[1] + CAR_BOX[3]) / 2 - HEIGHT / 2) / FOCAL_PX * ahead_m
    matrix = (1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, -ahead_m, 0, 0, 0, 1)
    return ",".join(map(str, (CAR, CAR_NUMBER, *box, -1, -1, -2, 1, 1, 2, *matrix)))


def write_camera(path: Path) -> None:
    """The first frame is the world's origin; frame 30 has gone 2 m ahead and turned left by 90."""
    path.parent.mkdir(parents=True, exist_ok=True)
    projection = (2 * FOCAL_PX / WIDTH, 0, 0, 0, 0, 2 * FOCAL_PX / HEIGHT, 0, 0)
    projection += (0, 0, -1.0001, -0.2, 0, 0, -1, 0)
    still = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    # Looking along the world's -x from (0, 0, -2): its right is the world's -z, its back +x.
    turned = (0, 0, -1, -2, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1)
    rows = [(10, *projection, *still), (30, *projection, *turned)]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")


def save_palette(path: Path, ids: NDArray[np.uint8]) -> None:
    """With van and train in one colour, as VIPER has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids, mode="P")
    palette = [(i * 7) % 256 for i in range(768)]
    palette[VAN * 3 : VAN * 3 + 3] = palette[29 * 3 : 29 * 3 + 3] = 0, 80, 100
    picture.putpalette(bytes(palette))
    picture.save(path)
