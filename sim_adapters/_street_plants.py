"""Trees, hedges and shrubs: wood as tubes, leaves as many small quads in clumps.

A plant stands at the origin. A street grows a few trees and sets turned, scaled copies of them.
"""

from dataclasses import dataclass

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_detail import is_coarse
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_shapes import (
    Floats,
    Mesh,
    box,
    merged,
    offset,
    quads,
    tube,
    tubes,
)
from parhelion.sim_adapters._street_vectors import columns, cross, dot

V = SceneClass.VEGETATION
THIN = 7  # in coarse streets one leaf stands for so many
SHADES = 5  # of green in one crown, dark inside to light outside


@dataclass(frozen=True, kw_only=True)
class Species:
    """The habit of a tree, in metres, for a grown one."""

    height: float
    stem: float  # height of the first branches
    spread: tuple[float, float]  # half width and half height of the crown
    clumps: int
    clump: float  # radius of a clump as a share of the half width
    leaf: float  # size of a leaf quad
    kind: str = "broad"  # "broad", "conifer" or "bare"


SPECIES = {
    "linden": Species(height=9.5, stem=2.6, spread=(3.1, 3.5), clumps=30, clump=0.4, leaf=0.23),
    "plane": Species(height=11.5, stem=3.4, spread=(4.3, 3.9), clumps=38, clump=0.34, leaf=0.28),
    "maple": Species(height=7.5, stem=2.2, spread=(2.9, 2.7), clumps=28, clump=0.42, leaf=0.23),
    "poplar": Species(height=12.5, stem=1.6, spread=(1.5, 5.4), clumps=30, clump=0.5, leaf=0.18),
    "cherry": Species(height=5.2, stem=1.9, spread=(2.0, 1.6), clumps=18, clump=0.42, leaf=0.15),
    "birch": Species(height=8.8, stem=2.4, spread=(2.1, 3.5), clumps=34, clump=0.36, leaf=0.13),
    "spruce": Species(height=9.5, stem=0.8, spread=(2.1, 4.4), clumps=0, clump=0,
                      leaf=0.3, kind="conifer"),
    "bare": Species(height=9.0, stem=2.4, spread=(2.8, 3.2), clumps=0, clump=0, leaf=0,
                    kind="bare"),
}  # fmt: skip


def foliage(random: Random, autumn: bool, conifer: bool) -> tuple[Colour, ...]:
    """Shades of one tree's leaves, from the inside of the crown to its outside."""
    family = palette.CONIFER if conifer else palette.LEAF_AUTUMN if autumn else palette.LEAF
    colour = palette.pick(random, family)
    return tuple(palette.shifted(colour, f) for f in np.linspace(0.5, 1.35, SHADES))


def tree(random: Random, name: str, leaves: int, autumn: bool) -> list[Piece]:
    """One tree with about `leaves` leaf quads; fewer leaves are larger ones."""
    species = SPECIES[name]
    wood = Surface("bark", V, (palette.pick(random, palette.BARK),))
    if species.kind == "bare":
        return [Piece(_skeleton(random, species), wood)]
    green = Surface("leaf", V, foliage(random, autumn, species.kind == "conifer"))
    if species.kind == "conifer":
        trunk = tube([(0, 0, 0), (0, 0, species.height)], (0.16, 0.02), 6)
        return [Piece(trunk, wood), Piece(_needles(random, species, leaves), green)]
    centres = _clump_centres(random, species)
    crown = _leaves(random, species, centres, leaves)
    return [Piece(_wood(random, species, centres), wood), Piece(crown, green)]


def _clump_centres(random: Random, s: Species) -> Floats:
    """Where leaves gather (k, 3): near the outside of a lop-sided crown."""
    k = s.clumps
    i = np.arange(k) + 0.5
    up, turn = 1 - 2 * i / k, np.pi * (1 + 5**0.5) * i  # evenly around a ball
    way = np.stack([np.cos(turn), np.sin(turn), np.zeros(k)], axis=1) * np.sqrt(1 - up**2)[:, None]
    way[:, 2] = up
    way += random.normal(0, 0.22, (k, 3))
    out = random.choice((0.45, 0.85, 1.0), (k, 1), p=(0.25, 0.3, 0.45)) * random.uniform(
        0.85, 1.1, (k, 1)
    )
    centres = (
        way
        * out
        * (s.spread[0] * (1 - 0.6 * s.clump), s.spread[0] * (1 - 0.6 * s.clump), s.spread[1] * 0.85)
    )
    lean = random.normal(0, 0.12, 2) * s.spread[0]
    # Crowns are wider below their middle than above it.
    centres[:, :2] *= 1.12 - 0.3 * np.clip(centres[:, 2:] / s.spread[1], -0.4, 1)
    centres[:, :2] += lean
    return offset(centres, z=s.height - s.spread[1] * 1.05)


def _leaves(random: Random, s: Species, centres: Floats, count: int) -> Mesh:
    k = len(centres)
    weight = random.uniform(0.5, 1.5, k)
    owner = random.choice(k, size=count, p=weight / weight.sum())
    way = random.standard_normal((count, 3))
    way /= np.sqrt(dot(way, way))[:, None]
    radius = s.spread[0] * s.clump * weight[owner] ** 0.4
    out = random.uniform(0.25, 1.0, count) ** 0.45
    at = centres[owner] + way * (out * radius)[:, None] * (1, 1, 0.75)
    size = s.leaf * (2600 / count) ** 0.42 * random.uniform(0.7, 1.35, count)
    middle = centres.mean(axis=0)
    rank = np.linalg.norm((at - middle) / (s.spread[0], s.spread[0], s.spread[1]), axis=1)
    bright = 1.9 * rank + 1.1 * out + 0.5 * way[:, 2] + random.normal(0, 0.45, count)
    shade = np.clip(bright * SHADES / 4.0, 0, SHADES - 1).astype(int)
    return _leaf_quads(random, at, way + 0.4 * random.standard_normal((count, 3)), size, shade)


def _leaf_quads(random: Random, at: Floats, normal: Floats, size: Floats, shade: Floats) -> Mesh:
    aside = random.standard_normal(normal.shape)
    if is_coarse():
        at, normal, aside, shade = (a[::THIN] for a in (at, normal, aside, shade))
        size = size[::THIN] * THIN**0.5
    n = normal / np.sqrt(dot(normal, normal))[:, None]
    first = cross(n, aside)
    first /= np.maximum(np.sqrt(dot(first, first)), 1e-6)[:, None]
    second = cross(n, first)
    a, b = first * (size * 0.62)[:, None], second * (size * 0.45)[:, None]
    corners = np.stack([at - a, at - b, at + a, at + b], axis=1)  # a lozenge, like a sprig
    return quads(corners).shaded(np.repeat(shade, 4))


def _wood(random: Random, s: Species, centres: Floats) -> Mesh:
    """A stem with a bend, and a branch to most clumps."""
    top = s.height - s.spread[1] * 0.7
    girth = 0.026 * s.height
    bend = random.normal(0, 0.09, (5, 2)).cumsum(axis=0)
    bend[0] = 0
    z = np.linspace(0, top, 5)
    thick = girth * np.array([1.35, 0.95, 0.8, 0.6, 0.3])
    stem = tube(np.column_stack([bend, z]), thick, 8)
    ends = centres[:: max(len(centres) // 14, 1)]
    share = random.random(len(ends))
    start = s.stem + share * np.maximum(ends[:, 2] - 0.3 - s.stem, 0.0)
    start = np.clip(start, s.stem * 0.9, top * 0.97)
    feet = columns(np.interp(start, z, bend[:, 0]), np.interp(start, z, bend[:, 1]), start)
    knees = feet + 0.5 * (ends - feet)
    knees[:, 2] += [0.18 * np.linalg.norm(way) for way in ends - feet]
    thick = np.broadcast_to(girth * np.array([0.42, 0.25, 0.08]), (len(ends), 3))
    return merged([stem, *tubes(np.stack([feet, knees, ends], axis=1), thick, 5)])


def _needles(random: Random, s: Species, count: int) -> Mesh:
    """Boughs in tiers that hang down and outwards."""
    tiers = 13
    tier = random.integers(0, tiers, count)
    height = s.stem + (s.height - s.stem) * (tier + 0.35) / tiers
    reach = s.spread[0] * (1 - (tier + 0.2) / (tiers + 0.4)) ** 0.85
    along = random.uniform(0.1, 1, count) ** 0.6
    boughs = random.integers(0, 9, count)
    turn = boughs * 2 * np.pi / 9 + tier * 1.1 + random.normal(0, 0.22, count) * along
    out = reach * along
    z = height - 0.28 * out + 0.12 * random.standard_normal(count)
    at = np.stack([out * np.cos(turn), out * np.sin(turn), z], axis=1)
    normal = np.stack([0.35 * np.cos(turn), 0.35 * np.sin(turn), np.ones(count)], axis=1)
    size = s.leaf * (2600 / count) ** 0.42 * random.uniform(0.8, 1.4, count)
    shade = np.clip(along * 4 + random.normal(0, 0.7, count), 0, SHADES - 1).astype(int)
    return _leaf_quads(random, at, normal + 0.5 * random.standard_normal((count, 3)), size, shade)


def _skeleton(random: Random, s: Species) -> Mesh:
    """A tree in winter: branches that fork three times."""
    top = np.array([0.0, 0.0, s.height * 0.55])
    girth = 0.024 * s.height
    stem = np.stack([top * 0, top * 0.5 + (0.06, 0, 0), top])
    made = [tube(stem, girth * np.array([1.3, 0.9, 0.6]), 7)]
    tips = [
        (top * f, np.array([0, 0, 1.0]), girth * 0.5, s.spread[1] * 0.62)
        for f in (0.55, 0.7, 0.85, 1.0)
    ]
    for sides, fork in ((5, 3), (4, 3), (3, 3)):
        grown, paths, thick = [], [], []
        for foot, ahead, radius, length in tips:
            for _ in range(fork):
                way = ahead + 0.75 * random.standard_normal(3) * (1, 1, 0.55)
                way /= np.linalg.norm(way)
                tip = foot + way * length * random.uniform(0.7, 1.15)
                paths.append((foot, tip))
                thick.append((radius, radius * 0.45))
                grown.append((tip, way, radius * 0.5, length * 0.62))
        tips = grown
        made += tubes(paths, thick, sides, capped=False)
    return merged(made)


def hedge(random: Random, length: float, height: float, colours: tuple[Colour, ...]) -> list[Piece]:
    """A clipped hedge along x from 0 to `length`, 0.6 m thick."""
    core = box(length / 2, 0, 0, length - 0.1, 0.46, height - 0.06)
    count = int(70 * length * (height + 0.3))
    u, v = random.uniform(0, length, count), random.uniform(0, height * 2 + 0.6, count)
    front, back = v < height, v > height + 0.6
    y = np.where(front, -0.28, np.where(back, 0.28, v - height - 0.3))
    z = np.where(front, v, np.where(back, v - height - 0.6, height - 0.03))
    at = np.stack([u, y, z], axis=1) + 0.03 * random.standard_normal((count, 3))
    normal = np.stack([0 * u, np.where(front, -1, np.where(back, 1, 0)), ~(front | back)], axis=1)
    shade = np.clip(random.normal(2.2, 1.0, count), 0, SHADES - 1).astype(int)
    size = random.uniform(0.12, 0.24, count)
    sprigs = _leaf_quads(
        random, at, normal + 0.45 * random.standard_normal((count, 3)), size, shade
    )
    green = Surface("leaf", V, colours)
    return [Piece(merged([core.shaded(0), sprigs]), green)]


def shrub(random: Random, radius: float, colours: tuple[Colour, ...]) -> list[Piece]:
    """A round bush."""
    count = int(420 * max(radius, 0.4))
    way = random.standard_normal((count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    lumps = 1 + 0.2 * np.sin(3 * way[:, 0] + 1) * np.cos(4 * way[:, 1])
    out = radius * lumps * random.uniform(0.55, 1.0, count)
    at = way * out[:, None] * (1, 1, 0.8) + (0, 0, radius * 0.75)
    at = at[at[:, 2] > 0.03]
    shade = np.clip(random.normal(2.4, 1.0, len(at)), 0, SHADES - 1).astype(int)
    size = random.uniform(0.12, 0.24, len(at))
    normal = at - (0, 0, radius * 0.6) + 0.3 * random.standard_normal(at.shape)
    return [Piece(_leaf_quads(random, at, normal, size, shade), Surface("leaf", V, colours))]
