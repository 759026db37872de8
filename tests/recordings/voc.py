"""A few frames as Pascal VOC has them: XML of boxes that count from 1, and palette masks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recordings import HEIGHT, WIDTH, save, street_pixels

Corners = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax, from 1, the last included
BUS, CAR, PERSON, BORDER = 6, 7, 15, 255  # ids of the masks
CAR_BOX: Corners = (11, 19, 20, 24)
PERSON_BOX: Corners = (41, 5, 48, 32)  # touches the right and lower edge


def write(folder: Path) -> dict[str, Any]:
    """Two frames of two years; only the first has masks."""
    home = folder / "VOC2012"
    for number, stem in enumerate(("2007_000027", "2008_000340")):
        found = [tag_object("car", CAR_BOX, occluded="1"), tag_object("person", PERSON_BOX)]
        write_xml(home / f"Annotations/{stem}.xml", f"{stem}.jpg", found)
        save(home / f"JPEGImages/{stem}.jpg", street_pixels(number), quality=95)
    save_mask(home / "SegmentationClass/2007_000027.png", mask(CAR, PERSON))
    save_mask(home / "SegmentationObject/2007_000027.png", mask(1, 2))
    (home / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    (home / "ImageSets/Main/train.txt").write_text("2007_000027\n")
    (home / "ImageSets/Main/val.txt").write_text("2008_000340\n")
    return {"path": folder, "mask_classes": {CAR: "car", PERSON: "person", BUS: "bus"}}


def mask(car: int, person: int) -> NDArray[np.uint8]:
    """The car and the person as their boxes, with a border of one pixel around the car."""
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    ids[17:25, 9:21] = BORDER
    ids[18:24, 10:20], ids[4:32, 40:48] = car, person
    return ids


def tag_object(word: str, corners: Corners, **tags: str) -> Element:
    """An <object> with its flags and its box."""
    node = Element("object")
    for tag, text in {"name": word, "pose": "Left", "truncated": "0", "difficult": "0"}.items():
        SubElement(node, tag).text = tags.pop(tag, text)
    for tag, text in tags.items():
        SubElement(node, tag).text = text
    box = SubElement(node, "bndbox")
    named = dict(zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    for tag, value in sorted(named.items()):  # by name: their order in the file says nothing
        SubElement(box, tag).text = f"{value:g}"
    return node


def write_xml(
    path: Path, filename: str, objects: Sequence[Element], size: tuple[int, int] = (WIDTH, HEIGHT)
) -> None:
    """An annotation of a picture of that width and height."""
    root = Element("annotation")
    SubElement(root, "folder").text = "VOC2012"
    SubElement(root, "filename").text = filename
    told = SubElement(root, "size")
    for tag, value in zip(("width", "height", "depth"), (*size, 3), strict=True):
        SubElement(told, tag).text = str(value)
    root.extend(objects)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tostring(root))


def save_mask(path: Path, ids: NDArray[np.uint8]) -> None:
    """With VOC's palette: whoever converts to RGB loses the ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids, mode="P")
    picture.putpalette(bytes(colour_part(i, part) for i in range(256) for part in range(3)))
    picture.save(path)


def colour_part(i: int, part: int) -> int:
    """Red (0), green (1) or blue (2) of an id: every third of its bits, the lowest weighs most."""
    return sum((i >> 3 * place + part & 1) << 7 - place for place in range(3))
