"""Artificial light: lamps, windows and headlights go on, light the street around them and glow.

Every light has a place in space (its pixels, back-projected), so its pool falls on the ground and
on the walls as inverse squares and cosines say. Colours are linear radiances; the day's picture,
freed from the sun, stands for what the surfaces reflect.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.generators._linear_light import Linear, Mask, Rgb, float32, smoothstep, tinted
from parhelion.generators._surface import VEHICLES, Surface, Vector
from parhelion.pipeline.frame import GIVES_LIGHT
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
    """Turns on what the emissive layer names, and the lamps of the stencil, whose bulbs look down.

    `linear` tells red lenses from white ones.
    """
    emissive = surface.y.emissive
    assert emissive is not None
    burning = (emissive & GIVES_LIGHT) > 0
    emission = np.zeros_like(linear)
    lamps = _patches(surface.is_a(SceneClass.STREET_LIGHT), linear, surface)
    emission += lamps.painted(lambda _: 9 * lights.street * tinted(lights.street_colour))
    lenses = _patches(burning & surface.is_a(*VEHICLES), linear, surface)
    emission += lenses.painted(lambda i: lights.vehicles * _lens(lenses.colours[i]))
    signals = _patches(burning & surface.is_a(SceneClass.TRAFFIC_LIGHT), linear, surface)
    emission += signals.painted(lambda i: 2.5 * signals.colours[i] / signals.colours[i].max())
    windows = _patches(
        burning & surface.is_a(SceneClass.BUILDING, SceneClass.WALL), linear, surface
    )
    inside = windows.painted(lambda _: _window(lights.windows, random))
    emission += inside * (0.5 + np.minimum(linear * 2, 1))
    row = [_street_spot(surface, at, lights) for at in lamps.positions] if lights.street else []
    row = sorted(row + _continued(row, surface), key=_range)[:_MOST_LAMPS]
    cars = [
        _vehicle_spot(surface, lenses, i, lights.vehicles) for i in range(len(lenses.positions))
    ]
    cars = sorted(cars, key=_range)[:_MOST_LAMPS] if lights.vehicles else []
    ours = _own_spots(surface, lights.own) if lights.own else []
    return Glow(emission, (*row, *cars, *ours))


def _lens(colour: Vector) -> NDArray[np.float32]:
    """What a vehicle's lamp shows: a headlight's white, a tail light's red, a sign's own colour."""
    if _is_white(colour):
        return 9 * tinted(_WHITE)
    if colour[0] > 3 * colour[1:].max():
        return 2.5 * tinted(_RED)
    return float32(1.2 * colour / colour.max())


def _is_white(colour: Vector) -> bool:
    return bool(colour.max() < 2 * colour.min())


def _window(lit: float, random: np.random.Generator) -> NDArray[np.float32]:
    """The light of one window: none, or one of many warm whites."""
    on, level, green, blue = random.uniform(0, 1, 4)
    warm = tinted((1.0, 0.52 + 0.22 * green, 0.22 + 0.26 * blue))
    return warm * np.float32((0.45 + 0.65 * level) * (on < lit))


def irradiance(surface: Surface, spots: tuple[Spot, ...]) -> Linear:
    """Artificial light on every surface (H, W, 3), in units of the parent's daylight."""
    # Planes instead of (H, W, 3): five times faster, and there may be fifty lights.
    x, y, z = (float32(surface.points[..., i].copy()) for i in range(3))
    nx, ny, nz = (float32(surface.normals[..., i].copy()) for i in range(3))
    foliage = surface.is_a(SceneClass.VEGETATION, SceneClass.NATURE)
    light = np.zeros((3, *surface.y.size), dtype=np.float32)
    for spot in spots:
        dx, dy, dz = spot.position[0] - x, spot.position[1] - y, spot.position[2] - z
        inverse = 1 / np.sqrt(dx * dx + dy * dy + dz * dz + np.float32(0.3))
        cosine = np.clip((dx * nx + dy * ny + dz * nz) * inverse, 0, 1)
        cosine[foliage] = _FOLIAGE_COSINE
        ax, ay, az = spot.direction
        cone = smoothstep(spot.cos_outer, spot.cos_inner, -(dx * ax + dy * ay + dz * az) * inverse)
        falling = cosine * cone * inverse * inverse
        for k in range(3):
            light[k] += falling * spot.intensity[k]
    light[:, surface.sky] = 0
    return float32(np.ascontiguousarray(np.moveaxis(light, 0, 2)))


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
    return float32(linear + photons * a + read * b)


@dataclass(frozen=True, eq=False)
class Patches:
    """Connected patches of pixels, numbered from 1 in `label` (H, W); rows below are 0-based."""

    label: NDArray[np.int32]
    colours: NDArray[np.float32]  # (n, 3) mean linear light in the parent
    positions: NDArray[np.float32]  # (n, 3) mean point, camera axes, metres

    def painted(self, colour_of: Callable[[int], NDArray[np.float32]]) -> Linear:
        """Every patch in one colour, black between (H, W, 3)."""
        table = np.zeros((len(self.colours) + 1, 3), dtype=np.float32)
        for i in range(len(self.colours)):
            table[i + 1] = colour_of(i)
        return float32(table[self.label])


def _patches(where: Mask, linear: Linear, surface: Surface) -> Patches:
    number, numbered = cv2.connectedComponents(where.astype(np.uint8), connectivity=8)
    label = np.asarray(numbered, dtype=np.int32)
    at = label[where]
    count = np.maximum(np.bincount(at, minlength=number)[1:, None], 1)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        sums = [np.bincount(at, weights=values[:, k], minlength=number)[1:] for k in range(3)]
        return np.asarray(np.stack(sums, axis=1) / count, dtype=np.float32)

    return Patches(label, mean(linear[where]) + np.float32(1e-4), mean(surface.points[where]))


def _range(spot: Spot) -> float:
    return float(np.linalg.norm(spot.position))


def _street_spot(surface: Surface, lamp: Vector, lights: Lights) -> Spot:
    position = lamp - np.float32(0.2) * surface.up
    high = max(float(position @ surface.up) + surface.ground[1], 2.0)
    # Brighter the higher it hangs, so that the road below gets the same.
    intensity = 3.0 * high**2 * lights.street * tinted(lights.street_colour)
    return Spot(
        position=position,
        direction=-surface.up,
        intensity=intensity,
        cos_inner=0.85,
        cos_outer=0.42,
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
            more.append(replace(first, position=np.asarray(position, dtype=np.float32)))
    return more


def _vehicle_spot(surface: Surface, lenses: Patches, i: int, strength: float) -> Spot:
    """A headlight shines away from its vehicle's middle; other lamps only tint what is near."""
    position, head = lenses.positions[i], _is_white(lenses.colours[i])
    centre = _vehicle_centre(surface, lenses.label == i + 1)
    away = -position if centre is None else position - centre
    away = away - surface.up * (away @ surface.up)
    away = away / max(float(np.linalg.norm(away)), 1e-6) - 0.08 * surface.up
    direction = float32(away / np.linalg.norm(away))
    intensity = 40 * tinted(_WHITE) if head else 0.5 * _lens(lenses.colours[i])
    return Spot(
        position=float32(position + 0.15 * direction),
        direction=direction,
        intensity=intensity * np.float32(strength),
        cos_inner=0.97 if head else 0.2,
        cos_outer=0.82 if head else -0.2,
    )


def _vehicle_centre(surface: Surface, where: Mask) -> Vector | None:
    """The middle of the vehicle that owns these pixels, camera axes; None where unknown."""
    if surface.y.instances is None:
        return None
    owner = int(np.bincount(surface.y.instances[where]).argmax())
    centre = next((o.centre_m for o in surface.y.objects if o.instance == owner), None)
    if centre is None:
        return None
    world_to_camera = np.linalg.inv(surface.camera.camera_to_world)
    return np.asarray(
        world_to_camera[:3, :3] @ np.array(centre) + world_to_camera[:3, 3], dtype=np.float32
    )


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
            intensity=np.float32(60 * strength) * tinted(_WHITE),
            cos_inner=0.975,
            cos_outer=0.85,
        )
        for side in (-0.6, 0.6)
    ]
