"""Two scenes as nuScenes has them: tables linked by tokens, three pictures of each scene."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from recordings import HEIGHT, WIDTH, save, street_pixels

FOCAL, CENTRE = 40.0, (24.0, 16.0)
FORWARD = [0.5, -0.5, 0.5, -0.5]  # w, x, y, z: a camera that looks along the car's x, its y up
BACKWARD = [0.5, -0.5, -0.5, 0.5]
NORTH = [2**-0.5, 0.0, 0.0, 2**-0.5]  # the car's x along the world's y
CAR_AT, CAMERA_IN_CAR = [100.0, 200.0, 0.0], [1.5, 0.0, 1.5]
WORDS = ("Night, heavy RAIN, bus", "Parked train, pedestrians")
LEVELS = ("v0-40", "v40-60", "v60-80", "v80-100")
# Category, visibility token, metres ahead of the front camera, to its right and below it, and size
# as width, length, height, for a car that looks the same way as ours.
BODIES = (
    ("vehicle.car", "4", (10.0, 0.0, 0.0), (2.0, 4.0, 1.5)),
    ("human.pedestrian.adult", "2", (8.0, 4.5, 0.5), (0.8, 0.6, 1.8)),
    ("vehicle.bus.rigid", "1", (2.0, 3.0, -0.5), (2.6, 12.0, 3.0)),
    ("movable_object.trafficcone", "", (-10.0, 0.0, 1.0), (0.4, 0.4, 0.8)),
)
# 2018-07-24 03:28:47.647951 UTC, which is 11:28 in Singapore and 23:28 the day before in Boston.
START_US = 1_532_402_927_647_951
LOGS = ("n015-2018-07-24-11-22-45+0800", "n008-2018-07-23-23-22-45-0400")


def write(folder: Path) -> dict[str, Any]:
    """The front camera's two annotated pictures, and what stands beside them in the tables."""
    tables: dict[str, list[dict[str, Any]]] = {
        "attribute": [],
        "category": [
            {"token": f"c{i}", "name": body[0], "description": ""} for i, body in enumerate(BODIES)
        ],
        "visibility": [
            {"token": str(i), "level": level, "description": ""}
            for i, level in enumerate(LEVELS, start=1)
        ],
        "sensor": [
            {"token": "front", "channel": "CAM_FRONT", "modality": "camera"},
            {"token": "back", "channel": "CAM_BACK", "modality": "camera"},
            {"token": "top", "channel": "LIDAR_TOP", "modality": "lidar"},
        ],
        "map": [
            {"category": "semantic_prior", "token": "m", "filename": "maps/a.png"}
            | {"log_tokens": ["log0", "log1"]}
        ],
    }
    save(folder / "maps/a.png", np.zeros((4, 4), dtype=np.uint8))
    for i in range(2):
        for table, rows in scene(folder, i).items():
            tables.setdefault(table, []).extend(rows)
    (folder / "v1.0-mini").mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        (folder / f"v1.0-mini/{table}.json").write_text(json.dumps(rows, indent=0))
    return {"path": folder}


def scene(folder: Path, i: int) -> dict[str, list[dict[str, Any]]]:
    sample, ends = f"sample{i}", {"prev": "", "next": ""}
    return {
        "log": [
            {"token": f"log{i}", "logfile": LOGS[i], "vehicle": LOGS[i][:4]}
            | {"date_captured": LOGS[i][5:15], "location": "singapore-onenorth"}
        ],
        "scene": [
            {"token": f"scene{i}", "log_token": f"log{i}", "nbr_samples": 1}
            | {"first_sample_token": sample, "last_sample_token": sample}
            | {"name": f"scene-{61 + i:04d}", "description": WORDS[i]}
        ],
        "sample": [{"token": sample, "timestamp": START_US, "scene_token": f"scene{i}"} | ends],
        "sample_data": shots(folder, i),
        "ego_pose": [
            {"token": f"pose{i}", "timestamp": START_US}
            | {"rotation": NORTH, "translation": CAR_AT}
        ],
        "calibrated_sensor": [
            {"token": f"{sensor}{i}", "sensor_token": sensor, "translation": CAMERA_IN_CAR}
            | {"rotation": turn, "camera_intrinsic": intrinsics() if sensor != "top" else []}
            for sensor, turn in (("front", FORWARD), ("back", BACKWARD), ("top", NORTH))
        ],
        "instance": [
            {"token": f"thing{i}{k}", "category_token": f"c{k}", "nbr_annotations": 1}
            | {"first_annotation_token": f"a{i}{k}", "last_annotation_token": f"a{i}{k}"}
            for k in range(len(BODIES))
        ],
        "sample_annotation": [
            {"token": f"a{i}{k}", "sample_token": sample, "instance_token": f"thing{i}{k}"}
            | {"visibility_token": seen, "attribute_tokens": [], "translation": in_world(place)}
            | {"size": list(size), "rotation": NORTH, "num_lidar_pts": 1, "num_radar_pts": 0}
            | ends
            for k, (_, seen, place, size) in enumerate(BODIES)
        ],
    }


def shots(folder: Path, i: int) -> list[dict[str, Any]]:
    """Front and back at the sample, a sweep of the front, and a point cloud that is not there."""
    made = []
    for k, (sensor, key) in enumerate((("front", True), ("back", True), ("front", False))):
        channel = f"CAM_{sensor.upper()}"
        place = f"{'samples' if key else 'sweeps'}/{channel}"
        name = f"{place}/{LOGS[i]}__{channel}__{START_US + k}.jpg"
        save(folder / name, street_pixels(10 * i + k), quality=95)
        made.append(shot(f"shot{i}{k}", i, sensor, name, key) | {"width": WIDTH, "height": HEIGHT})
    cloud = f"samples/LIDAR_TOP/{LOGS[i]}__LIDAR_TOP__{START_US}.pcd.bin"
    return [*made, shot(f"shot{i}3", i, "top", cloud, True) | {"width": 0, "height": 0}]


def shot(token: str, i: int, sensor: str, name: str, key: bool) -> dict[str, Any]:
    links = {"sample_token": f"sample{i}", "ego_pose_token": f"pose{i}"}
    ends = {"prev": "", "next": "", "fileformat": name.split(".", 1)[1].split(".")[0]}
    calibrated = {"calibrated_sensor_token": f"{sensor}{i}"}
    told = {"token": token, "timestamp": START_US, "is_key_frame": key, "filename": name}
    return told | links | calibrated | ends


def in_world(place: tuple[float, float, float]) -> list[float]:
    """From metres ahead, right and down of the front camera, in a car that drives north."""
    ahead, right, down = place
    x, y, z = (
        a + b for a, b in zip(CAR_AT, (0.0, CAMERA_IN_CAR[0], CAMERA_IN_CAR[2]), strict=True)
    )
    return [x + right, y + ahead, z - down]


def intrinsics() -> list[list[float]]:
    return [[FOCAL, 0.0, CENTRE[0]], [0.0, FOCAL, CENTRE[1]], [0.0, 0.0, 1.0]]
