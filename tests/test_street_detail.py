"""Coarse streets, which previews show: the same things in the same places, with fewer triangles."""

import numpy as np
import pytest

from parhelion.pipeline.conditions import Event, Weather
from parhelion.sim_adapters._street_detail import coarsely, few, is_coarse
from parhelion.sim_adapters._street_events import QUIET, Happening
from parhelion.sim_adapters._street_mesh import Street as Scene
from parhelion.sim_adapters._street_scene import build_street
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

FLOOD = Happening(Event.FLOOD, 0.5, 0.05)
CRASH = Happening(Event.PLANE_CRASH, 0.0, 0.0)
MARGIN_M = 0.25  # by which a thing of fewer sides may be smaller


def triangles(street: Scene) -> int:
    return sum(len(part.faces) for part in street.parts)


@pytest.fixture(scope="module", params=[(0, QUIET), (3, QUIET), (1, FLOOD), (2, CRASH)])
def both(request: pytest.FixtureRequest) -> tuple[Scene, Scene]:
    """A street, fine and coarse."""
    seed, happening = request.param
    return build_street(seed, 2, happening), build_street(seed, 2, happening, coarse=True)


def test_the_same_things_stand_in_the_same_places(both: tuple[Scene, Scene]) -> None:
    fine, coarse = both
    assert coarse.coarse
    assert not fine.coarse
    assert [(t.instance, t.category) for t in fine.things] == [
        (t.instance, t.category) for t in coarse.things
    ]
    for a, b in zip(fine.things, coarse.things, strict=True):
        np.testing.assert_allclose(a.corners_m, b.corners_m, atol=MARGIN_M)


def test_cameras_lights_and_classes_are_the_same(both: tuple[Scene, Scene]) -> None:
    fine, coarse = both
    for a, b in zip(fine.views, coarse.views, strict=True):
        np.testing.assert_array_equal(a.camera_to_world, b.camera_to_world)
    assert [repr(light) for light in fine.lights] == [repr(light) for light in coarse.lights]
    assert fine.driving_side == coarse.driving_side
    assert {p.scene_class for p in fine.parts} == {p.scene_class for p in coarse.parts}


def test_coarse_streets_have_few_triangles_and_sound_ones(both: tuple[Scene, Scene]) -> None:
    fine, coarse = both
    assert triangles(coarse) < 0.45 * triangles(fine)
    for part in coarse.parts:
        assert part.vertices.dtype == np.float32
        assert np.isfinite(part.vertices).all()
        assert 0 <= part.faces.min() <= part.faces.max() < len(part.vertices)
        assert (part.uv is None) == (part.texture is None)


def test_boxes_enclose_coarse_things(both: tuple[Scene, Scene]) -> None:
    _, coarse = both
    for thing in coarse.things:
        own = [p.vertices for p in coarse.parts if p.instance == thing.instance]
        origin = thing.corners_m[0]
        edges = thing.corners_m[[1, 2, 4]] - origin
        shares = np.linalg.solve(edges.T, (np.concatenate(own) - origin).T)
        assert shares.min() >= 0
        assert shares.max() <= 1


def test_a_fine_street_is_the_same_after_a_coarse_one() -> None:
    def drawn(coarse: bool) -> list[bytes]:
        return [p.vertices.tobytes() for p in build_street(5, 1, coarse=coarse).parts]

    first = drawn(coarse=False)
    assert drawn(coarse=True) != first
    assert drawn(coarse=False) == first


def test_detail_is_as_before_after_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1 view"):
        build_street(0, 0, coarse=True)
    with coarsely(True):
        assert few(8) == 4
    assert not is_coarse()
    assert few(8) == 8


def test_previews_count_on_apart_from_traced_frames() -> None:
    config = StreetConfig(
        width=32, height=18, scenes=1, samples=1,
        conditions=(StreetConditions(weather=Weather.CLEAR, hour=13),),
    )  # fmt: skip
    traced, preview = Street(config), Street(config.model_copy(update={"quality": "preview"}))
    assert [ref.stamp for ref in traced.index()] == [""]
    assert [ref.stamp for ref in preview.index()] == ["preview-2"]
