"""What COCO's own tools see in a folder of COCO: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python pycocotools_reader.py FOLDER
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from pycocotools.coco import COCO


def seen(coco: COCO, annotation: dict[str, Any]) -> dict[str, Any]:
    """One annotation; its mask (H, W) uint8 row by row in hexadecimal digits."""
    (category,) = coco.loadCats([annotation["category_id"]])
    mask, outline = coco.annToMask(annotation), annotation["segmentation"]
    return {
        "category": category["name"],
        "bbox": annotation["bbox"],
        "crowd": bool(annotation["iscrowd"]),
        "polygons": outline if isinstance(outline, list) else [],
        "mask": mask.tobytes().hex(),
    }


def main(folder: Path) -> None:
    told = {}
    for path in sorted(folder.glob("annotations/*.json")):
        with contextlib.redirect_stdout(sys.stderr):  # it tells what it does
            coco = COCO(str(path))
        for picture in coco.loadImgs(coco.getImgIds()):
            found = coco.loadAnns(coco.getAnnIds(imgIds=[picture["id"]]))
            told[picture["file_name"]] = [seen(coco, one) for one in found]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
