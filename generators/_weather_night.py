"""Artificial light: lamps, windows and headlights go on, light the street around them and glow.

Every light has a place in space (its pixels, back-projected), so its pool falls on the ground and
on the walls as inverse squares and cosines say. Colours are linear radiances; the day's picture,
freed from the sun, stands for what the surfaces reflect.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.generators._linear_light import Linear, Rgb, smoothstep, tinted
from parhelion.generators._surface import VEHICLES, Surface, Vector
from parhelion.pipeline.frame import GIVES_LIGHT, SceneObject
from parhelion.pipeline.scene_class import SceneClass

_MOST_LAMPS = 24  # the nearest; those farther light a pixel or two
_WHITE: Rgb = (1.0, 0.93, 0.82)
_RED: Rgb = (1.0, 0.045, 0.02)
_FOLIAGE_COSINE = 0.5  # leaves look every way


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Which lights burn, and how strongly."""

    street: float = 1.0  # of the lamps along the street; 0 = off
    street_colour: Rgb = (1.0, 0.68, 0.36)
    windows: float = 0.5  # share of the windows that are lit
    vehicles: float = 1.0
    own: float = 1.0  # headlights of the vehicle that carries the camera
    bloom: float = 1.0  # halo in the lens and the air


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One light in space, camera axes, metres."""

    position: Vector
    direction: Vector
    intensity: Vector  # linear rgb
    cos_inner: float  # full intensity inside this angle
    cos_outer: float  # none outside this one


@dataclass(frozen=True, eq=False)
class Glow:
    """The surfaces that give light, and the light that falls from them on the others."""

    emission: Linear  # (H, W, 3)
    spots: tuple[Spot, ...]


def glow(linear: Linear, surface: Surface, lights: Lights, random: np.random.Generator) -> Glow:
    """Turns on what the emissive layer names. `linear` tells red lenses from white ones."""
    emissive = surface.y.emissive
    assert emissive is not None
    burning = (emissive & GIVES_LIGHT) > 0
    emission = np.zeros_like(linear)
    lamps: list[Spot] = []
    cars: list[Spot] = []
    vehicles = burning & surface.is_a(*VEHICLES)
    for where, _ in _patches(burning & surface.is_a(SceneClass.STREET_LIGHT), linear):
        emission[where] = 9 * lights.street * tinted(lights.street_colour)
        lamps.append(_street_spot(surface, where, lights))
    if lights.vehicles:
        for where, colour in _patches(vehicles, linear):
            red = colour[0] > 1.5 * colour[1:].max()
            emission[where] = (
                (2.5 if red else 9.0) * lights.vehicles * tinted(_RED if red else _WHITE)
            )
            cars.append(_vehicle_spot(surface, where, red, lights.vehicles))
    for where, colour in _patches(burning & surface.is_a(SceneClass.TRAFFIC_LIGHT), linear):
        emission[where] = 2.5 * colour / max(float(colour.max()), 1e-3)
    walls = burning & surface.is_a(SceneClass.BUILDING, SceneClass.WALL)
    for where, _ in _patches(walls, linear):
        if random.random() < lights.windows:
            warm = tinted((1.0, random.uniform(0.62, 0.85), random.uniform(0.3, 0.6)))
            own = 0.45 + linear[where] / max(float(linear[where].max()), 1e-3)
            emission[where] = random.uniform(0.35, 0.9) * warm * own
    if lights.street:
        lamps = sorted(lamps + _continued(lamps, surface), key=_range)[:_MOST_LAMPS]
    else:
        lamps = []
    ours = _own_spots(surface, lights.own) if lights.own else []
    return Glow(emission, (*lamps, *sorted(cars, key=_range)[:_MOST_LAMPS], *ours))


def irradiance(surface: Surface, spots: tuple[Spot, ...]) -> Linear:
    """Artificial light on every surface (H, W, 3), in units of the parent's daylight."""
    light = np.zeros((*surface.y.size, 3), dtype=np.float32)
    foliage = surface.is_a(SceneClass.VEGETATION, SceneClass.NATURE)
    for spot in spots:
        towards = spot.position - surface.points
        square = np.einsum("hwc,hwc->hw", towards, towards) + np.float32(0.3)
        along = towards / np.sqrt(square)[..., None]
        cosine = np.clip(np.einsum("hwc,hwc->hw", along, surface.normals), 0, 1)
        cosine = np.where(foliage, np.float32(_FOLIAGE_COSINE), cosine)
        cone = smoothstep(spot.cos_outer, spot.cos_inner, -(along @ spot.direction))
        light += (cosine * cone / square)[..., None] * spot.intensity
    light[surface.sky] = 0
    return light


def bloomed(linear: Linear, emission: Linear, strength: float) -> Linear:
    """Halos around what shines: three widths of blur, added."""
    if strength <= 0:
        return linear.copy()
    width = linear.shape[1]
    out = linear.copy()
    for share, sigma in ((0.30, width / 130), (0.16, width / 42), (0.10, width / 14)):
        out += np.float32(share * strength) * cv2.GaussianBlur(emission, (0, 0), sigma)
    return out


def sensor_noise(linear: Linear, amount: float, random: np.random.Generator) -> Linear:
    """Photon noise (its variance grows with the light) and read noise; `amount` 0 = none."""
    if amount <= 0:
        return linear.copy()
    photons = np.sqrt(np.maximum(linear, 0)) * np.float32(0.05 * amount)
    read = np.float32(0.004 * amount)
    a, b = random.standard_normal((2, *linear.shape), dtype=np.float32)
    return linear + photons * a + read * b


def _patches(where: NDArray[np.bool_], linear: Linear) -> list[tuple[NDArray[np.bool_], Vector]]:
    """The connected patches of `where`, each as (mask, mean colour of the parent there)."""
    number, label = cv2.connectedComponents(where.astype(np.uint8), connectivity=8)
    patches = []
    for i in range(1, number):
        patch = label == i
        patches.append((patch, linear[patch].mean(axis=0)))
    return patches


def _range(spot: Spot) -> float:
    return float(np.linalg.norm(spot.position))


def _street_spot(surface: Surface, where: NDArray[np.bool_], lights: Lights) -> Spot:
    position = surface.points[where].mean(axis=0) - 0.2 * surface.up
    high = max(float(position @ surface.up) + surface.ground[1], 2.0)
    # Brighter the higher it hangs, so that the road below gets the same.
    intensity = 1.5 * high**2 * lights.street * tinted(lights.street_colour)
    return Spot(
        position=position,
        direction=-surface.up,
        intensity=intensity,
        cos_inner=0.75,
        cos_outer=0.15,
    )


def _continued(lamps: list[Spot], surface: Surface) -> list[Spot]:
    """The row of lamps goes on towards and past the camera, where the picture ends."""
    right, ahead = surface.plan_axes
    more = []
    for side in (-1, 1):
        row = sorted((s for s in lamps if side * (s.position @ right) > 0), key=_range)
        if not row:
            continue
        where = [float(s.position @ ahead) for s in row]
        spacing = float(np.clip(np.diff(where).min(), 15, 40)) if len(where) > 1 else 25.0
        first, z = row[0], where[0]
        while z > -0.5 * spacing:
            z -= spacing
            position = first.position + (z - where[0]) * ahead
            more.append(
                Spot(
                    position=np.asarray(position, dtype=np.float32),
                    direction=first.direction,
                    intensity=first.intensity,
                    cos_inner=first.cos_inner,
                    cos_outer=first.cos_outer,
                )
            )
    return more


def _vehicle_spot(surface: Surface, where: NDArray[np.bool_], red: bool, strength: float) -> Spot:
    """A headlight shines away from its vehicle's middle; a tail light only tints what is near."""
    position = surface.points[where].mean(axis=0)
    direction = _away_from_vehicle(surface, where, position)
    intensity = 1.2 * tinted(_RED) if red else 40 * tinted(_WHITE)
    return Spot(
        position=np.asarray(position + 0.15 * direction, dtype=np.float32),
        direction=direction,
        intensity=intensity * np.float32(strength),
        cos_inner=0.2 if red else 0.97,
        cos_outer=-0.2 if red else 0.82,
    )


def _away_from_vehicle(surface: Surface, where: NDArray[np.bool_], position: Vector) -> Vector:
    centre = _centre(surface, where)
    away = -position if centre is None else position - centre
    away = away - surface.up * (away @ surface.up)
    away = away / max(float(np.linalg.norm(away)), 1e-6) - 0.08 * surface.up
    return np.asarray(away / np.linalg.norm(away), dtype=np.float32)


def _centre(surface: Surface, where: NDArray[np.bool_]) -> Vector | None:
    """Where the middle of the vehicle that owns these pixels is, camera axes; None if unknown."""
    if surface.y.instances is None:
        return None
    ids, counts = np.unique(surface.y.instances[where], return_counts=True)
    owner: SceneObject | None = next(
        (o for o in surface.y.objects if o.instance == int(ids[counts.argmax()])), None
    )
    if owner is None or owner.centre_m is None:
        return None
    world_to_camera = np.linalg.inv(surface.camera.camera_to_world)
    centre = world_to_camera[:3, :3] @ np.array(owner.centre_m) + world_to_camera[:3, 3]
    return np.asarray(centre, dtype=np.float32)


def _own_spots(surface: Surface, strength: float) -> list[Spot]:
    """The low beams of the vehicle that carries the camera."""
    right, ahead = surface.plan_axes
    down = max(surface.ground[1] - 0.65, 0.2)
    direction = ahead - 0.06 * surface.up
    direction = np.asarray(direction / np.linalg.norm(direction), dtype=np.float32)
    return [
        Spot(
            position=np.asarray(side * right - down * surface.up, dtype=np.float32),
            direction=direction,
            intensity=np.float32(110 * strength) * tinted(_WHITE),
            cos_inner=0.975,
            cos_outer=0.85,
        )
        for side in (-0.6, 0.6)
    ]
