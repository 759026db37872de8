"""Laws of resize, crop and mirror: all layers move together, boxes and camera with them."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.layers import instance_boxes, resize_nearest
from parhelion.pipeline.scene_class import SceneClass

WIDTH, HEIGHT = 40, 24
EXACT = ("stencil", "stencil_native", "emissive", "depth", "instances")


def coordinates() -> Frame:
    """Every layer tells where its pixel came from: its number, or that number mod something."""
    number = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    y, x = np.divmod(number, WIDTH)
    classes = np.array([0, 2, 10, 13], dtype=np.uint8)  # the label space of conftest's street
    return replace(
        make_frame(0, WIDTH, HEIGHT),
        image=np.stack([x * 6, y * 6, (x + y) % 256], axis=-1).astype(np.uint8),
        stencil=classes[number % 4],
        stencil_native=(number % 251).astype(np.uint8),
        emissive=(number % 4).astype(np.uint8),
        depth=number.astype(np.float32),
        instances=(number + 1).astype(np.int32),
        objects=(),
    )


def check_together(frame: Frame) -> np.ndarray:
    """All exact layers tell the same pixel number; gives it back, (H, W)."""
    number = frame.depth.astype(np.int64)
    np.testing.assert_array_equal(frame.instances, number + 1)
    np.testing.assert_array_equal(frame.stencil, np.array([0, 2, 10, 13])[number % 4])
    np.testing.assert_array_equal(frame.stencil_native, number % 251)
    np.testing.assert_array_equal(frame.emissive, number % 4)
    assert {getattr(frame, name).shape for name in EXACT} == {frame.size}
    return number


@settings(max_examples=30)
@given(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.data())
def test_a_crop_moves_all_layers_and_the_image_alike(
    left: int, top: int, data: st.DataObject
) -> None:
    width = data.draw(st.integers(1, WIDTH - left))
    height = data.draw(st.integers(1, HEIGHT - top))
    frame = coordinates().cropped(left, top, width, height)
    number = check_together(frame)
    y, x = np.divmod(number, WIDTH)
    np.testing.assert_array_equal(x, np.broadcast_to(left + np.arange(width), x.shape))
    np.testing.assert_array_equal(y, np.broadcast_to(top + np.arange(height)[:, None], y.shape))
    np.testing.assert_array_equal(frame.image[..., 0], x * 6)
    np.testing.assert_array_equal(frame.image[..., 1], y * 6)


def test_a_mirror_moves_all_layers_and_the_image_alike() -> None:
    frame = coordinates().flipped()
    y, x = np.divmod(check_together(frame), WIDTH)
    np.testing.assert_array_equal(x[0], np.arange(WIDTH)[::-1])
    np.testing.assert_array_equal(frame.image[..., 0], x * 6)
    np.testing.assert_array_equal(frame.image[..., 1], y * 6)


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 60))
def test_a_resize_moves_all_layers_alike_and_the_image_within_a_pixel(
    width: int, height: int
) -> None:
    frame = coordinates().resized(width, height)
    y, x = np.divmod(check_together(frame), WIDTH)
    assert frame.size == (height, width)
    # A filtered ramp tells the place; nearest and filtered differ by half a pixel of either grid.
    for told, place, step in ((0, x, WIDTH / width), (1, y, HEIGHT / height)):
        far = np.abs(frame.image[..., told] / 6 - place)
        assert far.max() <= 0.5 * max(step, 1) + 1


def test_resize_to_the_same_size_changes_no_content(frame: Frame) -> None:
    same = frame.resized(48, 32)
    assert same.content_sha256 == frame.content_sha256


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_nearest_takes_the_pixel_under_each_new_centre(w: int, h: int, scale: int) -> None:
    layer = np.arange(h * w).reshape(h, w)
    larger = resize_nearest(layer, w * scale, h * scale)
    np.testing.assert_array_equal(larger, np.kron(layer, np.ones((scale, scale), int)))
    np.testing.assert_array_equal(resize_nearest(larger, w, h), layer)


SEEDS = st.integers(0, 30)


@settings(max_examples=20)
@given(SEEDS)
def test_two_mirrors_give_the_frame_back(seed: int) -> None:
    frame = make_frame(seed)
    twice = frame.flipped().flipped()
    assert twice.content_sha256 == frame.content_sha256
    assert [step.part for step in twice.provenance.steps] == ["flipped", "flipped"]
    assert twice.frame_id != frame.frame_id


def test_a_mirrored_sign_is_ignored_and_its_box_gone(frame: Frame) -> None:
    stencil = frame.stencil.copy()
    stencil[5:9, 10:14] = SceneClass.TRAFFIC_SIGN
    sign = frame.objects[0].model_copy(
        update={
            "category": SceneClass.TRAFFIC_SIGN,
            "instance": None,
            "box_xyxy": (10.0, 5.0, 14.0, 9.0),
        }
    )
    signed = replace(
        frame,
        stencil=stencil,
        objects=(*frame.objects, sign),
        label_space=frame.label_space | {SceneClass.TRAFFIC_SIGN},
    )
    mirrored = signed.flipped()
    there = np.argwhere(mirrored.stencil == SceneClass.IGNORE)
    assert there.min(0).tolist() == [5, 48 - 14]
    assert there.max(0).tolist() == [8, 48 - 11]
    assert [o.category for o in mirrored.objects] == [SceneClass.CAR]
    back = mirrored.flipped().stencil
    np.testing.assert_array_equal(back[back != 255], stencil[back != 255])


def test_a_mirror_changes_the_driving_side_and_refuses_digits(frame: Frame) -> None:
    right = frame.conditions.model_copy(update={"driving_side": "right"})
    driven = replace(frame, conditions=right)
    assert driven.flipped().conditions.driving_side == "left"
    assert frame.flipped().conditions.driving_side is None
    digit = ImageLabel(index=2, vocabulary=("0", "1", "2"))
    with pytest.raises(ValueError, match="would change the class '2'"):
        replace(frame, label=digit).flipped()
    symmetric = digit.model_copy(update={"mirror_safe": True})
    assert replace(frame, label=symmetric).flipped().label == symmetric


def moved(frame: Frame, data: st.DataObject) -> Frame:
    """One to three operations, whatever they are."""
    for _ in range(data.draw(st.integers(1, 3))):
        height, width = frame.size
        kind = data.draw(st.sampled_from(["resized", "cropped", "flipped"]))
        if kind == "flipped":
            frame = frame.flipped()
        elif kind == "resized":
            frame = frame.resized(data.draw(st.integers(20, 90)), data.draw(st.integers(20, 60)))
        else:
            left, top = (
                data.draw(st.integers(0, width // 3)),
                data.draw(st.integers(0, height // 3)),
            )
            right = data.draw(st.integers(left + width // 3, width))
            bottom = data.draw(st.integers(top + height // 3, height))
            frame = frame.cropped(left, top, right - left, bottom - top)
    return frame


@settings(max_examples=60)
@given(SEEDS, st.data())
def test_boxes_equal_those_made_anew_from_instances(seed: int, data: st.DataObject) -> None:
    frame = moved(make_frame(seed), data)
    boxes = instance_boxes(frame.instances)
    assert {o.instance: o.box_xyxy for o in frame.objects} == boxes


@settings(max_examples=60)
@given(SEEDS, st.data())
def test_the_centre_of_a_whole_object_projects_into_its_box(seed: int, data: st.DataObject) -> None:
    frame = moved(make_frame(seed), data)
    for o in frame.objects:
        x, y, z = frame.camera.project(np.array([o.centre_m]))[0]
        assert z == pytest.approx(12.0)
        x0, y0, x1, y1 = o.box_xyxy
        if o.truncation == 0:
            assert x0 <= x <= x1
            assert y0 <= y <= y1
        assert np.linalg.det(frame.camera.camera_to_world[:3, :3]) == pytest.approx(1)


@pytest.mark.parametrize("left", [0, 5])
def test_truncation_grows_by_the_share_that_was_cut_off(left: int) -> None:
    frame = make_frame(3)
    x0, _, x1, _ = frame.objects[0].box_xyxy
    half = int(x0 + x1) // 2
    cut = frame.cropped(half, 0, 48 - half, 32).objects[0]
    assert cut.truncation == pytest.approx((half - x0) / (x1 - x0))
    assert cut.box_xyxy[0] == 0
    again = replace(frame, objects=(frame.objects[0].model_copy(update={"truncation": 0.5}),))
    half_of_half = again.cropped(half, 0, 48 - half, 32).objects[0].truncation
    assert half_of_half == pytest.approx(1 - 0.5 * (x1 - half) / (x1 - x0))


def test_an_object_that_is_cut_away_is_gone(frame: Frame) -> None:
    assert frame.cropped(0, 0, 48, 10).objects == ()


def test_boxes_without_instances_are_clipped_to_the_window(frame: Frame) -> None:
    alone = frame.objects[0].model_copy(
        update={"instance": None, "box_xyxy": (10.0, 4.0, 30.0, 12.0)}
    )
    cropped = replace(frame, instances=None, objects=(alone,)).cropped(20, 8, 28, 24)
    assert cropped.objects[0].box_xyxy == (0, 0, 10, 4)
    assert cropped.objects[0].truncation == pytest.approx(0.75)


def test_windows_and_sizes_that_cannot_be_are_refused(frame: Frame) -> None:
    with pytest.raises(ValueError, match=r"inside 48x32, got left 40, top 0, 9x32"):
        frame.cropped(40, 0, 9, 32)
    for operation in (frame.resized, lambda w, h: frame.cropped(0, 0, w, h)):
        with pytest.raises(ValueError, match="at least 1x1 pixels, got 0x5"):
            operation(0, 5)


def test_every_operation_is_written_into_the_story(frame: Frame) -> None:
    done = frame.resized(24, 16).cropped(1, 2, 12, 12)
    steps = [(step.part, step.settings) for step in done.provenance.steps]
    assert steps == [("resized", "[24,16]"), ("cropped", "[1,2,12,12]")]
    assert done.frame_id == frame.resized(24, 16).cropped(1, 2, 12, 12).frame_id
