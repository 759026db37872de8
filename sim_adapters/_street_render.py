"""Full quality: path tracing with mitsuba, denoised with Open Image Denoise.

The same street, light and seed give the same bytes, in any process and on any number of threads.
"""

import importlib
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_batches import Batch, batches
from parhelion.sim_adapters._street_gbuffer import GBuffer, Guides
from parhelion.sim_adapters._street_geometry import Floats, Geometry
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_materials import Plugin, bsdf
from parhelion.sim_adapters._street_mesh import Light
from parhelion.sim_adapters._street_sky import key_light, sky_radiance

mi.set_variant("scalar_rgb")
mi.set_log_level(mi.LogLevel.Error)  # it warns of every sample count that is no full grid

# Roulette from the second bounce on: a quarter cheaper, and the denoiser hardly notices.
PATHS = {"type": "path", "max_depth": 4, "rr_depth": 2}
DOME_ROWS = 128
GLOW_TRACED = 0.3  # share of a lamp's glow that is traced; all of it would sparkle
FAINT_LIGHT = 0.003  # lights with a smaller share of the light in view are left out
FIREFLY = 3.0  # times the 99.7th percentile of luminance
OPENCV_TO_MITSUBA = np.diag([-1.0, -1.0, 1.0, 1.0])


def prepare_render_worker() -> None:
    """For the initializer of a render process: loads what every frame needs."""
    denoiser()


@lru_cache
def denoiser() -> ModuleType:
    """The module pyoidn, without torch that it would import (1.4 s, 500 MB) and never use here."""
    if "torch" in sys.modules:
        return importlib.import_module("pyoidn")
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("pyoidn")
    finally:
        del sys.modules["torch"]


@dataclass(frozen=True, eq=False)
class Tracer:
    """A street ready for the path tracer; twins share its meshes."""

    geometry: Geometry

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        return batches(self.geometry)

    def radiance(
        self,
        g: GBuffer,
        guides: Guides,
        air: Ambience,
        samples: int,
        seed: int,
        more: Plugin | None = None,
    ) -> Floats:
        """Linear radiance (H, W, 3), denoised; `more` plugins replace or join the scene's own."""
        height, width = g.depth.shape
        scene: Plugin = {"type": "scene", "integrator": PATHS}
        scene |= self.shapes(air) | lights(self.geometry.street.lights, g, air)
        scene |= {"camera": camera(g, samples)} | (more or {})
        traced = mi.render(mi.load_dict(scene), spp=samples, seed=seed & 0x7FFFFFFF)
        noisy = np.array(traced, dtype=np.float32).reshape(height, width, 3)
        clean = denoised(noisy, guides)
        return clean + (1 - GLOW_TRACED) * guides.glow if air.lamps_on else clean

    def shapes(self, air: Ambience) -> Plugin:
        """All meshes with their materials in this weather."""
        return {f"mesh-{i:03d}": mesh(b, air) for i, b in enumerate(self.batches)}


def mesh(batch: Batch, air: Ambience) -> Any:
    """A batch as a mitsuba mesh."""
    n = len(batch.corners)
    props = mi.Properties()
    props["mesh_bsdf"] = mi.load_dict(bsdf(batch, air))
    glows = batch.glow is not None and (air.lamps_on or batch.burns)
    if glows:
        radiance = {"type": "mesh_attribute", "name": "face_glow"}
        emitter = {"type": "area", "radiance": radiance, "sampling_weight": 0.0}
        props["mesh_emitter"] = mi.load_dict(emitter)
    made = mi.Mesh(
        "batch",
        3 * n,
        n,
        props,
        has_vertex_normals=batch.normals is not None,
        has_vertex_texcoords=True,
    )
    made.add_attribute("face_colour", 3, _flat(batch.colour))
    if batch.glow is not None and glows:
        share = air.fire if batch.burns else GLOW_TRACED
        made.add_attribute("face_glow", 3, _flat(share * batch.glow))
    params = mi.traverse(made)
    fill(params, "vertex_positions", _flat(batch.corners))
    fill(params, "vertex_texcoords", _flat(batch.uv))
    fill(params, "faces", np.arange(3 * n, dtype=np.uint32))
    params.update()
    if batch.normals is not None:  # after the positions, whose update makes flat normals
        fill(params, "vertex_normals", _flat(batch.normals))
        params.update()
    return made


def fill(params: Any, name: str, values: NDArray[Any]) -> None:
    """Sets one buffer; `params[name] = values` would first compare old and new, one by one."""
    buffer, kind, _, _ = params.properties[name]
    params.set_dirty(name)
    params.set_property(buffer, kind, values)


def _flat(values: Floats) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32).ravel()


def camera(g: GBuffer, samples: int) -> Plugin:
    """The pinhole camera of a G-buffer; its box filter keeps noise independent between pixels."""
    height, width = g.depth.shape
    fov = 2 * np.degrees(np.arctan(width / 2 / g.camera.intrinsics[0, 0]))
    return {
        "type": "perspective",
        "fov": float(fov),
        "fov_axis": "x",
        "near_clip": 0.05,
        "to_world": mi.ScalarTransform4f(g.camera.camera_to_world @ OPENCV_TO_MITSUBA),
        "sampler": {"type": "multijitter", "sample_count": samples},
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgb",
            "component_format": "float32",
        },
    }


def lights(street_lights: tuple[Light, ...], g: GBuffer, air: Ambience) -> Plugin:
    """Dome, sun or moon, and the artificial lights that matter in this view."""
    up_axis = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    dome = {"type": "envmap", "bitmap": mi.Bitmap(dome_picture(air)), "to_world": up_axis}
    found: Plugin = {"dome": dome}
    towards, klux = key_light(air)
    if klux.max() > 1e-4:
        found["sun"] = {
            "type": "directional",
            "direction": [float(-x) for x in towards],
            "irradiance": {"type": "rgb", "value": klux.tolist()},
        }
    if air.lamps_on:
        chosen = np.flatnonzero(g.light_shares > FAINT_LIGHT)
        for i in chosen:
            found[f"lamp-{i:03d}"] = _spot(street_lights[i], 2 * float(g.light_shares[i]))
    return found


def _spot(light: Light, sampling_weight: float) -> Plugin:
    origin = np.array(light.position_m, dtype=np.float64)
    target = origin + np.array(light.direction)
    up = [0.0, 1.0, 0.0] if abs(light.direction[2]) > 0.9 else [0.0, 0.0, 1.0]
    return {
        "type": "spot",
        "to_world": mi.ScalarTransform4f().look_at(origin.tolist(), target.tolist(), up),
        "intensity": {"type": "rgb", "value": list(light.intensity)},
        "cutoff_angle": light.cutoff_deg,
        "beam_width": light.beam_deg,
        "sampling_weight": sampling_weight,
    }


def dome_picture(air: Ambience) -> Floats:
    """The sky by latitude and longitude (h, 2h, 3), laid out for mitsuba: top row straight up."""
    rows, columns = DOME_ROWS, 2 * DOME_ROWS
    theta = (np.arange(rows) + 0.5) * np.pi / rows
    phi = (np.arange(columns) + 0.5) * 2 * np.pi / columns
    t, p = np.meshgrid(theta, phi, indexing="ij")
    directions = np.stack([np.sin(p) * np.sin(t), np.cos(p) * np.sin(t), np.cos(t)], axis=-1)
    sky = sky_radiance(air, directions.reshape(-1, 3).astype(np.float32))
    return np.ascontiguousarray(sky.reshape(rows, columns, 3), dtype=np.float32)


def denoised(noisy: Floats, guides: Guides) -> Floats:
    """Open Image Denoise with albedo and normals, after clamping fireflies."""
    luminance = noisy.mean(axis=2)
    ceiling = FIREFLY * np.percentile(luminance, 99.7)
    dimmed = noisy * np.minimum(1, ceiling / np.maximum(luminance, 1e-9))[..., None]
    clean = denoiser().denoise(
        np.ascontiguousarray(dimmed, dtype=np.float32),
        albedo=np.ascontiguousarray(guides.albedo, dtype=np.float32),
        normal=np.ascontiguousarray(guides.normal, dtype=np.float32),
        hdr=True,
        quality="high",
    )
    return np.maximum(np.asarray(clean, dtype=np.float32), 0)
