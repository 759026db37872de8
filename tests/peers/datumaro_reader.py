"""What Datumaro sees in a folder: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python datumaro_reader.py FOLDER FORMAT [OPTION=VALUE ...]
"""

import json
import sys
from pathlib import Path
from typing import Any

from datumaro import AnnotationType, Dataset, DatasetItem


def seen(item: DatasetItem, names: list[str], folder: Path) -> dict[str, Any]:
    """Boxes and masks of a picture; a mask (H, W) uint8 row by row in hexadecimal digits."""
    boxes, masks = [], []
    for one in item.annotations:
        told = {"label": names[one.label], "id": int(one.id), "group": int(one.group)}
        told["flags"] = {word: flag for word, flag in one.attributes.items() if flag is not None}
        if one.type is AnnotationType.bbox:
            corners = one.x, one.y, one.x + one.w, one.y + one.h
            boxes.append({**told, "box": list(map(float, corners))})
        elif one.type is AnnotationType.mask:
            masks.append({**told, "mask": one.image.astype("uint8").tobytes().hex()})
    path = getattr(item.media, "path", None)
    picture = Path(path).relative_to(folder).as_posix() if path else None
    return {"id": item.id, "picture": picture, "boxes": boxes, "masks": masks}


def main(folder: Path, format_name: str, options: list[str]) -> None:
    given = dict(option.split("=") for option in options)
    dataset = Dataset.import_from(str(folder), format_name, **given)
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    told = {"labels": names, "pictures": [seen(item, names, folder) for item in dataset]}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
