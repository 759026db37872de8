"""What a crash throws about: torn panels, seats, cases, wheels and scraps, each with its own id."""

from collections.abc import Callable

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface, through
from parhelion.sim_adapters._street_layout import KERB_M, Layout
from parhelion.sim_adapters._street_palette import Random, linear
from parhelion.sim_adapters._street_placing import Pose, Site
from parhelion.sim_adapters._street_shapes import boxes, grid, merged, revolved, rod

COUNT = (110, 140)
SPREAD_M = (3.2, 5.5)  # standard deviations across and along the street
APART_M = 0.35  # between debris and what stands there
DEBRIS = SceneClass.DEBRIS
PANELS = tuple(linear(c) for c in ("#d4d6d7", "#b9bdc0", "#6f7478", "#2b2826", "#8f9497"))
LINING = tuple(linear(c) for c in ("#c9b98f", "#8b7d5a", "#3b3733"))


def panel(random: Random) -> list[Piece]:
    """A torn sheet of skin, bent."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 5), np.linspace(-0.5, 0.5, 5))
    size = random.uniform(0.5, 1.7, 2)
    z = random.uniform(0.2, 0.6) * x**2 + random.uniform(-0.3, 0.3) * x * y
    jag = random.uniform(-0.12, 0.12, (2, 5, 5))
    points = np.stack([(x + jag[0]) * size[0], (y + jag[1]) * size[1], z * size[0]], axis=-1)
    colour = palette.pick(random, PANELS)
    return [Piece(grid(points), Surface("metal", DEBRIS, (colour,)))]


def seats(random: Random) -> list[Piece]:
    """A bench of two or three seats."""
    n = int(random.integers(2, 4))
    x = (np.arange(n) - (n - 1) / 2) * 0.48
    cushions = boxes([(a, 0.0, 0.35) for a in x], (0.44, 0.46, 0.16))
    backs = boxes([(a, -0.28, 0.75) for a in x], (0.44, 0.14, 0.75))
    legs = boxes([(x[0], 0, 0.13), (x[-1], 0, 0.13)], (0.05, 0.4, 0.26))
    cloth = Surface("cloth", DEBRIS, (linear("#27374f"),))
    return [Piece(merged([cushions, backs]), cloth), Piece(legs, Surface("metal", DEBRIS))]


def case(random: Random) -> list[Piece]:
    """A suitcase."""
    size = random.uniform((0.3, 0.45, 0.2), (0.5, 0.75, 0.3))
    colour = palette.pick(random, palette.BAG)
    return [Piece(boxes((0, 0, size[2] / 2), size), Surface("plastic", DEBRIS, (colour,)))]


def wheel(random: Random) -> list[Piece]:
    """A main wheel with its tyre and a piece of the leg."""
    profile = [(0.2, -0.18), (0.48, -0.18), (0.53, 0.0), (0.48, 0.18), (0.2, 0.18)]
    leg = rod((0, 0, 0), (0.3, 0.2, float(random.uniform(0.6, 1.1))), 0.08)
    return [
        Piece(revolved(profile, 18), Surface("rubber", DEBRIS, (palette.RUBBER,), smooth=True)),
        Piece(leg, Surface("metal", DEBRIS, (palette.RIM,))),
    ]


def scrap(random: Random) -> list[Piece]:
    """A crumpled lump of lining, foil or structure."""
    n = int(random.integers(3, 6))
    size = float(random.uniform(0.12, 0.42))
    centres = random.normal((0, 0, size / 2), size / 2, (n, 3))
    lumps = boxes(centres, random.uniform(0.15, 0.9, (n, 3)) * size)
    colour = palette.pick(random, PANELS if random.random() < 0.5 else LINING)
    return [Piece(lumps, Surface("metal", DEBRIS, (colour,)))]


KINDS: tuple[Callable[[Random], list[Piece]], ...] = (panel, seats, case, wheel, scrap)
SHARES = (0.36, 0.08, 0.12, 0.04, 0.4)


def scatter(
    site: Site, layout: Layout, random: Random, middle: tuple[float, float], nearest_y: float
) -> None:
    """Lays debris around `middle`, on road and pavements, beside what stands there already."""
    stand = [t.corners_m[:, :2] for t in site.things if t.category is not DEBRIS]
    taken = np.array([[*c.min(0), *c.max(0)] for c in stand])
    for _ in range(int(random.integers(*COUNT))):
        kind = KINDS[int(random.choice(len(KINDS), p=SHARES))]
        pieces = _dropped(kind(random), random)
        reach = max(float(np.abs(p.mesh.vertices[:, :2]).max()) for p in pieces) + APART_M
        x, y = random.normal((middle[0], middle[1] - 2.5), SPREAD_M)
        turn = float(random.uniform(0, 2 * np.pi))
        inside = -layout.frontage(-1) + reach < x < layout.frontage(1) - reach
        gap = np.maximum(taken[:, :2] - (x, y), (x, y) - taken[:, 2:]).max(axis=1)
        if not inside or y < nearest_y or gap.min() < reach:
            continue
        on_kerb = not layout.left + 0.2 < x < layout.right - 0.2
        site.add_thing(pieces, DEBRIS, Pose(x=x, y=y, z=KERB_M * on_kerb, turn=turn))


def _dropped(pieces: list[Piece], random: Random) -> list[Piece]:
    """The pieces tilted as they fell, lowest point a little above the ground."""
    tilt, c = random.normal(0, 0.3), random.random() < 0.3
    angle = tilt + (np.pi / 2 if c else 0.0)
    turn = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    tilted = through(pieces, turn)
    low = min(float(p.mesh.vertices[:, 2].min()) for p in tilted)
    return through(tilted, np.eye(3), (0, 0, 0.012 - low))
