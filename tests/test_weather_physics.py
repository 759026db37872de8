"""The effects one by one: formulas, geometry, and no strength means no change."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import make_frame
from lamp_frame import with_lamp

from parhelion.generators._linear_light import Linear, luminance, to_linear, to_srgb
from parhelion.generators._surface import Surface
from parhelion.generators._weather_fog import Fog, fogged, transmission
from parhelion.generators._weather_night import Lights, bloomed, glow, irradiance, sensor_noise
from parhelion.generators._weather_rain import Rain, Wet, mirror, rained, wetted
from parhelion.generators._weather_sky import Daylight, relit, sky_share
from parhelion.generators._weather_snow import Cover, Flakes, covered, snow_share, snowed
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import FINE, SceneClass
from parhelion.pipeline.seeds import rng


def test_contrast_at_the_visibility_is_five_percent() -> None:
    assert transmission(np.array([[120.0]], np.float32), 120.0)[0, 0] == pytest.approx(0.05)


def test_srgb_survives_the_way_to_linear_light_and_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(to_srgb(to_linear(every)), every)


def none_of(effect: str) -> Callable[[Linear, Surface], Linear]:
    """Every effect at zero strength."""
    table: dict[str, Callable[[Linear, Surface], Linear]] = {
        "fog": lambda x, s: fogged(x, s.distance, Fog(visibility_m=math.inf)),
        "rain": lambda x, s: rained(x, s, Rain(rate_mm_h=0), rng("t")),
        "wet": lambda x, s: wetted(x, s, Wet(wetness=0), rng("t")),
        "snow": lambda x, s: snowed(x, s, Flakes(rate_mm_h=0), rng("t")),
        "cover": lambda x, s: covered(x, s, Cover(cover=0), rng("t")),
        "relight": lambda x, s: relit(x, s, Daylight()),
        "bloom": lambda x, s: bloomed(x, x, 0),
        "noise": lambda x, s: sensor_noise(x, 0, rng("t")),
    }
    return table[effect]


@pytest.mark.parametrize(
    "effect", ["fog", "rain", "wet", "snow", "cover", "relight", "bloom", "noise"]
)
def test_no_strength_no_change(frame: Frame, effect: str) -> None:
    image = to_linear(frame.image)
    np.testing.assert_array_equal(none_of(effect)(image, Surface(frame)), image)


def shaded_road(paint: bool) -> tuple[Linear, Surface, Any, Any]:
    """A grey road, its right half in bluish shadow, perhaps with a white line on each half."""
    parent = make_frame(0, 192, 96)
    surface = Surface(
        replace(
            parent,
            stencil=np.where(
                parent.stencil == SceneClass.CAR, SceneClass.ROAD, parent.stencil
            ).astype(np.uint8),
        )
    )
    road = surface.is_a(SceneClass.ROAD)
    right = np.arange(192)[None, :] >= 96
    linear = np.full((96, 192, 3), 0.3, np.float32)
    linear[road & right] = (0.06, 0.07, 0.09)
    if paint:
        linear[80:, 40:44] *= 2.5
        linear[80:, 140:144] *= 2.5
    return linear, surface, road & ~right, road & right


def test_clouds_take_the_shadow_off_the_road_and_leave_the_paint() -> None:
    linear, surface, sun, shadow = shaded_road(paint=True)
    y = luminance(relit(linear, surface, Daylight(sun=0.0)))
    before = luminance(linear)
    was, left = (np.log(np.median(x[sun]) / np.median(x[shadow])) for x in (before, y))
    assert was > 1.2
    assert abs(left) < was / 4
    for line, beside in ((42, 60), (142, 120)):
        assert y[84:, line].mean() / y[84:, beside].mean() > 2


def test_no_blue_of_the_sky_is_left_on_the_road() -> None:
    linear, surface, sun, shadow = shaded_road(paint=False)
    inner = shadow & (np.arange(192)[None, :] > 98)  # colour is judged over a few pixels
    out = relit(linear, surface, Daylight(sun=0.0))
    bluer = [float(np.log(x[inner, 2] / x[inner, 0]).mean()) for x in (linear, out)]
    assert bluer[0] > 0.4
    assert abs(bluer[1]) < 0.05
    np.testing.assert_allclose(out[sun, 2] / out[sun, 0], 1.0, atol=0.05)


def test_a_road_without_shadow_keeps_its_levels() -> None:
    linear, surface, sun, shadow = shaded_road(paint=False)
    road = sun | shadow
    linear[road] = 0.3 + 0.02 * rng("t").standard_normal((int(road.sum()), 1)).astype(np.float32)
    out = relit(linear, surface, Daylight(sun=0.0))
    np.testing.assert_allclose(out[road] / linear[road], 1.0, atol=0.1)


def test_thicker_fog_brings_what_is_far_nearer_to_the_airlight(frame: Frame) -> None:
    surface, image = Surface(frame), to_linear(frame.image)
    far = np.isfinite(surface.distance) & (surface.distance > 25)
    air = np.array(Fog(visibility_m=1).airlight)
    away = [
        np.abs(fogged(image, surface.distance, Fog(visibility_m=v)) - air)[far].mean()
        for v in (1000.0, 300.0, 100.0, 40.0)
    ]
    assert away == sorted(away, reverse=True)


def test_more_snow_is_whiter_and_leaves_walls_alone() -> None:
    surface = Surface(make_frame(0, 96, 64))
    shares = [snow_share(surface, Cover(cover=c), rng("t")) for c in (0.2, 0.6, 1.0)]
    road = surface.is_a(SceneClass.ROAD)
    means = [float(s[road].mean()) for s in shares]
    assert means == sorted(means)
    assert means[-1] > 0.6
    assert all((s[surface.sky] == 0).all() for s in shares)


def test_a_wet_road_is_darker_below_and_mirrors_what_stands_on_it() -> None:
    parent = make_frame(0, 96, 64)
    assert parent.stencil is not None
    image = np.full((64, 96, 3), 90, dtype=np.uint8)
    red = parent.stencil == SceneClass.BUILDING
    image[red] = (220, 20, 20)
    surface = Surface(replace(parent, image=image))
    linear = to_linear(image)
    wet = wetted(linear, surface, Wet(wetness=1.0), rng("t"))
    bottom = surface.is_a(SceneClass.ROAD) & (np.arange(64)[:, None] > 58)
    assert luminance(wet)[bottom].mean() < luminance(linear)[bottom].mean()
    road = surface.is_a(SceneClass.ROAD)
    assert (wet[..., 0] / wet[..., 1])[road].mean() > 1.2
    np.testing.assert_array_equal(wet[surface.sky], linear[surface.sky])


def test_mirror_turns_heights_upside_down() -> None:
    """A wall on a flat road: what is 1 m above the road is seen 1 m below it."""
    height, width, f, eye = 80, 60, 60.0, 1.5
    parent = make_frame(0, width, height)
    y = (np.arange(height)[:, None] + 0.5 - 40) / f * np.ones((1, width))
    wall_m = 10.0
    road = y * wall_m > eye
    depth = np.where(road, eye / np.maximum(y, 1e-6), wall_m).astype(np.float32)
    stencil = np.where(road, SceneClass.ROAD, SceneClass.BUILDING).astype(np.uint8)
    intrinsics = np.array([[f, 0, 30], [0, f, 40], [0, 0, 1]])
    assert parent.camera is not None
    street = replace(
        parent,
        image=np.zeros((height, width, 3), np.uint8),
        stencil=stencil,
        depth=depth,
        instances=None,
        objects=(),
        camera=replace(parent.camera, intrinsics=intrinsics),
    )
    linear = np.zeros((height, width, 3), np.float32)
    lit_row = int(40 + f * (eye - 1.0) / wall_m)  # a strip 1 m above the road
    linear[lit_row - 1 : lit_row + 2] = 1.0
    sharp, _ = mirror(linear, Surface(street), 0.0, rng("t"))
    column = np.where(road[:, 30], sharp[:, 30, 0], 0)
    assert int(column.argmax()) == pytest.approx(40 + f * (eye + 1.0) / wall_m, abs=1.5)


def test_up_and_height_come_from_the_ground_itself() -> None:
    """A camera 1.7 m above the road, pitched down by 5 degrees."""
    height, width, f, pitch = 60, 80, 70.0, math.radians(5)
    parent = make_frame(0, width, height)
    y = (np.arange(height)[:, None] + 0.5 - 30) / f * np.ones((1, width))
    down = np.array([0.0, math.cos(pitch), math.sin(pitch)])
    sink = y * down[1] + down[2]
    depth = np.where(sink > 0.03, 1.7 / np.maximum(sink, 1e-6), np.inf).astype(np.float32)
    stencil = np.where(np.isfinite(depth), SceneClass.ROAD, SceneClass.SKY).astype(np.uint8)
    intrinsics = np.array([[f, 0, 40], [0, f, 30], [0, 0, 1]])
    assert parent.camera is not None
    surface = Surface(
        replace(
            parent,
            stencil=stencil,
            depth=depth,
            instances=None,
            objects=(),
            camera=replace(parent.camera, intrinsics=intrinsics),
        )
    )
    np.testing.assert_allclose(surface.up, -down, atol=1e-4)
    assert surface.ground[1] == pytest.approx(1.7, abs=1e-3)
    assert np.abs(surface.height[~surface.sky]).max() < 0.01


@pytest.mark.parametrize("bulb_seen", [True, False])
def test_lamps_light_the_ground_below_them_and_nothing_in_the_sky(bulb_seen: bool) -> None:
    frame = with_lamp(make_frame(0))
    assert frame.emissive is not None
    surface = Surface(frame if bulb_seen else replace(frame, emissive=0 * frame.emissive))
    lit = glow(to_linear(make_frame(0).image), surface, Lights(own=0.0), rng("t"))
    light = luminance(irradiance(surface, lit.spots))
    road = surface.is_a(SceneClass.ROAD)
    near = road & (np.abs(surface.distance - 10) < 4)
    far = road & (surface.distance > 22)
    assert near.any()
    assert light[near].mean() > 3 * light[far].mean()
    assert (light[surface.sky] == 0).all()
    dark = glow(
        to_linear(make_frame(0).image), surface, Lights(street=0, own=0, vehicles=0), rng("t")
    )
    assert dark.spots == ()


def test_a_grey_pole_before_a_grey_sky_is_not_taken_for_sky(frame: Frame) -> None:
    assert frame.stencil is not None
    stencil = frame.stencil.copy()
    stencil[2:, 20] = SceneClass.POLE
    parent = replace(frame, stencil=stencil, label_space=FINE, instances=None, objects=())
    share = sky_share(np.full((*frame.size, 3), 0.5, np.float32), Surface(parent))
    assert (share[stencil == SceneClass.POLE] == 0).all()
    assert (share[stencil == SceneClass.SKY] == 1).all()
