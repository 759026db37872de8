"""Drives as a CARLA client writes them: a folder of PNGs per camera, a manifest beside them.

The street has one car, 20 m ahead of the camera and 2 m to its right.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

FOV_DEG = 90.0
CAR_M = 20.0
CAR_ID = 258  # of the actor: G = 2, B = 1
CAR_TAG, ROAD_TAG, BUILDING_TAG, SKY_TAG = 14, 1, 3, 11  # as from 0.9.14 on
CAR_BOX = (22, 12, 30, 20)  # x0, y0, x1, y1 pixels
CAMERA = {"location": {"x": 100.0, "y": 50.0, "z": 1.6}, "rotation": {"yaw": 90.0}}
# Looking along +y, the right hand is at -x.
CAR_POSE = {"location": {"x": 98.0, "y": 70.0, "z": 0.8}, "rotation": {"yaw": 90.0}}

NOON = {
    "cloudiness": 5.0,
    "precipitation": 0.0,
    "precipitation_deposits": 0.0,
    "wind_intensity": 10.0,
    "sun_azimuth_angle": -1.0,
    "sun_altitude_angle": 45.0,
    "fog_density": 2.0,
    "fog_distance": 0.75,
    "fog_falloff": 0.1,
    "wetness": 0.0,
    "scattering_intensity": 1.0,
    "mie_scattering_scale": 0.03,
    "rayleigh_scattering_scale": 0.0331,
    "dust_storm": 0.0,
}
RAINY_NIGHT = NOON | {"precipitation": 60.0, "sun_altitude_angle": -90.0, "fog_density": 60.0}
TYPES = {
    "rgb": "sensor.camera.rgb",
    "depth": "sensor.camera.depth",
    "semantic": "sensor.camera.semantic_segmentation",
    "instance": "sensor.camera.instance_segmentation",
}


def write(folder: Path) -> dict[str, Any]:
    """Two drives with manifests, of two frames each."""
    for name, sky in (("town03-a", NOON), ("town05-b", RAINY_NIGHT)):
        write_drive(folder / name, [record(number, sky) for number in (120, 140)])
    return {"path": folder}


def write_drive(folder: Path, frames: list[dict[str, Any]], **header: Any) -> None:
    """The manifest and all pictures of a drive."""
    for one in frames:
        write_pictures(folder, one["frame"])
    write_manifest(folder, frames, **header)


def write_manifest(folder: Path, frames: list[dict[str, Any]], **header: Any) -> None:
    told = {"carla_version": "0.9.16", "map": "Town03", "sensors": sensors(), "frames": frames}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recording.json").write_text(json.dumps(told | header))


def sensors(**changes: Any) -> dict[str, Any]:
    pose = {"location": {"x": 1.5, "z": 1.6}, "rotation": {}}
    lens = {"width": WIDTH, "height": HEIGHT, "fov": FOV_DEG, "transform": pose}
    return {k: {"type": t, "converter": "Raw"} | lens | changes for k, t in TYPES.items()}


def record(number: int, weather: Any = None, **more: Any) -> dict[str, Any]:
    """One frame of a manifest, with the car in the street and one far behind."""
    actors = [
        {
            "id": CAR_ID,
            "type_id": "vehicle.audi.a2",
            "transform": CAR_POSE,
            "extent": {"x": 1.8, "y": 0.9, "z": 0.8},
            "bbox2d": [20.0, 12.0, 31.5, 20.0],
        },
        {"id": 7, "type_id": "walker.pedestrian.0001", "transform": {"location": {"y": -80.0}}},
    ]
    told = {"frame": number, "timestamp": number / 20, "weather": weather or NOON}
    return deepcopy(told | {"ego": {}, "camera": CAMERA, "actors": actors} | more)


def write_pictures(folder: Path, number: int) -> None:
    """All four cameras, from the frame's tags."""
    name = f"{number:06d}.png"
    save(folder / "rgb" / name, street_pixels(number))
    save(folder / "depth" / name, depth_pixels(metres()))
    save(folder / "semantic" / name, tag_pixels(tags()))
    save(folder / "instance" / name, instance_pixels(tags()))


def tags(
    sky: int = SKY_TAG, wall: int = BUILDING_TAG, road: int = ROAD_TAG, car: int = CAR_TAG
) -> NDArray[np.uint8]:
    """(H, W) uint8: sky, houses, a road and a car on it."""
    ids = np.full((HEIGHT, WIDTH), wall, dtype=np.uint8)
    ids[:10], ids[18:] = sky, road
    x0, y0, x1, y1 = CAR_BOX
    ids[y0:y1, x0:x1] = car
    return ids


def metres() -> NDArray[np.float64]:
    """(H, W): 60 m, the car nearer, the sky at the far plane."""
    depth = np.full((HEIGHT, WIDTH), 60.0)
    x0, y0, x1, y1 = CAR_BOX
    depth[y0:y1, x0:x1] = CAR_M
    depth[:10] = 1000.0
    return depth


def depth_pixels(depth: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The simulator's 24 bits, lowest in R."""
    steps = np.rint(depth / 1000 * (256**3 - 1)).astype(np.int64)
    return np.stack([steps % 256, steps // 256 % 256, steps // 65536], axis=-1).astype(np.uint8)


def tag_pixels(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([ids, np.zeros_like(ids), np.zeros_like(ids)], axis=-1)


def instance_pixels(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Everything has an id of the engine, houses too."""
    pixels = np.stack([ids, np.full_like(ids, 9), np.full_like(ids, 3)], axis=-1)
    pixels[ids == CAR_TAG, 1:] = CAR_ID % 256, CAR_ID // 256
    return pixels
