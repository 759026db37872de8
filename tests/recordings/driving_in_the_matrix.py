"""A few frames as Driving in the Matrix has them: VOC's layout with the habits of its writer."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from recordings import save, street_pixels
from recordings.voc import tag_object, write_xml


def write(folder: Path) -> dict[str, Any]:
    """Two snapshots far apart in number; the XML names the capture's file, not the JPEG."""
    home = folder / "VOC2012"
    for number in (3384645, 3391002):
        found = [
            tag_object("car", (11, 19, 20, 24), occluded="0.28571428571428575", handle="1052418"),
            Element("object"),  # what had no box left an empty node
            tag_object("motorbike", (1, 1, 1, 1), occluded="-0.4", handle="77"),
            tag_object("person", (41, 5, 48, 32), occluded="0.9", handle="-5"),
        ]
        write_xml(home / f"Annotations/{number}.xml", "6a2c-run/info-1.tiff", found)
        save(home / f"JPEGImages/{number}.jpg", street_pixels(number), quality=95)
    (home / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    (home / "ImageSets/Main/trainval10k.txt").write_text("3391002")
    return {"path": folder}
