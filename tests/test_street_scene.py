"""The geometry of streets: pure functions of a seed, sound meshes, boxes, budgets, a free view."""

from itertools import pairwise

import numpy as np
import pytest

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_geometry import Geometry
from parhelion.sim_adapters._street_mesh import Street
from parhelion.sim_adapters._street_scene import LABEL_SPACE, MOST_LIGHTS, build_street

SEEDS = range(6)
VIEWS = 2
GROUND = {SceneClass.ROAD, SceneClass.SIDEWALK, SceneClass.TERRAIN}


@pytest.fixture(scope="module")
def streets() -> list[Street]:
    return [build_street(seed, VIEWS) for seed in SEEDS]


def _bytes(street: Street) -> list[bytes]:
    arrays = [a for p in street.parts for a in (p.vertices, p.faces, p.uv, p.texture)]
    arrays += [t.corners_m for t in street.things]
    arrays += [v.camera_to_world for v in street.views]
    found = [a.tobytes() for a in arrays if a is not None]
    names = [(p.material, p.scene_class, p.instance, p.colour, p.glow) for p in street.parts]
    return [*found, repr((names, street.lights, street.driving_side)).encode()]


def test_a_seed_always_builds_the_same_street(streets: list[Street]) -> None:
    assert _bytes(build_street(SEEDS[2], VIEWS)) == _bytes(streets[2])


def test_other_seeds_build_other_streets(streets: list[Street]) -> None:
    for a, b in pairwise(streets):
        assert _bytes(a) != _bytes(b)


def test_every_view_asked_for_is_there(streets: list[Street]) -> None:
    for street in streets:
        assert len(street.views) == VIEWS
        for view in street.views:
            axes = view.camera_to_world[:3, :3]
            np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(axes) == pytest.approx(1)
            assert 1.3 <= view.camera_to_world[2, 3] <= 1.7
    with pytest.raises(ValueError, match="at least 1 view, got 0"):
        build_street(0, 0)


def test_meshes_are_sound(streets: list[Street]) -> None:
    for part in (p for street in streets for p in street.parts):
        assert part.vertices.dtype == np.float32
        assert part.faces.dtype == np.int32
        assert np.isfinite(part.vertices).all()
        assert part.faces.min() >= 0
        assert part.faces.max() < len(part.vertices)
        assert (part.uv is None) == (part.texture is None)
        if part.uv is not None and part.texture is not None:
            assert part.uv.shape == (len(part.vertices), 2)
            assert np.isfinite(part.uv).all()
            assert 0 <= part.texture.min() <= part.texture.max() < 1


def test_boxes_enclose_their_things(streets: list[Street]) -> None:
    for street in streets:
        numbers = [t.instance for t in street.things]
        assert len(set(numbers)) == len(numbers)
        assert {p.instance for p in street.parts} - {0} == set(numbers)
        for thing in street.things:
            own = [p for p in street.parts if p.instance == thing.instance]
            assert {p.scene_class for p in own} == {thing.category}
            origin = thing.corners_m[0]
            edges = thing.corners_m[[1, 2, 4]] - origin
            shares = np.linalg.solve(
                edges.T, (np.concatenate([p.vertices for p in own]) - origin).T
            )
            assert shares.min() >= 0
            assert shares.max() <= 1


def test_streets_stay_within_their_budgets(streets: list[Street]) -> None:
    for street in streets:
        assert 40e3 < sum(len(p.faces) for p in street.parts) < 320e3
        assert len(street.parts) < 400
        assert len(street.lights) <= MOST_LIGHTS
        assert {p.scene_class for p in street.parts} <= LABEL_SPACE


def test_streets_are_inhabited(streets: list[Street]) -> None:
    seen = {t.category for street in streets for t in street.things}
    wanted = {"CAR", "PERSON", "RIDER", "BICYCLE", "TRAFFIC_LIGHT", "TRAFFIC_SIGN"}
    assert {SceneClass[name] for name in wanted} <= seen
    for street in streets:
        assert any(t.category is SceneClass.CAR for t in street.things)
        assert any(p.glow for p in street.parts if p.scene_class is SceneClass.STREET_LIGHT)


def test_cameras_keep_to_their_side_and_see_the_street(streets: list[Street]) -> None:
    for street in streets:
        geometry = Geometry(street)
        for view in street.views:
            x = view.camera_to_world[0, 3]
            assert (x > 0) == (street.driving_side == "right")
            near, sky = _near_and_sky(geometry, view.camera_to_world, view.fov_x_deg)
            assert near < 0.04
            assert sky > 0.02


def _near_and_sky(geometry: Geometry, pose: np.ndarray, fov_x_deg: float) -> tuple[float, float]:
    """Shares of a 16:9 picture with something upright nearer than 4 m, and with open sky."""
    half = np.tan(np.radians(fov_x_deg / 2))
    x, y = np.meshgrid(np.linspace(-half, half, 64), np.linspace(-half, half, 64) * 9 / 16)
    ways = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3) @ pose[:3, :3].T
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    origins = np.broadcast_to(pose[:3, 3], ways.shape).astype(np.float32)
    hits = geometry.cast(origins, ways.astype(np.float32))
    classes = np.array([p.scene_class for p in geometry.street.parts])
    met = hits.face >= 0
    upright = ~np.isin(classes[geometry.part_of_face[hits.face[met]]], list(GROUND))
    return float(((hits.t[met] < 4) & upright).sum() / len(met)), float((~met).mean())


def test_texture_free_colours_are_albedos(streets: list[Street]) -> None:
    for part in (p for street in streets for p in street.parts):
        assert all(0 < c < 0.95 for c in part.colour)
