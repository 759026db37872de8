"""What surfaces are like: material keys to mitsuba's reflection models, dry, wet or under snow."""

from functools import lru_cache
from typing import Any, NamedTuple

import mitsuba as mi
import numpy as np

from parhelion.sim_adapters._street_batches import Batch
from parhelion.sim_adapters._street_geometry import Floats
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_noise import smoothstep, tile
from parhelion.sim_adapters._street_water import RIPPLES_M, ripple_normals

Plugin = dict[str, Any]  # mitsuba's own language of nested dicts


class Finish(NamedTuple):
    """How a dry surface reflects: `specular` 0 means plain Lambert, which traces much faster."""

    roughness: float = 0.8
    specular: float = 0.0
    metallic: float = 0.0
    clearcoat: float = 0.0
    porous: bool = False  # drinks water: darker when wet


FINISHES: dict[str, Finish] = {
    "asphalt": Finish(porous=True),
    "paint_marking": Finish(porous=True),
    "concrete": Finish(porous=True),
    "plaster": Finish(porous=True),
    "brick": Finish(porous=True),
    "stone": Finish(porous=True),
    "roof": Finish(porous=True),
    "glass_window": Finish(0.06, 0.9),
    "glass_car": Finish(0.04, 0.8),
    "car_paint": Finish(0.32, 0.5, 0.25, 0.9),
    "rubber": Finish(),
    "metal": Finish(0.45, 0.5, 0.6),
    "chrome": Finish(0.15, 0.9, 1.0),
    "skin": Finish(),
    "cloth": Finish(porous=True),
    "leaf": Finish(),
    "bark": Finish(porous=True),
    "grass": Finish(),
    "plastic": Finish(0.4, 0.5),
    "lens_lamp": Finish(0.2, 0.5),
    "lens_headlight": Finish(0.1, 0.7),
    "lens_tail": Finish(0.15, 0.6),
    "lens_traffic": Finish(0.25, 0.5),
    "sign_face": Finish(0.4, 0.4),
    "dark_interior": Finish(),
}
WATER_ROUGHNESS = 0.03
PAVED = frozenset({"asphalt", "paint_marking", "concrete", "stone", "brick"})
TILE_M, TILE_PX, TILE_CELLS = 16.0, 256, 8  # the mask of puddles and snow patches
SNOW: Plugin = {
    "type": "diffuse",
    "reflectance": {"type": "rgb", "value": [0.80, 0.83, 0.88]},
}


def bsdf(batch: Batch, air: Ambience) -> Plugin:
    """The reflection model of a batch in this weather. Raises KeyError for an unknown material."""
    if batch.material == "water":
        return water(batch, air)
    finish = FINISHES[batch.material]
    surface = _surface(batch, finish, air)
    if air.snow_cover > 0 and batch.upward:
        mask = _texture(_snow_mask(air.snow_cover, air.seed), batch)
        surface = {"type": "blendbsdf", "weight": mask, "dry": surface, "snow": SNOW}
    return {"type": "twosided", "inner": surface}


def water(batch: Batch, air: Ambience) -> Plugin:
    """A clear film over mud, with ripples; snow does not lie on it."""
    normals = mi.Bitmap(np.ascontiguousarray(ripple_normals(air.seed) / 2 + np.float32(0.5)))
    scale = batch.metres_per_uv / RIPPLES_M
    ripples = {
        "type": "bitmap",
        "bitmap": normals,
        "raw": True,
        "to_uv": mi.ScalarTransform4f().scale([scale, scale, 1]),
    }
    film = {
        "type": "roughplastic",
        "diffuse_reflectance": _albedo(batch, 1.0),
        "int_ior": 1.33,
        "alpha": WATER_ROUGHNESS,
    }
    return {"type": "twosided", "inner": {"type": "normalmap", "normalmap": ripples, "film": film}}


def _surface(batch: Batch, finish: Finish, air: Ambience) -> Plugin:
    wet = air.wetness * (1.0 if batch.upward else 0.45)
    base = _albedo(batch, 1 - 0.5 * wet * finish.porous)
    puddles = batch.upward and batch.material in PAVED and wet > 0
    if finish.specular == 0 and not puddles:
        return {"type": "diffuse", "reflectance": base}
    roughness: Plugin | float = finish.roughness * (1 - 0.55 * wet)
    if puddles:
        roughness = _texture(_wet_roughness(finish.roughness, air.wetness, air.seed), batch)
    return {
        "type": "principled",
        "base_color": base,
        "roughness": roughness,
        "specular": max(finish.specular, 0.5 * wet),
        "metallic": finish.metallic,
        "clearcoat": finish.clearcoat,
        "clearcoat_gloss": 0.95,
    }


def _albedo(batch: Batch, factor: float) -> Plugin:
    if batch.texture is None:
        return {"type": "mesh_attribute", "name": "face_colour", "scale": factor}
    picture = np.ascontiguousarray(batch.texture * np.float32(factor), dtype=np.float32)
    return {"type": "bitmap", "bitmap": mi.Bitmap(picture), "raw": True}


def _texture(picture: Any, batch: Batch) -> Plugin:
    scale = batch.metres_per_uv / TILE_M
    to_uv = mi.ScalarTransform4f().scale([scale, scale, 1])
    return {"type": "bitmap", "bitmap": picture, "raw": True, "to_uv": to_uv}


@lru_cache(maxsize=16)
def _wet_roughness(dry: float, wetness: float, seed: int) -> Any:
    """Roughness (h, w): a wet film, and mirrors of standing water in the hollows."""
    hollows = tile(TILE_PX, TILE_CELLS, "puddles", seed)
    level = 0.92 - 0.34 * wetness
    water = smoothstep(level - 0.06, level + 0.06, 1 - hollows)
    film = dry + wetness * (0.30 - dry)
    return _bitmap(film + water * wetness * (0.04 - film))


@lru_cache(maxsize=16)
def _snow_mask(cover: float, seed: int) -> Any:
    """Share (h, w) of ground under snow."""
    patches = tile(TILE_PX, TILE_CELLS, "snow patches", seed)
    threshold = 1.0 - cover
    return _bitmap(smoothstep(threshold - 0.16, threshold + 0.06, patches))


def _bitmap(values: Floats) -> Any:
    return mi.Bitmap(np.ascontiguousarray(values[..., None], dtype=np.float32))
