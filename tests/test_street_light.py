"""Light and geometry of the street against plain formulas."""

import subprocess
import sys

import numpy as np
import pytest

from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.frame import GIVES_LIGHT, IS_LIT
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_gbuffer import gbuffer
from parhelion.sim_adapters._street_geometry import Geometry
from parhelion.sim_adapters._street_lamps import lamp_irradiance
from parhelion.sim_adapters._street_light import ambience, sun_direction
from parhelion.sim_adapters._street_looks import JUDGE_LOOKS, LOOKS
from parhelion.sim_adapters._street_mesh import Light, Part, Street, Thing, View
from parhelion.sim_adapters._street_sky import preetham, sky_radiance

EYE_M = 1.5


def quad(corners: list[list[float]], **surface: object) -> Part:
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    return Part(vertices=np.array(corners, dtype=np.float32), faces=faces, **surface)  # type: ignore[arg-type]


def ahead() -> View:
    pose = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, EYE_M], [0, 0, 0, 1]])
    return View(camera_to_world=pose, fov_x_deg=70)


def plane_with_boards() -> Street:
    """A road plane, a near board (instance 1) that half hides a far one (2), and one lamp."""
    road = quad(
        [[-60, -5, 0], [60, -5, 0], [60, 150, 0], [-60, 150, 0]],
        material="asphalt",
        scene_class=SceneClass.ROAD,
    )
    near = quad(
        [[-2, 8, 0], [0, 8, 0], [0, 8, 2], [-2, 8, 2]],
        material="sign_face",
        scene_class=SceneClass.CAR,
        instance=1,
        glow=(1, 1, 1),
    )
    far = quad(
        [[-2, 16, 0], [2, 16, 0], [2, 16, 4], [-2, 16, 4]],
        material="sign_face",
        scene_class=SceneClass.CAR,
        instance=2,
    )
    lamp = Light(
        position_m=(6.0, 10.0, 5.0),
        direction=(0.0, 0.0, -1.0),
        intensity=(50.0, 40.0, 30.0),
        cutoff_deg=60,
        beam_deg=40,
    )
    corners = [np.array(p.vertices.tolist() * 2, dtype=np.float64) for p in (near, far)]
    things = tuple(
        Thing(instance=i + 1, category=SceneClass.CAR, corners_m=c) for i, c in enumerate(corners)
    )
    return Street(
        parts=(road, near, far),
        lights=(lamp,),
        things=things,
        views=(ahead(),),
        driving_side="right",
    )


def test_depth_is_that_of_the_plane() -> None:
    g = gbuffer(Geometry(plane_with_boards()), ahead(), 96, 54)
    road = g.stencil == SceneClass.ROAD
    f, rows = g.camera.intrinsics[1, 1], np.arange(54)[:, None] + 0.5
    with np.errstate(divide="ignore"):
        analytic = np.broadcast_to(EYE_M * f / (rows - 27), (54, 96))
    assert road.sum() > 1000
    assert np.abs(g.depth[road] - analytic[road]).max() < 1e-3
    assert np.isinf(g.depth[g.stencil == SceneClass.SKY]).all()


def test_visibility_is_the_share_that_is_not_hidden() -> None:
    g = gbuffer(Geometry(plane_with_boards()), ahead(), 192, 108)
    near, far = sorted(g.objects, key=lambda o: o.instance or 0)
    assert near.visibility == 1
    assert near.truncation == 0
    # Seen from the eye, the near board hides x in -4..0 of the far plane up to z = 2.5.
    assert far.visibility == pytest.approx(1 - 2 * 2.5 / 16, abs=0.03)
    assert far.distance_m == pytest.approx(16)


def test_lamps_light_the_road_by_the_inverse_square_law() -> None:
    geometry = Geometry(plane_with_boards())
    below, aside = [6.0, 10.0, 0.0], [8.0, 10.0, 0.0]
    points = np.array([below, aside, [-30.0, 10.0, 0.0]], dtype=np.float32)
    up = np.tile(np.float32([0, 0, 1]), (3, 1))
    light, shares = lamp_irradiance(geometry, points, up)
    assert light[0] == pytest.approx(np.array([50, 40, 30]) / 25, rel=1e-4)
    assert light[1, 0] == pytest.approx(50 * 5 / 29**1.5, rel=1e-4)
    assert light[2].max() == 0
    assert shares.sum() == pytest.approx(1)


def test_emissive_says_what_glows_and_what_is_lit() -> None:
    g = gbuffer(Geometry(plane_with_boards()), ahead(), 96, 54)
    gives = (g.emissive & GIVES_LIGHT) > 0
    assert np.array_equal(gives, g.instances == 1)
    lit = (g.emissive & IS_LIT) > 0
    assert lit.any()
    assert not lit[g.stencil == SceneClass.SKY].any()


def test_the_sun_stands_where_the_almanac_says() -> None:
    noon = sun_direction(12.7, 0.3)
    assert np.degrees(np.arcsin(noon[2])) == pytest.approx(90 - 34 + 12)
    assert sun_direction(0.7, 0.0)[2] == pytest.approx(-np.cos(np.radians(34 + 12)))
    assert np.linalg.norm(sun_direction(16.2, 1.0)) == pytest.approx(1)


def test_the_zenith_has_preethams_luminance() -> None:
    t, theta = 3.0, np.radians(40)
    up, sun = np.array([[0.0, 0.0, 1.0]]), np.array([np.sin(theta), 0, np.cos(theta)])
    rgb = preetham(up.astype(np.float32), sun, t)[0]
    chi = (4 / 9 - t / 120) * (np.pi - 2 * theta)
    expected = (4.0453 * t - 4.9710) * np.tan(chi) - 0.2155 * t + 2.4192
    assert rgb @ [0.2126, 0.7152, 0.0722] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("hour", [6.5, 13.0, 19.3, 23.0])
@pytest.mark.parametrize("weather", [Weather.CLEAR, Weather.CLOUDS, Weather.OVERCAST])
def test_the_sky_is_the_same_whoever_else_asks(weather: Weather, hour: float) -> None:
    air = ambience(weather, hour, 5)
    v = np.random.Generator(np.random.PCG64(1)).normal(size=(40, 3)).astype(np.float32)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    whole = sky_radiance(air, v)
    assert np.isfinite(whole).all()
    assert (whole >= 0).all()
    assert np.allclose(whole[7:9], sky_radiance(air, v[7:9]), rtol=1e-5)


def test_judges_draw_from_other_ranges() -> None:
    for weather in (Weather.FOGGY, Weather.RAINING, Weather.SNOWING, Weather.BLIZZARD):
        assert JUDGE_LOOKS[weather].visibility_m != LOOKS[weather].visibility_m


def test_a_weather_without_a_look_is_named() -> None:
    with pytest.raises(ValueError, match="no look for weather 'Unknown'; there are: ExtraSunny"):
        ambience(Weather.UNKNOWN, 12, 0)


def test_drawing_does_not_load_torch() -> None:
    program = (
        "import sys; from parhelion.sim_adapters._street_render import prepare_render_worker;"
        "prepare_render_worker(); assert 'pyoidn' in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
