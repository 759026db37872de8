"""A few frames as Playing for Data has them: pictures, and palette labels under the same name."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import save, street_pixels

ROAD, BUILDING, SKY, CAR = 7, 11, 23, 26  # Cityscapes label ids


def write(folder: Path) -> dict[str, Any]:
    """Two frames far apart in number, and so in different groups."""
    for number in (1, 205):
        save_label(folder / f"labels/{number:05d}.png", labels())
        save(folder / f"images/{number:05d}.png", street_pixels(number))
    return {"path": folder}


def labels() -> NDArray[np.uint8]:
    ids = np.full((32, 48), BUILDING, dtype=np.uint8)
    ids[:12], ids[22:], ids[18:24, 10:20] = SKY, ROAD, CAR
    return ids


def save_label(path: Path, ids: NDArray[np.uint8]) -> None:
    """With a palette, as the dataset has it: whoever converts to RGB loses the ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids, mode="P")
    picture.putpalette(bytes((i * 7) % 256 for i in range(768)))
    picture.save(path)
