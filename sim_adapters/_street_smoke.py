"""Smoke and flame over a fire, as round puffs of air that rays cross; drawn in every quality.

Smoke is air, like fog: layers are those of the surface behind it. Where it lets less than a fifth
of that surface through, nobody could label it: there the stencil is IGNORE, depth unknown and no
instance is seen. It rises by the street's own seed, never by weather, so twins share it.
Legend: H, W image; n puffs; k pixels of one puff.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Camera
from parhelion.sim_adapters._street_geometry import Floats
from parhelion.sim_adapters._street_light import Ambience
from parhelion.sim_adapters._street_mesh import Smoke
from parhelion.sim_adapters._street_noise import noise
from parhelion.sim_adapters._street_sky import key_light, sky_radiance

OPAQUE_BELOW = 0.2  # share of the light of a surface
SOOT = np.array([0.05, 0.047, 0.045], dtype=np.float32)  # share of light that soot scatters
FLAME = np.array([1.9, 0.62, 0.085], dtype=np.float32)  # radiance by night, as lamps
RAGGED = 0.75  # how much noise eats into the puffs


class Crossing(NamedTuple):
    """One puff as a camera sees it."""

    puff: int
    rows: slice
    columns: slice
    alpha: Floats  # (h, w) share of light that it takes
    bulge: Floats  # (h, w, 3) direction from its middle to where the ray comes nearest


def opaque(smoke: Smoke, camera: Camera, rays: Floats, depth: Floats) -> NDArray[np.bool_]:
    """(H, W) where smoke hides the surface at depth (H, W); along unit rays (H, W, 3)."""
    left = np.ones(depth.shape, dtype=np.float32)
    for c in crossings(smoke, camera, rays, depth):
        left[c.rows, c.columns] *= 1 - c.alpha
    return np.asarray(left < OPAQUE_BELOW)


def through_smoke(
    linear: Floats, smoke: Smoke, camera: Camera, rays: Floats, depth: Floats, air: Ambience
) -> Floats:
    """The linear image (H, W, 3) behind smoke, whose puffs are laid over it from far to near.

    Depth (S, H, W); where a pixel shows a leaf before the sky, smoke dims all of it, for a bright
    rest of sky would look like a spark.
    """
    seen, farthest = linear.copy(), depth.max(axis=0)
    colours = _Shades(smoke, air)
    for c in reversed(list(crossings(smoke, camera, rays, farthest))):
        own = colours.of(c, float(np.linalg.norm(smoke.centres_m[c.puff] - _eye(camera))))
        window = seen[c.rows, c.columns]
        window += c.alpha[..., None] * (own - window)
    return seen


def crossings(smoke: Smoke, camera: Camera, rays: Floats, depth: Floats) -> Iterator[Crossing]:
    """The puffs in view, near ones first; each ends where the surface at depth (H, W) begins.

    Density (1 - r^2)^2 inside the radius, whose integral along a ray has a closed form.
    """
    eye, focal = _eye(camera), camera.intrinsics[0, 0]
    place = camera.project(smoke.centres_m)
    height, width = depth.shape
    axis = camera.camera_to_world[:3, 2].astype(np.float32)
    for i in np.argsort(place[:, 2], kind="stable"):
        x, y, z = place[i]
        radius = float(smoke.radii_m[i])
        if z < 2 * radius:
            continue
        reach = 1.1 * focal * radius / (z - radius)
        rows = slice(max(int(y - reach), 0), max(min(int(y + reach) + 2, height), 0))
        columns = slice(max(int(x - reach), 0), max(min(int(x + reach) + 2, width), 0))
        ways = rays[rows, columns]
        if not ways.size:
            continue
        to = (smoke.centres_m[i] - eye).astype(np.float32)
        along = ways @ to
        off = (along[..., None] * ways - to) / np.float32(radius)  # (h, w, 3) in radii
        length = depth[rows, columns] / (ways @ axis)
        end = np.clip((length - along) / radius, -1, 1)
        across = _across((off * off).sum(-1) + _ragged(off, i), end)
        alpha = 1 - np.exp(-smoke.per_m[i] * radius * across)
        yield Crossing(int(i), rows, columns, alpha.astype(np.float32), off)


def _eye(camera: Camera) -> NDArray[np.float64]:
    return camera.camera_to_world[:3, 3]


def _across(h2: Floats, end: Floats) -> Floats:
    """Integral of (1 - h^2 - s^2)^2 over s inside the ball, up to `end`; lengths in radii."""
    a = np.clip(1 - h2, 0, 1)
    half = np.sqrt(a)

    def primitive(s: Floats) -> Floats:
        return np.asarray(a * a * s - 2 * a * s**3 / 3 + s**5 / 5)

    return primitive(np.clip(end, -half, half)) - primitive(-half)


def _ragged(off: Floats, i: int) -> Floats:
    """What noise adds to the squared distance (h, w) from the middle: billows at the rim."""
    plane = off @ np.array([[0.8, 0.1], [0.6, -0.2], [0.1, 1.0]], dtype=np.float32)
    return RAGGED * (noise(1.6 * plane + np.float32(7.3 * i), "smoke", octaves=3) - 0.5)


class _Shades:
    """What light soot scatters and flames give, under one sky."""

    def __init__(self, smoke: Smoke, air: Ambience) -> None:
        self.heat, self.fire, self.beta = smoke.heat, air.fire, air.extinction_per_m
        self.air = air
        towards, klux = key_light(air)
        self.towards = towards.astype(np.float32)
        self.sun = SOOT * klux / np.pi
        ring = np.array([[0, 0, 1], [0.8, 0, 0.6], [-0.8, 0, 0.6], [0, 0.8, 0.6], [0, -0.8, 0.6]])
        self.dome = sky_radiance(air, ring.astype(np.float32)).mean(axis=0)

    def of(self, c: Crossing, distance_m: float) -> Floats:
        """Radiance (h, w, 3) of a puff that were opaque."""
        lit = np.clip(0.35 + 0.65 * (c.bulge @ self.towards), 0, 1)[..., None]
        above = np.clip(0.6 + 0.4 * c.bulge[..., 2], 0.1, 1)[..., None]
        heat = float(self.heat[c.puff])
        own = self.sun * lit + 1.6 * SOOT * self.dome * above
        own = own + FLAME * self.fire * heat * (0.35 + 0.65 * np.clip(1 - above, 0, 1))
        kept = np.exp(-self.beta * distance_m)
        return np.asarray(own * kept + (1 - kept) * self.dome, dtype=np.float32)
