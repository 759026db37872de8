"""Fire after a crash: flames that shine at any hour, their light, scorched ground, smoke."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_layout import Layout
from parhelion.sim_adapters._street_mesh import Light, Smoke
from parhelion.sim_adapters._street_palette import Colour, Random, linear
from parhelion.sim_adapters._street_placing import Site
from parhelion.sim_adapters._street_shapes import Floats, grid, offset

Point = tuple[float, float, float]

BANDS: tuple[Colour, ...] = (
    (2.1, 1.05, 0.22), (1.9, 0.72, 0.1), (1.5, 0.42, 0.04), (0.95, 0.18, 0.012),
)  # radiance of flames from the ground up  # fmt: skip
FUEL = linear("#201810")  # what is left of the colour under the glow
TONGUES = 13
FIRELIGHT = np.array([240.0, 95.0, 21.0])  # intensity of a fire of size 1
SOOTY = tuple(linear(c) for c in ("#0f0e0d", "#1a1918", "#2a2928", "#3b3a39"))
SCORCH_M = 0.008  # height over the road, above its paint
PUFFS = 85


class Fire(NamedTuple):
    """Where something burns, on the ground; flames of size 1 are about 2.5 m high."""

    at: Point
    size: float
    smokes: bool = True


def burn(site: Site, random: Random, fires: Sequence[Fire], leeward: float) -> None:
    """Flames, lights and smoke; the wind blows to `leeward` (-1 left, 1 right) and mostly away."""
    lean = random.uniform((0.25, -0.05), (0.6, 0.4)) * (leeward, 1.0)
    clouds = []
    for at, size, smokes in fires:
        site.scenery += _flames(random, at, size, lean)
        site.fires += _lights(at, size)
        if smokes:
            clouds.append(_plume(random, at, size, lean))
    site.smoke = Smoke(
        centres_m=np.concatenate([c.centres_m for c in clouds]),
        radii_m=np.concatenate([c.radii_m for c in clouds]),
        per_m=np.concatenate([c.per_m for c in clouds]),
        heat=np.concatenate([c.heat for c in clouds]),
    )


def _flames(random: Random, at: Point, size: float, lean: Floats) -> list[Piece]:
    pieces = []
    for _ in range(TONGUES):
        r = size * float(random.rayleigh(0.5))
        turn = float(random.uniform(0, 2 * np.pi))
        x, y = at[0] + r * np.cos(turn), at[1] + r * np.sin(turn)
        height = size * float(random.uniform(1.1, 2.6)) * float(np.exp(-((r / size) ** 2) / 2))
        rings = offset(_tongue(random, height, 0.16 * height + 0.05, lean), x, y, at[2])
        steps = (len(rings) - 1) // len(BANDS)
        for i, glow in enumerate(BANDS):
            band = grid(rings[i * steps : (i + 1) * steps + 1], wraps=True)
            surface = Surface("dark_interior", SceneClass.OTHER, (FUEL,), glow=glow, burns=True)
            pieces.append(Piece(band, surface))
    return pieces


def _tongue(random: Random, height: float, width: float, lean: Floats) -> Floats:
    """Rings (k, sides, 3) of one flame: widest low down, a wandering pointed tip."""
    t = np.linspace(0, 1, 13)
    radius = width * np.minimum(1, 0.55 + 2.2 * t) * (1 - t**1.5) * (1 + 0.25 * np.sin(9 * t))
    phase = random.uniform(0, 6, 2)
    sway = 0.13 * height * t[:, None] * np.sin(5 * t[:, None] + phase) + 0.3 * height * (
        t[:, None] ** 1.5 * lean
    )
    angle = np.linspace(0, 2 * np.pi, 7, endpoint=False) + float(phase[0])
    rough = 1 + random.uniform(-0.25, 0.25, (len(t), 7))
    x = sway[:, :1] + radius[:, None] * rough * np.cos(angle)
    y = sway[:, 1:] + radius[:, None] * rough * np.sin(angle)
    return np.stack([x, y, np.broadcast_to(height * t[:, None], x.shape)], axis=-1)


def _lights(at: Point, size: float) -> list[Light]:
    """One above that shines down, four around that shine outwards: flames themselves cast shade."""
    low, around = float(1.1 * size), float(1.3 * size)
    intensity = FIRELIGHT * size
    found = [_light((at[0], at[1], at[2] + 3.4 * size), (0.0, 0.0, -1.0), intensity)]
    for dx, dy in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        place = (at[0] + around * dx, at[1] + around * dy, at[2] + low)
        found.append(_light(place, (dx, dy, 0.05), 0.5 * intensity))
    return found


def _light(at: Point, direction: Point, intensity: Floats) -> Light:
    r, g, b = (float(c) for c in intensity)
    return Light(
        position_m=at, direction=direction, intensity=(r, g, b), cutoff_deg=88.0, beam_deg=40.0
    )


def _plume(random: Random, at: Point, size: float, lean: Floats) -> Smoke:
    """Puffs that rise, spread and thin out; the lowest still burn."""
    t = np.sort(random.random(PUFFS)) ** 1.3
    height = size * (1.5 + 26 * t)
    spread = size * (0.2 + 1.8 * t)
    sway = random.normal(0, 1, (PUFFS, 2)) * spread[:, None]
    drift = lean * (height**1.15)[:, None] * 0.55
    radius = size * (0.55 + 4.2 * t**0.8) * random.uniform(0.75, 1.25, PUFFS)
    return Smoke(
        centres_m=np.column_stack([np.array(at[:2]) + drift + sway, at[2] + height]),
        radii_m=radius,
        per_m=1.5 / radius * (1 - 0.55 * t) * random.uniform(0.6, 1.2, PUFFS),
        heat=np.clip(1.25 - height / (3.6 * size), 0, 1) ** 1.5,
    )


def scorch(site: Site, layout: Layout, random: Random, middle: tuple[float, float]) -> None:
    """Burnt asphalt: black patches of odd outline on the carriageway, lighter towards the rim."""
    for _ in range(10):
        x, y = random.normal(middle, (1.6, 4.5))
        rings = offset(_patch(random, float(random.uniform(1.2, 3.4))), x, y, SCORCH_M)
        rings[..., 0] = np.clip(rings[..., 0], layout.left + 0.02, layout.right - 0.02)
        shades = np.repeat(np.arange(len(SOOTY)), 2)
        bands = [grid(rings[i : i + 2][:, ::-1], wraps=True) for i in range(len(rings) - 1)]
        site.scenery += [
            Piece(band, Surface("asphalt", SceneClass.ROAD, (SOOTY[shades[i]],)))
            for i, band in enumerate(bands)
        ]


def _patch(random: Random, radius: float) -> Floats:
    """Rings (k, around, 3) of a blotch about the origin, from its middle outwards."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    wobble = 1 + sum(
        random.uniform(0.05, 0.6 / k) * np.sin(k * angle + random.uniform(0, 6))
        for k in range(2, 9)
    )
    steps = np.linspace(0, 1, 2 * len(SOOTY) + 1)
    torn = 1 + random.normal(0, 0.05, (len(steps), 40))
    r = radius * steps[:, None] * wobble * torn
    return np.stack([r * np.cos(angle), 1.3 * r * np.sin(angle), np.zeros_like(r)], axis=-1)
