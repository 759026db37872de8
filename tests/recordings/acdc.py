"""A few frames as ACDC has them: four skies, a reference picture, and one without labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

SKIES = {"fog": "GOPR0475", "night": "GOPR0351", "rain": "GOPR0400", "snow": "GP010122"}
TRAIN_TO_LABEL_ID = {0: 7, 2: 11, 10: 23, 13: 26, 255: 4}


def write(folder: Path) -> dict[str, Any]:
    """One labelled frame of each sky; of the fog also a clear day, and one of the test split."""
    for seed, (sky, drive) in enumerate(SKIES.items()):
        stem = f"{sky}/train/{drive}/{drive}_frame_000041"
        save(folder / f"rgb_anon/{stem}_rgb_anon.png", street_pixels(seed))
        save(folder / f"gt/{stem}_gt_labelIds.png", label_ids())
        if sky != "rain":  # which is read by its label ids
            save(folder / f"gt/{stem}_gt_labelTrainIds.png", train_ids())
    reference = "fog/train_ref/GOPR0475/GOPR0475_frame_000041_rgb_ref_anon.png"
    save(folder / f"rgb_anon/{reference}", street_pixels(7))
    test = "fog/test/GOPR0478/GOPR0478_frame_000002_rgb_anon.png"
    save(folder / f"rgb_anon/{test}", street_pixels(8))
    return {"path": folder}


def train_ids() -> NDArray[np.uint8]:
    """Building, sky, road, a car, and what nobody judges."""
    ids = np.full((HEIGHT, WIDTH), 2, dtype=np.uint8)
    ids[:10], ids[22:], ids[18:24, 10:20], ids[30:] = 10, 0, 13, 255
    return ids


def label_ids() -> NDArray[np.uint8]:
    """The same in Cityscapes label ids."""
    ids = np.zeros_like(train_ids())
    for train, label in TRAIN_TO_LABEL_ID.items():
        ids[train_ids() == train] = label
    return ids
