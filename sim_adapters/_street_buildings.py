"""Houses: their walls with doors and balconies; shops and roofs come from files of their own.

House axes: the front stands on y = 0 and faces -y, from x = 0 to x = width; the ground is z = 0.
"""

from dataclasses import dataclass, replace

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_facade as facade
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_roofs as roofs
from parhelion.sim_adapters import _street_shops as shops
from parhelion.sim_adapters import _street_textures as textures
from parhelion.sim_adapters._street_assembly import Piece, Surface, fused, through
from parhelion.sim_adapters._street_detail import few, is_coarse
from parhelion.sim_adapters._street_facade import Style
from parhelion.sim_adapters._street_layout import Character
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import Floats, box, boxes, merged
from parhelion.sim_adapters._street_vectors import columns

B = SceneClass.BUILDING
PROUD_M = -0.02  # depth of coarse windows


@dataclass(frozen=True, eq=False)
class Masonry:
    """The walls and roofs that the houses of one street share, as pictures."""

    walls: tuple[tuple[Surface, float], ...]  # with the metres that a picture covers
    roofs: tuple[Surface, ...]
    flat: Surface


def masonry(random: Random, character: Character) -> Masonry:
    """A few walls and roofs that go together."""
    plaster = [palette.PLASTER[i] for i in random.choice(len(palette.PLASTER), 4, replace=False)]
    walls = [
        (Surface("plaster", B, texture=textures.plaster(random, c)), textures.PLASTER_M)
        for c in plaster
    ]
    for _ in range(2):
        colour = palette.pick(random, palette.BRICK)
        walls.append(
            (Surface("brick", B, texture=textures.brick(random, colour)), textures.BRICK_M)
        )
    colour = palette.pick(random, palette.STONE)
    walls.append((Surface("stone", B, texture=textures.stone(random, colour)), textures.STONE_M))
    if character == "offices":
        for _ in range(2):
            colour = palette.pick(random, palette.PANEL + palette.CONCRETE_WALL)
            walls.append(
                (
                    Surface("concrete", B, texture=textures.plaster(random, colour)),
                    textures.PLASTER_M,
                )
            )
    tiled = tuple(
        Surface(
            "roof", B, texture=textures.roof_tiles(random, palette.pick(random, palette.ROOF_TILE))
        )
        for _ in range(2)
    )
    return Masonry(
        tuple(walls), tiled, Surface("roof", B, (palette.pick(random, palette.ROOF_FLAT),))
    )


def random_style(random: Random, stuff: Masonry, character: Character) -> Style:
    """The walls and windows of one house; coarse windows stand before walls without holes."""
    style = _fine_style(random, stuff, character)
    return replace(style, reveal=PROUD_M) if is_coarse() else style


def _fine_style(random: Random, stuff: Masonry, character: Character) -> Style:
    wall, metres = stuff.walls[int(random.integers(len(stuff.walls)))]
    modern = character == "offices" or (character == "city" and random.random() < 0.25)
    if modern:
        bay = float(random.uniform(2.2, 3.2))
        window = (bay - float(random.uniform(0.4, 1.0)), float(random.uniform(1.6, 2.2)))
        return Style(
            wall=wall, metres=metres, trim=palette.pick(random, palette.CONCRETE_WALL),
            frame=palette.WINDOW_FRAME[4], bay=bay, window=window, sill=0.75, storey=3.3,
            reveal=0.22, panes=(int(random.integers(1, 3)), 1),
        )  # fmt: skip
    height = float(random.uniform(1.3, 1.9))
    return Style(
        wall=wall,
        metres=metres,
        trim=palette.pick(random, palette.TRIM),
        frame=palette.pick(random, palette.WINDOW_FRAME),
        bay=float(random.uniform(2.1, 3.0)),
        window=(float(random.uniform(0.95, 1.35)), height),
        sill=0.85 if height < 1.7 else 0.55,
        storey=float(random.uniform(2.8, 3.2))
        if character == "suburb"
        else float(random.uniform(3.0, 3.5)),
        panes=(int(random.integers(1, 3)), int(random.integers(1, 3))),
        surround=bool(random.random() < 0.35),
        balconies=float(random.choice((0.0, 0.0, 0.3))) if character == "city" else 0.0,
    )


def house(
    random: Random,
    stuff: Masonry,
    character: Character,
    width: float,
    depth: float,
    floors: int,
    shop: bool,
    open_sides: tuple[bool, bool],
) -> list[Piece]:
    """One house; `open_sides` says whether its left and its right wall have windows."""
    style = random_style(random, stuff, character)
    ground = 3.9 if shop else style.storey + 0.3
    front = _front(random, style, width, floors, ground, shop)
    height = ground + (floors - 1) * style.storey
    pieces = list(front)
    pieces += _side(random, style, depth, floors, ground, open_sides[0], (0.0, depth), -np.pi / 2)
    pieces += _side(random, style, depth, floors, ground, open_sides[1], (width, 0.0), np.pi / 2)
    pieces += _side(random, style, width, floors, ground, False, (width, depth), np.pi)
    saddle = character in ("suburb", "town") or (character == "city" and random.random() < 0.45)
    if saddle:
        roof = stuff.roofs[int(random.integers(len(stuff.roofs)))]
        pieces += roofs.pitched(random, style, roof, width, depth, height)
    else:
        pieces += roofs.flat(random, style, stuff.flat, width, depth, height)
    return fused(pieces)


def _front(
    random: Random, style: Style, width: float, floors: int, ground: float, shop: bool
) -> list[Piece]:
    pieces: list[Piece] = []
    if shop:
        pieces += shops.front(random, style, width, ground)
    else:
        pieces += _ground_floor(random, style, width, ground)
    levels = [ground + i * style.storey for i in range(floors - 1)]
    rows = [facade.row_of(width, style, z) for z in levels]
    if rows:
        storeys = [(z, z + style.storey, row) for z, row in zip(levels, rows, strict=True)]
        pieces += facade.wall(width, storeys, style)
        every = np.concatenate(rows)
        pieces += facade.windows(every, style, random)
        pieces += _balconies(random, style, every)
    bands = [ground] + ([ground + (floors - 1) * style.storey - 0.12] if floors > 1 else [])
    belt = boxes([(width / 2, -0.03, z) for z in bands], (width, 0.16, 0.2))
    pieces.append(Piece(belt, Surface("stone", B, (style.trim,))))
    return pieces


def _ground_floor(random: Random, style: Style, width: float, ground: float) -> list[Piece]:
    """Windows and one house door with a step."""
    row = facade.row_of(width, style, 0.3)
    at = int(random.integers(len(row)))
    u = (row[at, 0] + row[at, 1]) / 2
    row[at] = (u - 0.55, u + 0.55, 0.15, 2.5)
    pieces = facade.wall(width, [(0.0, ground, row)], style)
    others = np.delete(row, at, axis=0)
    if len(others):
        pieces += facade.windows(others, style, random)
    leaf = Surface("plastic", B, (palette.pick(random, palette.DOOR), palette.PANE[0]))
    door = boxes([(u, style.reveal - 0.02, 1.2)], (1.1, 0.06, 2.1)).shaded(0)
    light = boxes(
        [(u, style.reveal - 0.02, 2.37), (u, style.reveal - 0.05, 1.75)],
        [(1.1, 0.05, 0.24), (0.5, 0.04, 0.6)],
    )
    step = box(u, -0.2, 0, 1.5, 0.5, 0.15)
    plinth = boxes([((row[at, 0]) / 2, -0.02, 0.2), ((row[at, 1] + width) / 2, -0.02, 0.2)],
                   [(row[at, 0], 0.1, 0.4), (width - row[at, 1], 0.1, 0.4)])  # fmt: skip
    pieces.append(Piece(merged([door, light.shaded(1)]), leaf))
    pieces.append(
        Piece(merged([step, plinth]), Surface("stone", B, (palette.shifted(style.trim, 0.7),)))
    )
    return pieces


def _balconies(random: Random, style: Style, windows: Floats) -> list[Piece]:
    chosen = windows[random.random(len(windows)) < style.balconies]
    if not len(chosen):
        return []
    u = (chosen[:, 0] + chosen[:, 1]) / 2
    z, o, w = chosen[:, 2] - 0.4, np.zeros(len(chosen)), chosen[:, 1] - chosen[:, 0] + 0.7
    slab = boxes(columns(u, o - 0.5, z), columns(w, o + 1.0, o + 0.15))
    rails, bars = [], np.linspace(-0.5, 0.5, few(9))
    for dz, thick in ((1.0, 0.05), (0.2, 0.03)):
        front = columns(w, o + 0.04, o + thick)
        rails.append(boxes(columns(u, o - 0.97, z + dz), front))
        rails += [
            boxes(
                columns(u + s * w / 2, o - 0.5, z + dz),
                columns(o + 0.04, o + 0.95, o + thick),
            )
            for s in (-1, 1)
        ]
    rails += [
        boxes(
            columns(u + f * w, o - 0.97, z + 0.55),
            columns(o + 0.025, o + 0.025, o + 0.95),
        )
        for f in bars
    ]
    return [
        Piece(slab, Surface("stone", B, (style.trim,))),
        Piece(merged(rails), Surface("metal", B, (palette.METAL_POLE[2],))),
    ]


def _side(
    random: Random,
    style: Style,
    width: float,
    floors: int,
    ground: float,
    windows: bool,
    at: tuple[float, float],
    turn: float,
) -> list[Piece]:
    """A wall turned about z: blank, or with windows."""
    top = ground + (floors - 1) * style.storey
    none = np.zeros((0, 4))
    if windows:
        starts = [0.0] + [ground + i * style.storey for i in range(floors - 1)]
        ends = [*starts[1:], top]
        rows = [
            facade.row_of(width, style, z + (0.3 if i == 0 else 0)) for i, z in enumerate(starts)
        ]
        pieces = facade.wall(width, list(zip(starts, ends, rows, strict=True)), style)
        pieces += facade.windows(np.concatenate(rows), style, random)
    else:
        pieces = facade.wall(width, [(0.0, top, none)], style)
    c, s = np.cos(turn), np.sin(turn)
    return through(pieces, np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), (*at, 0.0))
