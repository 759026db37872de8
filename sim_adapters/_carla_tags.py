"""CARLA's semantic tags: three generations of tables, their colours and which one a picture shows.

    A   up to 0.9.9          all vehicles are one tag; sky and traffic lights are not told
    B   0.9.10 to 0.9.13     the same thirteen tags and ten more
    C   from 0.9.14 on       numbered anew after Cityscapes, vehicles by kind

The same number means other things in B and C (1 is building, or road), so a generation is stated or
proven by the pixels, never assumed.
"""

import re
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Stencil
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._class_tables import Colour, codes

Generation = Literal["A", "B", "C"]

# Names by tag; a tag is its place in the list.
B_NAMES = (
    *("unlabeled", "building", "fence", "other", "pedestrian", "pole", "road line", "road"),
    *("sidewalk", "vegetation", "vehicle", "wall", "traffic sign", "sky", "ground", "bridge"),
    *("rail track", "guard rail", "traffic light", "static", "dynamic", "water", "terrain"),
)
C_NAMES = (
    *("unlabeled", "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light"),
    *("traffic sign", "vegetation", "terrain", "sky", "pedestrian", "rider", "car", "truck"),
    *("bus", "train", "motorcycle", "bicycle", "static", "dynamic", "other", "water"),
    *("road line", "ground", "bridge", "rail track", "guard rail", "rock"),
)
NAMES: dict[Generation, tuple[str, ...]] = {"A": B_NAMES[:13], "B": B_NAMES, "C": C_NAMES}

# Ground is shared by cars and people, so it is neither road nor pavement.
CLASSES: dict[str, SceneClass] = {
    **dict.fromkeys(("unlabeled", "ground"), SceneClass.IGNORE),
    **dict.fromkeys(("other", "static", "dynamic", "bridge", "rock"), SceneClass.OTHER),
    **dict.fromkeys(("rail track", "guard rail"), SceneClass.OTHER),
    **{c.label: c for c in SceneClass if c.label in {*B_NAMES, *C_NAMES} - {"other"}},
    "road line": SceneClass.ROAD,
    "pedestrian": SceneClass.PERSON,
}
# Riders have no tag of their own in A and B, so that a pedestrian may be one.
COARSE_CLASSES = {**CLASSES, "pedestrian": SceneClass.HUMAN}

# CityScapesPalette, by name.
COLOURS: dict[str, Colour] = {
    "unlabeled": (0, 0, 0),
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "pedestrian": (220, 20, 60),
    "rider": (255, 0, 0),
    "vehicle": (0, 0, 142),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
    "static": (110, 190, 160),
    "dynamic": (170, 120, 50),
    "other": (55, 90, 80),
    "water": (45, 60, 150),
    "road line": (157, 234, 50),
    "ground": (81, 0, 81),
    "bridge": (150, 100, 100),
    "rail track": (230, 150, 140),
    "guard rail": (180, 165, 180),
}
OTHER_COLOURS: dict[Generation, dict[str, Colour]] = {
    "A": {"other": (250, 170, 160)},
    "B": {"fence": (100, 40, 40), "terrain": (145, 170, 100)},
    "C": {},
}

MOST = 0.5  # a band belongs to a tag that covers more than this share of it


def generation_of(version: str) -> Generation | None:
    """The table that a server of this version writes, such as "0.9.13"; None where it is none."""
    found = re.match(r"\D{0,8}(\d{1,4})\.(\d{1,4})\.(\d{1,4})", version)
    if found is None:
        return None
    number = tuple(map(int, found.groups()))
    if number < (0, 9, 10):
        return "A"
    return "B" if number < (0, 9, 14) else "C"


@cache
def classes_of_tags(generation: Generation) -> dict[int, SceneClass]:
    """Every tag of the generation with its class."""
    classes = CLASSES if generation == "C" else COARSE_CLASSES
    return {tag: classes[name] for tag, name in enumerate(NAMES[generation])}


@cache
def classes_of_colours(generation: Generation) -> dict[Colour, SceneClass]:
    """Every colour of the generation's CityScapesPalette with its class."""
    colours = COLOURS | OTHER_COLOURS[generation]
    tags = classes_of_tags(generation)
    return {colours[n]: tags[t] for t, n in enumerate(NAMES[generation]) if n in colours}


@cache
def label_space(generation: Generation) -> LabelSpace:
    """The classes that the generation tells at all."""
    return frozenset(classes_of_tags(generation).values()) - {SceneClass.IGNORE}


def proven_by_tags(tags: Stencil) -> Generation | None:
    """The only generation that tags (H, W) can be of; None where they leave a doubt.

    A tag that C alone has proves C, and so does a road below a sky where these numbers would
    otherwise mean building and wall, or traffic light and rider. Nothing proves A.
    """
    counts = np.bincount(tags.ravel(), minlength=256)
    if counts[len(B_NAMES) : len(C_NAMES)].any() and not counts[len(C_NAMES) :].any():
        return "C"
    band = max(len(tags) // 4, 1)
    above, below = (_covering(part) for part in (tags[:band], tags[-band:]))
    for generation in ("B", "C"):
        names = NAMES[generation]
        if (above, below) == (names.index("sky"), names.index("road")):
            return generation
    return None


def proven_by_colours(pixels: NDArray[np.uint8]) -> Generation | None:
    """The only generation whose palette has all colours of (H, W, 3); None where several have."""
    there = set(np.unique(codes(pixels)).tolist())
    fitting = [g for g in NAMES if there <= _codes_of(g)]
    return fitting[0] if len(fitting) == 1 else None


def _covering(band: Stencil) -> int | None:
    counts = np.bincount(band.ravel(), minlength=256)
    tag = int(counts.argmax())
    return tag if counts[tag] > MOST * band.size else None


def _codes_of(generation: Generation) -> set[int]:
    return {(r << 16) | (g << 8) | b for r, g, b in classes_of_colours(generation)}
