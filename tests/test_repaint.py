"""Laws of `repaint`: what is kept, what is drawn, and that no label is left stale."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import digit_frames, label
from numpy.typing import NDArray
from tiny_parts import DENOISER
from torch import Tensor

from parhelion.generators._noise_levels import sampling_levels
from parhelion.generators._repaint_layout import become, merged
from parhelion.generators._repaint_walk import places, repainted
from parhelion.generators.repaint import Repaint, RepaintConfig
from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.mask_runs import mask_of
from parhelion.pipeline.scene_class import SceneClass

DAY = Conditions(weather=Weather.CLEAR, hour=12)
READ = frozenset({"stencil", "instances", "depth"})
STREETS = TrainingData(source=FrameList([make_frame(i, conditions=DAY) for i in range(4)]))
PARENT = make_frame(9, conditions=DAY)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Repaint:
    config = RepaintConfig(
        **DENOISER, layers=("stencil", "instances", "depth"), levels=4, jump=2, resamples=2
    )
    made = Repaint(config)
    made.fit(STREETS, tmp_path_factory.mktemp("repaint"), seed=1)
    return made


def right_half(frame: Frame = PARENT) -> NDArray[np.bool_]:
    mask = np.zeros(frame.size, dtype=np.bool_)
    mask[:, frame.size[1] // 2 :] = True
    return mask


def car_box(frame: Frame = PARENT) -> NDArray[np.bool_]:
    """Where its car stands, and a little around it."""
    assert frame.stencil is not None
    rows, columns = np.nonzero(frame.stencil == SceneClass.CAR)
    mask = np.zeros(frame.size, dtype=np.bool_)
    mask[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2] = True
    return mask


def without_car(frame: Frame = PARENT) -> Annotation:
    """The frame's layout as if the road went on where its car stands."""
    assert frame.stencil is not None
    assert frame.depth is not None
    assert frame.instances is not None
    car = frame.instances > 0
    stencil, depth = frame.stencil.copy(), frame.depth.copy()
    stencil[car], depth[car] = SceneClass.ROAD, 20.0
    return replace(
        _labels(frame),
        stencil=stencil,
        depth=depth,
        instances=np.zeros_like(frame.instances),
        objects=(),
    )


def _labels(frame: Frame) -> Annotation:
    names = ("label_space", "stencil", "emissive", "depth", "instances", "objects", "camera")
    return Annotation(**{name: getattr(frame, name) for name in names})


def drawn(part: Repaint, **asked: object) -> Frame:
    settings = {"conditions": DAY, "seed": 1, "parent": PARENT, **asked}
    return next(iter(part.generate([Request(**settings)])))  # type: ignore[arg-type]


def test_an_empty_mask_returns_the_parent(part: Repaint) -> None:
    frame = drawn(part, mask=np.zeros(PARENT.size, dtype=np.bool_))
    assert np.array_equal(frame.image, PARENT.image)
    assert frame.objects == PARENT.objects
    assert frame.layers >= PARENT.layers - {"stencil_native"}


def test_outside_the_mask_every_bit_is_the_parents(part: Repaint) -> None:
    mask = right_half()
    frame = drawn(part, mask=mask)
    assert np.array_equal(frame.image[~mask], PARENT.image[~mask])
    assert not np.array_equal(frame.image[mask], PARENT.image[mask])


def test_one_hole_is_filled_in_many_ways(part: Repaint) -> None:
    mask = right_half()
    a, b = (drawn(part, mask=mask, seed=seed) for seed in (1, 2))
    assert not np.array_equal(a.image[mask], b.image[mask])


def test_a_removed_thing_leaves_no_label_behind(part: Repaint) -> None:
    assert PARENT.instances is not None
    frame = drawn(part, mask=PARENT.instances > 0, annotation=without_car())
    assert frame.objects == ()
    assert frame.instances is not None
    assert not frame.instances.any()
    assert frame.stencil is not None
    assert SceneClass.CAR not in frame.stencil


def test_an_inserted_thing_has_its_box_and_the_old_one_keeps_what_is_seen_of_it() -> None:
    """A second car that hides the left column of the first."""
    assert PARENT.instances is not None
    assert PARENT.stencil is not None
    x0, y0, x1, y1 = (int(v) for v in PARENT.objects[0].box_xyxy)
    instances, stencil = PARENT.instances.copy(), PARENT.stencil.copy()
    place = (slice(y0, y1), slice(x0 - 3, x0 + 1))
    instances[place], stencil[place] = 8, SceneClass.CAR
    thing = PARENT.objects[0].model_copy(
        update={"instance": 8, "box_xyxy": instance_boxes(instances)[8]}
    )
    edited = replace(_labels(PARENT), instances=instances, stencil=stencil, objects=(thing,))
    mask = instances != PARENT.instances
    y = merged(PARENT, edited, mask, READ)
    boxes = {o.instance: o.box_xyxy for o in y.objects}
    assert boxes == {7: (x0 + 1, y0, x1, y1), 8: (x0 - 3, y0, x0 + 1, y1)}
    assert {o.instance: o.visibility for o in y.objects}[7] is None  # no longer all of it is seen
    assert y.instances is not None
    assert np.array_equal(y.instances[~mask], PARENT.instances[~mask])


def test_what_the_network_did_not_read_is_unknown_inside() -> None:
    mask = right_half()
    native = replace(PARENT, stencil_native=np.full(PARENT.size, 3, dtype=np.uint8))
    y = merged(native, native, mask, frozenset({"stencil"}))
    assert y.stencil is not None
    assert np.array_equal(y.stencil, PARENT.stencil)
    assert y.depth is not None
    assert PARENT.depth is not None
    assert np.isnan(y.depth[mask]).all()
    assert np.array_equal(y.depth[~mask], PARENT.depth[~mask])
    assert y.stencil_native is None
    poor = replace(without_car(), depth=None)
    assert np.isnan(merged(PARENT, poor, mask, READ).depth[mask]).all()  # type: ignore[index]


def test_boxes_without_instances_go_where_the_mask_touches_them() -> None:
    boxed = replace(PARENT, instances=None)
    touched = np.zeros(PARENT.size, dtype=np.bool_)
    x0, y0 = (int(v) for v in PARENT.objects[0].box_xyxy[:2])
    touched[y0, x0] = True
    assert merged(boxed, boxed, touched, frozenset({"stencil"})).objects == ()
    touched[y0, x0], touched[0, 0] = False, True
    assert merged(boxed, boxed, touched, frozenset({"stencil"})).objects == PARENT.objects


def times_of_figure_9(levels: int, jump: int, resamples: int) -> list[int]:
    """The figure's schedule: from its noisiest t, levels - 1, to -1, which is without noise."""
    jumps = {t: resamples - 1 for t in range(levels) if t % jump == 0 and t < levels - jump}
    t, times = levels - 1, [levels - 1]
    while t >= 0:
        t -= 1
        times.append(t)
        if jumps.get(t, 0) > 0:
            jumps[t] -= 1
            times += list(range(t + 1, t + jump + 1))
            t += jump
    return times


def test_the_walk_is_that_of_figure_9() -> None:
    """Whose steps up one by one are one step here."""
    assert places(4, 2, 1) == [0, 1, 2, 3, 4]
    for settings in ((4, 2, 2), (6, 2, 3), (20, 5, 3), (10, 3, 4), (5, 9, 2)):
        figure = [settings[0] - 1 - t for t in times_of_figure_9(*settings)]
        turns = [
            b for a, b, c in zip(figure, figure[1:], figure[2:], strict=False) if not a > b > c
        ]
        assert places(*settings) == [figure[0], *turns, figure[-1]]


def test_what_is_hidden_has_no_say() -> None:
    """Under a denoiser that believes what it sees, two parents differ in nothing but the hidden."""
    mask, levels = torch.tensor([0.0, 1.0])[None, None, None], sampling_levels(4)

    def filled(hidden: float) -> Tensor:
        known, noise = torch.tensor([0.3, hidden])[None, None, None], torch.Generator()
        noise.manual_seed(5)
        return repainted(
            lambda x, sigma: x,
            known,
            mask,
            levels,
            places(4, 2, 1),
            lambda: torch.randn(1, 1, 1, 2, generator=noise),
        )

    assert torch.equal(filled(0.9), filled(-0.9))
    assert filled(0.9)[..., 0] == 0.3


def test_what_is_drawn_agrees_with_what_is_known() -> None:
    """Two pixels that are always equal: the unknown one has to become what the known one is."""

    def twins(x: Tensor, sigma: float) -> Tensor:
        mean = x.double().mean(dim=3, keepdim=True).expand_as(x)
        return mean / (1 + sigma**2 / 2)  # E[clean | x] of equal pixels with unit variance

    generator = torch.Generator().manual_seed(3)
    known = torch.randn(4000, 1, 1, 1, generator=generator, dtype=torch.float64).expand(-1, 1, 1, 2)
    mask = torch.tensor([0.0, 1.0]).double()[None, None, None].expand(4000, 1, 1, 2)
    levels = sampling_levels(60).double()

    def fresh() -> Tensor:
        return torch.randn(4000, 1, 1, 2, generator=generator, dtype=torch.float64)

    def error(resamples: int) -> float:
        x = repainted(twins, known, mask, levels, places(60, 5, resamples), fresh)
        assert torch.equal(x[..., 0], known[..., 0])
        return float((x[..., 1] - known[..., 1]).square().mean().sqrt())

    assert error(8) < 0.7 * error(1) < 0.01  # the jumps are for that


def test_what_cannot_be_is_refused(part: Repaint) -> None:
    with pytest.raises(CannotHonour, match="give a parent"):
        drawn(part, parent=None, annotation=PARENT)
    with pytest.raises(CannotHonour, match=r"mask of the parent's size \(32, 48\), got \(3, 4\)"):
        drawn(part, mask=np.ones((3, 4), dtype=np.bool_))
    with pytest.raises(CannotHonour, match="annotation of the parent's size"):
        drawn(part, annotation=make_frame(1, 24, 16))
    with pytest.raises(CannotHonour, match="reads no text"):
        drawn(part, text="a car")
    other = Request(conditions=DAY, seed=1, parent=PARENT, annotation=make_frame(1, 24, 16))
    reads_nothing = Repaint(RepaintConfig(layers=()))
    assert "annotation of the parent's size" in (reads_nothing.unsupported(other) or "")


def test_a_mask_is_all_where_none_is_given(part: Repaint, tmp_path: Path) -> None:
    frame = drawn(part)
    assert (frame.image != PARENT.image).any(axis=2).mean() > 0.9


def test_what_a_mask_becomes_is_said_in_a_word_and_stands_in_the_record(part: Repaint) -> None:
    mask = car_box()
    wish = Request(
        conditions=DAY, seed=3, parent=PARENT, mask=mask, becomes=SceneClass.ROAD, annotation=None
    )
    drawn = next(iter(part.generate([wish])))
    assert drawn.stencil is not None
    assert drawn.depth is not None
    assert PARENT.depth is not None
    assert (drawn.stencil[mask] == SceneClass.ROAD).all()
    assert not any(thing.category is SceneClass.CAR for thing in drawn.objects)
    assert np.array_equal(drawn.depth[~mask], PARENT.depth[~mask], equal_nan=True)
    record = drawn.provenance.request
    assert record is not None
    assert record.becomes is SceneClass.ROAD
    assert np.array_equal(mask_of(record.mask), mask)
    again = replace(wish, mask=mask_of(record.mask), becomes=record.becomes)
    assert np.array_equal(next(iter(part.generate([again]))).image, drawn.image)


def test_ground_is_as_far_as_the_same_ground_beside_it_and_the_sky_has_no_end() -> None:
    mask = car_box()
    road, sky = (become(PARENT, c, mask).depth for c in (SceneClass.ROAD, SceneClass.SKY))
    assert road is not None
    assert sky is not None
    assert PARENT.stencil is not None
    assert PARENT.depth is not None
    for row in np.flatnonzero(mask.any(axis=1)).tolist():
        beside = PARENT.depth[row][(PARENT.stencil[row] == SceneClass.ROAD) & ~mask[row]]
        wanted = np.median(beside) if len(beside) else np.nan
        np.testing.assert_allclose(road[row][mask[row]], wanted)
    assert np.isposinf(sky[mask]).all()


def test_a_word_beside_an_annotation_is_refused(part: Repaint) -> None:
    both = Request(
        conditions=DAY, seed=3, parent=PARENT, becomes=SceneClass.ROAD, annotation=without_car()
    )
    with pytest.raises(CannotHonour, match="got both"):
        next(iter(part.generate([both])))


def test_what_stays_of_the_parent_keeps_its_conditions(part: Repaint) -> None:
    """A picture of which a corner was drawn by night is no picture by night."""
    night = Conditions(weather=Weather.CLEAR, hour=23)
    flood = DAY.model_copy(update={"event": Event.FLOOD})
    for other, sentence in ((night, r"clear/night \(time_of_day, hour\)"), (flood, "event/flood")):
        with pytest.raises(CannotHonour, match=f"keeps the parent's conditions.*{sentence}"):
            drawn(part, mask=right_half(), conditions=other)
    with pytest.raises(CannotHonour, match="clear/night"):  # which it has not learnt
        drawn(part, conditions=night)
    cell = Conditions(weather=DAY.weather, time_of_day=DAY.time_of_day)
    vague = drawn(part, mask=right_half(), conditions=cell)
    assert vague.conditions == PARENT.conditions
    assert vague.provenance.request is not None
    assert vague.provenance.request.conditions == cell  # as it was asked


def test_a_class_is_another_only_where_all_is_drawn(tmp_path: Path) -> None:
    settings = {"patch": 1, "width": 8, "multiples": (1, 1), "steps": 1, "batch_size": 2}
    part = Repaint(RepaintConfig(**settings, levels=2, jump=1, min_frames_per_cell=1))
    part.fit(TrainingData(source=FrameList(digit_frames(12))), tmp_path, seed=1)
    parent = digit_frames(1)[0]
    assert parent.label is not None
    other = label((parent.label.index + 1) % 3)
    asked = {"parent": parent, "conditions": parent.conditions}
    assert drawn(part, **asked, annotation=Annotation(label=other)).label == other
    assert drawn(part, **asked).label == parent.label
    half = {**asked, "mask": right_half(parent)}
    assert drawn(part, **half, annotation=Annotation(label=parent.label)).label == parent.label
    with pytest.raises(CannotHonour, match="keeps the parent's class"):
        drawn(part, **half, annotation=Annotation(label=other))


def test_a_jump_over_all_levels_would_resample_nothing() -> None:
    with pytest.raises(ValueError, match="fewer than the 5 levels, got 5: nothing would be resam"):
        RepaintConfig(levels=5, jump=5)
    assert RepaintConfig(levels=5, jump=5, resamples=1).jump == 5


def test_a_class_that_the_rest_of_the_parent_does_not_tell_is_refused(part: Repaint) -> None:
    """Else its label space would say that every such thing in it is labelled."""
    assert SceneClass.BICYCLE not in PARENT.label_space
    with pytest.raises(CannotHonour, match="got bicycle inside the mask"):
        drawn(part, mask=car_box(), becomes=SceneClass.BICYCLE)
    assert PARENT.stencil is not None
    mask, stencil = right_half(), PARENT.stencil.copy()
    stencil[mask] = SceneClass.ROAD
    wider = replace(
        _labels(PARENT), stencil=stencil, label_space=PARENT.label_space | {SceneClass.BICYCLE}
    )
    assert merged(PARENT, wider, mask, READ).label_space == PARENT.label_space
    everywhere = np.ones(PARENT.size, dtype=np.bool_)
    assert merged(PARENT, wider, everywhere, READ).label_space == wider.label_space
    assert merged(PARENT, wider, everywhere, frozenset()).label_space == PARENT.label_space


def test_a_parent_without_a_stencil_is_refused_by_name(part: Repaint) -> None:
    bare = replace(PARENT, stencil=None)
    with pytest.raises(CannotHonour, match="the request lacks stencil"):
        drawn(part, parent=bare, mask=car_box(), becomes=SceneClass.ROAD)


def test_where_light_is_not_read_the_picture_does_not_say_where_there_is_none() -> None:
    assert PARENT.emissive is not None
    mask = right_half()
    assert merged(PARENT, PARENT, mask, READ | {"emissive"}).emissive is not None
    assert merged(PARENT, PARENT, mask, READ).emissive is None
    nothing = np.zeros(PARENT.size, dtype=np.bool_)
    assert merged(PARENT, PARENT, nothing, frozenset()).emissive is not None
