"""The houses along a street, around its corners and at its end."""

import numpy as np

from parhelion.sim_adapters import _street_buildings as buildings
from parhelion.sim_adapters._street_assembly import Piece, moved, through
from parhelion.sim_adapters._street_buildings import Masonry
from parhelion.sim_adapters._street_layout import KERB_M, SIDE_STREET_M, Layout
from parhelion.sim_adapters._street_palette import Random

MIRROR_X = np.diag([-1.0, 1.0, 1.0])
SIDE_PAVEMENT_M = 2.6


def quarter(layout: Layout, random: Random) -> list[Piece]:
    """All houses of a plan."""
    stuff = buildings.masonry(random, layout.character)
    pieces: list[Piece] = []
    for side in (-1, 1):
        row = [
            p
            for block in range(len(layout.blocks))
            for p in _block(layout, random, stuff, side, block)
        ]
        pieces += through(row, MIRROR_X) if side < 0 else row
    pieces += _far_end(layout, random, stuff)
    return pieces


def _block(layout: Layout, random: Random, stuff: Masonry, side: int, block: int) -> list[Piece]:
    """The houses of one block on the right; the caller mirrors the left ones."""
    y0, y1 = layout.blocks[block]
    inner0 = y0 + (SIDE_PAVEMENT_M if block > 0 else 0)
    inner1 = y1 - (SIDE_PAVEMENT_M if block < len(layout.blocks) - 1 else 0)
    x = layout.frontage(side)
    depth = float(random.uniform(9.5, 13.0))
    pieces: list[Piece] = []
    y = inner0
    plots = _plots(layout, random, inner1 - inner0)
    for i, (width, gap) in enumerate(plots):
        open_near = gap > 0 or (i == 0 and block > 0)
        open_far = gap > 0 or (i == len(plots) - 1 and block < len(layout.blocks) - 1)
        made = _house(layout, random, stuff, width - gap, depth, (open_far, open_near))
        back = float(random.uniform(0, 1.0)) if layout.setback else 0.0
        pieces += moved(made, x + back, y + width - gap / 2, KERB_M, turn=-np.pi / 2)
        y += width
    if block > 0:
        pieces += _side_row(layout, random, stuff, x + depth, y0 + SIDE_PAVEMENT_M, 0.0)
    if block < len(layout.blocks) - 1:
        pieces += _side_row(layout, random, stuff, x + depth, y1 - SIDE_PAVEMENT_M, np.pi)
    return pieces


def _plots(layout: Layout, random: Random, length: float) -> list[tuple[float, float]]:
    """Widths of plots that fill `length`, and how much of each stays free."""
    narrow, wide = {"city": (10, 19), "town": (7, 14), "suburb": (11, 17), "offices": (18, 34)}[
        layout.character
    ]
    k = max(round(length / float(random.uniform(narrow, wide))), 1)
    share = random.uniform(0.75, 1.25, k)
    widths = share / share.sum() * length
    free = {"city": 0.04, "town": 0.12, "suburb": 1.0, "offices": 0.25}[layout.character]
    return [
        (float(w), float(random.uniform(2.0, 4.0)) if random.random() < free and w > 7.5 else 0.0)
        for w in widths
    ]


def _house(
    layout: Layout,
    random: Random,
    stuff: Masonry,
    width: float,
    depth: float,
    open_sides: tuple[bool, bool],
) -> list[Piece]:
    floors = int(random.integers(layout.floors[0], layout.floors[1] + 1))
    shops = {"city": 0.6, "town": 0.6, "suburb": 0.0, "offices": 0.4}[layout.character]
    shop = bool(random.random() < shops)
    return buildings.house(random, stuff, layout.character, width, depth, floors, shop, open_sides)


def _side_row(
    layout: Layout, random: Random, stuff: Masonry, x: float, y: float, turn: float
) -> list[Piece]:
    """Houses along a side street, behind the corner house."""
    pieces: list[Piece] = []
    end = x + SIDE_STREET_M - 26
    while x < end:
        width = float(random.uniform(9, 16))
        made = _house(layout, random, stuff, width, 9.0, (False, False))
        pieces += moved(made, x + (width if turn else 0), y, KERB_M, turn)
        x += width
    return pieces


def _far_end(layout: Layout, random: Random, stuff: Masonry) -> list[Piece]:
    """The row that closes the street behind a road across."""
    pieces: list[Piece] = []
    x = -36.0
    while x < 36:
        width = float(random.uniform(10, 18))
        made = _house(layout, random, stuff, width, 8.0, (False, False))
        pieces += moved(made, x, layout.end + 12, KERB_M)
        x += width
    return pieces
