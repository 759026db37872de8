"""Classical augmentation: layers go with the image, and nothing is claimed that was not done."""

from dataclasses import replace
from typing import Any

import albumentations as A  # noqa: N812
import numpy as np
import pytest
from conftest import make_frame

from parhelion.generators import _classical_geometry as geometry
from parhelion.generators._classical_policy import applied
from parhelion.generators.classical import Classical, ClassicalConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import Frame, ImageLabel, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import SceneClass

SEEDS = range(12)


def drawn(preset: Any, parent: Frame, seed: int = 1, **asked: Any) -> Frame:
    conditions = Conditions(**{"weather": parent.conditions.weather, **asked})
    request = Request(conditions=conditions, seed=seed, parent=parent)
    return next(iter(Classical(ClassicalConfig(preset=preset)).generate([request])))


def of_columns(parent: Frame) -> Frame:
    """The frame with an image and a depth that both say which column a pixel came from."""
    height, width = parent.size
    column = np.broadcast_to(np.arange(width, dtype=np.float32) + 0.5, (height, width))
    image = np.repeat((column[..., None] * 5).astype(np.uint8), 3, axis=2)
    return replace(parent, image=image, depth=np.ascontiguousarray(column))


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_goes_where_the_image_goes(seed: int) -> None:
    out = drawn("geometric", of_columns(make_frame(seed)), seed)
    assert out.depth is not None
    # Black corners come in with a roll, and pixels beside them are mixed with black.
    known = ~np.isnan(out.depth)
    inner = known & np.roll(known, 2, 0) & np.roll(known, -2, 0)
    inner &= np.roll(known, 2, 1) & np.roll(known, -2, 1)
    inner[:2], inner[-2:], inner[:, :2], inner[:, -2:] = False, False, False, False
    away = np.abs(out.image[..., 0] / 5 - out.depth)
    assert inner.sum() > 0.5 * inner.size
    assert away[inner].max() < 1.3


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_stay_together(seed: int) -> None:
    out = drawn("geometric", make_frame(seed), seed)
    assert out.stencil is not None
    assert out.instances is not None
    assert out.depth is not None
    car = out.stencil == SceneClass.CAR
    np.testing.assert_array_equal(car, out.instances == 7)
    np.testing.assert_array_equal(car, out.depth == 12.0)
    np.testing.assert_array_equal(out.stencil == SceneClass.IGNORE, np.isnan(out.depth))
    boxes = instance_boxes(out.instances)
    assert {o.instance: o.box_xyxy for o in out.objects} == boxes


@pytest.mark.parametrize("seed", SEEDS)
def test_camera_still_sees_the_car_in_its_box(seed: int) -> None:
    out = drawn("geometric", make_frame(seed), seed)
    assert out.camera is not None
    for o in out.objects:
        if o.truncation is not None and o.truncation < 0.01:
            x, y, depth = out.camera.project(np.array([o.centre_m]))[0]
            x0, y0, x1, y1 = o.box_xyxy
            assert x0 - 1 <= x <= x1 + 1
            assert y0 - 1 <= y <= y1 + 1
            assert depth == pytest.approx(12.0)


def test_roll_by_a_right_angle_is_an_exact_turn() -> None:
    parent = make_frame(0, 32, 32)
    out = geometry.rolled(parent, 90.0)
    assert out.stencil is not None
    assert parent.stencil is not None
    np.testing.assert_array_equal(out.stencil, np.rot90(parent.stencil, -1))
    np.testing.assert_array_equal(out.image, np.rot90(parent.image, -1))


def test_object_that_left_the_picture_is_dropped() -> None:
    parent = make_frame(0)
    far_left = geometry.Move(zoom=4.0, across=1.0, down=0.0)
    out = geometry.moved(parent, far_left)
    assert out.instances is not None
    assert not (out.instances == 7).any()
    assert out.objects == ()


def test_roll_tells_how_much_of_a_box_was_cut_off() -> None:
    corner = SceneObject(category=SceneClass.CAR, box_xyxy=(0, 0, 4, 4), truncation=0.0)
    parent = replace(make_frame(0), objects=(corner,))
    (cut,) = geometry.rolled(parent, 4.0).objects
    assert cut.truncation is not None
    assert 0.05 < cut.truncation < 0.8


def test_photometric_leaves_the_labels_alone(frame: Frame) -> None:
    out = drawn("photometric", frame)
    for name in ("stencil", "depth", "instances", "emissive"):
        np.testing.assert_array_equal(getattr(out, name), getattr(frame, name))
    assert (out.image != frame.image).any()
    assert out.objects == frame.objects


def test_same_seed_same_bytes_alone_and_among_others() -> None:
    parent = make_frame(0)
    requests = [
        Request(conditions=parent.conditions, seed=seed, parent=parent) for seed in (1, 2, 3)
    ]
    generator = Classical(ClassicalConfig())
    together = [f.content_sha256 for f in generator.generate(requests)]
    alone = [next(iter(generator.generate([r]))).content_sha256 for r in reversed(requests)]
    assert together == alone[::-1]
    assert len(set(together)) == 3


def test_transforms_throw_their_own_dice(frame: Frame) -> None:
    # Seeded one by one, transforms of equal probability would all fire or all rest together.
    chain = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    outcomes = {applied(chain, frame.image, seed).tobytes() for seed in range(40)}
    assert len(outcomes) == 4


def test_painted_weather_says_so_and_only_where_asked(frame: Frame) -> None:
    out = drawn("weather", frame, weather=Weather.SNOWING)
    assert out.conditions.weather is Weather.SNOWING
    assert out.conditions.snow_cover is None
    assert out.image.mean() > frame.image.mean()
    kept = drawn("weather", frame)
    assert kept.conditions.weather is frame.conditions.weather
    np.testing.assert_array_equal(kept.image, frame.image)


@pytest.mark.parametrize(
    ("preset", "asked", "sentence"),
    [
        ("photometric", {"weather": Weather.FOGGY}, "keeps the parent's weather, Clear; asked"),
        ("strong", {"weather": Weather.BLIZZARD}, "asked for Blizzard"),
        ("strong", {"hour": 23}, "keeps the parent's light; asked for night"),
        ("strong", {"event": "flood"}, "keeps the parent's event; asked for flood"),
        ("weather", {"weather": Weather.FOGGY, "visibility_m": 50}, "cannot honour"),
    ],
)
def test_what_it_cannot_honour_is_named(
    frame: Frame, preset: str, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CannotHonour, match=sentence):
        drawn(preset, frame, **asked)


def test_weather_is_painted_on_dry_parents_only() -> None:
    wet = make_frame(0, conditions=Conditions(weather=Weather.RAINING, hour=12))
    with pytest.raises(CannotHonour, match="has rain already"):
        drawn("weather", wet, weather=Weather.FOGGY)


def test_a_digit_is_never_mirrored() -> None:
    seven = ImageLabel(index=7, vocabulary=tuple("0123456789"))
    parent = replace(make_frame(0), label=seven)
    for seed in SEEDS:
        step = drawn("geometric", parent, seed).provenance.steps[-1]
        assert dict(step.drawn)["mirrored"] == 0.0


def test_saved_and_loaded_it_draws_the_same(frame: Frame, tmp_path: Any) -> None:
    generator = Classical(ClassicalConfig(preset="geometric", zoom=3.0))
    generator.save(tmp_path)
    request = Request(conditions=frame.conditions, seed=5, parent=frame)
    (a,), (b,) = generator.generate([request]), Classical.load(tmp_path).generate([request])
    assert a.content_sha256 == b.content_sha256
    assert a.frame_id == b.frame_id
