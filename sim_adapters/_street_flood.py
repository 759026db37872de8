"""A flood: one sheet of murky water over the whole street, level or in waves.

Cars, people and poles stand in it. The mesh is what every renderer and every layer sees, so depth
stays exact; ripples finer than its grid are a matter of shading alone (`_street_water`).
"""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_assembly import Piece, Surface, Texture
from parhelion.sim_adapters._street_events import Happening
from parhelion.sim_adapters._street_layout import SIDE_STREET_M, Layout
from parhelion.sim_adapters._street_palette import Random, noise
from parhelion.sim_adapters._street_placing import Site
from parhelion.sim_adapters._street_shapes import Floats, Mesh, grid, quads

MURK = np.array([0.078, 0.06, 0.037], dtype=np.float32)  # albedo of what drifts in the water
MURK_M = 40.0  # size of the picture of drifting mud
SHORTEST_M, LONGEST_M, WAVES = 1.3, 7.0, 24  # wavelengths and how many are added up
FINE_M, COARSE_M = 0.4, 3.5  # steps of the grid: in the street before the cameras, elsewhere
FINE_AHEAD_M = 45.0
BESIDE_M = SIDE_STREET_M + 16.0  # beyond the ends of the side streets
BEYOND_M = 26.0  # behind the houses at the street's end


def flood(site: Site, layout: Layout, random: Random, happening: Happening) -> None:
    """Puts a site under water; lights that the water covers go out."""
    level, height = happening.water_level_m, happening.wave_height_m
    mud = 1 + 0.1 * noise(random, 256, 5) + 0.05 * noise(random, 256, 20, 2)
    picture = np.clip(MURK * mud[..., None], 0.004, 0.9).astype(np.float32)
    surface = Surface("water", SceneClass.WATER, texture=Texture(picture), smooth=True)
    mesh = waves(layout, random, level, height) if height else _sheet(layout, level)
    site.scenery.append(Piece(mesh, surface))
    site.lights = [x for x in site.lights if x.position_m[2] > level + height / 2]


def _sheet(layout: Layout, level: float) -> Mesh:
    y0, y1 = layout.start - 20, layout.end + BEYOND_M
    xy = np.array([(-BESIDE_M, y0), (BESIDE_M, y0), (BESIDE_M, y1), (-BESIDE_M, y1)])
    return quads(np.column_stack([xy, np.full(4, level)]), xy / MURK_M)


def waves(layout: Layout, random: Random, level: float, height: float) -> Mesh:
    """A grid of sines that run in all directions, scaled to `height` from trough to crest."""
    x = _steps(-BESIDE_M, -layout.frontage(-1) - 1, layout.frontage(1) + 1, BESIDE_M)
    y = _steps(layout.start - 20, -2.0, layout.cameras[-1] + FINE_AHEAD_M, layout.end + BEYOND_M)
    X, Y = np.meshgrid(x, y)
    total = _swell(random, X, Y)
    low, high = float(total.min()), float(total.max())
    Z = level + height * ((total - low) / (high - low) - 0.5)
    points = np.stack([X, Y, Z], axis=-1)
    return grid(points, points[..., :2] / MURK_M)


def _swell(random: Random, x: Floats, y: Floats) -> Floats:
    """Sines of random phase and heading; the longer the higher, in proportion."""
    lengths = np.geomspace(SHORTEST_M, LONGEST_M, WAVES)
    headings = random.uniform(0, 2 * np.pi, WAVES)
    phases = random.uniform(0, 2 * np.pi, WAVES)
    total = np.zeros_like(x)
    for length, heading, phase in zip(lengths, headings, phases, strict=True):
        k = 2 * np.pi / length
        total += length * np.sin(k * (np.cos(heading) * x + np.sin(heading) * y) + phase)
    return total


def _steps(start: float, fine_from: float, fine_to: float, end: float) -> Floats:
    """Grid lines: fine between the two middle values, coarse outside."""
    before = np.linspace(start, fine_from, 1 + round((fine_from - start) / COARSE_M))
    middle = np.linspace(fine_from, fine_to, 1 + round((fine_to - fine_from) / FINE_M))
    after = np.linspace(fine_to, end, 1 + round((end - fine_to) / COARSE_M))
    return np.concatenate([before, middle[1:], after[1:]])
