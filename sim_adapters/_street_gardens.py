"""Front gardens and what grows at the end of the street: fences, walls, hedges, shrubs, trees."""

import numpy as np

from parhelion.sim_adapters import _street_furniture as furniture
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_plants as plants
from parhelion.sim_adapters._street_assembly import Piece, moved
from parhelion.sim_adapters._street_kerbside import set_tree
from parhelion.sim_adapters._street_layout import KERB_M, Layout
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_placing import Pose, Site

LEAVES = 900


def gardens(site: Site, layout: Layout, random: Random) -> None:
    """Plants the front gardens and the far end."""
    if layout.setback:
        for side in (-1, 1):
            for y0, y1 in layout.blocks:
                _fronts(site, layout, random, side, y0 + 4.0, y1 - 4.0)
    _far_trees(site, layout, random)


def _fronts(site: Site, layout: Layout, random: Random, side: int, y0: float, y1: float) -> None:
    """Plot by plot a border of its own, with a gap for the path, and plants behind it."""
    line = layout.frontage(side) - layout.setback
    trees = [
        plants.tree(random, name, LEAVES, autumn=False)
        for name in random.choice(("cherry", "maple", "birch", "spruce"), 2, replace=False)
    ]
    y = y0
    while y < y1 - 6:
        length = min(float(random.uniform(9, 15)), y1 - y)
        border = _border(random, length - 1.4)
        site.add(border, Pose(x=side * (line + 0.15), y=y, z=KERB_M))
        for _ in range(int(random.integers(1, 4))):
            green = plants.foliage(random, autumn=False, conifer=False)
            bush = plants.shrub(random, float(random.uniform(0.35, 0.8)), green)
            x = side * (line + float(random.uniform(0.9, layout.setback - 0.3)))
            site.add(bush, Pose(x=x, y=y + float(random.uniform(0.8, length - 0.8)), z=KERB_M))
        if random.random() < 0.45:
            x = side * (line + float(random.uniform(1.2, layout.setback * 0.6)))
            pose = Pose(x=x, y=y + float(random.uniform(1.5, length - 1.5)), z=KERB_M)
            set_tree(
                site, trees[int(random.integers(2))], pose, float(random.uniform(0.55, 0.9)), random
            )
        y += length


def _border(random: Random, length: float) -> list[Piece]:
    kind = int(random.integers(5))
    if kind == 0:
        return furniture.railing(length, palette.METAL_POLE[2])
    if kind == 1:
        wood = (palette.SIGN_WHITE, palette.WOOD, palette.DOOR[5])
        return furniture.picket_fence(length, wood[int(random.integers(3))])
    if kind == 2:
        stone = palette.pick(random, palette.STONE + palette.BRICK)
        return furniture.garden_wall(length, float(random.uniform(0.5, 1.1)), "stone", stone)
    green = plants.foliage(random, autumn=False, conifer=False)
    high = float(random.uniform(0.8, 1.6))
    return moved(plants.hedge(random, length, high, green), turn=np.pi / 2)


def _far_trees(site: Site, layout: Layout, random: Random) -> None:
    """A loose row before the houses that close the street."""
    tree = plants.tree(
        random, str(random.choice(("linden", "plane", "maple"))), LEAVES, autumn=False
    )
    for x in np.arange(-16, 17, 8.0):
        if random.random() < 0.7:
            pose = Pose(x=float(x) + float(random.uniform(-2, 2)), y=layout.end + 10.0, z=KERB_M)
            set_tree(site, tree, pose, float(random.uniform(0.6, 0.95)), random)
