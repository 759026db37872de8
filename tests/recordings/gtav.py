"""A few frames in each form that GTAVisionExport's versions left behind.

images/<run>.zip + *.csv    two frames of an automatic run, with their database
shots/info0.tiff            five weathers in one file, with their text
raw/<moment>*.tiff          three files a frame, known to the database
road/<moment>*              JPEG, PNG and JSON, two of them an hour apart
offroad/<camera>/<scene>*   the same for two cameras, depth in floating point
"""

import csv
import io
import json
import math
import struct
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import HEIGHT, WIDTH, save, street_pixels

RUN = "0f2d7f5e-5a3b-4c1e-9a77-0123456789ab"
NEAR, FAR, FOV_DEG = 0.15, 10003.815, 50.0  # vertical
CAMERA = (2731.5, 4693.9, 44.5)
HEADING_DEG = 30.0
SENTINEL = [[math.inf, math.inf], [-math.inf, -math.inf]]
JPEG, LZW, LZMA = "jpeg", "tiff_lzw", "lzma"
PREDICTOR = 317
SNAPSHOTS = (
    *("snapshot_id", "run_id", "version", "imagepath", "timestamp", "timeofday"),
    *("currentweather", "camera_pos", "camera_fov", "view_matrix", "proj_matrix"),
)
DETECTIONS = (
    *("detection_id", "snapshot_id", "type", "pos", "bbox", "class", "handle"),
    *("best_bbox", "bbox3d", "rot"),
)


def write(folder: Path) -> dict[str, Any]:
    """All dialects below one root; the first two by id are of different groups."""
    write_run(folder / "images" / f"{RUN}.zip", {"1000": 1, "2000": 1})
    write_database(folder, {"1000.tiff": "Clear", "2013.tiff": "SnowLight", MOMENT: "Foggy"})
    write_three_files(folder / "raw", MOMENT)
    (folder / "shots").mkdir(exist_ok=True)
    (folder / "shots/info0.tiff").write_bytes(pages(colours(5)))
    (folder / "shots/info.txt").write_text(notes())
    for number, stem in enumerate(("2018-03-30--04-05-57--208", "2018-03-30--05-05-57--009")):
        write_processed(folder / "road", stem, number)
    for camera in (0, 1):
        write_processed(folder / f"offroad/{camera}", "000007", camera, floating=True)
    return {"path": folder}


MOMENT = "2018-04-01--10-00-00--000"


def projection(width: int = WIDTH, height: int = HEIGHT, near: float = NEAR) -> list[list[float]]:
    up = 1 / math.tan(math.radians(FOV_DEG) / 2)
    low, high = near / (FAR - near), near * FAR / (FAR - near)
    return [[up * height / width, 0, 0, 0], [0, up, 0, 0], [0, 0, low, high], [0, 0, -1, 0]]


def axes() -> NDArray[np.float64]:
    """Right, up and backwards of a level camera, as rows, in a world whose z is up."""
    c, s = math.cos(math.radians(HEADING_DEG)), math.sin(math.radians(HEADING_DEG))
    return np.array([[c, s, 0], [0, 0, 1], [s, -c, 0]])


def view() -> list[list[float]]:
    turn = axes()
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = turn, -turn @ np.array(CAMERA)
    rows: list[list[float]] = made.tolist()
    return rows


def ahead(right_m: float, up_m: float, far_m: float) -> list[float]:
    """A place in the world as it lies before the camera."""
    place: list[float] = (np.array([right_m, up_m, -far_m]) @ axes() + np.array(CAMERA)).tolist()
    return place


def depth_m() -> NDArray[np.float64]:
    """A street to the horizon: the sky is infinitely far, the ground comes nearer."""
    rows = np.linspace(400, 4, HEIGHT)
    made = np.repeat(rows[:, None], WIDTH, axis=1)
    made[:10] = np.inf
    return made


def buffer(near: float = NEAR) -> NDArray[np.float32]:
    """Depth as the game has it: 1 at the near plane, 0 infinitely far."""
    low, high = near / (FAR - near), near * FAR / (FAR - near)
    with np.errstate(divide="ignore"):
        d = high / depth_m() - low
    return np.where(np.isinf(depth_m()), 0, d).astype(np.float32)


def stencil() -> NDArray[np.uint8]:
    raw = np.zeros((HEIGHT, WIDTH), np.uint8)
    raw[:10], raw[10:16], raw[16:20] = 7, 3, 4
    raw[18:26, 18:30] = 2
    raw[18:24, 4:8] = 1 | 0x10  # a flag of unknown meaning
    raw[30:] = 0x82
    return raw


def colours(count: int) -> list[NDArray[np.uint8]]:
    """RGBA; what stands in the fourth sample is nothing that one may rely on."""
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    return [np.concatenate([street_pixels(i), alpha], axis=2) for i in range(count)]


def pages(colour: list[NDArray[np.uint8]], order: str = "cds", *, alpha: bool = False) -> bytes:
    """One TIFF; `order` of colours, depth and stencil; `alpha` declares what the game does not."""
    layers = {
        "c": [page(pixels, JPEG, alpha=alpha) for pixels in colour],
        "d": [page(buffer(), LZW, 3)],
        "s": [page(stencil(), LZW, 2)],
    }
    every = [made for letter in order for made in layers[letter]]
    return tiff(*every)


def page(
    pixels: NDArray[Any], compression: str, predictor: int = 1, *, alpha: bool = False
) -> Image.Image:
    made = Image.fromarray(pixels)
    if made.mode == "RGBA" and not alpha:
        made = made.convert("RGBX")  # a fourth sample that nothing is said of
    made.encoderinfo = {"compression": compression}
    if compression in (LZW, LZMA):
        made.encoderinfo["tiffinfo"] = {PREDICTOR: predictor}
    return made


def tiff(*every: Image.Image) -> bytes:
    target = io.BytesIO()
    first, *others = every
    first.save(target, "TIFF", save_all=True, append_images=others, **first.encoderinfo)
    return target.getvalue()


def write_run(path: Path, members: dict[str, int]) -> None:
    """An archive of members with so many colour pages each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for stem, count in members.items():
            archive.writestr(f"{stem}.tiff", pages(colours(count)))


def write_three_files(folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.tiff").write_bytes(tiff(page(colours(1)[0], JPEG)))
    (folder / f"{stem}-depth.tiff").write_bytes(tiff(page(buffer(), LZW, 3)))
    (folder / f"{stem}-stencil.tiff").write_bytes(tiff(page(stencil(), LZW, 2)))


def write_processed(folder: Path, stem: str, number: int, *, floating: bool = False) -> None:
    save(folder / f"{stem}.jpg", street_pixels(number), quality=95)
    save(folder / f"{stem}-stencil.png", stencil())
    if floating:
        (folder / f"{stem}-depth.tiff").write_bytes(tiff(page(buffer(), LZMA)))
    else:
        save(folder / f"{stem}-depth.png", (buffer() * 65535).astype(np.uint16))
    record = snapshot(stem) if not floating else snapshot(stem) | {"entities": []}
    (folder / f"{stem}.json").write_text(json.dumps(record))  # with bare Infinity


def snapshot(stem: str, *entities: dict[str, Any]) -> dict[str, Any]:
    return {
        "imagepath": stem,
        "timestamp": "2018-03-30 04:05:57",
        "timeofday": "06:27:56",
        "currentweather": "Clear",
        "width": WIDTH,
        "height": HEIGHT,
        "snapshot_id": 69708,
        "camera_pos": list(CAMERA),
        "camera_rot": [0, 0, HEADING_DEG],
        "camera_fov": FOV_DEG,
        "view_matrix": view(),
        "proj_matrix": projection(),
        "entities": list(entities) or [car(), parked()],
    }


def car(**changes: Any) -> dict[str, Any]:
    """A car 20 m ahead, whose box covers columns 18 to 30 and rows 18 to 26."""
    made = {
        "type": "car",
        "class": "Sedans",
        "handle": 5,
        "pos": ahead(0, -1.5, 20),
        "rot": [0, 0, HEADING_DEG],
        "model_sizes": [-1.0, 1.0, -2.5, 2.5, -0.5, 1.0],
        "bbox": [[30 / WIDTH, 26 / HEIGHT], [18 / WIDTH, 18 / HEIGHT]],
    }
    return made | changes


def parked() -> dict[str, Any]:
    """A person out of use, far below the map and off the screen."""
    place = [CAMERA[0], CAMERA[1], -100.0]
    changes = {"type": "person", "class": "Unknown", "pos": place, "bbox": SENTINEL}
    return car(**changes)


def ewkb(x: float, y: float, z: float) -> str:
    """A point with z as PostGIS dumps it."""
    return (struct.pack("<BI", 1, 0x80000001) + struct.pack("<3d", x, y, z)).hex().upper()


def array(matrix: list[list[float]]) -> str:
    return "{" + ",".join("{" + ",".join(map(repr, row)) + "}" for row in matrix) + "}"


def snapshot_rows(images: dict[str, str]) -> list[list[str]]:
    """Rows of snapshots: weather by path."""
    at = ewkb(*CAMERA)
    return [
        [
            *(str(i + 1), "4", "3", path, "2018-03-30 04:05:57+00", "22:15:00"),
            *(weather, at, str(FOV_DEG), array(view()), array(projection())),
        ]
        for i, (path, weather) in enumerate(images.items())
    ]


def detection_rows(images: dict[str, str]) -> list[list[str]]:
    """A car and its person below the map in each image."""
    rows = []
    for i in range(len(images)):
        for thing in (car(), parked()):
            a, b = thing["bbox"]
            box = f"({a[0]},{a[1]}),({b[0]},{b[1]})".replace("inf", "Infinity")
            best = "" if thing["type"] == "person" else best_box(18, 18, 29, 25)
            x0, x1, y0, y1, z0, z1 = thing["model_sizes"]
            rows.append(
                [
                    *(str(len(rows)), str(i + 1), thing["type"], ewkb(*thing["pos"]), box),
                    *(thing["class"], "5", best),
                    f"BOX3D({x0} {y0} {z0},{x1} {y1} {z1})",
                    ewkb(*thing["rot"]),
                ]
            )
    return rows


def best_box(x0: int, y0: int, x1: int, y1: int) -> str:
    """First and last pixel that belong to it."""
    return f"({x1 / WIDTH},{y1 / HEIGHT}),({x0 / WIDTH},{y0 / HEIGHT})"


def tables(images: dict[str, str]) -> dict[str, tuple[tuple[str, ...], list[list[str]]]]:
    return {
        "runs": (("run_id", "runguid", "archivepath"), [["4", RUN, f"images\\{RUN}.zip"]]),
        "snapshots": (SNAPSHOTS, snapshot_rows(images)),
        "detections": (DETECTIONS, detection_rows(images)),
        "snapshot_weathers": (("weather_id", "snapshot_id", "weather_type", "snapshot_page"), []),
    }


def write_database(folder: Path, images: dict[str, str]) -> None:
    """As CSV with headers, null as nothing."""
    for table, (columns, rows) in tables(images).items():
        with (folder / f"{table}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([list(columns), *rows])


def dump(images: dict[str, str]) -> str:
    """As pg_dump writes it, null as backslash N."""
    made = ["-- PostgreSQL database dump", "SET client_encoding = 'UTF8';", ""]
    for table, (columns, rows) in tables(images).items():
        made.append(f"COPY public.{table} ({', '.join(columns)}) FROM stdin;")
        for row in rows:
            made.append("\t".join(cell.replace("\\", "\\\\") or "\\N" for cell in row))
        made += ["\\.", ""]
    return "\n".join(made)


def notes() -> str:
    matrices = {"view matrix": view(), "projection matrix": projection()}
    made = ["cam direction & Ped pos file"]
    made.append("==============info0.tiff 's metadata=======================")
    made += ["cam pos", *map(str, CAMERA)]
    for label, matrix in matrices.items():
        made += [label, *(" ".join(map(repr, row)) for row in matrix)]
    return "\n".join([*made, "weathers: Clear, Clouds, Overcast, Raining, Christmas", ""])
