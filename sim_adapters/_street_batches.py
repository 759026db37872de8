"""A street's parts as few large meshes: every shape costs render time, colours cost none.

Parts of one material become one batch whose colour is an attribute of its faces; only pictures
(bricks, paving) keep texture coordinates. Faces that look up are apart: snow and water lie there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_geometry import Floats, Geometry
from parhelion.sim_adapters._street_mesh import Part

SMALLEST_M2 = 1e-10  # faces below this are needles without a normal
UPWARD = 0.45  # z of the normal from which a face carries snow


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """One mesh for the path tracer; F faces, none of which share vertices."""

    material: str
    upward: bool
    corners: Floats  # (F, 3, 3) metres
    normals: Floats | None  # (F, 3, 3) where shading is smooth
    colour: Floats  # (F, 3) linear
    glow: Floats | None  # (F, 3) radiance when the lights are on
    burns: bool  # glows at any hour
    texture: Floats | None  # (h, w, 3) linear albedo, in place of the colour
    uv: Floats  # (F, 3, 2); metres across the ground where there is no texture
    metres_per_uv: float


def batches(geometry: Geometry) -> tuple[Batch, ...]:
    """All faces of a street, in order of first appearance."""
    groups: dict[tuple[object, ...], list[tuple[int, NDArray[np.intp]]]] = {}
    for i, part in enumerate(geometry.street.parts):
        first = geometry.first_face[i]
        normal_z, there = _normal_z(geometry.corners[first : geometry.first_face[i + 1]])
        picture = None if part.texture is None or _constant(part) else id(part.texture)
        for up in (True, False):
            faces = np.flatnonzero(((normal_z > UPWARD) == up) & there)
            if len(faces):
                key = (part.material, up, part.smooth, picture, part.glow is not None, part.burns)
                groups.setdefault(key, []).append((i, faces))
    return tuple(
        _batch(geometry, members, key[1] is True, key[3] is not None)
        for key, members in groups.items()
    )


def _normal_z(corners: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """How much each face looks up (F,), and whether it has an area at all."""
    n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(n, axis=1)
    return np.asarray(n[:, 2] / np.maximum(length, 1e-12)), length > SMALLEST_M2


def _constant(part: Part) -> bool:
    """Whether every face takes one colour from the texture: swatches, not a picture."""
    uv = part.uv
    return uv is not None and bool(np.ptp(uv[part.faces], axis=1).max() < 1e-6)


def _batch(
    geometry: Geometry, members: list[tuple[int, NDArray[np.intp]]], upward: bool, picture: bool
) -> Batch:
    parts = [(geometry.street.parts[i], faces) for i, faces in members]
    index = np.concatenate([geometry.first_face[i] + faces for i, faces in members])
    corners, first = geometry.corners[index], parts[0][0]
    uv, scale = corners[..., :2], 1.0
    if picture:
        uv = np.concatenate([p.uv[p.faces[faces]] for p, faces in parts if p.uv is not None])
        scale = _metres_per_uv(corners, uv)
    return Batch(
        material=first.material,
        upward=upward,
        corners=corners,
        normals=geometry.corner_normals[index] if first.smooth else None,
        colour=np.concatenate([_face_colours(p, faces) for p, faces in parts]),
        glow=None
        if first.glow is None
        else np.concatenate(
            [np.tile(np.array(p.glow, dtype=np.float32), (len(f), 1)) for p, f in parts]
        ),
        burns=first.burns,
        texture=first.texture if picture else None,
        uv=uv,
        metres_per_uv=scale,
    )


def _face_colours(part: Part, faces: NDArray[np.intp]) -> Floats:
    if part.texture is None or part.uv is None:
        return np.tile(np.array(part.colour, dtype=np.float32), (len(faces), 1))
    uv = part.uv[part.faces[faces]].mean(axis=1)
    height, width = part.texture.shape[:2]
    x, y = (np.floor(uv % 1 * (width, height)).astype(np.intp)).T
    return np.asarray(part.texture[np.minimum(y, height - 1), np.minimum(x, width - 1)])


def _metres_per_uv(corners: Floats, uv: Floats) -> float:
    metres = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1).sum()
    units = np.linalg.norm(uv[:, 1] - uv[:, 0], axis=1).sum()
    return float(metres / max(units, 1e-9))
