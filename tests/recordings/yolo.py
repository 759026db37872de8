"""A few frames with YOLO's text labels: shares of the picture, and class names in data.yaml."""

from pathlib import Path
from typing import Any

from recordings import save, street_pixels

# Of pictures of 48x32: 12/48, 8/32, and so on.
CAR = "1 0.375 0.5 0.25 0.25"  # 12..24, 12..20
PERSON = "0 0.75 0.25 1 0.25 1 1 0.8 1"  # a polygon around 36..48, 8..32


def write(folder: Path) -> dict[str, Any]:
    """A training and a validation picture; the second has no labels, which means no objects."""
    for number, name in enumerate(("train/drive_0007", "val/drive_0450")):
        save(folder / f"images/{name}.png", street_pixels(number))
    labels = folder / "labels/train/drive_0007.txt"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text(f"{CAR}\n{PERSON}\n")
    (folder / "data.yaml").write_text(
        "path: ../elsewhere\ntrain: images/train\nval: images/val\n"
        "names:\n  0: person\n  1: car\n  2: traffic light\n"
    )
    return {"path": folder}
