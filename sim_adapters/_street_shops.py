"""Ground floors with shops: panes, goods, boards with writing, awnings; axes as for houses."""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_facade as facade
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_detail import is_coarse
from parhelion.sim_adapters._street_facade import Style
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import Floats, Mesh, boxes, merged, quads
from parhelion.sim_adapters._street_vectors import columns

B = SceneClass.BUILDING


def front(random: Random, style: Style, width: float, ground: float) -> list[Piece]:
    """Large panes, a door, a board above them, often an awning."""
    k = max(int(width / 3.4), 1)
    pitch = (width - 0.5) / k
    left = 0.25 + pitch * np.arange(k)
    row = columns(left + 0.2, left + pitch - 0.2, 0.45, 2.85)
    at = int(random.integers(k))
    row[at, 1] = min(row[at, 0] + 1.15, row[at, 1])
    row[at, 2] = 0.05
    pieces = facade.wall(width, [(0.0, ground, row)], style)
    lit = bool(random.random() < 0.6)
    glass = Surface("glass_window", B, (palette.PANE[3],), glow=palette.GLOW_SHOP if lit else None)
    pieces.append(Piece(facade.upright(row, style.reveal), glass))
    colour = palette.pick(random, palette.SHOP_SIGN)
    fittings = Surface("plastic", B, (colour, palette.WINDOW_FRAME[4], palette.SIGN_WHITE))
    pieces += _goods(random, np.delete(row, at, axis=0), style)
    bars = [facade.bars(row, style.reveal - 0.03, 0.07).shaded(1)]
    board = boxes((width / 2, -0.06, 3.25), (width - 0.4, 0.14, 0.62)).shaded(0)
    letters = _letters(random, width)
    pieces.append(Piece(merged([*bars, board, letters.shaded(2)]), fittings))
    if random.random() < 0.45:
        pieces += _awning(random, width)
    return pieces


def _goods(random: Random, panes: Floats, style: Style) -> list[Piece]:
    """What lies in shop windows, and posters on their panes; nothing in coarse streets."""
    made = []
    for u0, u1, z0, z1 in panes.tolist():
        k = int(random.integers(3, 8))
        u = random.uniform(u0 + 0.15, u1 - 0.15, k)
        size = np.stack(
            [random.uniform(0.12, 0.4, k), np.full(k, 0.05), random.uniform(0.15, 0.8, k)]
        )
        poster = random.random(k) < 0.2
        z = np.where(poster, random.uniform(z0 + 0.7, z1 - 0.5, k), z0 + size[2] / 2)
        centres, shade = (
            columns(u, style.reveal - 0.03, z),
            random.integers(0, 6, k),
        )
        if not is_coarse():
            made.append(boxes(centres, size.T).shaded(np.repeat(shade, 24)))
    colours = tuple(palette.pick(random, palette.TOP + palette.SHOP_SIGN) for _ in range(6))
    return [Piece(merged(made), Surface("cloth", B, colours))] if made else []


def _letters(random: Random, width: float) -> Mesh:
    """Blocks that read as writing from across the street."""
    k = int(random.integers(5, 11))
    size = random.uniform(0.1, 0.24, k)
    u = np.cumsum(size + 0.07)
    u = u - u.mean() + width / 2
    height = random.choice((0.2, 0.28), k)
    return boxes(
        columns(u, -0.14, 3.25),
        columns(size * 0.8, 0.03, height),
    )


def _awning(random: Random, width: float) -> list[Piece]:
    colour = palette.pick(random, palette.AWNING)
    stripes = max(int(width / 0.5), 2) if random.random() < 0.6 else 1
    u = np.linspace(0.3, width - 0.3, stripes + 1)
    a, b, out, low, high = u[:-1], u[1:], -1.3, 2.45, 2.95
    slope = [(a, -0.02, high), (a, out, low), (b, out, low), (b, -0.02, high)]
    skirt = [(a, out, low), (a, out, low - 0.22), (b, out, low - 0.22), (b, out, low)]
    corners = [
        np.stack([np.stack(np.broadcast_arrays(*p), axis=1) for p in ring], axis=1)
        for ring in (slope, skirt)
    ]
    shade = np.tile(np.repeat(np.arange(stripes) % 2, 4), 2)
    second = palette.SIGN_WHITE if stripes > 1 else colour
    cloth = Surface("cloth", B, (colour, palette.shifted(second, 0.85)))
    return [Piece(quads(np.concatenate(corners)).shaded(shade), cloth)]
