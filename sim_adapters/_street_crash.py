"""A plane crash: an airliner in pieces across the road, burning, 15 to 45 m before the last camera.

What stood where it lies is gone; what it threw about lies between the things that remain. Wreck
and debris are DEBRIS with instances and boxes, flames OTHER, scorched asphalt is still ROAD.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_fire as fire
from parhelion.sim_adapters import _street_wreck as wreck
from parhelion.sim_adapters._street_assembly import Piece, moved, through
from parhelion.sim_adapters._street_debris import scatter
from parhelion.sim_adapters._street_fire import Fire
from parhelion.sim_adapters._street_layout import Layout
from parhelion.sim_adapters._street_mesh import Thing
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_placing import Pose, Site
from parhelion.sim_adapters._street_shapes import Floats

AHEAD_M = (22.0, 28.0)  # of the nose part's middle, before the last camera
DEBRIS_FROM_M = 9.0  # before the last camera
ROOT_M = 0.6  # of a wing, where it burns
CLEAR_M = 0.7  # what stands closer to the wreck than this is gone
CRUSHED_M = 0.08  # by which the weight presses what lies on the road flat
LOW_M = 3.2  # below this a part of the wreck pushes things away
OUT_M = 0.8  # a light this near to something that is gone is out
KERBSIDE = frozenset({SceneClass.TRAFFIC_LIGHT, SceneClass.TRAFFIC_SIGN})
GROWN = frozenset(
    {
        SceneClass.POLE, SceneClass.STREET_LIGHT, SceneClass.VEGETATION, SceneClass.OTHER,
        SceneClass.FENCE,
    }
)  # fmt: skip


class Lying(NamedTuple):
    """A large piece: its mesh, already rolled and pitched, and where it lies."""

    pieces: list[Piece]
    pose: Pose

    @property
    def vertices(self) -> Floats:
        """(n, 3) world."""
        at = self.pose
        laid = moved(self.pieces, at.x, at.y, at.z, at.turn)
        return np.concatenate([p.mesh.vertices for p in laid])


def crash(site: Site, layout: Layout, random: Random) -> None:
    """Puts the wreck on a site, takes away what it hit, adds debris, scorch, flames and smoke."""
    side = float(random.choice((-1, 1)))
    middle = (layout.left + layout.right) / 2 + float(random.uniform(-0.6, 0.6))
    y = layout.cameras[-1] + float(random.uniform(*AHEAD_M))
    parts = _parts(layout, random, middle, y, side)
    _clear(site, layout, np.concatenate([part.vertices for part in parts]), y)
    for part in parts:
        site.add_thing(part.pieces, SceneClass.DEBRIS, part.pose)
    scatter(site, layout, random, (middle, y), layout.cameras[-1] + DEBRIS_FROM_M)
    fire.scorch(site, layout, random, (middle, y - 1))
    nose, tail, wing = parts[:3]
    fires = (
        Fire(nose.pose.at((0.0, -wreck.NOSE_M - 0.6, 0.0)), 1.3),
        Fire(tail.pose.at((0.0, 0.6, 0.0)), 1.1, smokes=False),  # its smoke would hide the fin
        Fire(_before_root(wing), 0.9),
    )
    fire.burn(site, random, fires, side)


def _parts(layout: Layout, random: Random, x: float, y: float, side: float) -> list[Lying]:
    """Nose, tail, two wings and two engines; `side` is where the nose points, left or right."""
    livery = wreck.LIVERIES[int(random.integers(len(wreck.LIVERIES)))]
    span = float(random.uniform(6.5, 8.0))
    u = random.uniform(-1, 1, 6)
    front = float(np.arctan2(-0.5 + 0.15 * u[0], side * 0.85))
    raised = float(np.arctan2(0.45, side * 0.9))
    tail_turn = np.pi + side * (0.08 + 0.14 * u[1])
    wings = [wreck.wing(random, span, livery) for _ in range(2)]
    parts = [
        _nose(layout, random, livery, side),
        _lie(wreck.tail(random, livery), (-side * 2.0, 4.4), tail_turn, _roll(0.2 * u[2])),
        _lie(wings[0], (-side * 3.0, -3.4), front, _pitch(side * 0.4) @ _roll(-0.05)),
        _lie(wings[1], (side * 1.6, 6.5), raised, _pitch(0.3) @ _roll(-0.62)),
        _lie(wreck.engine(livery), (side * (1.9 + 0.8 * u[3]), -3.0), 2.6 + u[4], _pitch(0.06)),
        _lie(wreck.engine(livery), (-side * 3.0, 14.0), 0.6 * u[5], _pitch(-0.1)),
    ]
    return [Lying(p.pieces, Pose(x=x + p.pose.x, y=y + p.pose.y, turn=p.pose.turn)) for p in parts]


def _nose(layout: Layout, random: Random, livery: Colour, side: float) -> Lying:
    """The nose across the road as far as the houses leave room, away from the cameras or not."""
    room = layout.frontage(1) + layout.frontage(-1) - 1.0
    widest = float(np.arcsin(min((room - 2.4) / wreck.NOSE_M, 0.9)))
    slant = min(float(random.uniform(0.75, 1.1)), widest)
    turn = -side * slant if random.random() < 0.5 else np.pi + side * slant
    half = wreck.NOSE_M / 2
    at = (side * 0.6 - half * float(np.sin(turn)), half * float(np.cos(turn)))
    return _lie(wreck.nose(random, livery), at, turn, _roll(float(random.uniform(-0.16, 0.16))))


def _lie(pieces: list[Piece], at: tuple[float, float], turn: float, attitude: Floats) -> Lying:
    grounded = _grounded(through(pieces, attitude), CRUSHED_M)
    return Lying(grounded, Pose(x=float(at[0]), y=at[1], turn=float(turn)))


def _roll(angle: float) -> Floats:
    """About y; what points to the right rises where the angle is negative."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _pitch(angle: float) -> Floats:
    """About x; what points forward rises where the angle is positive."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _before_root(wing: Lying) -> tuple[float, float, float]:
    """On the ground where the torn root of a wing comes nearest to the cameras."""
    along = np.concatenate([p.mesh.vertices[:, 0] for p in wing.pieces])
    root = wing.vertices[along < ROOT_M]
    x, y, _ = root[root[:, 1].argmin()]
    return (float(x), float(y) - 0.5, 0.0)


def _grounded(pieces: list[Piece], crushed: float) -> list[Piece]:
    """The pieces put on the ground, and pressed flat below `crushed` metres."""
    low = min(float(p.mesh.vertices[:, 2].min()) for p in pieces) + crushed
    flat = []
    for p in pieces:
        z = np.maximum(p.mesh.vertices[:, 2] - low, 0.02)
        vertices = np.column_stack([p.mesh.vertices[:, :2], z]).astype(np.float32)
        flat.append(Piece(replace(p.mesh, vertices=vertices), p.surface))
    return flat


def _clear(site: Site, layout: Layout, hit: Floats, y: float) -> None:
    """Takes away what the wreck hit, and who drives between it and the last camera."""
    ground = hit[hit[:, 2] < LOW_M][::3, :2].astype(np.float64)
    lane = (layout.own_lane - layout.lane / 2 - 0.5, layout.own_lane + layout.lane / 2)
    dark: list[NDArray[np.float64]] = []

    def hits(thing: Thing) -> bool:
        points = _filled(thing.corners_m)
        x, along = points.mean(axis=0)[:2]
        in_the_way = lane[0] < x < lane[1] and layout.cameras[-1] < along < y
        gap = np.linalg.norm(points[:, None, :2] - ground[None], axis=2).min()
        kerbside = thing.category in KERBSIDE and _swept(layout, ground, points)
        return bool(gap < CLEAR_M or in_the_way or kerbside)

    gone = {t.instance: t for t in site.things if hits(t)}
    site.things = [t for t in site.things if t.instance not in gone]
    site.parts = [p for p in site.parts if p.instance not in gone]
    dark += [_filled(t.corners_m) for t in gone.values()]
    kept = []
    for piece in site.scenery:
        points = piece.mesh.vertices.astype(np.float64)
        if piece.surface.scene_class in GROWN and _swept(layout, ground, points):
            dark.append(points)
        else:
            kept.append(piece)
    site.scenery = kept
    removed = np.concatenate([np.zeros((0, 3)), *dark])
    site.lights = [x for x in site.lights if not _near(removed, x.position_m)]


def _swept(layout: Layout, ground: Floats, points: NDArray[np.float64]) -> bool:
    """Whether something at a kerb stands abreast of a part of the wreck that lies over that kerb.

    Abreast and not near: a lamp goes with its post, a signal with its mast.
    """
    x, y = points[:, :2].mean(axis=0)
    left = x < (layout.left + layout.right) / 2
    over = ground[:, 0] < layout.left + 0.4 if left else ground[:, 0] > layout.right - 0.4
    return bool((np.abs(ground[over, 1] - y) < CLEAR_M).any())


def _near(points: NDArray[np.float64], place: tuple[float, float, float]) -> bool:
    return bool((np.linalg.norm(points - place, axis=1) < OUT_M).any())


def _filled(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """A box's corners (8, 3) and points between them (25, 3)."""
    a, b, c = corners[0], corners[1] - corners[0], corners[2] - corners[0]
    steps = np.linspace(0, 1, 5)
    return np.array([a + s * b + t * c for s in steps for t in steps])
