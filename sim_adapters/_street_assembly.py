"""From pieces (a mesh with its surface) to parts: few parts, because each one costs render time.

Builders make pieces in their own axes and give each its colours; pieces that share material, class
and glow become one part, whose colours turn into a small texture of swatches.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_mesh import Part
from parhelion.sim_adapters._street_motion import mapped, turned
from parhelion.sim_adapters._street_palette import Colour
from parhelion.sim_adapters._street_shapes import Mesh, merged


class Texture:
    """A picture (h, w, 3) float32, linear albedo; equal only to itself, so that parts share it."""

    def __init__(self, image: NDArray[np.float32]) -> None:
        self.image = image


@dataclass(frozen=True)
class Surface:
    """What a mesh is made of. A mesh with shades takes colours[shade], others colours[0]."""

    material: str
    scene_class: SceneClass
    colours: tuple[Colour, ...] = ((0.5, 0.5, 0.5),)
    texture: Texture | None = None
    smooth: bool = False
    glow: Colour | None = None
    burns: bool = False


@dataclass(frozen=True, eq=False)
class Piece:
    """One mesh of one surface, not yet in its place."""

    mesh: Mesh
    surface: Surface


def moved(
    pieces: Iterable[Piece], x: float = 0.0, y: float = 0.0, z: float = 0.0, turn: float = 0.0
) -> list[Piece]:
    """All pieces turned about z by `turn` radians and shifted."""
    motion = turned(x, y, z, turn)
    return [Piece(p.mesh.put(motion), p.surface) for p in pieces]


def through(
    pieces: Iterable[Piece], matrix: ArrayLike, shift: ArrayLike = (0.0, 0.0, 0.0)
) -> list[Piece]:
    """All pieces through one linear map (3, 3) and a shift (3,)."""
    motion = mapped(matrix, shift)
    return [Piece(p.mesh.put(motion), p.surface) for p in pieces]


def fused(pieces: Iterable[Piece]) -> list[Piece]:
    """The same pieces, one for each distinct surface: cheap to move about."""
    groups: dict[Surface, list[Mesh]] = {}
    for piece in pieces:
        groups.setdefault(piece.surface, []).append(piece.mesh)
    return [Piece(merged(meshes), surface) for surface, meshes in groups.items()]


def parts_of(pieces: Iterable[Piece], instance: int = 0) -> list[Part]:
    """One part for each distinct surface (colours aside), in order of first appearance."""
    groups: dict[tuple[object, ...], list[Piece]] = {}
    for piece in pieces:
        s = piece.surface
        key = (s.material, s.scene_class, s.texture, s.smooth, s.glow, s.burns)
        groups.setdefault(key, []).append(piece)
    return [_part(group, instance) for group in groups.values()]


def _part(pieces: list[Piece], instance: int) -> Part:
    surface = pieces[0].surface
    mesh, colours = _swatched(pieces) if surface.texture is None else (_plain(pieces), [])
    texture, uv = None if surface.texture is None else surface.texture.image, mesh.uv
    if len(colours) > 1 and mesh.shade is not None:
        texture, uv = swatches(colours), swatch_uv(mesh.shade, len(colours))
    return Part(
        vertices=mesh.vertices,
        faces=np.ascontiguousarray(mesh.faces, dtype=np.int32),
        material=surface.material,
        scene_class=surface.scene_class,
        instance=instance,
        colour=colours[0] if colours else surface.colours[0],
        uv=None if texture is None else uv,
        texture=texture,
        smooth=surface.smooth,
        glow=surface.glow,
        burns=surface.burns,
    )


def _plain(pieces: list[Piece]) -> Mesh:
    return merged([p.mesh for p in pieces])


def _swatched(pieces: list[Piece]) -> tuple[Mesh, list[Colour]]:
    """The merged mesh, its shades counted through the colours of all pieces."""
    index = {c: 0 for p in pieces for c in p.surface.colours}
    index = {c: i for i, c in enumerate(index)}
    bare = [Mesh(p.mesh.vertices, p.mesh.faces) for p in pieces]
    if len(index) > 1:
        bare = [m.shaded(_counted(p, index)) for m, p in zip(bare, pieces, strict=True)]
    return merged(bare), list(index)


def _counted(piece: Piece, index: dict[Colour, int]) -> int | NDArray[np.int32]:
    """A piece's shade or shades, counted through the colours of all pieces."""
    table = [index[colour] for colour in piece.surface.colours]
    shade = piece.mesh.shade
    return table[0] if shade is None else np.array(table, np.int32).take(shade)


def swatches(colours: list[Colour]) -> NDArray[np.float32]:
    """A texture (2, 2k, 3) of k blocks of 2x2 equal texels: its block centres filter cleanly."""
    row = np.repeat(np.asarray(colours, dtype=np.float32), 2, axis=0)
    return np.stack([row, row])


def swatch_uv(shade: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """The centre (n, 2) of each vertex' block among `count`."""
    u = (shade.astype(np.float32) + 0.5) / count
    return np.stack([u, np.full_like(u, 0.5)], axis=1)
