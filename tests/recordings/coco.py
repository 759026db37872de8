"""A few frames as COCO has them: boxes as x, y, w, h, polygons, runs, packed runs and a crowd."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

CATEGORIES = [
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "vehicle", "id": 3, "name": "car"},
    {"supercategory": "outdoor", "id": 10, "name": "traffic light"},
]
CROWD_ID = 900100000139  # COCO numbers its crowds beyond 32 bits


def write(folder: Path) -> dict[str, Any]:
    """A validation set of two pictures; the second stands first among the annotations."""
    pictures = [picture(139, weather="rainy", timeofday="night"), picture(285)]
    for one in pictures:
        save(folder / f"val2017/{one['file_name']}", street_pixels(one["id"]), quality=95)
    crowd = {"size": [HEIGHT, WIDTH], "counts": runs_of(rectangle(0, 0, 6, 6))}
    packed = {"size": [HEIGHT, WIDTH], "counts": packed_text(runs_of(rectangle(30, 8, 40, 28)))}
    annotations = [
        annotation(285, 3, [2, 3, 4.5, 5], [[2, 3, 6.5, 3, 6.5, 8, 2, 8]]),
        annotation(139, 1, [30, 8, 10, 20], packed),
        annotation(139, 3, [10, 18, 10, 6], [[10, 18, 20, 18, 20, 24, 10, 24]]),
        {**annotation(139, 1, [0, 0, 6, 6], crowd), "id": CROWD_ID, "iscrowd": 1},
    ]
    write_document(folder, pictures, annotations)
    return {"path": folder}


def picture(number: int, **attributes: str) -> dict[str, Any]:
    """A record of `images`."""
    record = {"id": number, "file_name": f"{number:012d}.jpg", "width": WIDTH, "height": HEIGHT}
    return {**record, "license": 1, **({"attributes": attributes} if attributes else {})}


def annotation(image: int, category: int, box: Sequence[float], mask: Any) -> dict[str, Any]:
    """A record of `annotations`; `mask` None = none."""
    record = {"image_id": image, "category_id": category, "bbox": [*box], "iscrowd": 0}
    return {"segmentation": [] if mask is None else mask, "area": box[2] * box[3], **record}


def write_document(
    folder: Path, pictures: Sequence[Any], annotations: Sequence[Any], **other: Any
) -> None:
    """annotations/instances_val2017.json"""
    numbered = [{"id": i, **one} for i, one in enumerate(annotations, 1)]
    path = folder / "annotations/instances_val2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"images": pictures, "annotations": numbered, "categories": CATEGORIES}
    path.write_text(json.dumps({"info": {"year": 2017}, "licenses": [], **document, **other}))


def rectangle(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.bool_]:
    """A mask (H, W) of one half-open rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def runs_of(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of runs down the columns, background first."""
    found = [(value, len(list(run))) for value, run in groupby(mask.T.ravel().tolist())]
    return [0] * found[0][0] + [length for _, length in found]


def packed_text(runs: Sequence[int]) -> str:
    """The runs as a string: differences to the run two before, five bits a character."""
    text = ""
    for i, run in enumerate(runs):
        value = run - (runs[i - 2] if i > 2 else 0)
        while True:
            bits, value = value & 31, value >> 5
            last = value == (-1 if bits & 16 else 0)
            text += chr(48 + bits + (0 if last else 32))
            if last:
                break
    return text
