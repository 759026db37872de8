"""Roofs of houses: flat ones with parapets, saddle roofs with chimneys and dormers.

Axes as for houses: the front stands on y = 0, from x = 0 to x = width.
"""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_facade as facade
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_textures as textures
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_facade import Style
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import box, boxes, merged, polygon, quads
from parhelion.sim_adapters._street_vectors import columns

B = SceneClass.BUILDING


def flat(
    random: Random, style: Style, roof: Surface, width: float, depth: float, height: float
) -> list[Piece]:
    """A flat roof with a parapet, a cornice and what stands on such roofs."""
    rim = 0.25
    edges = boxes(
        [
            (width / 2, rim / 2, 0),
            (width / 2, depth - rim / 2, 0),
            (rim / 2, depth / 2, 0),
            (width - rim / 2, depth / 2, 0),
        ],
        [(width, rim, 0.7), (width, rim, 0.7), (rim, depth, 0.7), (rim, depth, 0.7)],
    ).moved(z=height + 0.35)
    cornice = boxes((width / 2, -0.08, height + 0.02), (width + 0.1, 0.4, 0.28))
    z = height + 0.1
    top = polygon([(0, 0, z), (width, 0, z), (width, depth, z), (0, depth, z)])
    return [
        Piece(merged([edges, cornice]), Surface("stone", B, (style.trim,))),
        Piece(top, roof),
        _plant(random, width, depth, height),
    ]


def _plant(random: Random, width: float, depth: float, height: float) -> Piece:
    """One to three boxes of lifts and air conditioners."""
    k = int(random.integers(1, 4))
    size = random.uniform((1.0, 1.0, 0.8), (3.0, 3.0, 2.2), (k, 3))
    x = random.uniform(1.5, max(width - 1.5, 1.6), k)
    centres = columns(x, random.uniform(2, depth - 2, k), height + size[:, 2] / 2)
    return Piece(boxes(centres, size), Surface("concrete", B, (palette.CONCRETE_WALL[1],)))


def pitched(
    random: Random, style: Style, roof: Surface, width: float, depth: float, height: float
) -> list[Piece]:
    """A saddle roof along the street with gables, eaves, chimneys and perhaps dormers."""
    pitch = float(random.uniform(0.55, 0.95))
    rise, over, m = pitch * depth / 2, 0.4, textures.ROOF_M
    ridge, low = height + rise, height - pitch * over
    slope = float(np.hypot(depth / 2 + over, ridge - low))
    front = [(0, -over, low), (width, -over, low), (width, depth / 2, ridge), (0, depth / 2, ridge)]
    back = [
        (width, depth + over, low),
        (0, depth + over, low),
        (0, depth / 2, ridge),
        (width, depth / 2, ridge),
    ]
    uv = np.array([(0, 0), (width, 0), (width, slope), (0, slope)]) / m
    gables = []
    for x, order in ((0.0, 1), (width, -1)):
        points = [(x, depth, height), (x, 0, height), (x, depth / 2, ridge)][::order]
        gables.append(polygon(points, np.array(points)[:, 1:] / style.metres))
    gutter = boxes((width / 2, -over - 0.03, low + 0.02), (width, 0.12, 0.12))
    pieces = [
        Piece(quads([front, back], [uv, uv]), roof),
        Piece(merged(gables), style.wall),
        Piece(gutter, Surface("metal", B, (palette.METAL_POLE[3],))),
    ]
    stacks = [
        (float(random.uniform(0.1, 0.9)) * width, depth * 0.5)
        for _ in range(int(random.integers(0, 3)))
    ]
    if stacks:
        chimneys = merged([box(x, y, ridge - 0.6, 0.6, 0.5, 1.7) for x, y in stacks])
        pieces.append(Piece(chimneys, Surface("brick", B, (palette.pick(random, palette.BRICK),))))
    if random.random() < 0.4:
        pieces += _dormers(random, style, roof, width, height, pitch)
    return pieces


def _dormers(
    random: Random, style: Style, roof: Surface, width: float, height: float, pitch: float
) -> list[Piece]:
    k = max(int(width / 3.6), 1)
    u = (np.arange(k) + 0.5) * width / k
    y = 0.7
    z = height + pitch * y
    deep = 1.5 / pitch
    bodies = merged([box(x, y + deep / 2, z, 1.3, deep, 1.35) for x in u])
    lids = merged([box(x, y + deep / 2 - 0.1, z + 1.35, 1.6, deep + 0.3, 0.12) for x in u])
    row = columns(u - 0.45, u + 0.45, z + 0.25, z + 1.2)
    flush = Style(**{**style.__dict__, "reveal": y - 0.02, "surround": False})
    return [
        Piece(bodies, Surface("plaster", B, (style.trim,))),
        Piece(lids, Surface("metal", B, (palette.METAL_POLE[1],))),
        *facade.panes(row, flush, random),
    ]
