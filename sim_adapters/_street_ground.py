"""What lies flat: carriageways, their markings, kerbs, pavements, verges."""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_textures as textures
from parhelion.sim_adapters._street_assembly import Piece, Surface, through
from parhelion.sim_adapters._street_layout import BAY_M, KERB_M, SIDE_STREET_M, Layout
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_shapes import Floats, Mesh, grid, merged, offset, polygon, quads

KERB_WIDTH = 0.2
CORNER_M = 4.5  # radius of kerbs at a junction
PAINT_M = 0.004  # height of markings over the road
MIRROR_X = np.diag([-1.0, 1.0, 1.0])


def ground(layout: Layout, random: Random) -> list[Piece]:
    """Everything flat of a street."""
    pieces = [*_carriageways(layout, random), *markings(layout)]
    paving = Surface(
        "concrete",
        SceneClass.SIDEWALK,
        texture=textures.paving(random, palette.pick(random, palette.PAVING)),
    )
    grass = Surface("grass", SceneClass.TERRAIN, texture=textures.grass(random))
    for side in (-1, 1):
        for i, (y0, y1) in enumerate(layout.blocks):
            last = len(layout.blocks) - 1
            corners = (i > 0, i < last)
            made = _block(layout, side, y0, y1, corners, paving, grass)
            pieces += through(made, MIRROR_X) if side < 0 else made
    return pieces


def rectangle(x0: float, x1: float, y0: float, y1: float, z: float, per_m: float = 1.0) -> Mesh:
    """A level quad with texture coordinates in metres times `per_m`."""
    xy = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return quads(np.column_stack([xy, np.full(4, z)]), xy * per_m)


def _carriageways(layout: Layout, random: Random) -> list[Piece]:
    L, R = layout.left, layout.right
    lanes = [(i + 0.5) * layout.lane for i in range(-layout.lanes, layout.lanes)]
    middles = (np.array(lanes) - L) / (R - L)
    main = Surface(
        "asphalt", SceneClass.ROAD, texture=textures.asphalt(random, middles, (R - L, 16.0))
    )
    y0, y1 = layout.start - 20, layout.end
    uv = [(0, y0 / 16), (1, y0 / 16), (1, y1 / 16), (0, y1 / 16)]
    strip = quads([(L, y0, 0), (R, y0, 0), (R, y1, 0), (L, y1, 0)], [uv])
    plain = Surface(
        "asphalt", SceneClass.ROAD, texture=textures.asphalt(random, np.array([]), (12.0, 12.0))
    )
    reach = SIDE_STREET_M + 8
    sides = [rectangle(-reach, reach, layout.end, layout.end + 9, 0, 1 / 12)]
    if layout.junction is not None:
        a, b = layout.junction - layout.side_half, layout.junction + layout.side_half
        sides += [
            rectangle(-reach, L, a, b, 0, 1 / 12),
            rectangle(R, reach, a, b, 0, 1 / 12),
            rectangle(L - CORNER_M, R + CORNER_M, a - CORNER_M, b + CORNER_M, -0.004, 1 / 12),
        ]
    return [Piece(strip, main), Piece(merged(sides), plain)]


def _block(
    layout: Layout,
    side: int,
    y0: float,
    y1: float,
    corners: tuple[bool, bool],
    paving: Surface,
    grass: Surface,
) -> list[Piece]:
    """A paved block on the right with its kerb; the caller mirrors the left ones."""
    kerb = layout.right if side > 0 else -layout.left
    outer = _outline(kerb, y0, y1, 0.0, corners)
    inner = _outline(kerb, y0, y1, KERB_WIDTH, corners)
    z = KERB_M + 0.006
    rim = np.stack([outer, offset(outer, z=z), offset(inner, z=z)])
    edge = Surface("concrete", SceneClass.SIDEWALK, (palette.KERB,))
    corner = np.array([[kerb + SIDE_STREET_M, y1, 0], [kerb + SIDE_STREET_M, y0, 0]])
    slab = offset(np.concatenate([inner, corner[::-1]]), z=KERB_M)
    # The outline runs towards +y with the road on its left: turned, it is counter-clockwise.
    slab = np.concatenate([slab[: len(inner)][::-1], slab[len(inner) :]])
    pieces = [
        Piece(grid(rim[:, ::-1]), edge),
        Piece(polygon(slab, slab[:, :2] / textures.PAVING_M), paving),
    ]
    if layout.verge:
        a = y0 + (CORNER_M + 1 if corners[0] else 0)
        b = y1 - (CORNER_M + 1 if corners[1] else 0)
        strip = rectangle(
            kerb + KERB_WIDTH, kerb + KERB_WIDTH + layout.verge, a, b, KERB_M + 0.02, 0.25
        )
        pieces.append(Piece(strip, grass))
    if layout.setback:
        x0, x1 = layout.frontage(side) - layout.setback, kerb + SIDE_STREET_M - 1
        pieces.append(Piece(rectangle(x0, x1, y0 + 3.2, y1 - 3.2, KERB_M + 0.02, 0.25), grass))
    return pieces


def _outline(kerb: float, y0: float, y1: float, inset: float, corners: tuple[bool, bool]) -> Floats:
    """The kerb's line (k, 3) from y0 to y1, on into the side streets around round corners."""
    far = kerb + SIDE_STREET_M
    t = np.linspace(0, np.pi / 2, 7)
    r = CORNER_M - inset
    line: list[tuple[float, float]] = []
    if corners[0]:
        centre = (kerb + CORNER_M, y0 + CORNER_M)
        line.append((far, y0 + inset))
        line += [(centre[0] - r * float(np.sin(a)), centre[1] - r * float(np.cos(a))) for a in t]
    else:
        line.append((kerb + inset, y0))
    if corners[1]:
        centre = (kerb + CORNER_M, y1 - CORNER_M)
        line += [(centre[0] - r * float(np.cos(a)), centre[1] + r * float(np.sin(a))) for a in t]
        line.append((far, y1 - inset))
    else:
        line.append((kerb + inset, y1))
    return np.column_stack([np.array(line), np.zeros(len(line))])


def markings(layout: Layout) -> list[Piece]:
    """Lines, arrows, bays, stop lines and crossings, as paint on the road."""
    strips = [*_lines(layout), *_bays(layout), *_crossings(layout)]
    a = np.array(strips)  # (k, 4) x0, x1, y0, y1
    z = np.full(len(a), PAINT_M)
    corners = np.stack(
        [np.stack([a[:, i], a[:, j], z], axis=1) for i, j in ((0, 2), (1, 2), (1, 3), (0, 3))],
        axis=1,
    )
    paint = Surface("paint_marking", SceneClass.ROAD, (palette.MARKING,))
    return [Piece(quads(corners), paint)]


Strip = tuple[float, float, float, float]


def _lines(layout: Layout) -> list[Strip]:
    """Dashed lane lines, the middle line, and edge lines where nobody parks."""
    strips: list[Strip] = []
    for y0, y1 in _open_stretches(layout):
        for i in range(-layout.lanes + 1, layout.lanes):
            x = i * layout.lane
            if i == 0 and layout.lanes == 2:
                strips += [(s - 0.06, s + 0.06, y0, y1) for s in (-0.13, 0.13)]
                continue
            period, dash = (9.0, 3.0) if i == 0 else (6.0, 2.0)
            starts = np.arange(y0 + 0.5, y1 - dash, period)
            strips += [(x - 0.06, x + 0.06, float(s), float(s) + dash) for s in starts]
        for bay, x in zip(layout.bays, (layout.left + 0.25, layout.right - 0.25), strict=True):
            if not bay:
                strips.append((x - 0.05, x + 0.05, y0, y1))
    return strips


def _open_stretches(layout: Layout) -> list[tuple[float, float]]:
    if layout.junction is None:
        gap = () if layout.crossing is None else (layout.crossing - 3.2, layout.crossing + 3.2)
    else:
        reach = layout.side_half + 5.6
        gap = (layout.junction - reach, layout.junction + reach)
    if not gap:
        return [(layout.start - 20, layout.end)]
    return [(layout.start - 20, gap[0]), (gap[1], layout.end - 4)]


def bay_rows(layout: Layout, side: int) -> list[tuple[float, float]]:
    """From y to y where cars park on one side; none near junctions and crossings."""
    if not layout.bays[0 if side < 0 else 1]:
        return []
    return [(a + 3.0, b - 3.0) for a, b in _open_stretches(layout) if b - a > 14]


def _bays(layout: Layout) -> list[Strip]:
    strips: list[Strip] = []
    for side, kerb in ((-1, layout.left), (1, layout.right)):
        lane_edge = kerb - side * BAY_M
        x0, x1 = sorted((lane_edge, kerb - side * 0.1))
        for a, b in bay_rows(layout, side):
            ticks = np.arange(a, b + 0.1, 6.0)
            strips += [(x0, x1, float(t) - 0.05, float(t) + 0.05) for t in ticks]
            strips.append((lane_edge - 0.05, lane_edge + 0.05, a, float(ticks[-1])))
    return strips


def crossing_bands(layout: Layout) -> list[tuple[float, float]]:
    """From y to y of the zebra crossings over the street."""
    if layout.crossing is not None:
        return [(layout.crossing - 1.7, layout.crossing + 1.7)]
    if layout.junction is None:
        return []
    near = layout.junction - layout.side_half - 1.0
    far = layout.junction + layout.side_half + 1.0
    return [(near - 3.4, near), (far, far + 3.4)]


def _crossings(layout: Layout) -> list[Strip]:
    strips: list[Strip] = []
    bars = np.arange(layout.left + 0.5, layout.right - 0.6, 1.0)
    for y0, y1 in crossing_bands(layout):
        strips += [(float(x), float(x) + 0.5, y0, y1) for x in bars]
        wide = layout.lanes * layout.lane
        strips.append((0.15, wide - 0.1, y0 - 1.3, y0 - 1.0))
        strips.append((-wide + 0.1, -0.15, y1 + 1.0, y1 + 1.3))
    if layout.junction is not None:
        a, b = layout.junction - layout.side_half, layout.junction + layout.side_half
        for x0, x1 in (
            (layout.left - 4.6, layout.left - 1.6),
            (layout.right + 1.6, layout.right + 4.6),
        ):
            rows = np.arange(a + 0.5, b - 0.6, 1.0)
            strips += [(x0, x1, float(y), float(y) + 0.5) for y in rows]
    return strips
