"""What belongs together passes, what does not is refused for the reason that it has."""

from dataclasses import replace

import numpy as np
import pytest
from block_scene import block_frame
from conftest import make_frame

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity import judge
from parhelion.pipeline.integrity_edges import Look
from parhelion.pipeline.integrity_finding import Verdict
from parhelion.pipeline.integrity_fitting import CannotFit, fitted_limits
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.planted_faults import mirrored, shifted
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass

SEEDS = range(6)
STEP_M = 1.0


def verdict(frame: Frame, before: Frame | None = None) -> Verdict:
    return judge(Look(frame), Look(before) if before is not None else None)


def reasons(frame: Frame, before: Frame | None = None) -> set[Reason]:
    return {finding.reason for finding in verdict(frame, before).findings}


def with_pixels(frame: Frame, image: np.ndarray) -> Frame:
    return replace(frame, image=np.ascontiguousarray(image))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_frame_passes_alone_and_in_its_sequence(seed: int) -> None:
    now, before = block_frame(seed, STEP_M), block_frame(seed)
    assert verdict(now) == verdict(now, before) == Verdict()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_frame_passes_after_any_other(seed: int) -> None:
    assert not verdict(block_frame(seed), block_frame(seed + 1)).findings


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_of_the_frame_before_is_told_by_the_frame_before(seed: int) -> None:
    now, before = block_frame(seed, STEP_M), block_frame(seed)
    late = replace(now, depth=before.depth.copy(), objects=())
    assert Reason.OUT_OF_STEP in reasons(late, before)
    assert Reason.STALE_BUFFER in reasons(late, before)
    assert reasons(late)  # the first of a drive too: edges that should coincide do not


@pytest.mark.parametrize("seed", SEEDS)
def test_a_late_depth_that_is_no_copy_is_out_of_step(seed: int) -> None:
    """A sequence whose depths are all one frame late has no buffer twice."""
    now, before, first = (block_frame(seed, i * STEP_M) for i in (2, 1, 0))
    late = replace(now, depth=before.depth, objects=())
    late_before = replace(before, depth=first.depth, objects=())
    found = verdict(late, late_before)
    assert found.reason is Reason.OUT_OF_STEP
    assert "with the stencil of the frame before" in found.sentence


@pytest.mark.parametrize(("right", "down"), [(6, 0), (-6, 0), (0, 6), (0, -6)])
def test_a_shifted_stencil_is_named_with_its_shift(right: int, down: int) -> None:
    found = verdict(shifted(block_frame(0), right, down))
    assert found.reason is Reason.SHIFTED_LAYER
    assert f"{-right} px to the right and {-down} px down" in found.sentence


def test_the_shift_is_told_in_pixels_of_the_frame() -> None:
    large = shifted(block_frame(0).resized(1024, 683), 40, 0)
    assert "-40 px to the right and 0 px down" in verdict(large).sentence


@pytest.mark.parametrize("seed", SEEDS)
def test_mirrored_layers_and_images_are_told(seed: int) -> None:
    frame = block_frame(seed)
    assert verdict(mirrored(frame)).reason is Reason.MIRRORED_LAYER
    assert verdict(with_pixels(frame, frame.image[:, ::-1])).reason is Reason.MIRRORED_LAYER


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_and_images_of_another_scene_are_out_of_step(seed: int) -> None:
    frame, other = block_frame(seed), block_frame(seed + 10)
    assert reasons(replace(frame, stencil=other.stencil))
    assert reasons(with_pixels(frame, other.image))


def test_pictures_of_neighbours_that_were_exchanged_are_told() -> None:
    one, two = block_frame(0), block_frame(0, STEP_M)
    found = verdict(with_pixels(two, one.image), with_pixels(one, two.image))
    assert "with the layers of the frame before" in found.sentence


@pytest.mark.parametrize("layer", ["depth", "stencil", "instances", "image"])
def test_a_buffer_that_was_not_drawn_anew_is_stale(layer: str) -> None:
    now, before = block_frame(0, STEP_M), block_frame(0)
    stale = replace(now, **{layer: getattr(before, layer).copy()}, objects=())
    assert Reason.STALE_BUFFER in reasons(stale, before)
    no_pose = replace(stale, camera=None)
    assert Reason.STALE_BUFFER in reasons(no_pose, replace(before, camera=None))


def test_stale_layers_are_told_by_the_image_alone() -> None:
    now, before = block_frame(0, STEP_M), block_frame(0)
    stale = with_pixels(replace(before, camera=None), now.image)
    assert Reason.STALE_BUFFER in reasons(stale, replace(before, camera=None))


def test_a_camera_that_stands_still_is_no_fault() -> None:
    before = replace(block_frame(0), camera=None)
    noise = np.random.default_rng(0).normal(0, 4, before.image.shape)
    now = with_pixels(before, np.clip(before.image + noise, 0, 255).astype(np.uint8))
    assert not verdict(now, before).findings
    assert not verdict(before, before).findings


def test_twins_share_their_layers() -> None:
    day = block_frame(0, twin="a")
    night = Conditions(weather=Weather.CLEAR, hour=23)
    dark = replace(day, conditions=night, image=(day.image // 8).astype(np.uint8))
    assert not verdict(dark, day).findings


def test_where_the_image_shows_nothing_only_the_layers_are_judged() -> None:
    frame = block_frame(0)
    noise = np.random.default_rng(1).normal(0, 2, frame.image.shape)
    blind = with_pixels(frame, np.clip(200 + noise, 0, 255).astype(np.uint8))
    assert verdict(blind) == Verdict(untold=("image",))
    assert verdict(shifted(blind, 8, 0)).reason is Reason.SHIFTED_LAYER


def test_a_faint_image_is_still_judged() -> None:
    frame, other = block_frame(0), block_frame(10)
    assert verdict(with_pixels(frame, 60 + frame.image // 2)) == Verdict()
    assert reasons(with_pixels(frame, 60 + other.image // 2))


def test_layers_that_nobody_rendered_need_not_coincide_exactly() -> None:
    """Outlines drawn by hand: every board a little too large, by another amount."""
    frame = block_frame(0, kind=Kind.REAL)
    ragged = frame.stencil.copy()
    random = np.random.default_rng(2)
    rows = np.clip(np.arange(128)[:, None] + random.integers(-3, 4, (128, 192)), 0, 127)
    ragged = ragged[rows, np.arange(192)[None, :]]
    assert not verdict(replace(frame, stencil=ragged)).findings
    assert verdict(shifted(frame, 8, 0)).reason is Reason.SHIFTED_LAYER


def test_of_outlines_drawn_by_hand_only_a_clear_agreement_elsewhere_counts() -> None:
    frame, other = block_frame(0, kind=Kind.REAL), block_frame(10)
    assert verdict(with_pixels(frame, other.image)).untold == ("image",)
    moved = with_pixels(frame, np.roll(frame.image, 6, axis=1))
    assert verdict(moved).reason is Reason.SHIFTED_LAYER


def test_small_frames_and_bare_pictures_are_left_alone() -> None:
    assert not verdict(make_frame(0)).findings
    bare = replace(block_frame(0), depth=None, stencil=None, instances=None, objects=())
    assert verdict(bare) == Verdict()


@pytest.mark.parametrize(
    ("layer", "value"),
    [("image", 7), ("depth", 0.0), ("depth", np.nan), ("depth", np.inf), ("instances", 0)],
)
def test_a_layer_of_one_value_is_empty(layer: str, value: float) -> None:
    frame = block_frame(0)
    flat = replace(frame, **{layer: np.full_like(getattr(frame, layer), value)})
    assert reasons(flat) == {Reason.EMPTY_LAYER}
    assert verdict(flat).sentence.startswith(f"{layer}: wanted")


def test_a_stencil_of_one_class_is_empty_only_where_more_are_annotated() -> None:
    frame = replace(block_frame(0), depth=None, instances=None, objects=(), camera=None)
    road = np.full_like(frame.stencil, SceneClass.ROAD)
    rich = frozenset(SceneClass(i) for i in range(19))
    assert reasons(replace(frame, stencil=road, label_space=rich)) == {Reason.EMPTY_LAYER}
    few = frozenset({SceneClass.ROAD, SceneClass.CAR})
    assert not reasons(replace(frame, stencil=road, label_space=few))


def test_sky_has_no_distance_but_may_be_unknown() -> None:
    frame = block_frame(0)
    sky = np.isinf(frame.depth)
    finite = replace(frame, depth=np.where(sky, np.float32(1000), frame.depth))
    assert Reason.FINITE_SKY in reasons(finite)
    unknown = replace(frame, depth=np.where(sky, np.float32(np.nan), frame.depth))
    assert Reason.FINITE_SKY not in reasons(unknown)


def test_an_object_that_is_not_at_its_distance_is_refused() -> None:
    frame = block_frame(0)
    large = max(frame.objects, key=lambda o: o.box_xyxy[2] - o.box_xyxy[0])
    far = large.model_copy(update={"distance_m": large.distance_m + 40})
    assert reasons(replace(frame, objects=(far,))) == {Reason.BOX_AGAINST_DEPTH}
    boxes_alone = replace(frame, objects=(far,), instances=None)
    assert Reason.BOX_AGAINST_DEPTH in reasons(boxes_alone)


def test_a_layer_of_another_size_never_becomes_a_frame() -> None:
    frame = block_frame(0)
    with pytest.raises(BadFrame) as caught:
        replace(frame, depth=frame.depth[:-1].copy())
    assert caught.value.reason is Reason.SIZE_MISMATCH


def test_limits_are_fitted_on_good_frames_and_judge_others() -> None:
    pairs = [(block_frame(seed, STEP_M), block_frame(seed)) for seed in range(20, 28)]
    limits = fitted_limits(pairs)
    for seed in SEEDS:
        assert not judge(Look(block_frame(seed)), None, limits).findings
    late = replace(block_frame(0, STEP_M), depth=block_frame(0).depth, objects=())
    assert judge(Look(late), None, limits).findings


def test_frames_that_lack_a_layer_are_fitted_beside_the_others() -> None:
    whole = [(block_frame(seed, STEP_M), block_frame(seed)) for seed in range(20, 26)]
    bare = replace(block_frame(26, STEP_M), depth=None), replace(block_frame(26), depth=None)
    before_lacks = block_frame(27, STEP_M), bare[1]
    assert fitted_limits([bare, *whole, before_lacks]).met > 0


def test_one_group_or_broken_frames_give_no_limits() -> None:
    with pytest.raises(CannotFit, match="at least two groups"):
        fitted_limits([(block_frame(0), None)])
    swapped = [(replace(block_frame(s), stencil=block_frame(s + 9).stencil), None) for s in SEEDS]
    with pytest.raises(CannotFit, match="wanted good frames above broken ones"):
        fitted_limits(swapped)


def test_limits_refuse_a_share_above_one() -> None:
    with pytest.raises(ValueError, match="met"):
        IntegrityLimits(met=1.5)
