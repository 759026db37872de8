"""What the makers' own scripts see in a Cityscapes folder: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python cityscapesscripts_reader.py FOLDER
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.helpers.labels import id2label, labels
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from PIL import Image


def boxes(numbered: Any) -> dict[str, list[int]]:
    """Half-open boxes of the single things, by their number."""
    found = {}
    for value in np.unique(numbered[numbered >= 1000]).tolist():
        rows, columns = np.nonzero(numbered == value)
        corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        found[str(value)] = [int(corner) for corner in corners]
    return found


def seen(path: Path) -> dict[str, Any]:
    """One file of polygons, drawn, and the picture that lies beside it."""
    annotation = Annotation()
    annotation.fromJsonFile(str(path))
    numbered = np.asarray(createInstanceImage(annotation, "ids"), dtype=np.int32)
    plain = np.where(numbered < 1000, numbered, numbered // 1000)
    train = np.vectorize(lambda i: id2label[i].trainId)(plain).astype(np.uint8)
    beside = path.with_name(path.name.replace("polygons.json", "instanceIds.png"))
    told = np.asarray(Image.open(beside), dtype=np.int32) if beside.exists() else numbered
    return {
        "drawn_as_the_picture": bool((told == numbered).all()),
        "boxes": boxes(numbered),
        "classes": {str(i): id2label[i].trainId for i in np.unique(plain).tolist()},
        "stencil_sha256": hashlib.sha256(train.tobytes()).hexdigest(),
        "numbered_sha256": hashlib.sha256(numbered.tobytes()).hexdigest(),
    }


def main(folder: Path) -> None:
    files = sorted(folder.glob("gtFine/*/*/*_polygons.json"))
    table = {str(label.id): [label.name, label.trainId, label.hasInstances] for label in labels}
    told = {
        "labels": table,
        "frames": {path.name.split("_gtFine")[0]: seen(path) for path in files},
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
