"""What a pixel can be: one vocabulary of scene classes, fine and coarse, for every source.

Ids 0-18 are the Cityscapes train ids (Cordts et al. 2016), so that masks open in any Cityscapes
tool. Some sources know only coarse classes (GTA V's stencil says "vehicle", never "bus"), so each
fine class has a coarse parent, and two sources are compared at their finest common level.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator


class SceneClass(IntEnum):
    """Ids as they stand in the stencil; 255 = IGNORE."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18
    STREET_LIGHT = 19
    ANIMAL = 20
    WATER = 21
    DEBRIS = 22
    OTHER = 23
    VEHICLE = 32
    HUMAN = 33
    FLAT = 34
    CONSTRUCTION = 35
    NATURE = 36
    IGNORE = 255

    @property
    def label(self) -> str:
        """The name as it is written in reports and metadata: lower case, spaces."""
        return self.name.lower().replace("_", " ")


LabelSpace = frozenset[SceneClass]


def class_of(name: str) -> SceneClass:
    """The class of that name, such as "traffic light" or "traffic_light". Raises ValueError."""
    by_label = {c.label: c for c in SceneClass}
    if (found := by_label.get(name.lower().replace("_", " "))) is None:
        raise ValueError(f"no class {name!r}; there are: {', '.join(by_label)}")
    return found


def _as_written(value: object) -> object:
    """A class as a config writes it: its name, or its id."""
    if not isinstance(value, str):
        return value
    return int(value) if value.isdecimal() else class_of(value)


ClassName = Annotated[SceneClass, BeforeValidator(_as_written)]

CHILDREN: dict[SceneClass, tuple[SceneClass, ...]] = {
    SceneClass.FLAT: (SceneClass.ROAD, SceneClass.SIDEWALK),
    SceneClass.CONSTRUCTION: (SceneClass.BUILDING, SceneClass.WALL, SceneClass.FENCE),
    SceneClass.NATURE: (SceneClass.VEGETATION, SceneClass.TERRAIN),
    SceneClass.HUMAN: (SceneClass.PERSON, SceneClass.RIDER),
    SceneClass.VEHICLE: (
        SceneClass.CAR,
        SceneClass.TRUCK,
        SceneClass.BUS,
        SceneClass.TRAIN,
        SceneClass.MOTORCYCLE,
        SceneClass.BICYCLE,
    ),
}
PARENT = {child: parent for parent, children in CHILDREN.items() for child in children}
COARSE: LabelSpace = frozenset(CHILDREN)
FINE: LabelSpace = frozenset(SceneClass) - COARSE - {SceneClass.IGNORE}

# Things that a mirror turns into something else: text and arrows on signs.
MIRROR_BREAKS: LabelSpace = frozenset({SceneClass.TRAFFIC_SIGN})

COLOURS: dict[SceneClass, tuple[int, int, int]] = {
    SceneClass.ROAD: (128, 64, 128),
    SceneClass.SIDEWALK: (244, 35, 232),
    SceneClass.BUILDING: (70, 70, 70),
    SceneClass.WALL: (102, 102, 156),
    SceneClass.FENCE: (190, 153, 153),
    SceneClass.POLE: (153, 153, 153),
    SceneClass.TRAFFIC_LIGHT: (250, 170, 30),
    SceneClass.TRAFFIC_SIGN: (220, 220, 0),
    SceneClass.VEGETATION: (107, 142, 35),
    SceneClass.TERRAIN: (152, 251, 152),
    SceneClass.SKY: (70, 130, 180),
    SceneClass.PERSON: (220, 20, 60),
    SceneClass.RIDER: (255, 0, 0),
    SceneClass.CAR: (0, 0, 142),
    SceneClass.TRUCK: (0, 0, 70),
    SceneClass.BUS: (0, 60, 100),
    SceneClass.TRAIN: (0, 80, 100),
    SceneClass.MOTORCYCLE: (0, 0, 230),
    SceneClass.BICYCLE: (119, 11, 32),
    SceneClass.STREET_LIGHT: (255, 225, 140),
    SceneClass.ANIMAL: (165, 96, 42),
    SceneClass.WATER: (50, 120, 220),
    SceneClass.DEBRIS: (110, 80, 60),
    SceneClass.OTHER: (81, 0, 81),
    SceneClass.VEHICLE: (20, 20, 170),
    SceneClass.HUMAN: (235, 40, 70),
    SceneClass.FLAT: (150, 80, 150),
    SceneClass.CONSTRUCTION: (90, 90, 100),
    SceneClass.NATURE: (120, 165, 60),
    SceneClass.IGNORE: (0, 0, 0),
}


def ids(classes: Iterable[SceneClass]) -> NDArray[np.uint8]:
    """The ids of `classes`, sorted, shape (n,) uint8."""
    return np.array(sorted(int(c) for c in classes), dtype=np.uint8)


def common_level(ours: LabelSpace, theirs: LabelSpace) -> NDArray[np.uint8]:
    """A table (256,) uint8 that takes stencils of either source to their finest common level.

    A class that both know stays itself. A fine class becomes its coarse parent where either source
    knows only the parent. A class that the other source does not annotate at all becomes IGNORE.
    """
    table = np.full(256, SceneClass.IGNORE, dtype=np.uint8)
    for mine, other in ((ours, theirs), (theirs, ours)):
        for c in mine:
            coarse = PARENT.get(c, c)
            relatives = {coarse, *CHILDREN.get(coarse, ())}
            if coarse in COARSE and coarse in mine | other and relatives & other:
                table[c] = coarse
            elif c in other:
                table[c] = c
    return table


def colourise(stencil: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stencil (H, W) uint8 -> picture (H, W, 3) uint8, sRGB, in the Cityscapes colours."""
    palette = np.zeros((256, 3), dtype=np.uint8)
    for c, rgb in COLOURS.items():
        palette[c] = rgb
    return palette[stencil]
