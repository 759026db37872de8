"""Cityscapes' polygons, drawn as its own scripts draw them: in order, later over earlier.

A polygon covers its edge. Things are numbered per class in the order of the file: the second car
is 26001. A label that ends in "group" is several things at once and keeps its class's plain id.
"""

from collections import Counter
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydantic import BaseModel, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason

# In the order of their ids, 0-33.
NAMES = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic"),
    *("ground", "road", "sidewalk", "parking", "rail track", "building", "wall", "fence"),
    *("guard rail", "bridge", "tunnel", "pole", "polegroup", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "caravan"),
    *("trailer", "train", "motorcycle", "bicycle"),
)
LABEL_IDS = {name: i for i, name in enumerate(NAMES)}
FIRST_THING = 24  # from person on, everything is counted
PER_CLASS = 1000
NOT_DRAWN = "license plate"  # its id is -1
MOST_WORK = 20_000_000_000  # pixels filled, at worst; a street takes a thousandth of it
WORK_PER_EDGE = 10  # of one line, against filling one pixel

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]


class CityscapesPolygon(BaseModel):
    """One outline, pixels."""

    label: Annotated[str, Field(max_length=64)]
    polygon: list[tuple[Coordinate, Coordinate]]
    deleted: bool = False


class CityscapesPolygons(BaseModel):
    """All outlines of a picture, the farthest first."""

    imgHeight: int  # noqa: N815 (their spelling)
    imgWidth: int  # noqa: N815
    objects: list[CityscapesPolygon]


POLYGONS = TypeAdapter(CityscapesPolygons)


def drawn(polygons: CityscapesPolygons, size: tuple[int, int], name: str) -> NDArray[np.int32]:
    """The picture of instance ids (H, W): below 1000 a class, else class * 1000 + its number.

    `size` is the picture's (H, W). Raises BadFrame for polygons of another size, for a label that
    is unknown, and for more than could be drawn in reasonable time.
    """
    height, width = size
    told = polygons.imgHeight, polygons.imgWidth
    if told != size:
        sentence = f"{name}: wanted polygons of a picture {size} high and wide, got {told}"
        raise BadFrame(Reason.SIZE_MISMATCH, sentence)
    corners = sum(len(thing.polygon) for thing in polygons.objects)
    if len(polygons.objects) * height * width + WORK_PER_EDGE * corners * height > MOST_WORK:
        got = f"{len(polygons.objects):,} with {corners:,} corners"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted fewer polygons, got {got}")
    canvas = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    numbers: Counter[int] = Counter()
    for thing in polygons.objects:
        if thing.deleted or thing.label == NOT_DRAWN:
            continue
        value = _value(thing.label, numbers, name)
        if len(thing.polygon) > 2:
            draw.polygon(thing.polygon, fill=value)
    return np.array(canvas, dtype=np.int32)


def _value(label: str, numbers: Counter[int], name: str) -> int:
    i = LABEL_IDS.get(label)
    group = i is None and label.endswith("group")
    if group:
        i = LABEL_IDS.get(label.removesuffix("group"))
    if i is None:
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted a Cityscapes label, got {label!r}")
    if i < FIRST_THING or group:
        return i
    numbers[i] += 1
    return i * PER_CLASS + numbers[i] - 1
