"""What a street is made of: parts, lights and things, in metres, before anyone draws it.

World axes: x to the right across the road, y forward along it, z up. The builders
(`_street_vehicles`, `_street_people`, ...) make these records; G-buffer and renderers read them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.scene_class import SceneClass

Vertices = NDArray[np.float32]  # (n, 3) metres
Faces = NDArray[np.int32]  # (m, 3) indices into vertices


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """One mesh of one material; a car is several parts with one instance id."""

    vertices: Vertices
    faces: Faces
    material: str  # key of the renderers' material table
    scene_class: SceneClass
    instance: int = 0  # 0 = background, counted by no one
    colour: tuple[float, float, float] = (0.5, 0.5, 0.5)  # linear albedo, tints the material
    uv: NDArray[np.float32] | None = None  # (n, 2)
    texture: NDArray[np.float32] | None = None  # (h, w, 3) linear albedo, in place of the colour
    smooth: bool = False  # share vertex normals instead of flat faces
    glow: tuple[float, float, float] | None = None  # linear radiance when the lights are on
    burns: bool = False  # fire: glows at any hour


@dataclass(frozen=True, eq=False, kw_only=True)
class Light:
    """An artificial light, on when it is dark: a spot of a lamp or a headlight."""

    position_m: tuple[float, float, float]
    direction: tuple[float, float, float]
    intensity: tuple[float, float, float]  # linear rgb, W/sr-like
    cutoff_deg: float
    beam_deg: float  # full intensity up to here


@dataclass(frozen=True, eq=False, kw_only=True)
class Thing:
    """An object that gets a box: its category and the corners of its 3D box."""

    instance: int
    category: SceneClass
    corners_m: NDArray[np.float64]  # (8, 3) world


@dataclass(frozen=True, eq=False, kw_only=True)
class Smoke:
    """Round puffs of black smoke and flame; n of them. It is air, like fog, and no surface."""

    centres_m: NDArray[np.float64]  # (n, 3) world
    radii_m: NDArray[np.float64]  # (n,)
    per_m: NDArray[np.float64]  # (n,) extinction in the middle
    heat: NDArray[np.float64]  # (n,) 0 cold to 1 flame


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """Where a camera stands: OpenCV camera_to_world (4, 4) in these world axes."""

    camera_to_world: NDArray[np.float64]
    fov_x_deg: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Street:
    """A whole scene. It knows nothing of weather or hour: twins share it."""

    parts: tuple[Part, ...]
    lights: tuple[Light, ...]
    things: tuple[Thing, ...]
    views: tuple[View, ...]
    driving_side: str  # "right" or "left"
    smoke: Smoke | None = None
    coarse: bool = False  # of few triangles, for previews
