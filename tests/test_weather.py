"""Weather by physics: the formulas hold, labels stay true, and what cannot be drawn is named."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import make_frame

from parhelion.generators._linear_light import Linear, luminance, to_linear, to_srgb
from parhelion.generators._surface import Surface
from parhelion.generators._weather_fog import Fog, fogged, transmission
from parhelion.generators._weather_night import Lights, bloomed, glow, irradiance, sensor_noise
from parhelion.generators._weather_rain import Rain, Wet, mirror, rained, wetted
from parhelion.generators._weather_recipes import RECIPES
from parhelion.generators._weather_sky import Daylight, relit
from parhelion.generators._weather_snow import Cover, Flakes, covered, snow_share, snowed
from parhelion.generators.weather import Weather, WeatherConfig
from parhelion.pipeline.conditions import Conditions, Precipitation, TimeOfDay
from parhelion.pipeline.conditions import Weather as Name
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import GIVES_LIGHT, Frame
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import FINE, SceneClass
from parhelion.pipeline.seeds import rng

NAMES = [name for name in Name if name is not Name.UNKNOWN]


def request(parent: Frame, weather: Name, seed: int = 1, **asked: Any) -> Request:
    return Request(
        conditions=Conditions(**{"weather": weather, "hour": 12, **asked}), seed=seed, parent=parent
    )


def drawn(parent: Frame, weather: Name, seed: int = 1, config: Any = None, **asked: Any) -> Frame:
    generator = Weather(WeatherConfig(**(config or {})))
    return next(iter(generator.generate([request(parent, weather, seed, **asked)])))


def exact_fog(image: Any, distance: Any, visibility_m: float, airlight: Any) -> Any:
    """Koschmieder's formula in float64 with its own sRGB, not rounded, 0..255."""
    s = image / 255
    j = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    t = np.exp(-math.log(20) / visibility_m * distance.astype(np.float64))[..., None]
    x = np.clip(j * t + np.array(airlight) * (1 - t), 0, 1)
    return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def with_lamp(parent: Frame) -> Frame:
    """The frame with a burning street lamp 10 m ahead, above the road."""
    assert parent.stencil is not None
    assert parent.depth is not None
    stencil, depth, emissive = (
        parent.stencil.copy(),
        parent.depth.copy(),
        np.zeros_like(parent.stencil),
    )
    at = (slice(8, 10), slice(30, 33))
    stencil[at], depth[at], emissive[at] = SceneClass.STREET_LIGHT, 10.0, GIVES_LIGHT
    return replace(parent, stencil=stencil, depth=depth, emissive=emissive, label_space=FINE)


@pytest.mark.parametrize("visibility_m", [20.0, 60.0, 200.0, 3000.0])
def test_fog_is_the_formula_within_one_grey_level(visibility_m: float) -> None:
    parent = replace(make_frame(3, 64, 48), camera=None)
    config = {"effects": "air", "auto_exposure": False}
    out = drawn(parent, Name.FOGGY, config=config, visibility_m=visibility_m)
    airlight = RECIPES[Name.FOGGY].airlight
    exact = exact_fog(parent.image, parent.depth, visibility_m, airlight)
    assert np.abs(out.image - exact).max() < 1.0


def test_fog_counts_metres_along_the_ray_where_the_camera_is_known(frame: Frame) -> None:
    assert frame.depth is not None
    f, (height, width) = frame.size[1] / 1.2, frame.size
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    distance = frame.depth * np.sqrt(1 + (x / f) ** 2 + (y / f) ** 2)
    out = drawn(
        frame, Name.FOGGY, config={"effects": "air", "auto_exposure": False}, visibility_m=50
    )
    exact = exact_fog(frame.image, distance, 50, RECIPES[Name.FOGGY].airlight)
    assert np.abs(out.image - exact).max() < 1.0


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


def test_lamps_light_the_ground_below_them_and_nothing_in_the_sky() -> None:
    surface = Surface(with_lamp(make_frame(0)))
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


@pytest.mark.parametrize("weather", NAMES)
@pytest.mark.parametrize("hour", [12.0, 6.2, 19.5, 23.0])
def test_every_weather_at_every_hour_keeps_labels_and_says_what_it_drew(
    weather: Name, hour: float
) -> None:
    parent = with_lamp(make_frame(1))
    out = drawn(parent, weather, hour=hour)
    assert out.conditions.weather is weather
    assert out.conditions.hour == hour
    rain = out.conditions.traits.precipitation is Precipitation.RAIN
    assert out.conditions.rain_mm_h is not None
    assert (out.conditions.rain_mm_h > 0) == rain
    assert parent.stencil is not None
    assert out.stencil is not None
    changed = out.stencil != parent.stencil
    assert (out.stencil[changed] == SceneClass.IGNORE).all()
    assert "exposure" in dict(out.provenance.steps[-1].drawn)
    if hour == 23.0:
        assert out.conditions.time_of_day is TimeOfDay.NIGHT
        assert out.image.mean() < 0.75 * parent.image.mean()


def test_stated_physics_are_honoured_exactly() -> None:
    asked = {
        "visibility_m": 77.0,
        "rain_mm_h": 3.5,
        "wetness": 0.25,
        "cloud": 0.9,
        "snow_cover": 0.125,
    }
    for name in (Name.RAINING, Name.FOGGY, Name.SNOWING):
        out = drawn(make_frame(0), name, **asked).conditions
        assert {key: getattr(out, key) for key in asked} == asked


def test_what_fog_hides_is_no_longer_labelled() -> None:
    parent = make_frame(0)
    assert parent.depth is not None
    out = drawn(parent, Name.FOGGY, visibility_m=15.0)
    surface = Surface(parent)
    hidden = (transmission(surface.distance, 15.0) < 0.02) & ~surface.sky
    assert out.stencil is not None
    assert hidden.any()
    np.testing.assert_array_equal(out.stencil == SceneClass.IGNORE, hidden)
    assert [o.instance for o in out.objects] == [7]
    assert drawn(parent, Name.FOGGY, visibility_m=6.0).objects == ()


def test_a_box_shrinks_to_what_is_left_of_its_object() -> None:
    parent = make_frame(0)
    assert parent.depth is not None
    assert parent.instances is not None
    depth = parent.depth.copy()
    rows = np.nonzero(parent.instances)[0]
    depth[: rows.min() + 4][parent.instances[: rows.min() + 4] == 7] = 70.0
    out = drawn(replace(parent, depth=depth), Name.FOGGY, visibility_m=40.0)
    assert out.instances is not None
    assert {7: out.objects[0].box_xyxy} == instance_boxes(out.instances)
    assert out.objects[0].box_xyxy[1] == rows.min() + 4


def test_same_seed_same_bytes_alone_and_among_others() -> None:
    parents = [make_frame(i) for i in range(3)]
    names = (Name.RAINING, Name.SNOWING, Name.FOGGY)
    requests = [request(p, n, seed=i) for i, (p, n) in enumerate(zip(parents, names, strict=True))]
    generator = Weather(WeatherConfig())
    together = [f.content_sha256 for f in generator.generate(requests)]
    alone = [next(iter(generator.generate([r]))).content_sha256 for r in reversed(requests)]
    assert together == alone[::-1]


def test_another_seed_is_another_picture(frame: Frame) -> None:
    a, b = drawn(frame, Name.RAINING, seed=1), drawn(frame, Name.RAINING, seed=2)
    assert np.abs(a.image.astype(int) - b.image).mean() > 1


def test_only_the_mask_is_drawn(frame: Frame) -> None:
    mask = np.zeros(frame.size, dtype=bool)
    mask[:, 24:] = True
    asked = replace(request(frame, Name.FOGGY, visibility_m=30.0), mask=mask)
    out = next(iter(Weather(WeatherConfig()).generate([asked])))
    np.testing.assert_array_equal(out.image[~mask], frame.image[~mask])
    assert (out.image[mask] != frame.image[mask]).any()
    assert out.stencil is not None
    assert not (out.stencil[~mask] == SceneClass.IGNORE).any()


@pytest.mark.parametrize(
    ("lacks", "hour", "name"),
    [
        ("depth", 12, "depth"),
        ("stencil", 12, "stencil"),
        ("camera", 12, "camera"),
        ("emissive", 23, "emissive"),
        ("objects", 23, "objects"),
    ],
)
def test_a_missing_layer_is_named(frame: Frame, lacks: str, hour: float, name: str) -> None:
    without: Any = () if lacks == "objects" else None
    parent = replace(frame, **{lacks: without})
    with pytest.raises(CannotHonour, match=f"lacks.*{name}"):
        drawn(parent, Name.RAINING, hour=hour)


@pytest.mark.parametrize(
    ("has", "asked", "sentence"),
    [
        ({"weather": "Raining", "hour": 12}, {}, "has rain already"),
        ({"weather": "Christmas", "hour": 12}, {}, "ground is snow already"),
        ({"weather": "Foggy", "hour": 12}, {}, "has fog already"),
        ({"weather": "Clear", "hour": 23}, {}, "night frame"),
        ({"weather": "Clear", "hour": 6}, {}, "dawn's"),
        ({"weather": "Overcast", "hour": 12}, {"weather": Name.CLEAR}, "sky is overcast"),
        ({"weather": "Clear", "hour": 12}, {"weather": Name.UNKNOWN}, "need a weather"),
        ({"weather": "Clear", "hour": 12}, {"event": "flood"}, "the event flood"),
        (
            {"weather": "Clear", "hour": 12, "driving_side": "left"},
            {"driving_side": "right"},
            "drives on the left",
        ),
    ],
)
def test_what_cannot_be_honoured_is_named(
    has: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    parent = make_frame(0, conditions=Conditions(**has))
    with pytest.raises(CannotHonour, match=sentence):
        drawn(parent, **{"weather": Name.OVERCAST, **asked})


def test_unknown_depth_takes_its_neighbours_until_there_is_too_much_of_it(frame: Frame) -> None:
    assert frame.depth is not None
    depth = frame.depth.copy()
    depth[20:22, 5:9] = np.nan
    assert np.isfinite(drawn(replace(frame, depth=depth), Name.FOGGY).image).all()
    depth[:, :20] = np.nan
    with pytest.raises(CannotHonour, match="unknown in 4"):
        drawn(replace(frame, depth=depth), Name.FOGGY)


def test_saved_and_loaded_it_draws_the_same(frame: Frame, tmp_path: Any) -> None:
    generator = Weather(WeatherConfig(hidden_below=0.1))
    generator.save(tmp_path)
    (a,) = generator.generate([request(frame, Name.FOGGY)])
    (b,) = Weather.load(tmp_path).generate([request(frame, Name.FOGGY)])
    assert (a.frame_id, a.content_sha256) == (b.frame_id, b.content_sha256)
