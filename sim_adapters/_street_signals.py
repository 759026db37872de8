"""Traffic lights and traffic signs.

Heads and plates face -y (traffic comes from there), their middle at the origin.
"""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass as C
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_palette import Colour
from parhelion.sim_adapters._street_shapes import (
    Floats,
    boxes,
    ellipsoid,
    merged,
    polygon,
    rod,
    tube,
)


def signal_head(state: str) -> list[Piece]:
    """A housing with three lenses that faces -y, its middle at the origin."""
    housing = merged([
        boxes((0, 0.06, 0), (0.32, 0.2, 0.95)),
        boxes((0, 0.0, 0), (0.5, 0.02, 1.15)),
        *(tube([(0, -0.16, z), (0, 0, z)], (0.125, 0.125), 10, capped=False)
          for z in (0.31, 0.01, -0.29)),
    ])  # fmt: skip
    pieces = [Piece(housing, Surface("plastic", C.TRAFFIC_LIGHT, (palette.BLACK,)))]
    colours = {"red": palette.SIGN_RED, "amber": palette.LENS_AMBER, "green": palette.SIGN_GREEN}
    for z, name in ((0.3, "red"), (0, "amber"), (-0.3, "green")):
        lit = name == state
        colour = colours[name] if lit else palette.shifted(colours[name], 0.25)
        face = ellipsoid((0, -0.03, z), (0.1, 0.04, 0.1), 10, 5)
        glow = palette.GLOW_SIGNAL[name] if lit else None
        pieces.append(Piece(face, Surface("lens_traffic", C.TRAFFIC_LIGHT, (colour,), glow=glow)))
    return pieces


def signal_mast(arm: float, colour: Colour) -> list[Piece]:
    """The mast of a signal, with an arm over the road where `arm` is more than 0."""
    pole = Surface("metal", C.POLE, (colour,))
    parts = [rod((0, 0, 0), (0, 0, 5.9 if arm else 3.3), 0.08, 8)]
    if arm:
        parts.append(rod((0, 0, 5.7), (-arm, 0, 5.85), 0.055, 6))
    return [Piece(merged(parts), pole)]


def sign(kind: str, size: float = 0.36) -> list[Piece]:
    """A sign's plate that faces -y, its middle at the origin: "stop", "limit", "yield", ..."""
    back = Surface("metal", C.TRAFFIC_SIGN, (palette.METAL_POLE[3],))
    outline = _SIGNS[kind][0] * size
    rear = np.column_stack([outline[::-1, 0], np.full(len(outline), 0.02), outline[::-1, 1]])
    pieces = [Piece(polygon(rear), back)]
    for depth, (shape, scale, colour) in enumerate(_SIGNS[kind][1]):
        points = shape * scale * size
        face = np.column_stack(
            [points[:, 0], np.full(len(points), -0.004 * min(depth, 2)), points[:, 1]]
        )
        pieces.append(Piece(polygon(face), Surface("sign_face", C.TRAFFIC_SIGN, (colour,))))
    return pieces


def _ring(k: int, turn: float = 0.0) -> Floats:
    a = np.linspace(0, 2 * np.pi, k, endpoint=False) + turn
    return np.stack([np.cos(a), np.sin(a)], axis=1)


def _bar(width: float, height: float, y: float = 0.0) -> Floats:
    return np.array(
        [(-width, y - height), (width, y - height), (width, y + height), (-width, y + height)]
    )


# The seven strokes of a digit: middle and half size.
_STROKES = ((0, 0.3, 0.1, 0.035), (0.1, 0.15, 0.035, 0.15), (0.1, -0.15, 0.035, 0.15),
            (0, -0.3, 0.1, 0.035), (-0.1, -0.15, 0.035, 0.15), (-0.1, 0.15, 0.035, 0.15),
            (0, 0, 0.1, 0.035))  # fmt: skip
_DIGITS = {"0": (0, 1, 2, 3, 4, 5), "3": (0, 1, 2, 3, 6), "5": (0, 2, 3, 5, 6)}


def _number(digits: str, colour: Colour) -> list[tuple[Floats, float, Colour]]:
    """A number in strokes, as faces of a sign."""
    found = []
    for i, digit in enumerate(digits):
        for stroke in _DIGITS[digit]:
            x, y, w, h = _STROKES[stroke]
            face = _bar(w, h, y) + np.array([x + 0.32 * (i - (len(digits) - 1) / 2), 0.0])
            found.append((face, 1.0, colour))
    return found


_ROUND, _OCTAGON = _ring(20), _ring(8, np.pi / 8)
_UP, _DOWN = _ring(3, np.pi / 2), _ring(3, -np.pi / 2)
_SQUARE = _bar(0.9, 0.9)
R, W, B, Y = palette.SIGN_RED, palette.SIGN_WHITE, palette.SIGN_BLUE, palette.SIGN_YELLOW
K = palette.BLACK
_SIGNS = {
    "stop": (_OCTAGON, [(_OCTAGON, 1.0, W), (_OCTAGON, 0.93, R), (_bar(0.55, 0.16), 1.0, W)]),
    "limit_30": (_ROUND, [(_ROUND, 1.0, R), (_ROUND, 0.76, W), *_number("30", K)]),
    "limit_50": (_ROUND, [(_ROUND, 1.0, R), (_ROUND, 0.76, W), *_number("50", K)]),
    "no_entry": (_ROUND, [(_ROUND, 1.0, R), (_bar(0.7, 0.15), 1.0, W)]),
    "yield": (_DOWN, [(_DOWN, 1.2, R), (_DOWN, 0.8, W)]),
    "warning": (_UP, [(_UP, 1.2, R), (_UP, 0.85, W), (_bar(0.07, 0.22), 1.0, K)]),
    "crossing": (_SQUARE, [(_SQUARE, 1.0, B), (_UP, 0.7, W), (_bar(0.06, 0.2), 1.0, K)]),
    "priority": (_ring(4), [(_ring(4), 1.1, W), (_ring(4), 0.85, Y)]),
    "parking": (_SQUARE, [(_SQUARE, 1.0, B), (_bar(0.12, 0.55), 1.0, W),
                          (_ring(12) * 0.3 + (0.2, 0.25), 1.0, W)]),
    "no_parking": (_ROUND, [(_ROUND, 1.0, R), (_ROUND, 0.78, B)]),
    "one_way": (_bar(1.2, 0.4), [(_bar(1.2, 0.4), 1.0, B), (_bar(0.7, 0.1), 1.0, W)]),
}  # fmt: skip
SIGN_KINDS = tuple(_SIGNS)


def sign_post(colour: Colour) -> list[Piece]:
    """The post of a sign, which stands behind the plate."""
    return [Piece(rod((0, 0, 0), (0, 0, 2.85), 0.032), Surface("metal", C.POLE, (colour,)))]
