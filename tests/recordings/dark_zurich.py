"""A few frames as Dark Zurich has them: three times of day, and a labelled night with its day."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

FRAMES = (
    "train/day/GOPR0345/GOPR0345_frame_000042_rgb_anon",
    "train/twilight/GOPR0348/GOPR0348_frame_000007_rgb_anon",
    "train/night/GOPR0351/GOPR0351_frame_000159_rgb_anon",
    "train/night/GP010351/GP010351_frame_000001_rgb_anon",
    "val/night/GOPR0356/GOPR0356_frame_000321_rgb_anon",
    "val_ref/day/GOPR0356_ref/GOPR0356_frame_000321_ref_rgb_anon",
)


def write(folder: Path) -> dict[str, Any]:
    """Six frames, of which the night of val has labels."""
    for seed, name in enumerate(FRAMES):
        save(folder / f"rgb_anon/{name}.png", street_pixels(seed))
    label = "val/night/GOPR0356/GOPR0356_frame_000321_gt_labelTrainIds.png"
    save(folder / f"gt/{label}", train_ids())
    return {"path": folder}


def train_ids() -> NDArray[np.uint8]:
    """Sky, building, road, a person, and what nobody judges."""
    ids = np.full((HEIGHT, WIDTH), 2, dtype=np.uint8)
    ids[:10], ids[22:], ids[15:26, 30:34], ids[30:] = 10, 0, 11, 255
    return ids
