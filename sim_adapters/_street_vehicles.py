"""Cars, vans, buses and lorries: the catalogue of bodies, and everything that is bolted to them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_car_body as car_body
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface, fused, moved
from parhelion.sim_adapters._street_car_body import Body
from parhelion.sim_adapters._street_detail import few, is_coarse
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_shapes import (
    Mesh,
    box,
    boxes,
    ellipsoid,
    merged,
    revolved,
    sectors,
)

HATCHBACK = Body(
    length=4.05, width=1.76, shoulder=0.93, wheel=0.315, sill=0.21,
    top=((0, 0.68), (0.1, 0.76), (1.0, 0.95), (1.75, 1.4), (2.3, 1.47), (3.3, 1.45), (3.62, 1.38),
         (3.98, 0.98), (4.05, 0.9)),
    windscreen=(1.0, 1.82), rear_glass=(3.6, 3.93), side_glass=((1.3, 2.25), (2.33, 3.15)),
    doors=(1.2, 2.28, 3.2), axles=(0.78, 3.3),
)  # fmt: skip
SMALL = Body(
    length=3.6, width=1.65, shoulder=0.95, wheel=0.29, sill=0.2, roof_width=0.78,
    top=((0, 0.7), (0.08, 0.8), (0.72, 0.98), (1.35, 1.42), (1.8, 1.5), (3.05, 1.48), (3.3, 1.38),
         (3.54, 1.0), (3.6, 0.85)),
    windscreen=(0.74, 1.4), rear_glass=(3.25, 3.52), side_glass=((1.0, 1.95), (2.03, 2.85)),
    doors=(0.98, 1.98), axles=(0.62, 3.0),
)  # fmt: skip
SALOON = Body(
    length=4.75, width=1.84, shoulder=0.94, wheel=0.335, sill=0.2, roof_width=0.7,
    top=((0, 0.64), (0.1, 0.72), (1.25, 0.95), (2.1, 1.38), (2.65, 1.45), (3.3, 1.42), (4.05, 1.07),
         (4.65, 1.03), (4.75, 0.9)),
    windscreen=(1.28, 2.15), rear_glass=(3.36, 4.0), side_glass=((1.6, 2.55), (2.63, 3.5)),
    doors=(1.45, 2.58, 3.55), axles=(0.9, 3.75),
)  # fmt: skip
ESTATE = Body(
    length=4.7, width=1.83, shoulder=0.94, wheel=0.33, sill=0.2, roof_width=0.72,
    top=((0, 0.65), (0.1, 0.74), (1.2, 0.95), (2.0, 1.4), (2.5, 1.47), (4.1, 1.44), (4.35, 1.37),
         (4.63, 0.98), (4.7, 0.85)),
    windscreen=(1.22, 2.05), rear_glass=(4.33, 4.58),
    side_glass=((1.52, 2.45), (2.53, 3.4), (3.48, 4.2)),
    doors=(1.4, 2.48, 3.44), axles=(0.88, 3.65),
)  # fmt: skip
SUV = Body(
    length=4.5, width=1.88, shoulder=1.07, wheel=0.365, sill=0.27, roof_width=0.76, nose=0.89,
    top=((0, 0.84), (0.07, 0.94), (1.05, 1.08), (1.75, 1.58), (2.2, 1.68), (3.85, 1.65),
         (4.1, 1.56), (4.42, 1.1), (4.5, 0.98)),
    windscreen=(1.07, 1.8), rear_glass=(4.08, 4.36),
    side_glass=((1.35, 2.3), (2.38, 3.25), (3.34, 3.9)),
    doors=(1.25, 2.33, 3.3), axles=(0.86, 3.6), cladding=True,
)  # fmt: skip
PEOPLE_CARRIER = Body(
    length=4.45, width=1.82, shoulder=1.0, wheel=0.325, sill=0.21, roof_width=0.78,
    top=((0, 0.72), (0.08, 0.82), (0.8, 1.02), (1.75, 1.58), (2.3, 1.68), (3.9, 1.64), (4.15, 1.56),
         (4.38, 1.02), (4.45, 0.9)),
    windscreen=(0.85, 1.8), rear_glass=(4.1, 4.33),
    side_glass=((1.15, 2.2), (2.28, 3.2), (3.28, 4.0)),
    doors=(1.1, 2.23, 3.24), axles=(0.84, 3.6),
)  # fmt: skip
PICK_UP = Body(
    length=5.25, width=1.88, shoulder=1.08, wheel=0.385, sill=0.32, roof_width=0.74, nose=0.9,
    top=((0, 0.88), (0.06, 1.0), (1.3, 1.12), (1.95, 1.66), (2.3, 1.76), (3.3, 1.74), (3.55, 1.15),
         (5.2, 1.13), (5.25, 1.0)),
    windscreen=(1.32, 2.0), rear_glass=(3.34, 3.52), side_glass=((1.6, 2.4), (2.48, 3.2)),
    doors=(1.5, 2.43, 3.28), axles=(0.95, 4.15), bed=(3.62, 5.12), cladding=True,
)  # fmt: skip
VAN = Body(
    length=5.5, width=2.0, shoulder=1.3, wheel=0.345, sill=0.26, roof_width=0.86, nose=0.9,
    top=((0, 0.86), (0.08, 1.0), (0.75, 1.25), (1.5, 2.05), (2.0, 2.35), (5.3, 2.37), (5.42, 2.25),
         (5.5, 1.2)),
    windscreen=(0.78, 1.55), rear_glass=None, side_glass=((1.0, 1.95),),
    doors=(0.95, 2.0, 3.35), axles=(0.98, 4.35),
)  # fmt: skip
SMALL_VAN = Body(
    length=4.4, width=1.83, shoulder=1.08, wheel=0.32, sill=0.22, roof_width=0.82, nose=0.88,
    top=((0, 0.76), (0.08, 0.88), (0.8, 1.08), (1.55, 1.7), (1.95, 1.83), (4.2, 1.84), (4.32, 1.76),
         (4.4, 1.0)),
    windscreen=(0.82, 1.6), rear_glass=None, side_glass=((1.05, 2.0),),
    doors=(1.0, 2.05, 3.0), axles=(0.82, 3.55),
)  # fmt: skip
BUS = Body(
    length=11.8, width=2.5, shoulder=1.25, wheel=0.48, sill=0.3, roof_width=0.93, nose=0.93,
    top=((0, 1.1), (0.04, 1.25), (0.25, 2.55), (0.5, 2.95), (1.0, 3.02), (11.3, 3.02), (11.65, 2.9),
         (11.8, 1.6)),
    windscreen=(0.05, 0.4), rear_glass=(11.64, 11.74),
    side_glass=((0.5, 1.7), (1.8, 3.2), (3.28, 4.7), (4.78, 6.2), (6.28, 7.7), (7.78, 9.2),
                (9.28, 10.9)),
    doors=(0.5, 1.75, 5.5, 6.9), axles=(2.6, 8.6),
)  # fmt: skip
CAB = Body(
    length=2.3, width=2.3, shoulder=1.5, wheel=0.48, sill=0.42, roof_width=0.88, nose=0.94,
    top=((0, 1.3), (0.05, 1.45), (0.3, 2.35), (0.6, 2.6), (2.2, 2.68), (2.3, 2.6)),
    windscreen=(0.06, 0.36), rear_glass=None, side_glass=((0.5, 1.55),),
    doors=(0.45, 1.65), axles=(1.15,),
)  # fmt: skip

CARS = (HATCHBACK, SMALL, SALOON, ESTATE, SUV, PEOPLE_CARRIER, PICK_UP, VAN, SMALL_VAN)
_CAR_SHARES = np.array([0.24, 0.1, 0.17, 0.12, 0.18, 0.06, 0.03, 0.05, 0.05])


@dataclass(frozen=True, eq=False, kw_only=True)
class Vehicle:
    """A vehicle in its own axes (y forward, origin on the ground under its middle)."""

    pieces: tuple[Piece, ...]
    category: SceneClass
    length: float
    width: float
    lamp_height: float


def random_car(random: Random, driving: bool) -> Vehicle:
    """A car or van as they stand in a street; its lamps glow when it is driving."""
    body = CARS[int(random.choice(len(CARS), p=_CAR_SHARES))]
    vans = body in (VAN, SMALL_VAN)
    paint = palette.pick(random, palette.VAN_PAINT if vans else palette.CAR_PAINT, jitter=0.06)
    return car(body, paint, driving, SceneClass.CAR)


def car(body: Body, paint: Colour, driving: bool, category: SceneClass) -> Vehicle:
    """One vehicle of a body type. Vans count as cars, as Cityscapes has it."""
    pieces = [
        *_shell_pieces(body, paint, driving, category),
        *_wheels(body, category, is_coarse()),
    ]
    pieces += _fittings(body, paint, category)
    return Vehicle(
        pieces=tuple(pieces),
        category=category,
        length=body.length,
        width=body.width,
        lamp_height=body.shoulder * 0.7,
    )


def bus(random: Random, driving: bool) -> Vehicle:
    """A city bus with its line on a lit board."""
    paint = palette.pick(random, palette.BUS_PAINT, jitter=0.06)
    vehicle = car(BUS, paint, driving, SceneClass.BUS)
    board = Surface(
        "plastic", SceneClass.BUS, (palette.LENS_AMBER,), glow=(2.4, 1.3, 0.2) if driving else None
    )
    front = Piece(box(0, BUS.length / 2 - 0.28, 2.58, 1.5, 0.1, 0.24), board)
    roof = Piece(
        boxes([(0, 2.5, 3.1), (0, -2.5, 3.1)], (1.7, 2.2, 0.22)), _trim(SceneClass.BUS, paint)
    )
    return _with(vehicle, [front, roof])


def truck(random: Random, driving: bool) -> Vehicle:
    """A delivery lorry: a cab, a frame and a box."""
    paint = palette.pick(random, palette.VAN_PAINT, jitter=0.06)
    colour = palette.pick(random, palette.LORRY_BOX, jitter=0.06)
    rear = float(random.uniform(4.6, 6.2))
    cab = car(CAB, paint, driving, SceneClass.TRUCK)
    length = CAB.length + 0.15 + rear
    ahead = length / 2 - CAB.length / 2
    pieces = moved([p for p in cab.pieces if p.surface.material != "lens_tail"], y=ahead)
    middle, end = length / 2 - CAB.length - 0.15 - rear / 2, -length / 2
    cargo = Surface("metal", SceneClass.TRUCK, (colour, palette.RIM))
    pieces.append(Piece(box(0, middle, 1.0, 2.4, rear, 2.4).shaded(0), cargo))
    rails = boxes([(x, end, 2.2) for x in (-1.17, 0, 1.17)], (0.05, 0.04, 2.36))
    pieces.append(Piece(rails.shaded(1), cargo))
    frame = box(0, middle + 0.3, 0.55, 0.9, rear + 0.6, 0.45)
    guards = boxes([(x, middle + 0.5, 0.65) for x in (-1.1, 1.1)], (0.04, rear * 0.45, 0.4))
    bumper = boxes((0, end + 0.05, 0.62), (2.3, 0.1, 0.18))
    pieces.append(Piece(merged([frame, guards, bumper]), _trim(SceneClass.TRUCK)))
    lens = Surface("lens_tail", SceneClass.TRUCK, (palette.LENS_TAIL,), glow=_tail(driving))
    pieces.append(
        Piece(boxes([(x, end - 0.01, 0.62) for x in (-0.95, 0.95)], (0.32, 0.06, 0.14)), lens)
    )
    for x, side in ((1.08, 1), (-1.08, -1)):
        pieces += moved(_wheel(0.48, side, SceneClass.TRUCK), x, end + 1.3)
    return Vehicle(
        pieces=tuple(pieces), category=SceneClass.TRUCK, length=length, width=2.4, lamp_height=1.0
    )


def _with(vehicle: Vehicle, more: list[Piece]) -> Vehicle:
    return Vehicle(
        pieces=(*vehicle.pieces, *more),
        category=vehicle.category,
        length=vehicle.length,
        width=vehicle.width,
        lamp_height=vehicle.lamp_height,
    )


def _trim(category: SceneClass, *more: Colour) -> Surface:
    return Surface("rubber", category, (*more, palette.RUBBER)[:1] if more else (palette.RUBBER,))


def _tail(driving: bool) -> Colour | None:
    return palette.GLOW_TAIL if driving else None


def _shell_pieces(body: Body, paint: Colour, driving: bool, category: SceneClass) -> list[Piece]:
    head = palette.GLOW_HEAD if driving else None
    surfaces = {
        car_body.PAINT: Surface("car_paint", category, (paint,), smooth=True),
        car_body.GLASS: Surface("glass_car", category, (palette.GLASS_CAR,), smooth=True),
        car_body.TRIM: _trim(category),
        car_body.HEAD: Surface("lens_headlight", category, (palette.LENS_HEAD,), glow=head),
        car_body.TAIL: Surface("lens_tail", category, (palette.LENS_TAIL,), glow=_tail(driving)),
        car_body.CHROME: Surface("metal", category, (palette.CHROME,)),
    }
    return [Piece(mesh, surfaces[kind]) for kind, mesh in car_body.shell(body).items()]


@lru_cache(maxsize=128)
def _wheels(body: Body, category: SceneClass, _coarse: bool) -> tuple[Piece, ...]:
    # Whether shapes are coarse is ambient: the argument keeps both kinds apart in the cache.
    pieces: list[Piece] = []
    for s in body.axles:
        for side in (1, -1):
            x = side * (body.width / 2 - 0.14)
            pieces += moved(_wheel(body.wheel, side, category), x, body.length / 2 - s)
    return tuple(fused(pieces))


def _wheel(radius: float, side: int, category: SceneClass) -> list[Piece]:
    """A tyre and a rim of five spokes; the rim faces outwards, to +x for side 1."""
    R, half = radius, 0.11 * radius / 0.32
    profile = np.array([(0.6, -1), (0.88, -1), (0.99, -0.7), (0.99, 0.7), (0.88, 1), (0.64, 0.95)])
    about_x = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    tyre = revolved(profile * (R, half), 15).through(about_x)
    spokes = sectors(0.64 * R, few(10), hole=0.12 * R).moved(half * 0.72)
    hub = sectors(0.2 * R, few(8)).shaded(0).moved(half * 0.82)
    out = np.diag([side, 1.0, 1.0])
    lift = (0, 0, R)
    rim = Surface("metal", category, (palette.RIM, palette.BLACK))
    return [
        Piece(tyre.through(out, lift), _trim(category)),
        Piece(merged([spokes, hub]).through(out, lift), rim),
    ]


def _fittings(body: Body, paint: Colour, category: SceneClass) -> list[Piece]:
    """Underbody, mirrors, door handles and plates."""
    under, mirrors, handles, plates = _fitting_meshes(body, is_coarse())
    pieces = [
        Piece(under, _trim(category)),
        Piece(mirrors, Surface("car_paint", category, (paint,), smooth=True)),
    ]
    if handles is not None:
        pieces.append(Piece(handles, _trim(category)))
    pieces.append(Piece(plates, Surface("rubber", category, (palette.PLATE,))))
    return pieces


@lru_cache(maxsize=64)
def _fitting_meshes(body: Body, _coarse: bool) -> tuple[Mesh, Mesh, Mesh | None, Mesh]:
    L, w = body.length, body.width / 2
    under = box(0, 0, body.sill + 0.02, 2 * w - 0.5, L - 0.5, body.shoulder * 0.55 - body.sill)
    y = L / 2 - body.side_glass[0][0] - 0.02
    mirrors = [
        ellipsoid((x, y, body.shoulder + 0.07), (0.12, 0.07, 0.085), 8, 5)
        for x in (w + 0.07, -w - 0.07)
    ]
    handles: list[Mesh] = []
    for gap in body.doors[1:]:
        at = [(x, L / 2 - gap + 0.16, body.shoulder - 0.1) for x in (w * 0.985, -w * 0.985)]
        handles.append(boxes(at, (0.035, 0.15, 0.025)))
    low = body.sill + 0.3 * (min(body.shoulder, body.top[0][1]) - body.sill)
    high = low if body.height > 1.75 else low + 0.22
    plates = boxes([(0, L / 2 + 0.06, low), (0, -L / 2 - 0.06, high)], (0.5, 0.03, 0.11))
    return under, merged(mirrors), merged(handles) if handles else None, plates
