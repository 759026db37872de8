"""Two scenes as Virtual KITTI 2 has them: colours, centimetres, and text tables of all frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import HEIGHT, WIDTH, save, street_pixels

SKY, ROAD, BUILDING, TRUCK = (90, 200, 255), (100, 60, 100), (140, 140, 140), (160, 60, 60)
TRACK = 4
BOX = (20, 15, 30, 23)  # x0, y0, x1, y1, half-open
FOCAL_PX, CENTRE_X, CENTRE_Y = 40.0, 23.5, 15.5
TRUCK_IN_WORLD = (103.0, 1.5, 48.0)  # the middle of its bottom
TRUCK_HEIGHT_M = 3.0
TRUCK_CM = 1234
# From the world to the camera: the camera stands at (100, 0, 40) and looks along +z.
EXTRINSIC = ((1, 0, 0, -100), (0, 1, 0, 0), (0, 0, 1, -40))
TABLES = {
    "bbox": "frame cameraID trackID left right top bottom number_pixels truncation_ratio "
    "occupancy_ratio isMoving",
    "info": "trackID label model color",
    "pose": "frame cameraID trackID alpha width height length world_space_X world_space_Y "
    "world_space_Z rotation_world_space_y rotation_world_space_x rotation_world_space_z "
    "camera_space_X camera_space_Y camera_space_Z rotation_camera_space_y "
    "rotation_camera_space_x rotation_camera_space_z",
    "extrinsic": "frame cameraID r1,1 r1,2 r1,3 t1 r2,1 r2,2 r2,3 t2 r3,1 r3,2 r3,3 t3 0 0 0 1",
    "intrinsic": "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]",
}


def write(folder: Path) -> dict[str, Any]:
    """Scene01 clear and foggy, Scene02 clear; two frames each, the second without a truck."""
    for scene, variation in (("Scene01", "clone"), ("Scene01", "fog"), ("Scene02", "clone")):
        place = folder / scene / variation
        for frame in range(2):
            write_frame(place, frame)
        write_tables(place)
    return {"path": folder}


def write_frame(place: Path, frame: int) -> None:
    layers = {
        "rgb/Camera_0/rgb_{:05d}.jpg": street_pixels(frame),
        "depth/Camera_0/depth_{:05d}.png": centimetres(),
        "classSegmentation/Camera_0/classgt_{:05d}.png": colours(),
    }
    for name, pixels in layers.items():
        save(place / "frames" / name.format(frame), pixels)
    picture = Image.fromarray(tracks(), mode="P")
    picture.putpalette(bytes((i * 5) % 256 for i in range(768)))
    path = place / f"frames/instanceSegmentation/Camera_0/instancegt_{frame:05d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def write_tables(place: Path) -> None:
    x0, y0, x1, y1 = BOX
    seen = [sum(r * w for r, w in zip(row, (*TRUCK_IN_WORLD, 1), strict=True)) for row in EXTRINSIC]
    turns = (0, 0, 0)
    size = (2.5, TRUCK_HEIGHT_M, 8)
    pose = (0, 0, TRACK, -1.5, *size, *TRUCK_IN_WORLD, *turns, *seen, *turns)
    write_table(place, "bbox", [(0, 0, TRACK, x0, x1 - 1, y0, y1 - 1, 70, 0.25, 0.97, "False")])
    write_table(place, "info", [(TRACK, "Truck", "Firetruck_small_eu", "Red")])
    write_table(place, "pose", [pose])
    matrix = [number for row in EXTRINSIC for number in row] + [0, 0, 0, 1]
    write_table(place, "extrinsic", [(frame, 0, *matrix) for frame in range(2)])
    lens = (FOCAL_PX, FOCAL_PX, CENTRE_X, CENTRE_Y)
    write_table(place, "intrinsic", [(frame, 0, *lens) for frame in range(2)])


def write_table(place: Path, table: str, rows: Sequence[Sequence[object]]) -> None:
    lines = [TABLES[table], *(" ".join(map(str, row)) for row in rows)]
    (place / f"{table}.txt").write_text("\n".join(lines) + "\n")


def colours() -> NDArray[np.uint8]:
    pixels = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    x0, y0, x1, y1 = BOX
    pixels[:] = BUILDING
    pixels[:10], pixels[22:], pixels[y0:y1, x0:x1] = SKY, ROAD, TRUCK
    return pixels


def centimetres() -> NDArray[np.uint16]:
    depth = np.full((HEIGHT, WIDTH), 3000, dtype=np.uint16)
    x0, y0, x1, y1 = BOX
    depth[:10], depth[y0:y1, x0:x1] = 65535, TRUCK_CM
    return depth


def tracks() -> NDArray[np.uint8]:
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    x0, y0, x1, y1 = BOX
    ids[y0:y1, x0:x1] = TRACK + 1
    return ids
