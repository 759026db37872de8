"""A few frames as BDD100K has them: boxes of the 100k set, masks of the 10k set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import HEIGHT, WIDTH, save, street_pixels

TWICE = "0004a4c0-d4dff0ad"  # a name that lies in both sets
BOXED = {"train": ("0000f77c-6257be58", TWICE), "val": ("b1c66a42-6f7d68ca",)}
MASKED = {"train": (TWICE, "7d128593-0ccfea4c")}
RIDER, CAR = 2, 3  # classes of ins_seg
TRUNCATED, OCCLUDED, CROWD, IGNORED = 8, 4, 2, 1


def write(folder: Path) -> dict[str, Any]:
    """Three frames with boxes and two with masks, of four drives."""
    for split, stems in BOXED.items():
        for seed, stem in enumerate(stems):
            save_photo(folder / f"images/100k/{split}/{stem}.jpg", seed)
        frames = [frame(stem, seed) for seed, stem in enumerate(stems)]
        # Both forms of a file are in use.
        document = frames if split == "train" else {"frames": frames, "config": CONFIG}
        write_json(folder / f"labels/det_20/det_{split}.json", document)
    for split, stems in MASKED.items():
        for seed, stem in enumerate(stems):
            save_photo(folder / f"images/10k/{split}/{stem}.jpg", 50 + seed)
            save(folder / f"labels/sem_seg/masks/{split}/{stem}.png", train_ids())
            save(folder / f"labels/ins_seg/bitmasks/{split}/{stem}.png", bitmask())
    save_photo(folder / "images/100k/test/cabc30fc-e7726578.jpg", 60)
    return {"path": folder}


CONFIG = {
    "imageSize": {"width": WIDTH, "height": HEIGHT},
    "categories": [{"name": "car"}, {"name": "pedestrian"}, {"name": "traffic light"}],
}


def frame(stem: str, seed: int) -> dict[str, Any]:
    """One record; of the second frame nobody drew a box."""
    return {
        "name": f"{stem}.jpg",
        "attributes": {
            "weather": ("rainy", "partly cloudy")[seed],
            "scene": "city street",
            "timeofday": ("night", "dawn/dusk")[seed],
        },
        "timestamp": 10000,
        "labels": boxes() if seed == 0 else None,
    }


def boxes() -> list[dict[str, Any]]:
    """Corners are pixels that belong to the box."""
    return [
        label(0, "car", 4, 18, 12, 25, occluded=False, truncated=False),
        label(1, "pedestrian", 40.25, 10.5, 47, 31, occluded=True, truncated=True),
        label(2, "motor", 20, 20, 24, 26, occluded=False, truncated=False),  # an old name
        label(3, "traffic light", 7, 2, 7, 4, occluded=False, truncated=False),  # one pixel wide
        {"id": "4", "category": "lane/single white", "attributes": {"laneDirection": "parallel"}},
    ]


def label(
    i: int, category: str, x1: float, y1: float, x2: float, y2: float, **flags: bool
) -> dict[str, Any]:
    return {
        "id": str(i),
        "category": category,
        "attributes": {**flags, "trafficLightColor": "NA"},
        "box2d": {"x1": x1, "y1": y1, "x2": x2, "y2": y2},
    }


def train_ids() -> NDArray[np.uint8]:
    """Building, sky, road, a car, a rider, and what nobody judges."""
    ids = np.full((HEIGHT, WIDTH), 2, dtype=np.uint8)
    ids[:10], ids[22:], ids[18:24, 10:20], ids[14:25, 30:33], ids[30:] = 10, 0, 13, 12, 255
    return ids


def bitmask() -> NDArray[np.uint8]:
    """R = class, G = flags, B and A the id's two bytes: an id above 255 needs both."""
    rgba = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    rgba[18:24, 10:20] = CAR, TRUNCATED, 0, 7
    rgba[14:25, 30:33] = RIDER, OCCLUDED, 1, 2  # 258
    rgba[18:22, 40:46] = CAR, CROWD, 0, 9
    rgba[18:22, 36:39] = CAR, IGNORED, 0, 10
    return rgba


def save_photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(street_pixels(seed)).save(path, quality=90)


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
