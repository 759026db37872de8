"""A few frames as Cityscapes has them: two cities, one of them in fog and in rain too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

ROAD, BUILDING, SKY, CAR, CARAVAN = 7, 11, 23, 26, 29  # label ids
FRAMES = {
    ("train", "aachen", "aachen_000000_000019"): 1,
    ("train", "bad-honnef", "bad-honnef_000003_000019"): 2,
}
DRAWN = {
    "foggy": ("foggy_beta_0.01", "foggy_beta_0.02"),
    "rain": ("rain_alpha_0.01_beta_0.005_dropsize_0.01_pattern_1",),
}
FX, FY, U0, V0, BASELINE = 2262.52, 2265.3, 1096.98, 513.137, 0.209313


def write(folder: Path) -> dict[str, Any]:
    """Two clear frames with all that the dataset has, and the first under three drawn skies."""
    for (split, city, stem), seed in FRAMES.items():
        place = f"{split}/{city}/{stem}"
        save(folder / f"leftImg8bit/{place}_leftImg8bit.png", street_pixels(seed))
        write_labels(folder / f"gtFine/{place}_gtFine")
        save(folder / f"disparity/{place}_disparity.png", disparities())
        write_json(folder / f"camera/{place}_camera.json", camera())
    for sky, variants in DRAWN.items():
        for i, variant in enumerate(variants):
            name = f"aachen_000000_000019_leftImg8bit_{variant}.png"
            save(folder / f"leftImg8bit_{sky}/train/aachen/{name}", street_pixels(10 + i))
    return {"path": folder}


def write_labels(stem: Path) -> None:
    """Three pictures of one truth, as the makers' scripts draw them of the polygons."""
    numbered = numbered_ids()
    plain = np.where(numbered < 1000, numbered, numbered // 1000).astype(np.uint8)
    save(stem.with_name(f"{stem.name}_labelIds.png"), plain)
    save(stem.with_name(f"{stem.name}_instanceIds.png"), numbered)
    write_json(stem.with_name(f"{stem.name}_polygons.json"), polygons())


def polygons() -> dict[str, Any]:
    """Upright rectangles, so that their pixels are beyond doubt; both corners belong to them."""
    shapes = [
        ("sky", 0, 0, WIDTH - 1, 11),
        ("building", 0, 8, 20, 21),
        ("road", 0, 22, WIDTH - 1, HEIGHT - 1),
        ("car", 4, 18, 12, 25),
        ("caravan", 40, 16, 45, 24),
        ("cargroup", 14, 18, 18, 22),
        ("car", 10, 20, 15, 27),  # nearer than the first, of which it hides a part
        ("license plate", 11, 25, 13, 26),  # is never drawn
        ("car", 30, 2, 33, 5),  # deleted
    ]
    objects = [
        {"label": label, "polygon": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}
        for label, x0, y0, x1, y1 in shapes
    ]
    objects[-1]["deleted"] = 1
    return {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}


def numbered_ids() -> NDArray[np.uint16]:
    """The same by hand: below 1000 a class, else class * 1000 + number."""
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    ids[:12] = SKY
    ids[8:22, :21] = BUILDING
    ids[22:] = ROAD
    ids[18:26, 4:13] = CAR * 1000
    ids[16:25, 40:46] = CARAVAN * 1000
    ids[18:23, 14:19] = CAR
    ids[20:28, 10:16] = CAR * 1000 + 1
    return ids


def disparities() -> NDArray[np.uint16]:
    values = np.full((HEIGHT, WIDTH), 1 + 10 * 256, dtype=np.uint16)  # ten pixels
    values[:12] = 1  # none: infinitely far
    values[-4:] = 0  # not measured: the bonnet
    values[20, 20] = 65535
    return values


def camera() -> dict[str, Any]:
    return {
        "extrinsic": {"baseline": BASELINE, "pitch": 0.038, "roll": 0.0, "yaw": -0.0195, "x": 1.7},
        "intrinsic": {"fx": FX, "fy": FY, "u0": U0, "v0": V0},
    }


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
