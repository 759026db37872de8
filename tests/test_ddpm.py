"""Laws of `ddpm`: what it learns, what it is told, how it draws."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import WORDS, digit_frame, digit_frames, label
from stopped_training import stopped
from tiny_ddpm import CROPS, DAY, DIGITS, STREETS, TINY, fitted, step_of
from torch import Tensor

from parhelion.generators._annotated_crops import AnnotatedCrops
from parhelion.generators._bands import joined, split
from parhelion.generators._conditioning import PLANES
from parhelion.generators._ddpm_step import DdpmStep, layers_of
from parhelion.generators._denoiser import FREE, STREAM, at_unit_size
from parhelion.generators._noise_levels import scales
from parhelion.generators._refine import Refine
from parhelion.generators._whole_images import y_vector
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.contracts import CannotHonour, CannotLearn, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Frame, ImageLabel
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return fitted(TINY, DIGITS, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return fitted(CROPS, STREETS, tmp_path_factory.mktemp("streets"))


def of_class(index: int, seed: int = 3) -> Request:
    return Request(conditions=Conditions(), seed=seed, annotation=Annotation(label=label(index)))


def image(part: Ddpm, request: Request) -> np.ndarray:
    return next(iter(part.generate([request]))).image


def test_layers_are_those_that_all_frames_have() -> None:
    assert layers_of(TINY, DIGITS) == frozenset()
    assert layers_of(TINY, STREETS) == {"stencil", "instances", "depth", "emissive"}
    poor = replace(make_frame(9, conditions=DAY), depth=None)
    mixed = TrainingData(source=FrameList([*STREETS.source, poor]))
    assert layers_of(TINY, mixed) == {"stencil", "instances", "emissive"}
    asked = TINY.model_copy(update={"layers": ("stencil",)})
    assert layers_of(asked, STREETS) == {"stencil"}
    with pytest.raises(CannotLearn, match="each of 12 training frames lacks one of stencil"):
        DdpmStep(asked, DIGITS, 1, torch.device("cpu"))


def test_crops_and_their_planes_show_the_same_window() -> None:
    def painted(frame: Frame) -> Frame:
        assert frame.stencil is not None
        return replace(frame, image=np.repeat(frame.stencil[..., None] * 20, 3, axis=2))

    data = TrainingData(source=FrameList([painted(frame) for frame in STREETS.source]))
    config = TINY.model_copy(update={"crop": (16, 24)})
    crops = AnnotatedCrops(config, data, frozenset({"stencil"}))
    batch = crops.batch(6, rng(1))
    assert batch.x.shape == (6, 1, 16, 24)  # painted grey
    assert batch.planes.shape == (6, PLANES, 16, 24)
    for picture, planes in zip(batch.x[:, 0], batch.planes, strict=True):
        classes = planes.argmax(dim=0)
        pairs = {
            (int(c), float(v)) for c, v in zip(classes.flatten(), picture.flatten(), strict=True)
        }
        assert len(pairs) == len({c for c, _ in pairs}) == len({v for _, v in pairs})


def test_an_untrained_network_is_a_linear_denoiser() -> None:
    step = step_of(DIGITS)
    x, sigma = torch.randn(3, 1, 16, 16), torch.tensor([0.01, 0.5, 20.0])
    known = step.told(step.crops.batch(3, rng(2)))
    found = step.D(x, sigma, known)
    bands = split(x, step.D.spreads.shape[1])
    torch.testing.assert_close(found, joined(bands, scales(sigma, step.D.spreads[1]).skip))


def test_an_untrained_refinement_adds_nothing_and_a_trained_one_sees_single_pixels() -> None:
    refine = Refine(channels=1, said=3, width=8)
    x, said, level = torch.randn(2, 1, 16, 16), torch.randn(2, 3, 16, 16), torch.tensor([1.0, 900])
    assert not refine(x, said, level).any()
    torch.nn.init.normal_(refine.draw.weight)
    poked = x.clone()
    poked[0, 0, 8, 8] += 1
    moved = (refine(poked, said, level) - refine(x, said, level)).abs().amax(dim=1) > 0
    assert moved[0, 8, 8]
    assert not moved[1].any()
    assert not moved[0, :4].any()  # three convolutions see three pixels far


def test_the_loss_is_equation_8() -> None:
    """An untrained D is linear: known squares, divided by what is expected of them."""
    step = step_of(DIGITS, precision="fp32", unconditional_share=0.0)
    crops = step.crops.batch(2, rng(3))
    found = step.missed(crops, torch.Generator().manual_seed(4))
    chance = torch.Generator().manual_seed(4)
    sigma = (-1.2 + 1.2 * torch.randn(2, generator=chance)).exp()
    noise = torch.randn(crops.x.shape, generator=chance)
    c = scales(sigma, step.D.spreads[1])
    bands = split(crops.x + sigma[:, None, None, None] * noise, step.D.spreads.shape[1])
    apart = (joined(bands, c.skip) - crops.x).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found.apart.detach(), apart / c.out**2)
    torch.testing.assert_close(found.level, c.noise)
    assert not found.perceptual.any()


def test_filters_stay_short_whatever_the_rate() -> None:
    """So that what goes around the residual blocks does not outgrow what they say."""
    step = step_of(DIGITS, learning_rate=0.3)
    for k in range(3):
        step(k)
    weights = {n: p.detach() for n, p in step.D.named_parameters() if p.ndim > 1}
    norms = {n: p.flatten(1).norm(dim=1) for n, p in weights.items()}
    longest = {n: float(norm.max()) for n, norm in norms.items() if not n.endswith(FREE)}
    assert 0 < len(longest) < len(norms)
    assert max(longest.values()) == pytest.approx(1, abs=1e-5)  # free ones are longer by now
    assert max(float(norm.max()) for n, norm in norms.items() if n.endswith(FREE)) > 1.1


@pytest.mark.parametrize(("patch", "bands"), [(1, 2), (2, 3), (3, 2)])
def test_squares_of_any_side_are_drawn(patch: int, bands: int) -> None:
    """There are as many bands as the stride can be halved, and one of means."""
    step = step_of(DIGITS, patch=patch, multiples=(1, 1))
    assert step.D.spreads.shape[1] == bands
    crops = step.crops.batch(2, rng(4))
    with torch.inference_mode():
        drawn = step.D(crops.x, torch.ones(2), step.told(crops))
    assert drawn.shape == crops.x.shape
    assert all(side % (2 * patch) == 0 for side in crops.x.shape[2:])


def test_every_block_gives_back_unit_size() -> None:
    step = step_of(DIGITS, precision="fp32")
    sizes: list[Tensor] = []
    blocks = [m for m in step.D.unet.modules() if isinstance(m, STREAM)]
    for block in blocks:
        block.register_forward_hook(lambda m, i, x: sizes.append(x.square().mean(dim=(1, 2, 3))))
        for parameter in block.parameters():
            parameter.data *= 30
    x, known = torch.randn(2, 1, 16, 16), step.told(step.crops.batch(2, rng(4)))
    with torch.inference_mode():
        assert step.D(x, torch.tensor([0.3, 3.0]), known).isfinite().all()
    assert len(sizes) == len(blocks) > 9
    torch.testing.assert_close(torch.stack(sizes), torch.ones(len(sizes), 2), rtol=0.01, atol=0)


def test_size_is_that_of_each_picture_alone() -> None:
    x = torch.randn(2, 3, 4, 5) * torch.tensor([100.0, 0.01])[:, None, None, None]
    found = at_unit_size(torch.nn.Identity(), None, x)
    torch.testing.assert_close(found.square().mean(dim=(1, 2, 3)), torch.ones(2), rtol=0.01, atol=0)
    torch.testing.assert_close(at_unit_size(torch.nn.Identity(), None, x[:1]), found[:1])
    assert not at_unit_size(torch.nn.Identity(), None, 0 * x).any()


def test_what_is_not_told_makes_no_difference() -> None:
    step = step_of(STREETS)
    for k in range(3):
        step(k)
    a, b = (step.told(step.crops.batch(2, rng(k))) for k in (5, 6))
    x, sigma = torch.randn(2, 3, 32, 48), torch.ones(2)
    nobody = torch.ones(2, dtype=torch.bool)
    with torch.inference_mode():
        assert not torch.equal(step.D(x, sigma, a), step.D(x, sigma, b))
        assert torch.equal(
            step.D(x, sigma, a.silenced(nobody)), step.D(x, sigma, b.silenced(nobody))
        )


def test_classes_are_kept_and_strange_ones_refused(digits: Ddpm, tmp_path: Path) -> None:
    frame = next(iter(digits.generate([of_class(1)])))
    assert frame.label == label(1)
    assert frame.size == (16, 16)
    assert (frame.image == frame.image[..., :1]).all()  # as grey as its training pictures
    other = next(iter(digits.generate([Request(conditions=Conditions(), seed=5)])))
    assert other.label is not None  # never a picture of no class: it has seen none
    assert np.array_equal(other.image, image(digits, of_class(other.label.index, seed=5)))
    rare = TrainingData(source=FrameList([*digit_frames(8)[::3], digit_frame(50, 1)]))
    part = Ddpm(TINY)
    part.fit(rare, tmp_path, seed=1)
    with pytest.raises(CannotHonour, match="saw 1 training frames of class middle"):
        image(part, of_class(WORDS.index("middle")))


def test_a_layout_is_kept_and_drawn_at_its_own_size(streets: Ddpm) -> None:
    assert streets.needs == {"stencil", "instances", "depth", "emissive"}
    for width, height in ((24, 16), (50, 30)):  # one window; several, and no multiple of the stride
        parent = make_frame(7, width, height, conditions=DAY)
        frame = next(iter(streets.generate([Request(conditions=DAY, seed=1, parent=parent)])))
        assert frame.size == (height, width)
        assert frame.objects == parent.objects
        assert parent.stencil is not None
        assert frame.stencil is not None
        assert np.array_equal(frame.stencil, parent.stencil)


def test_a_thing_that_no_training_frame_tells_apart_is_refused(streets: Ddpm) -> None:
    parent = make_frame(7, conditions=DAY)
    assert parent.stencil is not None
    assert SceneClass.BICYCLE not in parent.label_space
    stencil = parent.stencil.copy()
    stencil[:4] = SceneClass.IGNORE
    request = Request(conditions=DAY, seed=1, parent=replace(parent, stencil=stencil))
    assert next(iter(streets.generate([request]))).stencil is not None  # unknown is no class
    stencil[0, 0] = SceneClass.BICYCLE
    with pytest.raises(CannotHonour, match=r"frames tell apart, .*, got bicycle: ask for these"):
        next(iter(streets.generate([request])))


def test_how_likely_a_class_is_that_it_never_saw_it_does_not_say(digits: Ddpm) -> None:
    strange = replace(digit_frame(0, 1), label=ImageLabel(index=0, vocabulary=("zebra",)))
    with pytest.raises(CannotHonour, match="zebra"):
        digits.bits_per_dimension([strange], seed=1)
    with pytest.raises(ValueError, match="wanted at least one frame to read, got none"):
        digits.bits_per_dimension([], seed=1)


def test_layers_that_it_did_not_read_are_not_kept(tmp_path: Path) -> None:
    part = Ddpm(TINY.model_copy(update={"layers": ("stencil",)}))
    part.fit(STREETS, tmp_path, seed=1)
    request = Request(conditions=DAY, seed=1, parent=make_frame(7, conditions=DAY))
    frame = next(iter(part.generate([request])))
    assert frame.layers == {"stencil", "camera"}


def test_pictures_do_not_depend_on_how_many_are_drawn_together(digits: Ddpm) -> None:
    requests = [of_class(i % 3, seed=i) for i in range(5)]
    together = [frame.image for frame in digits.generate(requests)]
    for request, picture in zip(requests, together, strict=True):
        assert np.array_equal(image(digits, request), picture)


def test_half_precision_draws_the_same_pictures_a_little_less_exactly(streets: Ddpm) -> None:
    frame = next(iter(STREETS.source))
    request = Request(conditions=frame.conditions, seed=3, annotation=frame)
    exact = image(streets, request).astype(float)
    whole = streets.config
    try:
        streets.config = whole.model_copy(update={"draw_precision": "bf16"})
        half = image(streets, request)
        assert np.array_equal(half, image(streets, request))
    finally:
        streets.config = whole
    assert 0 < np.abs(half - exact).mean() < 2  # grey levels


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_stopped_and_resumed_it_learns_the_same(stop_at: int, tmp_path: Path) -> None:
    whole = Ddpm(TINY).fit(STREETS, tmp_path / "whole", seed=2)
    stopped(Ddpm(TINY), STREETS, 2, tmp_path / "halves", stop_at)
    halves = Ddpm(TINY).fit(STREETS, tmp_path / "halves", seed=2)
    assert whole.checkpoint_sha256 == halves.checkpoint_sha256


def test_settings_of_drawing_do_not_make_another_fit() -> None:
    asked = TINY.model_copy(update={"guidance": 2.0, "calls": 9, "sampler": "heun"})
    assert Ddpm(asked)._fit_digest(DIGITS, 1) == Ddpm(TINY)._fit_digest(DIGITS, 1)
    other = TINY.model_copy(update={"unconditional_share": 0.2})
    assert Ddpm(other)._fit_digest(DIGITS, 1) != Ddpm(TINY)._fit_digest(DIGITS, 1)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="width must be a multiple of 8, got 12"):
        DdpmConfig(width=12)
    with pytest.raises(
        ValueError, match=r"guidance_interval must rise, from 0 or more, got 5 to 0\.3"
    ):
        DdpmConfig(guidance_interval=(5.0, 0.3))
    with pytest.raises(ValueError, match="crop must be multiples of 8"):
        DdpmConfig(patch=2, multiples=(1, 2, 2), crop=(60, 128))
    with pytest.raises(ValueError, match="which unconditional_share 0 never trains: raise it"):
        DdpmConfig(guidance=3, unconditional_share=0)
    with pytest.raises(ValueError, match="wanted autoguidance_at above 0 and below 1, got 1"):
        DdpmConfig(autoguidance=2, autoguidance_at=1)


def test_y_is_measured_by_every_weather_and_event_however_rare(tmp_path: Path) -> None:
    rare = [
        Conditions(weather=Weather.RAINING, hour=12),
        Conditions(weather=Weather.THUNDER_STORM, hour=12),
        Conditions(weather=Weather.RAINING, hour=12, event=Event.FLOOD),
    ]
    skies = [rare[0]] * 200 + rare[1:]
    frames = [make_frame(i, 8, 8, conditions=sky) for i, sky in enumerate(skies)]
    step = step_of(TrainingData(source=FrameList(frames)))
    y = torch.from_numpy(np.stack([y_vector(None, sky, ()) for sky in rare]))
    read = step.D.read_y(y)
    assert float((read[0] - read[1]).norm()) > 1
    assert float((read[0] - read[2]).norm()) > 1


def test_frames_of_any_size_are_learnt_as_they_are_and_drawn_at_their_own(tmp_path: Path) -> None:
    """Crops are continued to what the network can halve; nobody has to set them."""
    frames = [make_frame(i, width=50, height=27) for i in range(3)]
    tiny = {"width": 8, "steps": 1, "mean_steps": 1, "batch_size": 2, "calls": 2, "draw_batch": 1}
    part = Ddpm(DdpmConfig(**tiny, min_frames_per_cell=1))
    part.fit(TrainingData(source=FrameList(frames)), tmp_path, seed=1)
    request = Request(conditions=frames[0].conditions, seed=1, annotation=frames[0])
    assert next(iter(part.generate([request]))).size == (27, 50)
    assert math.isfinite(part.bits_per_dimension(frames, 1)[0])
