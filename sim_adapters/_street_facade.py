"""One wall with its windows and doors: openings are real holes, with reveals, panes and frames.

Facade axes: u = x to the right along the wall, y into the house, z up; the wall's face is y = 0.
Legend: k openings; an opening is (u0, u1, z0, z1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_detail import is_coarse
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_shapes import Floats, Mesh, boxes, merged, quads
from parhelion.sim_adapters._street_vectors import columns

B = SceneClass.BUILDING
LIT_UP_TO = np.array([0.66, 0.16, 0.12, 0.06]).cumsum()  # dark rooms, then three kinds of light
LIT_UP_TO /= LIT_UP_TO[-1]


@dataclass(frozen=True, kw_only=True)
class Style:
    """What the walls and windows of one house are like."""

    wall: Surface
    metres: float  # of wall that its picture covers
    trim: Colour
    frame: Colour
    bay: float  # width of wall per window
    window: tuple[float, float]  # width and height
    sill: float  # height above the floor
    storey: float
    reveal: float = 0.18
    panes: tuple[int, int] = (2, 1)  # casements side by side, and one above the other
    surround: bool = False  # a frame of stone around each window
    balconies: float = 0.0  # share of windows with a balcony


def row_of(width: float, style: Style, floor: float) -> Floats:
    """Evenly spaced windows (k, 4) of one storey whose floor is at height `floor`."""
    k = max(int((width - 0.6) / style.bay), 1)
    middle = (np.arange(k) + 0.5) * width / k
    w, h = style.window
    w = min(w, width / k - 0.5)
    z0 = np.full(k, floor + style.sill)
    return columns(middle - w / 2, middle + w / 2, z0, z0 + h)


Storey = tuple[float, float, Floats]  # floor, top, openings (k, 4) sorted along u


def wall(width: float, storeys: Sequence[Storey], style: Style) -> list[Piece]:
    """A wall of several storeys around their openings; a coarse one runs on behind them."""
    if is_coarse():
        whole = np.array([(0.0, width, storeys[0][0], storeys[-1][1])])
        return [Piece(upright(whole, 0.0, style.metres), style.wall)]
    flat: list[tuple[float, float, float, float]] = []
    for floor, top, openings in storeys:
        left = 0.0
        for u0, u1, z0, z1 in openings.tolist():
            flat += [(left, u0, floor, top), (u0, u1, floor, z0), (u0, u1, z1, top)]
            left = u1
        flat.append((left, width, floor, top))
    R = np.array(flat)
    R = R[(R[:, 1] - R[:, 0] > 1e-6) & (R[:, 3] - R[:, 2] > 1e-6)]
    every = np.concatenate([openings for _, _, openings in storeys])
    return [Piece(upright(R, 0.0, style.metres), style.wall), *_reveals(every, style)]


def upright(R: Floats, y: float, metres: float | None = None) -> Mesh:
    """Rectangles (k, 4) at depth y; with texture coordinates for a picture that covers `metres`."""
    corners = np.full((len(R), 4, 3), y)
    corners[:, :, 0] = R.take([0, 1, 1, 0], 1)
    corners[:, :, 2] = R.take([2, 2, 3, 3], 1)
    return quads(corners, None if metres is None else corners[:, :, ::2] / metres)


# Corners of the four sides of a hole: which of u0, u1; which of z0, z1; 0 = face, 1 = back.
_HOLE = np.array([
    [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)], [(0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0)],
    [(0, 1, 0), (0, 0, 0), (0, 0, 1), (0, 1, 1)], [(1, 1, 1), (1, 0, 1), (1, 0, 0), (1, 1, 0)],
])  # fmt: skip


def _reveals(openings: Floats, style: Style) -> list[Piece]:
    if not len(openings):
        return []
    corners = np.empty((len(openings), 4, 4, 3))
    corners[..., 0] = openings[:, :2][:, _HOLE[..., 0]]
    corners[..., 1] = style.reveal * _HOLE[..., 2]
    corners[..., 2] = openings[:, 2:][:, _HOLE[..., 1]]
    uv = (corners[..., [0, 2]] + corners[..., 1:2]) / style.metres
    return [Piece(quads(corners, uv.reshape(-1, 4, 2)), style.wall)]


def windows(openings: Floats, style: Style, random: Random) -> list[Piece]:
    """Panes, frames, curtains, sills and surrounds of openings (k, 4); a third of them lit."""
    pieces = panes(openings, style, random)
    if is_coarse():
        return pieces
    return [*pieces, Piece(_stonework(openings, style), Surface("stone", B, (style.trim,)))]


def panes(openings: Floats, style: Style, random: Random) -> list[Piece]:
    """Panes with curtains and frames; coarse ones are bare."""
    k = len(openings)
    glow = LIT_UP_TO.searchsorted(random.random(k), side="right")
    shade = random.integers(0, len(palette.PANE), k)
    if is_coarse():
        glow = np.minimum(glow, 1)  # one kind of light for all rooms
    pieces = []
    for g in range(4):
        chosen = openings[glow == g]
        if len(chosen):
            radiance = None if g == 0 else palette.GLOW_ROOMS[g - 1]
            glass = Surface("glass_window", B, palette.PANE, glow=radiance)
            pane = upright(chosen, style.reveal)
            pieces.append(Piece(pane.shaded(np.repeat(shade[glow == g], 4)), glass))
    curtains = _curtains(openings, style, random)
    if is_coarse():
        return pieces
    frames = Piece(_frames(openings, style), Surface("plastic", B, (style.frame,)))
    return [*pieces, *curtains, frames]


def _curtains(openings: Floats, style: Style, random: Random) -> list[Piece]:
    """Light curtains at both sides, or a blind from above, behind some of the panes."""
    k = len(openings)
    kind, wide, deep = random.random(k), random.uniform(0.12, 0.26, k), random.uniform(0.2, 0.7, k)
    if is_coarse():
        return []
    cloth = Surface("cloth", B, (palette.linear("#b9b4a8"), palette.linear("#8f8a80")))
    u0, u1, z0, z1 = openings.T
    width, drop = (u1 - u0) * wide, (z1 - z0) * deep
    drawn, blind = kind < 0.3, kind > 0.8
    rows = [
        columns(u0, u0 + width, z0, z1)[drawn],
        columns(u1 - width, u1, z0, z1)[drawn],
        columns(u0, u1, z1 - drop, z1)[blind],
    ]
    R = np.concatenate(rows)
    shade = np.concatenate([np.zeros(2 * int(drawn.sum()), int), np.ones(int(blind.sum()), int)])
    return (
        [Piece(upright(R, style.reveal - 0.01).shaded(np.repeat(shade, 4)), cloth)]
        if len(R)
        else []
    )


def bars(openings: Floats, y: float, t: float) -> Mesh:
    """Four bars of width t inside the edges of each opening."""
    u0, u1, z0, z1 = openings.T
    rims = [(u0, u0 + t, z0, z1), (u1 - t, u1, z0, z1), (u0, u1, z0, z0 + t), (u0, u1, z1 - t, z1)]
    return upright(np.concatenate([columns(*rim) for rim in rims]), y)


def _frames(openings: Floats, style: Style) -> Mesh:
    u0, u1, z0, z1 = openings.T
    y = style.reveal - 0.03
    found = [bars(openings, y, 0.06)]
    across, up = style.panes
    for i in range(1, across):
        middle = u0 + (u1 - u0) * i / across
        found.append(upright(columns(middle - 0.04, middle + 0.04, z0, z1), y))
    for i in range(1, up):
        middle = z0 + (z1 - z0) * (1 - 0.32 * i if up == 2 else i / up)
        found.append(upright(columns(u0, u1, middle - 0.03, middle + 0.03), y))
    return merged(found)


def _stonework(openings: Floats, style: Style) -> Mesh:
    u0, u1, z0, z1 = openings.T
    middle, width, o = (u0 + u1) / 2, u1 - u0, np.zeros_like(u0)
    sills = boxes(
        columns(middle, o - 0.03, z0 - 0.05),
        columns(width + 0.24, o + 0.2, o + 0.1),
    )
    if not style.surround:
        return sills
    height = z1 - z0
    sides = [
        boxes(
            columns(u + s * 0.09, o, (z0 + z1) / 2),
            columns(o + 0.18, o + 0.08, height),
        )
        for u, s in ((u0, -1), (u1, 1))
    ]
    head = boxes(
        columns(middle, o - 0.02, z1 + 0.12),
        columns(width + 0.46, o + 0.14, o + 0.24),
    )
    return merged([sills, *sides, head])
