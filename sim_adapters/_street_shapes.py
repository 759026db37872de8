"""Primitive meshes of the street: quads, boxes, tubes, grids, prisms; all in metres, vectorised.

Legend: n vertices, m triangles, k things at once. Triangles turn counter-clockwise where one sees
them from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parhelion.sim_adapters._street_detail import few, is_coarse
from parhelion.sim_adapters._street_mesh import Faces, Vertices
from parhelion.sim_adapters._street_motion import Motion, mapped, turned
from parhelion.sim_adapters._street_vectors import AnyFloats, cross, dot

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles; where wanted with texture coordinates or a shade (colour index) per vertex."""

    vertices: Vertices  # (n, 3)
    faces: Faces  # (m, 3)
    uv: NDArray[np.float32] | None = None  # (n, 2)
    shade: NDArray[np.int32] | None = None  # (n,)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, turn: float = 0.0) -> "Mesh":
        """Turned by `turn` radians about z (counter-clockwise from above), then shifted."""
        return self.put(turned(x, y, z, turn))

    def through(self, matrix: ArrayLike, shift: ArrayLike = (0.0, 0.0, 0.0)) -> "Mesh":
        """Vertices -> matrix (3, 3) @ vertices + shift (3,); a mirror turns the triangles over."""
        return self.put(mapped(matrix, shift))

    def put(self, motion: Motion) -> "Mesh":
        """The mesh as a motion leaves it."""
        vertices = self.vertices if motion.matrix is None else self.vertices @ motion.matrix
        faces = self.faces[:, ::-1] if motion.mirrors else self.faces
        return Mesh(vertices + motion.shift, faces, self.uv, self.shade)

    def shaded(self, index: ArrayLike) -> "Mesh":
        """The same triangles with one shade for all vertices, or one each (n,)."""
        shade = np.empty(len(self.vertices), dtype=np.int32)
        shade[:] = index
        return Mesh(self.vertices, self.faces, self.uv, shade)


def merged(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several; uv and shade are filled with zeros where only some have them."""
    if len(meshes) == 1:
        return meshes[0]
    counts = [len(m.vertices) for m in meshes]
    faces = np.concatenate([m.faces for m in meshes], dtype=np.int32)
    at = 0
    for mesh, first in zip(meshes, accumulate(counts, initial=0), strict=False):
        faces[at : (at := at + len(mesh.faces))] += first
    uv = shade = None
    if any(m.uv is not None for m in meshes):
        each = zip(meshes, counts, strict=True)
        uv = np.concatenate(
            [np.zeros((n, 2), np.float32) if m.uv is None else m.uv for m, n in each]
        )
    if any(m.shade is not None for m in meshes):
        each = zip(meshes, counts, strict=True)
        shade = np.concatenate(
            [np.zeros(n, np.int32) if m.shade is None else m.shade for m, n in each]
        )
    return Mesh(np.concatenate([m.vertices for m in meshes]), faces, uv, shade)


def quads(corners: ArrayLike, uv: ArrayLike | None = None) -> Mesh:
    """K quads from corners (k, 4, 3), counter-clockwise from outside; uv (k, 4, 2)."""
    points = np.asarray(corners, dtype=np.float32).reshape(-1, 4, 3)
    flat = None if uv is None else np.asarray(uv, dtype=np.float32).reshape(-1, 2)
    return Mesh(points.reshape(-1, 3), _quad_faces(len(points)), flat)


@lru_cache(maxsize=512)
def _quad_faces(count: int) -> Faces:
    first = 4 * np.arange(count, dtype=np.int32)[:, None, None]
    return _kept((first + np.array([[0, 1, 2], [0, 2, 3]], np.int32)).reshape(-1, 3))


def _kept(array: NDArray[Any]) -> NDArray[Any]:
    """An array that many meshes share: nobody may write into it."""
    array.flags.writeable = False
    return array


_CUBE = np.array([[x, y, z] for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
_SIDES = [
    [4, 5, 7, 6],
    [0, 2, 3, 1],
    [0, 1, 5, 4],
    [2, 6, 7, 3],
    [1, 3, 7, 5],
    [0, 4, 6, 2],
]  # top, bottom, front (-y), back (+y), right (+x), left (-x)
_NO_BOTTOM = [_SIDES[0], *_SIDES[2:]]


def boxes(centres: ArrayLike, sizes: ArrayLike, bottoms: bool = True) -> Mesh:
    """K boxes with flat faces: centres (k, 3), sizes (k, 3) or (3,); coarse sides share corners."""
    middle = np.asarray(centres, dtype=np.float64).reshape(-1, 1, 1, 3)
    extent = np.asarray(sizes, dtype=np.float64).reshape(-1, 1, 1, 3)
    if is_coarse():
        corners = (middle + _CUBE * extent).astype(np.float32).reshape(-1, 3)
        return Mesh(corners, _box_faces(len(corners) // 8, bottoms))
    return quads(middle + _CUBE[_SIDES if bottoms else _NO_BOTTOM] * extent)


@lru_cache(maxsize=512)
def _box_faces(count: int, bottoms: bool) -> Faces:
    sides = np.array(_SIDES if bottoms else _NO_BOTTOM, dtype=np.int32)
    one = sides[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    first = 8 * np.arange(count, dtype=np.int32)[:, None, None]
    return _kept((first + one).reshape(-1, 3))


def box(x: float, y: float, z: float, width: float, depth: float, height: float) -> Mesh:
    """One box that stands on (x, y, z): width along x, depth along y, height along z."""
    return boxes((x, y, z + height / 2), (width, depth, height))


def grid(points: ArrayLike, uv: ArrayLike | None = None, wraps: bool = False) -> Mesh:
    """A surface over points (a, b, 3) with shared vertices; `wraps` closes the second axis.

    Seen with the first axis going up and the second to the right, the outside faces the viewer.
    """
    P = np.asarray(points, dtype=np.float32)
    flat = None if uv is None else np.asarray(uv, dtype=np.float32).reshape(-1, 2)
    return Mesh(P.reshape(-1, 3), _grid_faces(*P.shape[:2], wraps), flat)


@lru_cache(maxsize=512)
def _grid_faces(a: int, b: int, wraps: bool) -> Faces:
    index = np.arange(a * b, dtype=np.int32).reshape(a, b)
    right = np.roll(index, -1, axis=1) if wraps else index[:, 1:]
    left = index if wraps else index[:, :-1]
    corners = np.stack([left[:-1], right[:-1], right[1:], left[1:]], axis=-1).reshape(-1, 4)
    return _kept(np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]))


def tube(path: ArrayLike, radii: ArrayLike, sides: int = 8, capped: bool = True) -> Mesh:
    """A round tube along path (k, 3) with radii (k,), or (k, 2) for ellipses; shared vertices.

    The first radius lies as near to the x axis as the path allows, the second across it.
    """
    R = np.asarray(radii, dtype=np.float64)
    return tubes(np.asarray(path)[None], R[None], sides, capped)[0]


def tubes(paths: ArrayLike, radii: ArrayLike, sides: int = 8, capped: bool = True) -> list[Mesh]:
    """T tubes at once, as `tube`: paths (t, k, 3), radii (t, k) or (t, k, 2).

    Coarse tubes have no caps: they end in one another or out of sight.
    """
    P = np.asarray(paths, dtype=np.float64)
    R = np.asarray(radii, dtype=np.float64)
    R = np.stack([R, R], axis=-1) if R.ndim == 2 else R
    first, second = _frames(P)
    if capped and not is_coarse():
        k = P.shape[1]
        ends = [0, *range(k), k - 1]
        P, first, second, R = P[:, ends], first[:, ends], second[:, ends], R[:, ends]
        R[:, [0, -1]] = 0
    cos, sin = _circle(few(sides))
    across = R[..., None, :1] * cos * first[:, :, None]
    points = P[:, :, None] + across + R[..., None, 1:] * sin * second[:, :, None]
    return [grid(one, wraps=True) for one in points.astype(np.float32)]


def _frames(P: Floats) -> tuple[AnyFloats, AnyFloats]:
    """Two unit vectors (t, k, 3) across paths (t, k, 3), the first as near to x as may be."""
    ahead = np.empty_like(P)
    ahead[:, 1:-1] = (P[:, 2:] - P[:, :-2]) / 2
    ahead[:, 0], ahead[:, -1] = P[:, 1] - P[:, 0], P[:, -1] - P[:, -2]
    ahead /= np.sqrt(dot(ahead, ahead))[..., None]
    # Any vector off the path will do for the frame; x unless the path runs along x.
    helper = np.where(np.abs(ahead[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    first = helper - ahead * dot(helper, ahead)[..., None]
    first /= np.sqrt(dot(first, first))[..., None]
    return first, cross(ahead, first)


@lru_cache(maxsize=32)
def _circle(sides: int) -> tuple[Floats, Floats]:
    """Cosine and sine (sides, 1) of evenly spaced angles."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
    return _kept(np.cos(angle)), _kept(np.sin(angle))


def offset(points: ArrayLike, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Floats:
    """Points (..., 3) shifted by x, y, z."""
    return np.add(points, (x, y, z), dtype=np.float64)


def rod(start: ArrayLike, end: ArrayLike, radius: float, sides: int = 6) -> Mesh:
    """A straight round bar between two points."""
    return tube(np.stack([np.asarray(start), np.asarray(end)]), (radius, radius), sides)


def revolved(profile: ArrayLike, sides: int = 12) -> Mesh:
    """A profile (k, 2) of (radius, height), from the bottom up, turned about the z axis."""
    return _turned(profile, few(sides))


def _turned(profile: ArrayLike, sides: int) -> Mesh:
    r, z = np.asarray(profile, dtype=np.float64).T
    cos, sin = _circle(sides)
    x, y = r[:, None] * cos[:, 0], r[:, None] * sin[:, 0]
    return grid(np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1), wraps=True)


def ellipsoid(centre: ArrayLike, radii: ArrayLike, sides: int = 10, rings: int = 7) -> Mesh:
    """A ball, stretched to radii (3,) along the axes."""
    return _ball(few(sides), few(rings, 4)).through(
        np.diag(np.asarray(radii, dtype=np.float64)), centre
    )


@lru_cache(maxsize=32)
def _ball(sides: int, rings: int) -> Mesh:
    t = np.linspace(0, np.pi, rings)
    return _turned(np.stack([np.sin(t), -np.cos(t)], axis=1), sides)


def prism(outline: ArrayLike, bottom: float, top: float) -> Mesh:
    """A convex outline (k, 2), counter-clockwise from above, drawn up from bottom to top."""
    xy = np.asarray(outline, dtype=np.float64)
    low, high = (np.column_stack([xy, np.full(len(xy), z)]) for z in (bottom, top))
    low_next, high_next = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
    walls = quads(np.stack([low, low_next, high_next, high], axis=1))
    return merged([walls, polygon(high)])


def polygon(points: ArrayLike, uv: ArrayLike | None = None) -> Mesh:
    """A flat convex polygon (k, 3), counter-clockwise from outside, as a fan."""
    P = np.asarray(points, dtype=np.float32)
    rest = np.arange(1, len(P) - 1, dtype=np.int32)
    faces = np.stack([np.zeros_like(rest), rest, rest + 1], axis=1)
    return Mesh(P, faces, None if uv is None else np.asarray(uv, dtype=np.float32))


def sectors(radius: float, count: int, hole: float = 0.0) -> Mesh:
    """A flat wheel of `count` sectors in the y-z plane, seen from +x, shaded 0, 1, 0, 1, ..."""
    edges = np.linspace(0, 2 * np.pi, count + 1)
    a, b = edges[:-1], edges[1:]

    def at(r: float, angle: Floats) -> Floats:
        return np.stack([np.zeros_like(angle), r * np.cos(angle), r * np.sin(angle)], axis=-1)

    corners = np.stack([at(hole, a), at(radius, a), at(radius, b), at(hole, b)], axis=1)
    return quads(corners).shaded(np.repeat(np.arange(count) % 2, 4))
