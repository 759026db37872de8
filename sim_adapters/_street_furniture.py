"""What stands along the kerb: lamps, benches, bins, bollards, shelters, cabinets, fences.

Each builder works in its own axes: the foot at the origin, the road in direction -x.
"""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass as C
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_shapes import (
    box,
    boxes,
    ellipsoid,
    merged,
    prism,
    revolved,
    rod,
    tube,
)


def lamp_post(
    height: float, reach: float, colour: Colour
) -> tuple[list[Piece], tuple[float, float, float]]:
    """A mast with an arm over the road; also where its light sits."""
    mast = Surface("metal", C.POLE, (colour,))
    bend = np.array(
        [(0, 0, 0), (0, 0, height * 0.9), (-reach * 0.25, 0, height), (-reach, 0, height + 0.12)]
    )
    pole = tube(bend, (0.09, 0.06, 0.05, 0.04), 8)
    foot = revolved([(0.14, 0), (0.14, 0.7), (0.09, 0.8), (0, 0.8)], 8)
    head = ellipsoid((-reach - 0.25, 0, height + 0.13), (0.42, 0.16, 0.09), 10, 5)
    lens = box(-reach - 0.28, 0, height + 0.03, 0.5, 0.2, 0.05)
    pieces = [
        Piece(merged([pole, foot]), mast),
        Piece(head, Surface("metal", C.STREET_LIGHT, (palette.METAL_POLE[0],), smooth=True)),
        Piece(
            lens, Surface("lens_lamp", C.STREET_LIGHT, (palette.LENS_HEAD,), glow=palette.GLOW_LAMP)
        ),
    ]
    return pieces, (-reach - 0.28, 0.0, height - 0.02)


def lantern(colour: Colour) -> tuple[list[Piece], tuple[float, float, float]]:
    """An old town's lantern on a slender post; also where its light sits."""
    post = revolved([(0.16, 0), (0.16, 0.35), (0.08, 0.6), (0.06, 3.4), (0.1, 3.45), (0, 3.5)], 8)
    glass = revolved([(0.13, 3.5), (0.22, 3.95), (0, 3.96)], 6)
    cap = revolved([(0.27, 3.95), (0.16, 4.1), (0.04, 4.2), (0, 4.32)], 6)
    pieces = [
        Piece(post, Surface("metal", C.POLE, (colour,))),
        Piece(cap, Surface("metal", C.STREET_LIGHT, (colour,))),
        Piece(
            glass,
            Surface("lens_lamp", C.STREET_LIGHT, (palette.LENS_HEAD,), glow=palette.GLOW_LAMP),
        ),
    ]
    return pieces, (0.0, 0.0, 3.45)


def bench() -> list[Piece]:
    """Three planks to sit on and two to lean against, looking at the road."""
    planks = boxes(
        [(-0.12, 0, 0.45), (0.05, 0, 0.45), (0.2, 0, 0.46), (0.3, 0, 0.66), (0.34, 0, 0.84)],
        [(0.13, 1.7, 0.04)] * 3 + [(0.04, 1.7, 0.13)] * 2,
    )
    legs = boxes([(0.05, y, 0.22) for y in (-0.65, 0.65)], (0.4, 0.06, 0.44))
    backs = boxes([(0.34, y, 0.62) for y in (-0.65, 0.65)], (0.04, 0.05, 0.5))
    return [
        Piece(planks, Surface("plastic", C.OTHER, (palette.WOOD,))),
        Piece(merged([legs, backs]), Surface("metal", C.OTHER, (palette.METAL_POLE[2],))),
    ]


def litter_bin(colour: Colour) -> list[Piece]:
    """A round bin with a lid."""
    body = revolved([(0.2, 0.1), (0.24, 0.85), (0.26, 0.86), (0.22, 0.98), (0, 1.0)], 10)
    return [Piece(merged([body, rod((0, 0, 0), (0, 0, 0.2), 0.06)]), _metal(C.OTHER, colour))]


def wheelie_bins(random: Random) -> list[Piece]:
    """One to three bins put out for the round."""
    made = []
    colours = tuple(palette.linear(c) for c in ("#2b2d2f", "#2f4a33", "#3c3a2a", "#5a4630"))
    for i in range(int(random.integers(1, 4))):
        body = box(0, 0.66 * i, 0.08, 0.52, 0.5, 0.9)
        lid = boxes((-0.02, 0.66 * i, 1.01), (0.58, 0.54, 0.07))
        made.append(merged([body, lid]).shaded(int(random.integers(4))))
    return [Piece(merged(made), Surface("plastic", C.OTHER, colours))]


def bollard(colour: Colour) -> list[Piece]:
    """A short post that keeps cars off the pavement."""
    post = revolved([(0.07, 0), (0.06, 0.8), (0.075, 0.84), (0.06, 0.92), (0, 0.94)], 8)
    return [Piece(post, _metal(C.POLE, colour))]


def cabinet(random: Random) -> list[Piece]:
    """A grey box of the telephone or power company."""
    height, width = float(random.uniform(0.9, 1.4)), float(random.uniform(0.7, 1.5))
    body = box(0, 0, 0, 0.4, width, height)
    lid = boxes((0, 0, height + 0.02), (0.46, width + 0.06, 0.05))
    return [Piece(merged([body, lid]), Surface("plastic", C.OTHER, (palette.CONCRETE_WALL[0],)))]


def post_box(colour: Colour) -> list[Piece]:
    """A pillar box."""
    body = revolved(
        [(0.24, 0), (0.24, 0.12), (0.21, 0.14), (0.21, 1.25), (0.25, 1.3), (0, 1.45)], 12
    )
    return [Piece(body, _metal(C.OTHER, colour))]


def planter(random: Random) -> list[Piece]:
    """A stone trough; its bush grows elsewhere."""
    trough = prism([(-0.4, -0.6), (0.4, -0.6), (0.4, 0.6), (-0.4, 0.6)], 0.0, 0.55)
    return [Piece(trough, Surface("stone", C.OTHER, (palette.pick(random, palette.STONE),)))]


def advert_pillar(random: Random) -> list[Piece]:
    """A round pillar with posters."""
    drum = revolved(
        [(0.66, 0), (0.66, 0.4), (0.6, 0.42), (0.6, 2.7), (0.72, 2.75), (0.5, 3.0), (0, 3.1)], 16
    )
    colours = tuple(palette.pick(random, palette.SHOP_SIGN) for _ in range(5))
    angle = np.linspace(0, 2 * np.pi, 7)[:-1]
    posters = []
    for a in angle:
        sheet = boxes((0, -0.58, 1.6), (0.52, 0.08, float(random.uniform(0.9, 1.6))))
        posters.append(sheet.moved(turn=float(a)).shaded(int(random.integers(5))))
    return [
        Piece(drum, Surface("concrete", C.OTHER, (palette.CONCRETE_WALL[2],))),
        Piece(merged(posters), Surface("plastic", C.OTHER, colours)),
    ]


def bus_shelter() -> list[Piece]:
    """A glass shelter, open to the road, with a bench and a lit poster."""
    posts = boxes([(x, y, 1.2) for x in (-0.6, 0.6) for y in (-1.9, 1.9)], (0.07, 0.07, 2.4))
    roof = boxes((0, 0, 2.45), (1.5, 4.2, 0.1))
    seat = boxes((0.35, 0.2, 0.5), (0.35, 2.4, 0.06))
    panes = boxes([(0.62, 0, 1.25), (0.1, 1.92, 1.25)], [(0.02, 3.7, 2.0), (1.0, 0.02, 2.0)])
    poster = boxes((0.1, -1.92, 1.25), (1.05, 0.1, 1.8))
    return [
        Piece(merged([posts, roof, seat]), _metal(C.OTHER, palette.METAL_POLE[1])),
        Piece(panes, Surface("glass_window", C.OTHER, (palette.GLASS_CLEAR,))),
        Piece(poster, Surface("plastic", C.OTHER, (palette.SHOP_SIGN[5],), glow=(2.2, 2.2, 2.1))),
    ]


def railing(length: float, colour: Colour) -> list[Piece]:
    """A metal fence along y from 0 to `length`, with uprights."""
    uprights = np.arange(0.0, length + 0.01, 0.14)
    bars = boxes([(0, y, 0.55) for y in uprights], (0.02, 0.02, 1.0), bottoms=False)
    rails = boxes([(0, length / 2, z) for z in (0.12, 1.0)], (0.035, length, 0.04))
    posts = boxes(
        [(0, y, 0.55) for y in np.linspace(0, length, max(int(length / 2.5), 1) + 1)],
        (0.06, 0.06, 1.15),
    )
    return [Piece(merged([bars, rails, posts]), _metal(C.FENCE, colour))]


def picket_fence(length: float, colour: Colour) -> list[Piece]:
    """A wooden fence along y from 0 to `length`."""
    pales = np.arange(0.05, length, 0.16)
    made = [
        boxes([(0, y, 0.5) for y in pales], (0.025, 0.1, 0.85), bottoms=False),
        boxes([(0.03, length / 2, z) for z in (0.3, 0.72)], (0.04, length, 0.08)),
    ]
    return [Piece(merged(made), Surface("plastic", C.FENCE, (colour,)))]


def garden_wall(length: float, height: float, material: str, colour: Colour) -> list[Piece]:
    """A low wall along y from 0 to `length` with a coping."""
    body = boxes((0, length / 2, height / 2), (0.24, length, height))
    coping = boxes((0, length / 2, height + 0.03), (0.32, length, 0.07))
    stone = palette.shifted(colour, 1.25)
    return [
        Piece(
            merged([body.shaded(0), coping.shaded(1)]), Surface(material, C.WALL, (colour, stone))
        )
    ]


def bicycle_stand() -> list[Piece]:
    """A bent pipe to lean a bicycle on; it stands across the pavement."""
    pipe = tube([(-0.35, 0, 0), (-0.35, 0, 0.75), (0.35, 0, 0.75), (0.35, 0, 0)], (0.025,) * 4, 6)
    return [Piece(pipe, _metal(C.POLE, palette.METAL_POLE[3]))]


def _metal(scene_class: C, colour: Colour) -> Surface:
    return Surface("metal", scene_class, (colour,))
