"""The pieces of a broken airliner: nose, tail, wings, engines; each in its own axes, in metres.

Legend: y forward along the fuselage, x to the right, z up, the fuselage's middle line at z = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface, Texture, through
from parhelion.sim_adapters._street_palette import Colour, Random, linear, noise
from parhelion.sim_adapters._street_shapes import (
    Floats,
    Mesh,
    boxes,
    ellipsoid,
    grid,
    merged,
    offset,
    polygon,
    quads,
    revolved,
    rod,
    sectors,
)

RADIUS = 1.65  # of the fuselage
NOSE_M, TAIL_M = 8.5, 10.5  # length of the two parts
AROUND = 32  # corners of a fuselage's ring
WHITE, BELLY, SKIN_METAL = linear("#cfd1d2"), linear("#8d9398"), linear("#a7abae")
LIVERIES = tuple(linear(c) for c in ("#17478f", "#a81c24", "#0f6b4a", "#e07a18", "#2a2f63"))
SEAT, SOOT = linear("#27374f"), linear("#161412")
DEBRIS = SceneClass.DEBRIS


@dataclass(frozen=True)
class Stations:
    """Rings along a fuselage (k,): where, how wide, and how high their middle."""

    y: Floats
    radius: Floats
    z: Floats


def nose(random: Random, livery: Colour) -> list[Piece]:
    """From the radome at y = 0 back to a torn edge at y = -8.5."""
    y = np.array([0.0, 0.08, 0.3, 0.7, 1.3, 2.1, 3.0, 4.0, 5.2, 6.4, 7.4, 8.0, NOSE_M])
    t = np.clip(1 - y / 4.2, 0, 1)
    rings = Stations(-y, RADIUS * np.sqrt(np.maximum(1 - t**2.2, 0.001)), -0.42 * t**1.6)
    paint = _paint(random, livery, NOSE_M, torn_at=1.0)
    _cockpit(paint)
    return _fuselage(random, rings, paint, torn=-1)


def tail(random: Random, livery: Colour) -> list[Piece]:
    """From a torn edge at y = 0 back to the tail cone, with fin and tailplane."""
    y = np.array([0.0, 0.5, 1.1, 2.0, 3.0, 4.2, 5.6, 7.0, 8.4, 9.6, 10.3, TAIL_M])
    s = np.clip((y - 3.0) / (TAIL_M - 3.0), 0, 1)
    radius = RADIUS * (1 - 0.86 * s**1.35)
    rings = Stations(-y, radius, (RADIUS - radius) * 0.72)
    pieces = _fuselage(random, rings, _paint(random, livery, TAIL_M, torn_at=0.0), torn=0)
    fin = Surface("car_paint", DEBRIS, (livery,))
    white = Surface("car_paint", DEBRIS, (WHITE,))
    upright = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    blade = through([Piece(slab(6.2, 4.8, 2.1, 3.9, 0.36), fin)], upright, (0, -4.6, 1.2))
    dorsal = polygon([(0.03, -5.6, 1.55), (0.03, -2.4, 1.62), (0.03, -6.4, 2.9)])
    pieces += [*blade, Piece(dorsal, fin)]
    for side in (-1.0, 1.0):
        turn = np.diag([side, 1, 1])
        plane = slab(4.3, 2.8, 1.3, 2.2, 0.26)
        pieces += through([Piece(plane, white)], turn, (side * 0.3, -7.4, 0.95))
    return pieces


def wing(random: Random, length: float, livery: Colour) -> list[Piece]:
    """A wing from its torn root at x = 0 to a tip fence at x = `length`, leading edge at +y."""
    skin = Surface("metal", DEBRIS, (SKIN_METAL,))
    pale = Surface("car_paint", DEBRIS, (WHITE,))
    tip, sweep = 1.3, 0.42 * length
    pieces = [Piece(slab(length, 3.6, tip, sweep, 0.62), skin)]
    fence = slab(1.5, tip, 0.6, 0.7, 0.1).through(np.array([[0, 0, -0.25], [0, 1, 0], [1, 0, 0]]))
    pieces.append(
        Piece(
            fence.through(np.eye(3), (length, -sweep, 0.0)),
            Surface("car_paint", DEBRIS, (livery,)),
        )
    )
    for share in (0.18, 0.45, 0.7):  # fairings of the flap tracks, under the trailing edge
        x = share * length
        chord = 3.6 + share * (tip - 3.6)
        pieces.append(
            Piece(ellipsoid((x, -share * sweep - chord * 0.9, -0.12), (0.14, 0.9, 0.2)), pale)
        )
    spars = [
        rod((0.1, y, z), (-float(random.uniform(0.3, 1.1)), y + 0.1, z), 0.06)
        for y, z in ((-0.8, 0.05), (-1.9, 0.0), (-2.7, -0.05), (-1.3, 0.1))
    ]
    torn = boxes([(0.02, -1.7, 0.0)], (0.08, 2.9, 0.45))
    return [*pieces, Piece(merged([*spars, torn]), Surface("dark_interior", DEBRIS, (SOOT,)))]


def engine(livery: Colour) -> list[Piece]:
    """A nacelle along y, its inlet with the fan at the front."""
    shell = [(0.62, -2.2), (0.8, -1.4), (0.98, -0.2), (1.02, 0.7), (0.96, 1.25)]
    lip = [(0.96, 1.25), (0.93, 1.36), (0.86, 1.38), (0.8, 1.3)]
    duct = [(0.8, 1.3), (0.77, 0.8)]
    core = [(0.12, -3.1), (0.3, -2.9), (0.46, -2.2), (0.46, -1.9), (0.62, -2.2)]
    lying = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    ahead = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    fan = sectors(0.77, 36, hole=0.2).through(ahead, (0, 0.8, 0))
    spinner = ellipsoid((0, 0.8, 0), (0.24, 0.4, 0.24))

    def turned(profile: list[tuple[float, float]]) -> Mesh:
        return revolved(profile, 24).through(lying)

    return [
        Piece(turned(shell), Surface("car_paint", DEBRIS, (livery,), smooth=True)),
        Piece(turned(lip), Surface("chrome", DEBRIS, (palette.CHROME,), smooth=True)),
        Piece(turned(duct), Surface("dark_interior", DEBRIS, (linear("#3a3c3e"),))),
        Piece(turned(core), Surface("metal", DEBRIS, (linear("#5a5048"),), smooth=True)),
        Piece(fan, Surface("metal", DEBRIS, (linear("#6c7074"), linear("#232527")))),
        Piece(spinner, Surface("metal", DEBRIS, (linear("#2c2e30"),), smooth=True)),
    ]


def slab(span: float, root: float, tip: float, sweep: float, thick: float) -> Mesh:
    """A swept, tapered plate along +x: leading edge from (0, 0) to (span, -sweep)."""
    profile = np.array([(0, 0), (0.12, 0.42), (0.4, 0.5), (1, 0.03), (1, -0.03), (0.4, -0.35),
                        (0.12, -0.32)])  # fmt: skip

    def rib(x: float, front: float, chord: float, height: float) -> Floats:
        y, z = front - profile[:, 0] * chord, profile[:, 1] * height
        return np.column_stack([np.full(len(profile), x), y, z])

    ends = [rib(0, 0, root, thick), rib(span, -sweep, tip, thick * 0.45)]
    skin = grid(np.stack(ends), wraps=True)
    return merged([skin, polygon(ends[0]), polygon(ends[1][::-1])])


def _fuselage(
    random: Random, rings: Stations, paint: NDArray[np.float32], torn: int
) -> list[Piece]:
    """Skin, lining, floor and seats of a part that is torn open at station `torn` (0 or -1)."""
    angle = np.linspace(-np.pi, np.pi, AROUND + 1)  # from the keel round over the top
    across = rings.radius[:, None] * np.sin(angle)
    z = rings.z[:, None] + rings.radius[:, None] * np.cos(angle)
    y = np.broadcast_to(rings.y[:, None], across.shape).copy()
    rim, inwards = y[torn], 1.0 if torn else -1.0
    rim += inwards * _ragged(random)
    rim[-1] = rim[0]
    skin = np.stack([across, y, z], axis=-1)
    u = (rings.y - rings.y[0]) / (rings.y[-1] - rings.y[0])
    uv = np.stack(np.meshgrid(u, np.linspace(0, 1, AROUND + 1), indexing="ij"), axis=-1)
    outer = Surface("car_paint", DEBRIS, texture=Texture(paint), smooth=True)
    near = skin[-4:] if torn else skin[3::-1]  # inner wall of the torn end, mouth last
    lining = near * np.array([0.95, 1, 0.95], np.float32)
    inside = Surface("plastic", DEBRIS, (linear("#4d4b46"),), smooth=True)
    edge = Surface("metal", DEBRIS, (linear("#6d6a64"),))
    pieces = [
        Piece(grid(skin, uv), outer),
        Piece(grid(lining), inside),
        Piece(grid(np.stack([near[-1], lining[-1]])), edge),
    ]
    return pieces + _cabin(float(rings.y[torn]), inwards)


def _ragged(random: Random) -> Floats:
    """How far (AROUND + 1,) the torn edge bites in: long tongues with short teeth."""
    t = np.linspace(0, 2 * np.pi, AROUND + 1)
    tongues = sum(
        float(random.uniform(0.15, 0.4)) * np.sin(k * t + float(random.uniform(0, 6)))
        for k in (2, 3, 5)
    )
    return 0.7 + tongues + random.uniform(-0.25, 0.25, AROUND + 1)


def _cabin(mouth: float, inwards: float) -> list[Piece]:
    """Floor, a wall some metres inside and rows of seats, seen through the torn end."""
    deep = 3.6 * inwards
    wide, low = 0.9 * RADIUS, -0.42
    a, b = mouth + 0.9 * inwards, mouth + deep
    floor = quads([(-wide, a, low), (wide, a, low), (wide, b, low), (-wide, b, low)])
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    wall = np.column_stack([np.cos(angle), np.zeros(AROUND), np.sin(angle)]) * 0.94 * RADIUS
    dark = Surface("dark_interior", DEBRIS, (SOOT,))
    rows = [mouth + inwards * y for y in (1.3, 2.15, 3.0)]
    seats = [(x, y) for y in rows for x in (-1.15, -0.65, 0.65, 1.15)]
    backs = boxes([(x, y, low + 0.62) for x, y in seats], (0.44, 0.12, 0.66))
    cushions = boxes([(x, y + 0.25, low + 0.36) for x, y in seats], (0.44, 0.46, 0.14))
    return [
        Piece(floor, Surface("cloth", DEBRIS, (linear("#3c3a38"),))),
        Piece(polygon(offset(wall, y=b)), dark),
        Piece(merged([backs, cushions]), Surface("cloth", DEBRIS, (SEAT,))),
    ]


def _paint(random: Random, livery: Colour, length: float, torn_at: float) -> NDArray[np.float32]:
    """A fuselage's skin (256, 512): u along it, v from the keel round; soot towards the tear."""
    v, u = np.meshgrid((np.arange(256) + 0.5) / 256, (np.arange(512) + 0.5) / 512, indexing="ij")
    side = 0.5 - np.abs(v - 0.5)  # 0 at the keel, 0.5 on top
    rgb = np.full((256, 512, 3), WHITE, dtype=np.float32)
    rgb[side < 0.15] = BELLY
    rgb[(side > 0.17) & (side < 0.225)] = livery
    along = u * length
    pane = np.abs(along % 0.52 - 0.26) < 0.13
    rgb[pane & (np.abs(side - 0.285) < 0.02)] = palette.GLASS_CAR
    door = (np.abs(along - 0.42 * length) < 0.48) & (side > 0.2) & (side < 0.36)
    inner = (np.abs(along - 0.42 * length) < 0.43) & (side > 0.21) & (side < 0.35)
    rgb[door & ~inner] *= 0.35
    rgb[(along % 1.6) < 0.03] *= 0.8
    patches = np.tile(noise(random, 256, 6), (1, 2))
    burnt = np.exp(-np.abs(u - torn_at) * length / 2.4) * (1.1 + 0.5 * patches)
    burnt = np.clip(burnt + 0.14 * np.clip(patches - 0.4, 0, 1), 0, 0.95)[..., None]
    return np.asarray(rgb + burnt * (np.array(SOOT) - rgb), dtype=np.float32)


def _cockpit(paint: NDArray[np.float32]) -> None:
    """Windscreens across the top of the nose, and a grey radome; no cabin windows before them."""
    v, u = np.meshgrid((np.arange(256) + 0.5) / 256, (np.arange(512) + 0.5) / 512, indexing="ij")
    along, side = u * NOSE_M, 0.5 - np.abs(v - 0.5)
    front = (along < 2.9) & (side > 0.226)
    paint[front] = WHITE
    glass = (along > 1.15 + 2.2 * np.abs(0.5 - side)) & (along < 2.1 + np.abs(0.5 - side))
    glass &= (side > 0.31) & (np.abs((side - 0.31) % 0.065 - 0.0325) < 0.028)
    paint[glass] = palette.GLASS_CAR
    paint[along < 0.55] = BELLY
