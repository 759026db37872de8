"""What Scalabel sees in a BDD100K folder: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python scalabel_reader.py FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scalabel.label.io import load
from scalabel.label.transforms import box2d_to_bbox, mask_to_box2d


def half_open(box2d: Any) -> list[float]:
    """The peer's width and height count the last pixel in."""
    x, y, width, height = box2d_to_bbox(box2d)
    return [x, y, x + width, y + height]


def listed(path: Path) -> dict[str, Any]:
    """Frames of a list by name."""
    return {
        frame.name: {
            "words": [frame.attributes[key] for key in ("weather", "scene", "timeofday")],
            "boxes": [
                [label.category, *half_open(label.box2d)]
                for label in frame.labels or ()
                if label.box2d is not None
            ],
        }
        for frame in load(str(path)).frames
    }


def masked(path: Path) -> dict[str, Any]:
    """Single things of a bitmask by id: class and box."""
    r, g, b, a = np.moveaxis(np.asarray(Image.open(path)).astype(int), 2, 0)
    ids = np.where((g & 3) == 0, b * 256 + a, 0)
    return {
        str(i): [int(r[ids == i][0]), *half_open(mask_to_box2d((ids == i).astype(np.uint8)))]
        for i in np.unique(ids[ids > 0]).tolist()
    }


def main(folder: Path) -> None:
    lists = sorted(folder.glob("labels/det_20/*.json"))
    masks = sorted(folder.glob("labels/ins_seg/bitmasks/*/*.png"))
    told = {
        "lists": {path.stem: listed(path) for path in lists},
        "masks": {path.stem: masked(path) for path in masks},
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
