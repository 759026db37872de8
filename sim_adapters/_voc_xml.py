"""The layout and the XML of Pascal VOC (Everingham et al. 2010), which other datasets share.

    VOC2012/Annotations/2007_000027.xml     or without the folder VOC2012
    VOC2012/JPEGImages/2007_000027.jpg
    VOC2012/ImageSets/Main/train.txt        one name per line; what follows it is not read

Boxes count pixels from 1 and include their last one: x0 = xmin - 1, x1 = xmax.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Image
from parhelion.pipeline.layers import Box
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._image_files import IMAGE_SUFFIXES
from parhelion.sim_adapters._listing import files_under, folders_under
from parhelion.sim_adapters._recordings import Entry
from parhelion.sim_adapters._source_files import SourceFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class VocObject:
    """One <object>; None = the tag is not there."""

    word: str
    box_xyxy: Box  # pixels, 0-based, half-open; not clipped
    truncated: float | None
    occluded: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VocAnnotation:
    """One XML file."""

    width: int  # 0 = not told
    height: int
    objects: tuple[VocObject, ...]


def homes(root: Path) -> list[str]:
    """Where the layout lies: the root itself, or those of its folders that have Annotations."""
    if (root / "Annotations").is_dir():
        return [""]
    inside = (f"{name}/" for name in folders_under(root))
    return [home for home in inside if (root / home / "Annotations").is_dir()] or [""]


def voc_entries(root: Path, home: str, image_set: str) -> Iterator[Entry]:
    """The frames of one home; group and further layers are the adapter's to add.

    A picture without XML and an XML without picture are listed too: reading says what is missing.
    `image_set` empty = all.
    """
    annotations = files_under(root, f"{home}Annotations", ".xml")
    images = files_under(root, f"{home}JPEGImages", *IMAGE_SUFFIXES)
    stems: list[str] | set[str] = annotations.keys() | images.keys()
    if image_set:
        name = f"{home}ImageSets/Main/{image_set}.txt"
        try:
            text = documents.parse_text(documents.read_document(root, name), name)
        except BadFrame as problem:
            yield Entry(native_id=name, group=name, problem=problem)
            return
        stems = [line.split()[0] for line in text.splitlines() if line.strip()]
    if not stems:
        name = f"{home}Annotations"
        sentence = f"{name}: wanted XML files here or names in an image set, got none"
        yield Entry(native_id=name, group=name, problem=BadFrame(Reason.MISSING_FILE, sentence))
    for stem in stems:
        files = {
            "image": images.get(stem, f"{home}JPEGImages/{stem}.jpg"),
            "annotation": annotations.get(stem, f"{home}Annotations/{stem}.xml"),
        }
        yield Entry(native_id=f"{home}{stem}", group=stem, files=files)


def picture_and_annotation(files: SourceFiles) -> tuple[Image, VocAnnotation]:
    """Both files of a frame. Raises BadFrame, also where they speak of different sizes."""
    name = files.names["annotation"]
    told = parse_annotation(files.data("annotation", Reason.BAD_METADATA), name)
    image = files.image()
    height, width = image.shape[:2]
    if told.width and told.height and (told.width, told.height) != (width, height):
        sentence = (
            f"{name}: wanted boxes for a picture of {width}x{height}, "
            f"got boxes for {told.width}x{told.height}"
        )
        raise BadFrame(Reason.SIZE_MISMATCH, sentence)
    return image, told


def parse_annotation(data: bytes, name: str) -> VocAnnotation:
    """The bytes of an XML file. Raises BadFrame."""
    root = documents.parse_xml(data, name)
    if root.tag != "annotation":
        sentence = f"{name}: wanted the XML of an annotation, got <{root.tag:.40}>"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    found = [node for node in root.findall("object") if len(node)]  # some writers leave empty ones
    return VocAnnotation(
        width=int(_number(root, "size/width", name) or 0),
        height=int(_number(root, "size/height", name) or 0),
        objects=tuple(_object(node, f"{name}, object {i}") for i, node in enumerate(found, 1)),
    )


def _object(node: Element, name: str) -> VocObject:
    corners = [_number(node, f"bndbox/{tag}", name) for tag in ("xmin", "ymin", "xmax", "ymax")]
    xmin, ymin, xmax, ymax = (_there(value, name) for value in corners)
    return VocObject(
        word=(node.findtext("name") or "").strip(),
        box_xyxy=(xmin - 1, ymin - 1, xmax, ymax),
        truncated=_number(node, "truncated", name),
        occluded=_number(node, "occluded", name),
    )


def _there(value: float | None, name: str) -> float:
    if value is None:
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted four corners in <bndbox>, got fewer")
    return value


def _number(node: Element, path: str, name: str) -> float | None:
    """A finite number; None where the tag is missing or empty. Raises BadFrame."""
    text = (node.findtext(path) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        sentence = f"{name}: wanted a number in <{path}>, got {text!r:.40}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return value
