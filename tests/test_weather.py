"""Weather as a generator: true fog, true labels, and what cannot be drawn is named."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import make_frame
from lamp_frame import with_lamp

from parhelion.generators._surface import Surface
from parhelion.generators._weather_fog import transmission
from parhelion.generators._weather_recipes import RECIPES
from parhelion.generators.weather import Weather, WeatherConfig
from parhelion.pipeline.conditions import Conditions, Precipitation, TimeOfDay
from parhelion.pipeline.conditions import Weather as Name
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import SceneClass

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
        ({"weather": "Clear", "hour": 12}, {"sun_altitude_deg": 9}, "not for sun_altitude_deg"),
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
