"""Laws of `superres`: whose small picture it keeps, whose labels, and what it learns."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import digit_frames
from numpy.typing import NDArray
from stopped_training import stopped
from torch import Tensor

from parhelion.generators._conditioning import PLANES, Layers, planes
from parhelion.generators._superres_scale import (
    EDGE,
    area_mean,
    coarsened,
    enlarged,
    small_of,
)
from parhelion.generators._superres_settings import SuperresConfig
from parhelion.generators._superres_step import SuperresStep
from parhelion.generators.superres import Superres
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Camera, Frame, Image, ImageLabel
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng

TINY = SuperresConfig(
    scale=4,
    patch=2,
    width=8,
    multiples=(1, 1),
    attention=False,
    crop=(16, 24),
    batch_size=2,
    steps=4,
    mean_steps=2,
    learning_rate=1e-2,
    calls=3,
    draw_batch=2,
    min_frames_per_cell=2,
    checkpoint_every=2,
)
DAY = Conditions(weather=Weather.CLEAR, hour=12)
FOG = Conditions(weather=Weather.FOGGY, hour=12)


def smooth(frame: Frame) -> Frame:
    """The frame with a picture that has something in common with its small one."""
    return replace(frame, image=cv2.GaussianBlur(frame.image, (0, 0), 2))


STREETS = TrainingData(source=FrameList([smooth(make_frame(i, conditions=DAY)) for i in range(4)]))
PARENT = smooth(make_frame(9, 12, 8, conditions=DAY))


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Superres:
    made = Superres(TINY)
    made.fit(STREETS, tmp_path_factory.mktemp("superres"), seed=1)
    return made


def asked(parent: Frame = PARENT, seed: int = 3, **changes: object) -> Request:
    return replace(Request(conditions=DAY, seed=seed, parent=parent), **changes)


def drawn(part: Superres, request: Request) -> Frame:
    return next(iter(part.generate([request])))


def step_of(data: TrainingData = STREETS, **changes: object) -> SuperresStep:
    return SuperresStep(TINY.model_copy(update=changes), data, 1, torch.device("cpu"))


def squares(image: Image, scale: int) -> NDArray[np.float64]:
    """The mean of every square, written down a second time."""
    h, w = image.shape[0] // scale, image.shape[1] // scale
    return image.reshape(h, scale, w, scale, 3).mean(axis=(1, 3))


# ---- what is drawn


@pytest.mark.parametrize(("height", "width"), [(8, 12), (4, 6), (7, 11)])
def test_shrunk_again_it_is_the_parent(part: Superres, height: int, width: int) -> None:
    """One window, less than one, and several that fit badly."""
    parent = smooth(make_frame(9, width, height, conditions=DAY))
    frame = drawn(part, asked(parent))
    assert frame.size == (4 * height, 4 * width)
    apart = np.abs(squares(frame.image, 4) - parent.image)
    assert apart.mean() < 1
    assert frame.image.std() > 0


def test_the_same_seed_is_the_same_picture_whoever_is_beside_it(part: Superres) -> None:
    large = make_frame(0, 48, 32, conditions=DAY)
    requests = [asked(large.resized(12, 8), seed=0), asked(large.resized(12, 8), seed=1)]
    requests.append(asked(smooth(make_frame(2, 12, 8, conditions=DAY)), seed=2))
    requests.append(asked(smooth(make_frame(5, 6, 4, conditions=DAY)), seed=7))
    requests.append(replace(requests[0], annotation=large))
    together = [frame.image for frame in part.generate(requests)]
    for request, image in zip(requests, together, strict=True):
        assert np.array_equal(drawn(part, request).image, image)
    assert not np.array_equal(drawn(part, replace(requests[0], seed=99)).image, together[0])
    assert not np.array_equal(together[4], together[0])  # its labels are sharper


def test_saved_and_loaded_it_draws_the_same(part: Superres, tmp_path: Path) -> None:
    part.save(tmp_path)
    loaded = Superres.load(tmp_path)
    assert loaded.whole_fit.seen.spread == part.whole_fit.seen.spread != 1.0
    assert np.array_equal(drawn(loaded, asked()).image, drawn(part, asked()).image)


def test_grey_pictures_stay_grey(tmp_path: Path) -> None:
    made = Superres(TINY.model_copy(update={"crop": None, "scale": 2}))
    made.fit(TrainingData(source=FrameList(digit_frames(12))), tmp_path, seed=1)
    parent = digit_frames(1, first=70)[0]
    frame = drawn(made, Request(conditions=parent.conditions, seed=1, parent=parent))
    assert frame.size == (32, 32)
    assert (frame.image == frame.image[..., :1]).all()
    assert frame.label == parent.label
    assert np.abs(squares(frame.image, 2) - parent.image).mean() < 1


# ---- labels


def test_the_parents_labels_are_enlarged_exactly(part: Superres) -> None:
    frame = drawn(part, asked())
    for layer in ("stencil", "instances", "depth", "emissive"):
        wanted = getattr(PARENT, layer).repeat(4, axis=0).repeat(4, axis=1)
        assert np.array_equal(getattr(frame, layer), wanted)
    (car,), (small,) = frame.objects, PARENT.objects
    assert car.box_xyxy == tuple(4 * side for side in small.box_xyxy)
    assert car.distance_m == small.distance_m
    assert frame.camera is not None
    assert PARENT.camera is not None
    assert np.allclose(frame.camera.intrinsics[:2], 4 * PARENT.camera.intrinsics[:2])
    assert np.array_equal(frame.camera.camera_to_world, PARENT.camera.camera_to_world)
    assert frame.label_space == PARENT.label_space


def test_finer_labels_of_the_parents_scene_are_kept(part: Superres) -> None:
    large = make_frame(9, 48, 32, conditions=DAY)
    frame = drawn(part, asked(smooth(large.resized(12, 8)), annotation=large))
    assert frame.stencil is not None
    assert np.array_equal(frame.stencil, large.stencil)
    assert frame.objects == large.objects


def test_labels_of_another_scene_are_refused(part: Superres) -> None:
    large = make_frame(9, 48, 32, conditions=DAY)
    parent = smooth(large.resized(12, 8))
    assert large.stencil is not None
    paved = np.where(large.stencil == SceneClass.ROAD, np.uint8(SceneClass.SKY), large.stencil)
    moved = Camera(np.diag([3.0, 3.0, 1.0]), np.eye(4))
    truck = large.objects[0].model_copy(update={"category": SceneClass.BUILDING})
    cases = {
        "differ in depth, instances, objects, stencil": make_frame(1, 48, 32, conditions=DAY),
        "differ in stencil: leave it to the parent's": replace(large, stencil=paved),
        "differ in camera:": replace(large, camera=moved),
        "differ in objects:": replace(large, objects=(truck,)),
        "differ in label:": replace(large, label=ImageLabel(index=0, vocabulary=("a",))),
        "differ in label_space:": replace(large, label_space=large.label_space | {SceneClass.BUS}),
    }
    for sentence, y in cases.items():
        with pytest.raises(CannotHonour, match=f"keeps the parent's labels and got .* {sentence}"):
            drawn(part, asked(parent, annotation=y))


def test_coarse_planes_are_those_of_an_enlarged_layout() -> None:
    """But for edges, which lie in both squares where two meet."""
    read = frozenset({"stencil", "depth", "emissive", "instances"})
    fine = make_frame(3, 48, 32)
    small = fine.resized(12, 8)
    large = planes(Layers.of(small.resized(48, 32), read), 32, 48)
    both = torch.from_numpy(np.stack([planes(Layers.of(fine, read), 32, 48)] * 2))
    found = coarsened(both, torch.tensor([True, False]), 4)
    others = [plane for plane in range(PLANES) if plane != EDGE]
    assert np.array_equal(found[0, others], large[others])
    assert torch.equal(found[1], both[1])
    assert bool((found[0, EDGE] >= both[0, EDGE]).all())


# ---- what is learnt


def test_the_target_and_the_small_picture_make_up_the_crop() -> None:
    step = step_of()
    crops = step.crops.batch(4, rng(2))
    base = step.told(crops).beside[:, -3:]
    torch.testing.assert_close(base + step.spread * step.target(crops), crops.x)
    torch.testing.assert_close(base, enlarged(small_of(crops.x, 4), 4))
    levels = (small_of(crops.x, 4) + 1) * 127.5
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        small_of(crops.x, 4), area_mean(crops.x, 4), atol=1 / 255 + 1e-6, rtol=0
    )


def test_detail_has_the_spread_that_the_noise_levels_are_made_for() -> None:
    step = step_of()
    found = [step.target(step.crops.batch(32, rng(k))).square().mean() for k in range(4)]
    assert float(torch.stack(found).mean().sqrt()) == pytest.approx(0.5, rel=0.1)
    flat = replace(make_frame(1, conditions=DAY), image=np.full((32, 48, 3), 90, dtype=np.uint8))
    assert step_of(TrainingData(source=FrameList([flat] * 2))).spread > 0


def test_layers_are_coarse_in_the_share_that_is_set() -> None:
    """Of all that learns from them, the mean picture too."""

    def planes(share: float) -> Tensor:
        return step_of(coarse_share=share).crops.batch(4, rng(9)).planes

    fine, coarse = planes(0), planes(1)
    assert not torch.equal(fine, coarse)
    assert torch.equal(coarse, coarsened(fine, torch.ones(4, dtype=torch.bool), 4))
    some = (planes(0.5) != fine).flatten(1).any(dim=1)
    assert torch.equal(planes(0.5)[some], coarse[some])
    assert 0 < int(some.sum()) < 4


def test_frames_of_both_domains_teach(tmp_path: Path) -> None:
    fogs = [replace(f, frame_id=f"{f.frame_id}-fog", conditions=FOG) for f in STREETS.source]
    data = TrainingData(source=STREETS.source, target=FrameList(fogs))
    made = Superres(TINY)
    assert made.fit(data, tmp_path, seed=1).frames_per_cell == {"clear/day": 4, "fog/day": 4}
    foggy = replace(PARENT, conditions=FOG)
    assert drawn(made, asked(foggy, conditions=FOG)).conditions == FOG


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_stopped_and_resumed_it_learns_the_same(stop_at: int, tmp_path: Path) -> None:
    whole, halves = Superres(TINY), Superres(TINY)
    report = whole.fit(STREETS, tmp_path / "whole", seed=2)
    stopped(halves, STREETS, 2, tmp_path / "halves", stop_at)
    again = halves.fit(STREETS, tmp_path / "halves", seed=2)
    assert report.checkpoint_sha256 == again.checkpoint_sha256
    assert halves.whole_fit.seen == whole.whole_fit.seen


def test_an_examination_compares_detail_and_finds_none_missing_where_it_is_not() -> None:
    step = step_of()
    found = step.probe()
    assert found.drawn.shape == found.real.shape == (1, 12, 3, 16, 24)
    assert float(found.drawn.min()) >= 0
    assert step.examine(1) is None  # too early to say
    assert step.seen(Superres.seen_as()).spread == step.spread


def test_settings_of_drawing_do_not_make_another_fit() -> None:
    asked = TINY.model_copy(update={"start": 3.0, "calls": 9, "sampler": "heun"})
    assert Superres(asked)._fit_digest(STREETS, 1) == Superres(TINY)._fit_digest(STREETS, 1)
    other = TINY.model_copy(update={"coarse_share": 0.1})
    assert Superres(other)._fit_digest(STREETS, 1) != Superres(TINY)._fit_digest(STREETS, 1)


# ---- refusals


def test_what_it_cannot_enlarge_it_refuses(part: Superres) -> None:
    large = make_frame(9, 48, 32, conditions=DAY)
    cases = {
        "enlarges a picture: give a parent": asked(parent=None, annotation=large),
        "got a mask": asked(mask=np.ones(PARENT.size, dtype=np.bool_)),
        r"wanted an annotation of \(32, 48\) .* got \(8, 12\): resize it": asked(annotation=PARENT),
        "reads no text": asked(text="sharper"),
        "saw 0 training frames of fog/day": asked(replace(PARENT, conditions=FOG), conditions=FOG),
        "lacks depth": asked(replace(PARENT, depth=None)),
    }
    for sentence, request in cases.items():
        with pytest.raises(CannotHonour, match=sentence):
            drawn(part, request)
    with pytest.raises(CannotHonour, match="lacks depth, emissive, instances, stencil"):
        drawn(part, asked(annotation=Annotation()))
    with pytest.raises(CannotHonour, match="without a smaller parent: ask ddpm"):
        part.bits_per_dimension([large], seed=1)


def test_a_parent_keeps_its_conditions(part: Superres) -> None:
    foggy = replace(PARENT, conditions=FOG)
    sentence = "keeps the parent's conditions, fog/day; asked were clear/day"
    assert sentence in (part.refusal(DAY, key_of(foggy)) or "")
    assert part.refusal(DAY, key_of(PARENT)) is None
    with pytest.raises(CannotHonour, match=sentence):
        drawn(part, asked(foggy))


def test_classes_that_were_not_learnt_are_refused(part: Superres) -> None:
    """Their planes would meet weights that never learnt."""
    strange = SceneClass.RIDER
    assert strange.label not in part.whole_fit.seen.classes
    assert PARENT.stencil is not None
    stencil = PARENT.stencil.copy()
    stencil[:3] = strange
    other = replace(PARENT, stencil=stencil, label_space=PARENT.label_space | {strange})
    with pytest.raises(CannotHonour, match=f"got {strange.label}: ask for these only"):
        drawn(part, asked(other))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="halvings must be a multiple of scale = 4, got 2"):
        SuperresConfig(patch=1, multiples=(1, 1))
    with pytest.raises(ValueError, match=r"crop must be multiples of 4 .* got \(18, 18\)"):
        SuperresConfig(patch=2, multiples=(1, 1), crop=(18, 18))
    with pytest.raises(ValueError, match="which unconditional_share 0 never trains: raise it"):
        SuperresConfig(guidance=2.0)
    assert SuperresConfig(guidance=2.0, unconditional_share=0.1).calls == 5
    odd = TrainingData(source=FrameList([make_frame(0, 46, 30, conditions=DAY)]))
    assert step_of(odd, crop=None).crops.size == (32, 48)  # continued


def test_all_that_the_parent_knows_of_its_sky_is_recorded(part: Superres) -> None:
    parent = replace(PARENT, conditions=DAY.model_copy(update={"visibility_m": 900.0, "hour": 9}))
    cell = Conditions(weather=DAY.weather, time_of_day=parent.conditions.time_of_day)
    assert drawn(part, asked(parent, conditions=cell)).conditions == parent.conditions
    near = cell.model_copy(update={"visibility_m": 90.0})
    with pytest.raises(CannotHonour, match=r"\(visibility_m\): use a generator that changes them"):
        drawn(part, asked(parent, conditions=near))
