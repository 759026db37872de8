"""Datasets of very many empty frames under the names of their formats, for what an index costs."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path


def touch(folder: Path, names: Iterable[str]) -> None:
    """Empty files of one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    inside = os.open(folder, os.O_RDONLY)
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=inside))
    os.close(inside)


def bdd100k(root: Path, frames: int) -> None:
    names = [f"{i:08x}-{i:08x}.jpg" for i in range(frames)]
    touch(root / "images" / "100k" / "train", names)
    attributes = {"weather": "clear", "scene": "city street", "timeofday": "daytime"}
    records = [{"name": name, "attributes": attributes, "labels": []} for name in names]
    labels = root / "labels" / "det_20" / "det_train.json"
    labels.parent.mkdir(parents=True)
    labels.write_text(json.dumps(records))


def cityscapes(root: Path, frames: int) -> None:
    stems = [f"aachen_{i:06d}_000019" for i in range(frames)]
    touch(root / "leftImg8bit/train/aachen", (f"{stem}_leftImg8bit.png" for stem in stems))
    touch(root / "gtFine/train/aachen", (f"{stem}_gtFine_labelIds.png" for stem in stems))


def carla(root: Path, frames: int) -> None:
    """A recording in which a manifest tells of every frame."""
    names = [f"{i:08d}.png" for i in range(frames)]
    for layer in ("rgb", "depth", "semantic"):
        touch(root / "drive" / layer, names)
    weather = {"cloudiness": 5.0, "precipitation": 0.0, "sun_altitude_angle": 45.0}
    sensor = {"width": 800, "height": 600, "fov": 90.0}
    manifest = {
        "carla_version": "0.9.15",
        "map": "Town03",
        "sensors": {
            layer: {"type": f"sensor.camera.{kind}", **sensor}
            for layer, kind in (
                ("rgb", "rgb"),
                ("depth", "depth"),
                ("semantic", "semantic_segmentation"),
            )
        },
        "frames": [{"frame": i, "timestamp": i / 20, "weather": weather} for i in range(frames)],
    }
    (root / "drive" / "recording.json").write_text(json.dumps(manifest))


def coco(root: Path, frames: int) -> None:
    names = [f"{i:012d}.jpg" for i in range(frames)]
    touch(root / "val2017", names)
    images = [
        {"id": i, "file_name": name, "width": 640, "height": 480} for i, name in enumerate(names)
    ]
    annotations = [
        {
            "id": i,
            "image_id": i,
            "category_id": 1,
            "bbox": [1, 1, 9, 9],
            "area": 81,
            "iscrowd": 0,
            "segmentation": [[1, 1, 10, 1, 10, 10, 1, 10]],
        }
        for i in range(frames)
    ]
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "supercategory": "person"}],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(document))


def gtav(root: Path, frames: int) -> None:
    moments = [
        f"2018-03-30--{i // 36000:02d}-{i // 600 % 60:02d}-{i // 10 % 60:02d}--{i % 10 * 100:03d}"
        for i in range(frames)
    ]
    for end in (".jpg", "-depth.png", "-stencil.png", ".json"):
        touch(root, (f"{moment}{end}" for moment in moments))


def kitti(root: Path, frames: int) -> None:
    for layer, suffix in (("image_2", "png"), ("label_2", "txt"), ("calib", "txt")):
        touch(root / "training" / layer, (f"{i:06d}.{suffix}" for i in range(frames)))


def playing_for_data(root: Path, frames: int) -> None:
    for layer in ("images", "labels"):
        touch(root / layer, (f"{i:05d}.png" for i in range(frames)))


def viper(root: Path, frames: int) -> None:
    for layer in ("img", "cls", "inst"):
        for sequence in range(frames // 1000):
            folder = root / "train" / layer / f"{sequence:03d}"
            touch(folder, (f"{sequence:03d}_{i:05d}.png" for i in range(1000)))


def virtual_kitti2(root: Path, frames: int) -> None:
    layers = (("rgb", "rgb", "jpg"), ("depth", "depth", "png"))
    for scene in ("01", "02", "06", "18", "20"):
        for variation in ("clone", "fog", "morning", "overcast", "rain", "sunset"):
            for layer, prefix, suffix in layers:
                folder = root / f"Scene{scene}/{variation}/frames/{layer}/Camera_0"
                touch(folder, (f"{prefix}_{i:05d}.{suffix}" for i in range(-(-frames // 30))))


def voc(root: Path, frames: int) -> None:
    touch(root / "Annotations", (f"{i:06d}.xml" for i in range(frames)))
    touch(root / "JPEGImages", (f"{i:06d}.jpg" for i in range(frames)))


MANY: dict[str, Callable[[Path, int], None]] = {
    make.__name__: make
    for make in (
        playing_for_data,
        gtav,
        bdd100k,
        carla,
        cityscapes,
        coco,
        kitti,
        viper,
        virtual_kitti2,
        voc,
    )
}
