"""Fog, flakes, noise and the camera of the street: laws that hold for any picture."""

import numpy as np
import pytest

from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_batches import batches
from parhelion.sim_adapters._street_gbuffer import GBuffer, gbuffer
from parhelion.sim_adapters._street_geometry import Geometry
from parhelion.sim_adapters._street_light import Ambience, ambience
from parhelion.sim_adapters._street_looks import Look
from parhelion.sim_adapters._street_mesh import Part, Street, View
from parhelion.sim_adapters._street_noise import tile
from parhelion.sim_adapters._street_weather import between, film, flakes, to_srgb

WALL_M = 30.0
SWATCHES = np.float32([[[0.1, 0.2, 0.3]] * 2 + [[0.7, 0.6, 0.5]] * 2] * 2)  # two blocks of 2x2


def wall(uv: list[list[float]] | None = None) -> Part:
    """A wall across the view; with `uv` its two halves take two swatches."""
    x, z = 80.0, 60.0
    left = [[-x, WALL_M, -z], [0, WALL_M, -z], [0, WALL_M, z]]
    right = [[0, WALL_M, -z], [x, WALL_M, -z], [x, WALL_M, z], [-x, WALL_M, z]]
    return Part(
        vertices=np.float32([*left, *right, [0, WALL_M, z], [-x, WALL_M, -z]]),
        faces=np.int32([[7 + 1, 1, 2], [8, 2, 6], [3, 4, 5], [3, 5, 7]]),
        material="plaster",
        scene_class=SceneClass.BUILDING,
        uv=None if uv is None else np.float32(uv),
        texture=None if uv is None else SWATCHES,
    )


def street(part: Part) -> Street:
    pose = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    view = View(camera_to_world=pose, fov_x_deg=60)
    return Street(parts=(part,), lights=(), things=(), views=(view,), driving_side="right")


def layers(part: Part) -> GBuffer:
    made = street(part)
    return gbuffer(Geometry(made), made.views[0], 48, 32)


def air(visibility_m: float) -> Ambience:
    look = Look((1.0, 1.0), (3.0, 3.0), (visibility_m, visibility_m))
    return ambience(Weather.FOGGY, 13, 1, {Weather.FOGGY: look})


def transmission(g: GBuffer, visibility_m: float) -> np.ndarray:
    """What is left of a difference between two pictures behind the same fog."""
    black, white = np.zeros((32, 48, 3), np.float32), np.ones((32, 48, 3), np.float32)
    depth = g.depth[None]
    through = [between(x, g, depth, (), air(visibility_m)) for x in (black, white)]
    return (through[1] - through[0])[..., 0]


def test_fog_takes_contrast_by_koschmieders_law() -> None:
    g = layers(wall())
    expected = np.exp(-np.log(20) / 100.0 * WALL_M)
    kept = transmission(g, 100.0)
    # Swathes and height vary the density by less than a third around its mean.
    assert np.log(kept).mean() == pytest.approx(np.log(expected), rel=0.33)
    assert transmission(g, 1e7) == pytest.approx(1, abs=1e-4)
    assert (transmission(g, 50.0) < kept).all()


def test_flakes_cover_their_area() -> None:
    spots = np.random.Generator(np.random.PCG64(2)).uniform(10, 90, (60, 2))
    for size, count in ((0.3, 60), (2.5, 8)):
        veil = flakes((100, 100), spots[:count], np.full(count, size))
        assert veil.sum() == pytest.approx(count * np.pi * size**2, rel=0.3)


def test_noise_tiles_without_a_seam() -> None:
    picture = tile(64, 8, "test")
    inside = np.abs(np.diff(picture, axis=1)).max()
    assert np.abs(picture[:, 0] - picture[:, -1]).max() <= inside
    assert 0 <= picture.min() < 0.4 < 0.6 < picture.max() <= 1


def test_srgb_and_film_are_monotone_and_keep_their_ends() -> None:
    x = np.linspace(0, 20, 200)
    assert (np.diff(film(x)) >= 0).all()
    assert to_srgb(np.array([0.0, 0.2159, 1.0, 3.0])).tolist() == [0, 128, 255, 255]


def test_batches_keep_every_face_and_its_colour() -> None:
    uv = [[0.25, 0.5]] * 9
    for i in (3, 4, 5, 7):
        uv[i] = [0.75, 0.5]
    geometry = Geometry(street(wall(uv)))
    (batch,) = batches(geometry)
    assert batch.texture is None
    assert not batch.upward
    assert np.array_equal(batch.corners, geometry.corners)
    assert batch.colour[:2] == pytest.approx(np.float32([[0.1, 0.2, 0.3]] * 2))
    assert batch.colour[2:] == pytest.approx(np.float32([[0.7, 0.6, 0.5]] * 2))
