"""A street as one triangle soup with an embree scene over it: what a ray meets there.

Legend: R rays, F faces, N vertices, P parts. World axes as in `_street_mesh`, metres throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from parhelion.sim_adapters._street_mesh import Part, Street
from parhelion.sim_adapters._street_noise import noise
from parhelion.sim_adapters._street_pictures import Pictures
from parhelion.sim_adapters._street_vectors import cross, dot

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int32]

NOTHING = -1
SURFACE_OFFSET_M = 0.01  # shadow rays start this far off the surface they leave
ROOM_LEVEL = 0.35  # share of a room's light that curtains and walls let through its panes
ROOM_DETAIL_M = 0.9


class Hits(NamedTuple):
    """First surfaces along rays."""

    face: Ints  # (R,) index, or NOTHING
    t: Floats  # (R,) length along the unit direction, metres; +inf where nothing was met
    barycentric: Floats  # (R, 2) weights of the second and third corner


class Surfaces(NamedTuple):
    """What the surfaces that rays met are like."""

    part: Ints  # (R,) index into the street's parts, or NOTHING
    points: Floats  # (R, 3) world
    normals: Floats  # (R, 3) unit, towards the viewer
    albedo: Floats  # (R, 3) linear


class Alone(NamedTuple):
    """One thing as if it stood there by itself."""

    vertices: Floats  # (N, 3)
    scene: EmbreeScene


@dataclass(frozen=True, eq=False)
class Geometry:
    """All parts of a street merged; the embree scene is built at first use."""

    street: Street

    @cached_property
    def corners(self) -> Floats:
        """(F, 3 corners, 3)."""
        return np.concatenate([p.vertices[p.faces] for p in self.street.parts]).astype(np.float32)

    @cached_property
    def part_of_face(self) -> Ints:
        counts = [len(p.faces) for p in self.street.parts]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    @cached_property
    def first_face(self) -> Ints:
        """(P + 1,) where each part's faces begin."""
        counts = [len(p.faces) for p in self.street.parts]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    @cached_property
    def scene(self) -> EmbreeScene:
        return embree_scene(*_soup(self.street.parts))

    def alone(self, instance: int) -> "Alone":
        """One thing without the street; its scene is built once for all views."""
        if instance not in self._alone:
            own = [part for part in self.street.parts if part.instance == instance]
            vertices, faces = _soup(own)
            self._alone[instance] = Alone(vertices, embree_scene(vertices, faces))
        return self._alone[instance]

    @cached_property
    def _alone(self) -> dict[int, "Alone"]:
        return {}

    @cached_property
    def corner_normals(self) -> Floats:
        """(F, 3 corners, 3) unit; shared between neighbours on smooth parts, else the face's."""
        return corner_normals(self.street.parts, self.corners)

    def cast(self, origins: Floats, directions: Floats) -> Hits:
        """First hits of R rays with unit directions."""
        return cast(self.scene, origins, directions)

    def blocked(self, origins: Floats, directions: Floats, reach_m: Floats) -> NDArray[np.bool_]:
        """(R,) whether anything stands within `reach_m` along the rays."""
        if not len(origins):
            return np.zeros(0, dtype=bool)
        hit = self.scene.run(origins, directions, dists=reach_m, query="OCCLUDED")
        return np.asarray(hit >= 0)

    def surfaces(self, hits: Hits, origins: Floats, directions: Floats) -> Surfaces:
        """Part, point, normal and albedo under each hit; zeros where nothing was met."""
        part = np.full(len(hits.face), NOTHING, dtype=np.int32)
        normals, albedo, points = (np.zeros((len(part), 3), dtype=np.float32) for _ in range(3))
        met = np.flatnonzero(hits.face >= 0)
        face = hits.face[met]
        part[met] = self.part_of_face[face]
        ways = directions.take(met, 0)
        points[met] = origins.take(met, 0) + hits.t[met, None] * ways
        u, v = hits.barycentric.take(met, 0).T
        n0, n1, n2 = self._at_corners(self.corner_normals, face)
        n = _unit((n0 + u * (n1 - n0) + v * (n2 - n0)).T)
        normals[met] = np.where((dot(n, ways) <= 0)[:, None], n, -n)
        uv0, uv1, uv2 = self._at_corners(self.corner_uv, face)
        albedo[met] = self.pictures.at(part[met], uv0 + u * (uv1 - uv0) + v * (uv2 - uv0))
        return Surfaces(part, points, normals, albedo)

    @staticmethod
    def _at_corners(values: Floats, face: Ints) -> Floats:
        """Values (F, 3 corners, k) of R faces as (3 corners, k, R), which is quick to mix."""
        some = values.reshape(len(values), -1).take(face, 0)
        return np.ascontiguousarray(some.T).reshape(*values.shape[1:], -1)

    @cached_property
    def corner_uv(self) -> Floats:
        """(F, 3 corners, 2); zeros on parts without a picture."""
        return np.concatenate(
            [
                np.zeros((len(p.faces), 3, 2), np.float32) if p.uv is None else p.uv[p.faces]
                for p in self.street.parts
            ]
        )

    @cached_property
    def pictures(self) -> Pictures:
        """What the parts look like."""
        return Pictures.of(self.street.parts)

    @cached_property
    def glows(self) -> Floats:
        """(P + 1, 3) mean radiance when the lights are on; the last is what NOTHING gives."""
        dark = (0.0, 0.0, 0.0)
        lamps = [dark if p.burns else p.glow or dark for p in self.street.parts]
        glows = np.array([*lamps, dark], dtype=np.float32)
        glows[self._rooms] *= ROOM_LEVEL
        return glows

    @cached_property
    def fires(self) -> Floats:
        """(P + 1, 3) radiance of flames by night; the last is what NOTHING gives."""
        dark = (0.0, 0.0, 0.0)
        flames = [(p.glow or dark) if p.burns else dark for p in self.street.parts]
        return np.array([*flames, dark], dtype=np.float32)

    @cached_property
    def _rooms(self) -> NDArray[np.bool_]:
        """(P + 1,) which parts are panes with a room behind."""
        return np.array([p.material == "glass_window" for p in self.street.parts] + [False])

    def glow(self, surfaces: Surfaces) -> Floats:
        """Radiance (R, 3) of surfaces that shine by themselves; windows show uneven rooms."""
        glow = self.glows[surfaces.part]
        lit = np.flatnonzero(self._rooms[surfaces.part] & (glow.max(axis=1) > 0))
        along = surfaces.points[lit] @ np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
        rooms = noise(along / ROOM_DETAIL_M, "rooms", octaves=3)
        glow[lit] *= (0.25 + 1.5 * rooms**1.5)[:, None]
        return glow


def _soup(parts: Sequence[Part]) -> tuple[Floats, Ints]:
    """Vertices (N, 3) and faces (F, 3) of some parts together."""
    faces = np.concatenate([p.faces for p in parts])
    first = np.cumsum([0, *(len(p.vertices) for p in parts[:-1])], dtype=np.int32)
    faces += np.repeat(first, [len(p.faces) for p in parts])[:, None]
    return np.concatenate([p.vertices for p in parts]), faces


def embree_scene(vertices: Floats, faces: Ints | None = None) -> EmbreeScene:
    """An embree scene over triangles: vertices (N, 3) and faces (F, 3), or corners (F, 3, 3).

    Embree's wrapper copies number by number: shared vertices are the sooner way.
    """
    scene = EmbreeScene(robust=True)
    TriangleMesh(scene, np.ascontiguousarray(vertices), faces)
    return scene


def cast(scene: EmbreeScene, origins: Floats, directions: Floats) -> Hits:
    """First hits of R rays with unit directions in an embree scene."""
    found = scene.run(origins, directions, output=1)
    missed = found["primID"] < 0
    t = np.where(missed, np.float32(np.inf), found["tfar"])
    return Hits(found["primID"], t, np.stack([found["u"], found["v"]], axis=1))


def corner_normals(parts: tuple[Part, ...], corners: Floats) -> Floats:
    """(F, 3 corners, 3) unit normals; smooth parts weight the faces at a vertex by their area."""
    weighted = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.repeat(_unit(weighted)[:, None], 3, axis=1)
    first = 0
    for part in parts:
        own = slice(first, first := first + len(part.faces))
        if part.smooth:
            normals[own] = _smooth_normals(part, weighted[own])
    return normals


def _smooth_normals(part: Part, weighted: Floats) -> Floats:
    flat = part.faces.ravel()
    sums = [np.bincount(flat, np.repeat(w, 3), len(part.vertices)) for w in weighted.T]
    return _unit(np.stack(sums, axis=1).astype(np.float32))[part.faces]


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt(dot(vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, np.float32(1e-12)))
