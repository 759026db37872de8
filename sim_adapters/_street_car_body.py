"""The body of a road vehicle: one lofted shell whose faces become paint, glass, lamps or trim.

Vehicle axes: y forward, origin on the ground under the middle. Stations `s` count metres from the
front bumper to the rear; rows run from the sill up the side, over the shoulder to mid-roof.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_detail import is_coarse
from parhelion.sim_adapters._street_shapes import Floats, Mesh, merged

PAINT, GLASS, TRIM, HEAD, TAIL, CHROME = range(6)

APART_M = 0.07  # coarse stations, at least

# Rows: share of the height from sill to shoulder, and how wide the body is there.
_LOWER = np.array([0.0, 0.1, 0.3, 0.5, 0.64, 0.82, 1.0])
_LOWER_WIDTH = np.array([0.93, 0.975, 0.995, 1.0, 0.99, 0.98, 0.955])
# Rows: share of the height from the shoulder to the roof's edge.
_UPPER = np.array([0.08, 0.5, 0.88, 1.0])
# Rows: share of the roof's half width.
_ROOF = np.array([0.9, 0.5, 0.0])
_ROWS = len(_LOWER) + len(_UPPER) + len(_ROOF)
_SHOULDER, _RAIL = len(_LOWER) - 1, len(_LOWER) + len(_UPPER) - 1
# Rows that coarse bodies keep, and what the bands between them are like in fine ones.
_FEW_ROWS = np.array([0, 1, 4, 6, 7, 9, 10, 11, 13])
_FEW_BANDS = np.array([0, 2, 5, 6, 7, 9, 10, 11])
_ACROSS = np.array([-1.0, -0.74, -0.5, -0.24, 0.24, 0.5, 0.74, 1.0])


@dataclass(frozen=True, kw_only=True)
class Body:
    """The measures of a body type, all in metres."""

    length: float
    width: float
    top: tuple[tuple[float, float], ...]  # side silhouette (s, z), from bumper to bumper
    shoulder: float  # height of the line under the side windows
    windscreen: tuple[float, float]  # from s to s
    rear_glass: tuple[float, float] | None  # from s to s; None = a closed back
    side_glass: tuple[tuple[float, float], ...]  # from s to s, window by window
    doors: tuple[float, ...]  # s of the gaps between doors
    axles: tuple[float, ...]  # s of the wheels
    wheel: float  # radius
    sill: float = 0.2
    roof_width: float = 0.74  # of the full width
    nose: float = 0.86  # of the full width, at the bumpers
    cladding: bool = False  # black plastic around the foot
    bed: tuple[float, float] | None = None  # an open bed, covered black, from s to s

    @property
    def height(self) -> float:
        return max(z for _, z in self.top)


def shell(body: Body) -> dict[int, Mesh]:
    """The meshes of a body by kind (PAINT, GLASS, ...); vertices are shared for smooth light."""
    return _shell(body, is_coarse())


@lru_cache(maxsize=64)
def _shell(body: Body, coarse: bool) -> dict[int, Mesh]:
    s = _coarse_stations(body) if coarse else _stations(body)
    rows, bands = (_FEW_ROWS, _FEW_BANDS) if coarse else (slice(None), slice(None))
    right = _section(body, s)[:, rows]  # (stations, rows, 3)
    left = right * (-1, 1, 1)
    kinds = _side_kinds(body, (s[:-1] + s[1:]) / 2)[:, bands]
    found: dict[int, list[Mesh]] = {}
    # The right side seen from outside has the nose to the right: stations run to the left.
    for points, kind in ((right[::-1], kinds[::-1]), (left, kinds)):
        _collect(found, points.swapaxes(0, 1), kind.T)
    _collect(found, *_end(right[0], 1.0, _front_kinds(body)[bands]))
    _collect(found, *_end(right[-1], -1.0, _rear_kinds(body)[bands]))
    return {kind: merged(meshes) for kind, meshes in sorted(found.items())}


def _stations(body: Body) -> Floats:
    L = body.length
    marks = [0.0, 0.05, 0.14, 0.3, 0.5, L - 0.45, L - 0.28, L - 0.14, L - 0.05, L]
    marks += [s for s, _ in body.top]
    marks += [s for window in body.side_glass for s in window]
    marks += [edge for door in body.doors for edge in (door, door + 0.014)]
    marks += [s for pair in (body.windscreen, body.rear_glass, body.bed) if pair for s in pair]
    arch = np.cos(np.linspace(0, np.pi, 8)) * (_arch_radius(body) - 1e-3)
    for axle in body.axles:
        marks += list(axle + arch)
        marks += [axle + side * (_arch_radius(body) + 0.006) for side in (-1, 1)]
    marks += list(np.arange(0.8, L - 0.6, 0.8))
    s = np.unique(np.round(np.clip(marks, 0, L), 4))
    return np.asarray(s[np.diff(s, prepend=-1.0) > 0.011], dtype=np.float64)


def _coarse_stations(body: Body) -> Floats:
    """Those that the outline and the glass need."""
    L = body.length
    marks = [0.14, L - 0.14, *(s for s, _ in body.top)]
    marks += [s for pair in (body.windscreen, body.rear_glass, body.bed) if pair for s in pair]
    marks += [body.side_glass[0][0], body.side_glass[-1][1]]
    arch = np.cos(np.linspace(0, np.pi, 4)) * _arch_radius(body)
    marks += [s for axle in body.axles for s in axle + arch]
    inner = np.unique([s for s in marks if s < L - APART_M])
    return np.array([0.0, *inner[np.diff(inner, prepend=0.0) > APART_M], L])


def _arch_radius(body: Body) -> float:
    return body.wheel * 1.17


def silhouette(body: Body, s: Floats) -> Floats:
    """Height of the body's middle line at stations s, its corners rounded over 12 cm."""
    knots, z = np.array(body.top).T
    near = s[:, None] + np.linspace(-0.06, 0.06, 5)
    return np.asarray(np.interp(near, knots, z).mean(axis=1))


def half_width(body: Body, s: Floats) -> Floats:
    """Half the plan width at stations s: the nose and the tail are drawn in."""
    L = body.length
    knots = np.array([0, 0.05, 0.14, 0.3, 0.7, L - 0.6, L - 0.28, L - 0.14, L - 0.05, L])
    n = body.nose
    share = [n, n + (1 - n) * 0.45, n + (1 - n) * 0.75, n + (1 - n) * 0.93, 1.0]
    return np.asarray(np.interp(s, knots, share + share[::-1]) * body.width / 2)


def _section(body: Body, s: Floats) -> Floats:
    """Points (stations, rows, 3) of the right half."""
    top, w = silhouette(body, s), half_width(body, s)
    shoulder = np.minimum(body.shoulder, top - 0.05)
    foot = np.full_like(s, body.sill)
    for axle in body.axles:
        reach = np.clip(_arch_radius(body) ** 2 - (s - axle) ** 2, 0, None)
        foot = np.where(reach > 0, np.maximum(foot, body.wheel + np.sqrt(reach)), foot)
    foot = np.minimum(foot, shoulder - 0.06)
    lift = np.clip((top - shoulder) / max(body.height - body.shoulder, 0.1), 0, 1)
    roof = w * (0.93 - (0.93 - body.roof_width) * lift)
    x = [_LOWER_WIDTH * w[:, None]]
    z = [foot[:, None] + (shoulder - foot)[:, None] * _LOWER]
    x.append(w[:, None] * 0.95 + (roof - w * 0.95)[:, None] * _UPPER**1.25)
    z.append(shoulder[:, None] + (top - 0.035 - shoulder)[:, None] * _UPPER)
    x.append(roof[:, None] * _ROOF)
    z.append(top[:, None] + np.array([-0.014, 0.006, 0.014]))
    y = np.broadcast_to((body.length / 2 - s)[:, None], (len(s), _ROWS))
    return np.stack([np.concatenate(x, axis=1), y, np.concatenate(z, axis=1)], axis=-1)


def _side_kinds(body: Body, s: Floats) -> NDArray[np.int64]:
    """What each face between two stations (at s) and two rows is: (stations-1, rows-1)."""
    kinds = np.full((len(s), _ROWS - 1), PAINT)

    def within(pair: tuple[float, float] | None) -> NDArray[np.bool_]:
        return np.zeros(len(s), bool) if pair is None else (s > pair[0]) & (s < pair[1])

    rows = np.arange(_ROWS - 1)
    side, roof = (rows > _SHOULDER) & (rows < _RAIL - 1), rows > _RAIL
    for window in body.side_glass:
        kinds[np.ix_(within(window), side)] = GLASS
    kinds[np.ix_(within(body.windscreen) | within(body.rear_glass), roof)] = GLASS
    kinds[np.ix_(within(body.bed), roof | (rows == _RAIL))] = TRIM
    for door in body.doors:
        kinds[np.ix_(within((door, door + 0.014)), (rows > 0) & (rows < _SHOULDER))] = TRIM
    kinds[:, : 2 if body.cladding else 1] = TRIM
    lamps = (rows == 4) | (rows == 5)
    kinds[np.ix_(s < 0.14, lamps)] = HEAD
    kinds[np.ix_(s < 0.34, rows == 5)] = HEAD
    kinds[np.ix_(s > body.length - 0.2, lamps)] = TAIL
    return kinds


def _front_kinds(body: Body) -> NDArray[np.int64]:
    kinds = np.full((_ROWS - 1, len(_ACROSS) - 1), PAINT)
    kinds[4:6, [0, 6]] = HEAD
    kinds[5, [1, 5]] = HEAD
    kinds[4, [1, 5]] = TRIM
    kinds[4:6, 2:5] = TRIM
    kinds[5, 2:5] = CHROME if body.height < 1.6 else TRIM
    kinds[1:2, 1:6] = TRIM
    kinds[0] = TRIM
    return kinds


def _rear_kinds(body: Body) -> NDArray[np.int64]:
    kinds = np.full((_ROWS - 1, len(_ACROSS) - 1), PAINT)
    kinds[4:6, [0, 6]] = TAIL
    kinds[0:1] = TRIM
    if body.height < 1.75:
        kinds[5, [1, 5]] = TAIL
    return kinds


def _end(section: Floats, way: float, kinds: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The bulging cover of a bumper's end: points (rows, across, 3), seen from outside."""
    across = _ACROSS if way < 0 else -_ACROSS
    points = np.repeat(section[:, None], len(across), axis=1)
    points[..., 0] *= across
    points[..., 1] += way * 0.07 * (1 - across**2)
    return points, kinds


def _collect(found: dict[int, list[Mesh]], points: Floats, kinds: NDArray[np.int64]) -> None:
    """Split the grid points (a, b, 3) into one mesh for each kind of its faces (a-1, b-1)."""
    a, b = points.shape[:2]
    index = np.arange(a * b).reshape(a, b)
    corners = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1)
    for kind in np.unique(kinds):
        chosen = corners[kinds == kind]
        faces = np.concatenate([chosen[:, [0, 1, 2]], chosen[:, [0, 2, 3]]])
        used, inverse = np.unique(faces, return_inverse=True)
        vertices = points.reshape(-1, 3)[used].astype(np.float32)
        mesh = Mesh(vertices, inverse.reshape(-1, 3).astype(np.int32))
        found.setdefault(int(kind), []).append(mesh)
