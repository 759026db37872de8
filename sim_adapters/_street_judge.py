"""Judge quality: weather as physics inside the traced scene, for frames that judge a generator.

Fog is a scattering volume; rain and snow are thousands of small meshes in front of the camera.
Labels stay those of the dry, clear street: what falls is not in the stencil.
"""

from dataclasses import replace
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._street_gbuffer import SUBPIXELS, GBuffer, Guides, rays
from parhelion.sim_adapters._street_geometry import Floats, cast, embree_scene
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_render import Tracer, camera, fill

VOLUME_BELOW_M = 500.0  # clearer air than this is left out
VOLUME_HALF_M = (400.0, 400.0, 70.0)
SCATTERED, FORWARD_G = 0.97, 0.55  # single scattering albedo and Henyey-Greenstein's g
VOLUME_DEPTH = 7  # bounces; fog is bright by being scattered many times
NEAREST_M, FARTHEST_M = 1.2, 13.0  # between these distances drops and flakes are meshes
DROPS_PER_M3, FLAKES_PER_M3 = 1.3, 20.0  # at 1 mm/h
RAIN_OPACITY, SNOW_OPACITY = 0.45, 0.9
WHITE = np.float32(0.9)  # albedo of fog, drops and flakes in the denoiser's guide


def radiance(
    tracer: Tracer, g: GBuffer, guides: Guides, air: Ambience, samples: int, seed: int
) -> Floats:
    """Linear radiance (H, W, 3) of the street with its weather in it."""
    more: dict[str, Any] = {}
    if air.visibility_m < VOLUME_BELOW_M:
        more |= volume(air)
        more["camera"] = camera(g, samples) | {"medium": {"type": "ref", "id": "air"}}
        guides = _through_fog(guides, air)
    corners, opacity = falling(g, air)
    if len(corners):
        more["falling"] = _white(corners, opacity)
        guides = _with_falling(guides, g, corners, opacity)
    return tracer.radiance(g, guides, air, samples, seed, more)


def _through_fog(guides: Guides, air: Ambience) -> Guides:
    """Guides that fade like the picture: the denoiser would draw edges that fog has swallowed."""
    kept = np.exp(-air.extinction_per_m * guides.depth).mean(axis=0)[..., None]
    return replace(
        guides,
        glow=guides.glow * kept,
        albedo=WHITE + kept * (guides.albedo - WHITE),
        normal=guides.normal * kept,
    )


def volume(air: Ambience) -> dict[str, Any]:
    """Even fog in a box over the street, and the integrator that scatters in it."""
    medium = {
        "type": "homogeneous",
        "sigma_t": air.extinction_per_m,
        "albedo": {"type": "rgb", "value": [SCATTERED * t for t in air.tint]},
        "phase": {"type": "hg", "g": FORWARD_G},
    }
    to_world = mi.ScalarTransform4f().scale(list(VOLUME_HALF_M))
    inside = {"type": "ref", "id": "air"}
    box = {"type": "cube", "to_world": to_world, "bsdf": {"type": "null"}, "interior": inside}
    integrator = {"type": "volpath", "max_depth": VOLUME_DEPTH, "rr_depth": 4}
    return {"integrator": integrator, "air": medium, "volume": box}


def falling(g: GBuffer, air: Ambience) -> tuple[Floats, float]:
    """Triangles (F, 3, 3), world, of drops or flakes in view, and how opaque they are."""
    random = rng("street.judge", air.seed, air.weather.value, air.hour)
    if air.rain_mm_h > 0:
        at = _in_view(random, g, DROPS_PER_M3 * air.rain_mm_h**0.6)
        return _streaks(random, at, air.wind_m_s), RAIN_OPACITY
    if air.snow_mm_h > 0:
        at = _in_view(random, g, FLAKES_PER_M3 * air.snow_mm_h**0.7)
        return _flakes(random, at), SNOW_OPACITY
    return np.zeros((0, 3, 3), dtype=np.float32), 0.0


def _in_view(random: np.random.Generator, g: GBuffer, per_m3: float) -> NDArray[np.float64]:
    """Points (n, 3), world, evenly in the camera's frustum between nearest and farthest."""
    height, width = g.depth.shape
    spread = width * height / (g.camera.intrinsics[0, 0] * g.camera.intrinsics[1, 1])
    cubes = FARTHEST_M**3 - NEAREST_M**3
    n = random.poisson(per_m3 * spread * cubes / 3)
    z = (NEAREST_M**3 + cubes * random.random(n)) ** (1 / 3)
    pixels = np.column_stack([random.uniform((0, 0), (width, height), (n, 2)), np.ones(n)])
    local = z[:, None] * (pixels @ np.linalg.inv(g.camera.intrinsics).T)
    pose = g.camera.camera_to_world
    return np.asarray(local @ pose[:3, :3].T + pose[:3, 3])


def _streaks(random: np.random.Generator, at: NDArray[np.float64], wind_m_s: float) -> Floats:
    """Drops drawn long by the shutter: two crossed slats each, leaning with the wind."""
    n = len(at)
    length, half = random.uniform(0.14, 0.34, (n, 1)), random.uniform(0.0018, 0.004, (n, 1))
    lean = wind_m_s / 7.5 + random.normal(0, 0.03, (n, 1))
    fall = length * np.concatenate([-lean, 0.02 * np.ones((n, 1)), np.ones((n, 1))], axis=1)
    slats = []
    for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)):
        side = half * np.array(axis)
        a, b, c, d = at - side, at + side, at + side + fall, at - side + fall
        slats += [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    return np.concatenate(slats).astype(np.float32)


def _flakes(random: np.random.Generator, at: NDArray[np.float64]) -> Floats:
    """Clumps of crystals: flattened octahedra in any attitude."""
    n = len(at)
    frames, _ = np.linalg.qr(random.normal(size=(n, 3, 3)))
    axes = frames * random.uniform((0.008, 0.008, 0.004), (0.019, 0.019, 0.009), (n, 3))[:, :, None]
    x, y, z = (axes[:, i] for i in range(3))
    tris = [
        np.stack([at + sx * x, at + sy * y, at + sz * z], axis=1)
        for sx in (-1, 1)
        for sy in (-1, 1)
        for sz in (-1, 1)
    ]
    return np.concatenate(tris).astype(np.float32)


def _white(corners: Floats, opacity: float) -> Any:
    n = len(corners)
    white = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.9, 0.92, 0.95]}}
    props = mi.Properties()
    props["mesh_bsdf"] = mi.load_dict(
        {"type": "mask", "opacity": opacity, "inner": {"type": "twosided", "white": white}}
    )
    made = mi.Mesh("falling", 3 * n, n, props)
    params = mi.traverse(made)
    fill(params, "vertex_positions", np.ascontiguousarray(corners, dtype=np.float32).ravel())
    fill(params, "faces", np.arange(3 * n, dtype=np.uint32))
    params.update()
    return made


def _with_falling(guides: Guides, g: GBuffer, corners: Floats, opacity: float) -> Guides:
    """The denoiser's guides with what falls in front of the street."""
    height, width = g.depth.shape
    scene, share = embree_scene(corners), np.zeros(height * width, dtype=np.float32)
    for k, offset in enumerate(SUBPIXELS):
        origins, directions, z_per_m = rays(g.camera, width, height, offset)
        z = cast(scene, origins, directions).t * z_per_m
        share += (z < guides.depth[k].ravel()) * np.float32(opacity / len(SUBPIXELS))
    weight = share.reshape(height, width, 1)
    return replace(guides, albedo=guides.albedo + weight * (WHITE - guides.albedo))
