"""What the ControlNets of `hub` are shown, and which labels hold of a picture drawn after it.

Zhang, Rao, Agrawala 2023, "Adding Conditional Control to Text-to-Image Diffusion Models". Their
segmentation network was shown the 150 classes of ADE20K (Zhou et al. 2017) in the colours below,
their depth network inverse depth with what is near in white (Ranftl et al. 2022).
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._hub_settings import Control, Palette
from parhelion.pipeline.frame import Annotation, Depth, Image, Stencil, with_ignored
from parhelion.pipeline.scene_class import COLOURS, SceneClass, ids

Colour = tuple[int, int, int]  # sRGB
NEAREST_M = 0.1  # metres; nearer than this is as near

# A class is shown as one of ADE20K's that means the same or less, a coarse one as its commonest
# child. Debris, trains and "other" have none: they stay black, and their labels are not kept.
ADE20K: dict[SceneClass, Colour] = {
    SceneClass.ROAD: (140, 140, 140),
    SceneClass.SIDEWALK: (235, 255, 7),
    SceneClass.BUILDING: (180, 120, 120),
    SceneClass.WALL: (120, 120, 120),
    SceneClass.FENCE: (255, 184, 6),
    SceneClass.POLE: (51, 0, 255),
    SceneClass.TRAFFIC_LIGHT: (41, 0, 255),
    SceneClass.TRAFFIC_SIGN: (255, 5, 153),  # signboard
    SceneClass.VEGETATION: (4, 200, 3),  # tree
    SceneClass.TERRAIN: (4, 250, 7),  # grass
    SceneClass.SKY: (6, 230, 230),
    SceneClass.PERSON: (150, 5, 61),
    SceneClass.RIDER: (150, 5, 61),  # person
    SceneClass.CAR: (0, 102, 200),
    SceneClass.TRUCK: (255, 0, 20),
    SceneClass.BUS: (255, 0, 245),
    SceneClass.MOTORCYCLE: (163, 0, 255),  # minibike
    SceneClass.BICYCLE: (255, 245, 0),
    SceneClass.STREET_LIGHT: (0, 71, 255),
    SceneClass.ANIMAL: (255, 0, 122),
    SceneClass.WATER: (61, 230, 250),
    SceneClass.VEHICLE: (0, 102, 200),  # car
    SceneClass.HUMAN: (150, 5, 61),  # person
    SceneClass.FLAT: (140, 140, 140),  # road
    SceneClass.CONSTRUCTION: (180, 120, 120),  # building
    SceneClass.NATURE: (4, 200, 3),  # tree
}
# Shown as something wider than they are: any person, any signboard. Their labels are not kept.
WIDER = {SceneClass.RIDER, SceneClass.TRAFFIC_SIGN}
PALETTES: dict[Palette, Mapping[SceneClass, Colour]] = {"ade20k": ADE20K, "cityscapes": COLOURS}
KEPT: dict[Palette, frozenset[SceneClass]] = {
    "ade20k": frozenset(ADE20K.keys() - WIDER),
    "cityscapes": frozenset(COLOURS),
}


def control_picture(name: Control, y: Annotation, palette: Palette) -> Image:
    """The layer as its ControlNet is shown it, (H, W, 3) uint8."""
    if name == "stencil":
        assert y.stencil is not None
        return coloured(y.stencil, palette)
    assert y.depth is not None
    return np.repeat(nearness(y.depth)[..., None], 3, axis=2)


def coloured(stencil: Stencil, palette: Palette) -> Image:
    """Stencil (H, W) -> picture (H, W, 3) uint8; black where the palette has no colour."""
    table = np.zeros((256, 3), dtype=np.uint8)
    for c, colour in PALETTES[palette].items():
        table[c] = colour
    return table[stencil]


def nearness(depth: Depth) -> NDArray[np.uint8]:
    """Depth in metres (H, W) -> inverse depth from 0, the farthest, to 255, the nearest.

    Sky and unknown pixels are far.
    """
    inverse = 1 / np.maximum(np.where(np.isnan(depth), np.inf, depth), NEAREST_M)
    least, most = float(inverse.min()), float(inverse.max())
    if most == least:
        return np.zeros(depth.shape, dtype=np.uint8)
    levels = np.rint((inverse - least) / (most - least) * 255)
    return levels.astype(np.uint8)


def shown(y: Annotation, controls: Collection[Control], palette: Palette) -> Annotation:
    """What the controls show of `y`: the labels that a picture drawn after them keeps.

    Things are not kept: a stencil does not tell two cars behind each other apart.
    """
    stencil, space = None, frozenset[SceneClass]()
    if "stencil" in controls and y.stencil is not None:
        stencil = with_ignored(y.stencil, ~np.isin(y.stencil, ids(KEPT[palette])))
        space = y.label_space & KEPT[palette]
    return Annotation(
        conditions=y.conditions,
        stencil=stencil,
        label_space=space,
        depth=y.depth if "depth" in controls else None,
        camera=y.camera,
    )
