"""Bicycles and motorcycles, and the people who ride them.

Axes as for other vehicles: y forward, the origin on the ground under the middle.
"""

from dataclasses import replace

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_people import Joints, person, random_looks
from parhelion.sim_adapters._street_shapes import (
    Floats,
    Mesh,
    box,
    boxes,
    ellipsoid,
    merged,
    offset,
    revolved,
    rod,
    tube,
)

ABOUT_X = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
WHEEL, AXLE = 0.335, 0.53  # radius; distance of a bicycle's wheels from its middle
SADDLE = np.array([0.0, -0.2, 0.95])
BARS = np.array([0.0, 0.36, 1.03])
CRANK = np.array([0.0, -0.02, 0.29])


def _ring(radius: float, thick: float, y: float) -> Mesh:
    """A tyre in the y-z plane whose axle is at (0, y, radius)."""
    a = np.linspace(0, 2 * np.pi, 6)
    profile = np.stack([radius - thick + thick * np.cos(a), thick * np.sin(a)], axis=1)
    return revolved(profile, 20).through(ABOUT_X, (0, y, radius))


def _spokes(radius: float, y: float, k: int = 5) -> list[Mesh]:
    angle = np.linspace(0, np.pi, k, endpoint=False)
    ends = radius * np.stack([0 * angle, np.cos(angle), np.sin(angle)], axis=1)
    hub = np.array([0, y, radius + 0.015])
    return [rod(hub - e * 0.95, hub + e * 0.95, 0.004, 3) for e in ends]


def bicycle(random: Random) -> list[Piece]:
    """A city bicycle of any colour."""
    C = SceneClass.BICYCLE
    paint = palette.pick(random, palette.CAR_PAINT)
    tyres = merged([_ring(WHEEL, 0.024, y) for y in (AXLE, -AXLE)])
    saddle = ellipsoid(SADDLE, (0.07, 0.13, 0.035), 8, 5)
    grips = merged(
        [rod(offset(BARS, s * 0.2), offset(BARS, s * 0.3, -0.05), 0.018) for s in (-1, 1)]
    )
    frame = _frame(random.random() < 0.4)
    bright = merged([
        *_spokes(WHEEL - 0.02, AXLE), *_spokes(WHEEL - 0.02, -AXLE),
        rod(offset(BARS, -0.22), offset(BARS, 0.22), 0.014),
        rod(offset(CRANK, -0.09, -0.12, -0.11), offset(CRANK, 0.09, 0.12, 0.11), 0.014, 5),
    ]).shaded(1)  # fmt: skip
    guards = [box(0, -0.33, 0.78, 0.06, 0.03, 0.09)] if random.random() < 0.7 else []
    metal = Surface("metal", C, (paint, palette.RIM))
    pieces = [
        Piece(merged([tyres, saddle, grips]), Surface("rubber", C, (palette.RUBBER,))),
        Piece(merged([frame.shaded(0), bright]), metal),
    ]
    if guards:
        lamp = Surface("lens_tail", C, (palette.LENS_TAIL,), glow=palette.GLOW_TAIL)
        pieces.append(Piece(guards[0], lamp))
    return pieces


def _frame(low: bool) -> Mesh:
    front, rear = np.array([0, AXLE, WHEEL]), np.array([0, -AXLE, WHEEL])
    head, seat = np.array([0, 0.36, 0.82]), np.array([0, -0.16, 0.8])
    top = CRANK + 0.55 * (seat - CRANK) if low else seat
    bars = [
        rod(CRANK, head, 0.022), rod(top, offset(head, z=0.05), 0.02), rod(CRANK, SADDLE, 0.02),
        rod(CRANK, rear, 0.015), rod(seat, rear, 0.013), rod(front, head, 0.02),
        rod(head, BARS, 0.016),
    ]  # fmt: skip
    return merged(bars)


def cyclist(random: Random) -> list[Piece]:
    """Somebody who sits on a bicycle and pedals."""
    phase = float(random.uniform(0, 2 * np.pi))
    pedals = CRANK + 0.17 * np.array(
        [(0, np.cos(phase + i * np.pi), np.sin(phase + i * np.pi)) for i in (0, 1)]
    )
    ankles = pedals + np.array([(-0.11, -0.05, 0.09), (0.11, -0.05, 0.09)])
    lean = float(random.uniform(0.1, 0.3))
    joints = _seated(offset(SADDLE, z=0.09), lean, ankles, offset(BARS, 0, -0.03, 0.03), 0.24)
    return _rider(random, joints)


def _seated(pelvis: Floats, lean: float, ankles: Floats, bars: Floats, reach: float) -> Joints:
    """A rider's joints: the knees bend forwards, the elbows down and out."""
    neck = pelvis + np.array([0, 0.56 * np.sin(lean * 2), 0.56 * np.cos(lean * 2)])
    hips = pelvis + np.array([(-0.09, 0, 0), (0.09, 0, 0)])
    knees = np.array([_bend(h, a, 0.44, 0.43) for h, a in zip(hips, ankles, strict=True)])
    hands = bars + np.array([(-reach, 0, 0), (reach, 0, 0)])
    shoulders = neck + np.array([(-0.17, 0, -0.1), (0.17, 0, -0.1)])
    elbows = (shoulders + hands) / 2 + np.array([(-0.06, -0.04, -0.09), (0.06, -0.04, -0.09)])
    return Joints(pelvis, neck, knees, ankles, elbows, hands)


def _bend(hip: Floats, ankle: Floats, thigh: float, shin: float) -> Floats:
    """The knee between a hip and an ankle, bent forwards in the y-z plane."""
    way = ankle - hip
    d = min(float(np.linalg.norm(way)), thigh + shin - 1e-3)
    along = (thigh**2 - shin**2 + d**2) / (2 * d)
    out = np.sqrt(max(thigh**2 - along**2, 0))
    ahead = way / np.linalg.norm(way)
    forward = np.cross([1.0, 0.0, 0.0], ahead)
    forward *= np.sign(forward[1]) or 1.0
    return np.asarray(hip + ahead * along + forward * out)


def _rider(random: Random, joints: Joints, helmet: float = 0.55) -> list[Piece]:
    looks = random_looks(random)
    looks = replace(looks, dress="trousers", height=1.75, hair="short", bag=looks.bag)
    if looks.bag == "handbag":
        looks = replace(looks, bag="none")
    pieces = person(looks, joints, SceneClass.RIDER)
    if random.random() < helmet:
        colour = palette.pick(random, palette.TOP)
        dome = ellipsoid(offset(joints.neck, 0, 0.01, 0.22), (0.105, 0.14, 0.115), 12, 7)
        pieces.append(Piece(dome, Surface("plastic", SceneClass.RIDER, (colour,), smooth=True)))
    return pieces


def motorcycle(random: Random, driving: bool) -> list[Piece]:
    """A motorcycle of a plain, upright kind."""
    C = SceneClass.MOTORCYCLE
    paint = palette.pick(random, palette.CAR_PAINT)
    tyres = merged([_ring(0.31, 0.065, y) for y in (0.7, -0.68)])
    seat = ellipsoid((0, -0.32, 0.8), (0.14, 0.42, 0.08), 10, 6)
    engine = boxes([(0, 0.05, 0.45), (0, 0.0, 0.28)], [(0.3, 0.42, 0.36), (0.22, 0.5, 0.12)])
    tank = ellipsoid((0, 0.16, 0.82), (0.17, 0.3, 0.15), 12, 8)
    tail = ellipsoid((0, -0.66, 0.76), (0.1, 0.24, 0.08), 8, 6)
    guard = ellipsoid((0, 0.7, 0.56), (0.08, 0.26, 0.08), 8, 6)
    bright = merged([
        *(rod((s * 0.1, 0.7, 0.31), (s * 0.1, 0.48, 0.98), 0.028) for s in (-1, 1)),
        *(rod((s * 0.09, -0.68, 0.31), (s * 0.09, -0.1, 0.42), 0.03) for s in (-1, 1)),
        rod((-0.36, 0.38, 1.06), (0.36, 0.38, 1.06), 0.018),
        tube([(0.17, 0.05, 0.25), (0.19, -0.4, 0.28), (0.2, -0.85, 0.42)], (0.035, 0.055, 0.06), 8),
        *(revolved([(0.2, -0.01), (0.2, 0.01)], 14).through(ABOUT_X, (0, y, 0.31))
          for y in (0.7, -0.68)),
    ])  # fmt: skip
    mirrors = merged([ellipsoid((s * 0.34, 0.36, 1.2), (0.06, 0.02, 0.045), 8, 5) for s in (-1, 1)])
    head = Surface(
        "lens_headlight", C, (palette.LENS_HEAD,), glow=palette.GLOW_HEAD if driving else None
    )
    rear = Surface(
        "lens_tail", C, (palette.LENS_TAIL,), glow=palette.GLOW_TAIL if driving else None
    )
    return [
        Piece(merged([tyres, seat, engine, mirrors]), Surface("rubber", C, (palette.RUBBER,))),
        Piece(merged([tank, tail, guard]), Surface("car_paint", C, (paint,), smooth=True)),
        Piece(bright, Surface("metal", C, (palette.RIM,))),
        Piece(ellipsoid((0, 0.6, 0.95), (0.1, 0.08, 0.1), 10, 6), head),
        Piece(box(0, -0.88, 0.72, 0.14, 0.05, 0.07), rear),
    ]


def motorcyclist(random: Random) -> list[Piece]:
    """Somebody on a motorcycle, with a helmet."""
    ankles = np.array([(-0.2, -0.1, 0.36), (0.2, -0.1, 0.36)])
    pelvis, bars = np.array([0.0, -0.28, 0.95]), np.array([0.0, 0.36, 1.08])
    return _rider(random, _seated(pelvis, 0.14, ankles, bars, 0.32), helmet=1.0)
