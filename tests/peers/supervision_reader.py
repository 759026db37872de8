"""What Supervision sees in a folder: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python supervision_reader.py FOLDER coco|voc|yolo
"""

import json
import sys
from pathlib import Path
from typing import Any

from supervision import DetectionDataset, Detections


def datasets(folder: Path, format_name: str) -> list[DetectionDataset]:
    """One of each part of the folder."""
    if format_name == "coco":
        return [
            DetectionDataset.from_coco(
                str(folder / path.stem.removeprefix("instances_")), str(path)
            )
            for path in sorted(folder.glob("annotations/*.json"))
        ]
    if format_name == "voc":
        return [
            DetectionDataset.from_pascal_voc(str(home / "JPEGImages"), str(home / "Annotations"))
            for home in sorted(folder.glob("VOC*"))
        ]
    return [
        DetectionDataset.from_yolo(
            str(images), str(folder / "labels" / images.name), str(folder / "data.yaml")
        )
        for images in sorted(folder.glob("images/*"))
    ]


def seen(classes: list[str], found: Detections) -> list[dict[str, Any]]:
    """Boxes and masks of a picture; a mask (H, W) uint8 row by row in hexadecimal digits."""
    told = []
    for i in range(len(found)):
        one = {"label": classes[found.class_id[i]], "box": found.xyxy[i].tolist()}
        if found.mask is not None:
            one["mask"] = found.mask[i].astype("uint8").tobytes().hex()
        if "iscrowd" in found.data:
            one["crowd"] = bool(found.data["iscrowd"][i])
        told.append(one)
    return told


def main(folder: Path, format_name: str) -> None:
    told = {}
    for dataset in datasets(folder, format_name):
        for path, found in dataset.annotations.items():
            picture = Path(path).relative_to(folder).as_posix()
            told[picture] = seen(dataset.classes, found)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
