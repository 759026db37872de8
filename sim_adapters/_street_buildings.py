"""Houses: facades with shops, doors and balconies, party walls, roofs, chimneys.

House axes: the front stands on y = 0 and faces -y, from x = 0 to x = width; the ground is z = 0.
"""

from dataclasses import dataclass

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_facade as facade
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_textures as textures
from parhelion.sim_adapters._street_assembly import Piece, Surface, fused, through
from parhelion.sim_adapters._street_facade import Style
from parhelion.sim_adapters._street_layout import Character
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import Floats, Mesh, box, boxes, merged, polygon, quads

B = SceneClass.BUILDING


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
    roofs = tuple(
        Surface(
            "roof", B, texture=textures.roof_tiles(random, palette.pick(random, palette.ROOF_TILE))
        )
        for _ in range(2)
    )
    return Masonry(
        tuple(walls), roofs, Surface("roof", B, (palette.pick(random, palette.ROOF_FLAT),))
    )


def random_style(random: Random, stuff: Masonry, character: Character) -> Style:
    """The walls and windows of one house."""
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
    pitched = character in ("suburb", "town") or (character == "city" and random.random() < 0.45)
    if pitched:
        roof = stuff.roofs[int(random.integers(len(stuff.roofs)))]
        pieces += _pitched(random, style, roof, width, depth, height)
    else:
        pieces += _flat(random, style, stuff.flat, width, depth, height)
    return fused(pieces)


def _front(
    random: Random, style: Style, width: float, floors: int, ground: float, shop: bool
) -> list[Piece]:
    pieces: list[Piece] = []
    if shop:
        pieces += _shop(random, style, width, ground)
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


def _shop(random: Random, style: Style, width: float, ground: float) -> list[Piece]:
    """Large panes, a door, a board above them, often an awning."""
    k = max(int(width / 3.4), 1)
    pitch = (width - 0.5) / k
    left = 0.25 + pitch * np.arange(k)
    row = np.stack([left + 0.2, left + pitch - 0.2, np.full(k, 0.45), np.full(k, 2.85)], axis=1)
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
    """What lies in shop windows, and posters on their panes."""
    made = []
    for u0, u1, z0, z1 in panes.tolist():
        k = int(random.integers(3, 8))
        u = random.uniform(u0 + 0.15, u1 - 0.15, k)
        size = np.stack(
            [random.uniform(0.12, 0.4, k), np.full(k, 0.05), random.uniform(0.15, 0.8, k)]
        )
        poster = random.random(k) < 0.2
        z = np.where(poster, random.uniform(z0 + 0.7, z1 - 0.5, k), z0 + size[2] / 2)
        centres = np.stack([u, np.full(k, style.reveal - 0.03), z], axis=1)
        made.append(boxes(centres, size.T).shaded(np.repeat(random.integers(0, 6, k), 24)))
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
        np.stack([u, np.full(k, -0.14), np.full(k, 3.25)], axis=1),
        np.stack([size * 0.8, np.full(k, 0.03), height], axis=1),
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


def _balconies(random: Random, style: Style, windows: Floats) -> list[Piece]:
    chosen = windows[random.random(len(windows)) < style.balconies]
    if not len(chosen):
        return []
    u = (chosen[:, 0] + chosen[:, 1]) / 2
    z, o, w = chosen[:, 2] - 0.4, np.zeros(len(chosen)), chosen[:, 1] - chosen[:, 0] + 0.7
    slab = boxes(np.stack([u, o - 0.5, z], axis=1), np.stack([w, o + 1.0, o + 0.15], axis=1))
    rails, bars = [], np.linspace(-0.5, 0.5, 9)
    for dz, thick in ((1.0, 0.05), (0.2, 0.03)):
        front = np.stack([w, o + 0.04, o + thick], axis=1)
        rails.append(boxes(np.stack([u, o - 0.97, z + dz], axis=1), front))
        rails += [
            boxes(
                np.stack([u + s * w / 2, o - 0.5, z + dz], axis=1),
                np.stack([o + 0.04, o + 0.95, o + thick], axis=1),
            )
            for s in (-1, 1)
        ]
    rails += [
        boxes(
            np.stack([u + f * w, o - 0.97, z + 0.55], axis=1),
            np.stack([o + 0.025, o + 0.025, o + 0.95], axis=1),
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


def _flat(
    random: Random, style: Style, roof: Surface, width: float, depth: float, height: float
) -> list[Piece]:
    """A flat roof with a parapet, a cornice and what stands on such roofs."""
    rim = 0.25
    edges = boxes(
        [
            (width / 2, rim / 2, 0),
            (width / 2, depth - rim / 2, 0),
            (rim / 2, depth / 2, 0),
            (width - rim / 2, depth / 2, 0),
        ],
        [(width, rim, 0.7), (width, rim, 0.7), (rim, depth, 0.7), (rim, depth, 0.7)],
    ).moved(z=height + 0.35)
    cornice = boxes((width / 2, -0.08, height + 0.02), (width + 0.1, 0.4, 0.28))
    top = polygon(
        [
            (0, 0, height + 0.1),
            (width, 0, height + 0.1),
            (width, depth, height + 0.1),
            (0, depth, height + 0.1),
        ]
    )
    things = []
    for _ in range(int(random.integers(1, 4))):
        w, d, h = random.uniform(1, 3), random.uniform(1, 3), random.uniform(0.8, 2.2)
        things.append(
            box(
                float(random.uniform(1.5, max(width - 1.5, 1.6))),
                float(random.uniform(2, depth - 2)),
                height,
                w,
                d,
                h,
            )
        )
    return [
        Piece(merged([edges, cornice]), Surface("stone", B, (style.trim,))),
        Piece(top, roof),
        Piece(merged(things), Surface("concrete", B, (palette.CONCRETE_WALL[1],))),
    ]


def _pitched(
    random: Random, style: Style, roof: Surface, width: float, depth: float, height: float
) -> list[Piece]:
    """A saddle roof along the street with gables, eaves, chimneys and perhaps dormers."""
    pitch = float(random.uniform(0.55, 0.95))
    rise, over, m = pitch * depth / 2, 0.4, textures.ROOF_M
    ridge, low = height + rise, height - pitch * over
    slope = float(np.hypot(depth / 2 + over, ridge - low))
    front = [(0, -over, low), (width, -over, low), (width, depth / 2, ridge), (0, depth / 2, ridge)]
    back = [
        (width, depth + over, low),
        (0, depth + over, low),
        (0, depth / 2, ridge),
        (width, depth / 2, ridge),
    ]
    uv = np.array([(0, 0), (width, 0), (width, slope), (0, slope)]) / m
    gables = []
    for x, order in ((0.0, 1), (width, -1)):
        points = [(x, depth, height), (x, 0, height), (x, depth / 2, ridge)][::order]
        gables.append(polygon(points, np.array(points)[:, 1:] / style.metres))
    gutter = boxes((width / 2, -over - 0.03, low + 0.02), (width, 0.12, 0.12))
    pieces = [
        Piece(quads([front, back], [uv, uv]), roof),
        Piece(merged(gables), style.wall),
        Piece(gutter, Surface("metal", B, (palette.METAL_POLE[3],))),
    ]
    stacks = [
        (float(random.uniform(0.1, 0.9)) * width, depth * 0.5)
        for _ in range(int(random.integers(0, 3)))
    ]
    if stacks:
        chimneys = merged([box(x, y, ridge - 0.6, 0.6, 0.5, 1.7) for x, y in stacks])
        pieces.append(Piece(chimneys, Surface("brick", B, (palette.pick(random, palette.BRICK),))))
    if random.random() < 0.4:
        pieces += _dormers(random, style, roof, width, height, pitch)
    return pieces


def _dormers(
    random: Random, style: Style, roof: Surface, width: float, height: float, pitch: float
) -> list[Piece]:
    k = max(int(width / 3.6), 1)
    u = (np.arange(k) + 0.5) * width / k
    y = 0.7
    z = height + pitch * y
    deep = 1.5 / pitch
    bodies = merged([box(x, y + deep / 2, z, 1.3, deep, 1.35) for x in u])
    lids = merged([box(x, y + deep / 2 - 0.1, z + 1.35, 1.6, deep + 0.3, 0.12) for x in u])
    row = np.stack([u - 0.45, u + 0.45, np.full(k, z + 0.25), np.full(k, z + 1.2)], axis=1)
    flush = Style(**{**style.__dict__, "reveal": y - 0.02, "surround": False})
    return [
        Piece(bodies, Surface("plaster", B, (style.trim,))),
        Piece(lids, Surface("metal", B, (palette.METAL_POLE[1],))),
        *facade.windows(row, flush, random)[:-1],
    ]
