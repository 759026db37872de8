"""Laws of `ddpm`: what it learns, what it is told, how it draws, what it bounds."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import WORDS, digit_frame, digit_frames, label
from torch import Tensor

from parhelion.generators._annotated_crops import AnnotatedCrops
from parhelion.generators._bands import joined, split
from parhelion.generators._conditioning import PLANES
from parhelion.generators._ddpm_bound import nats, prior, reconstruction
from parhelion.generators._ddpm_draw import bits as bits_of
from parhelion.generators._ddpm_step import DdpmStep, layers_of
from parhelion.generators._denoiser import FREE, STREAM, Told, at_unit_size, told
from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._guidance import between, guided_by, mixed
from parhelion.generators._noise_levels import SMALLEST, scales
from parhelion.generators._refine import Refine
from parhelion.generators._whole_images import y_vector
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.contracts import CannotHonour, CannotLearn, Request, TrainingData
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.training import torch_threads, train

TINY = DdpmConfig(
    patch=1,
    width=8,
    multiples=(1, 1),
    attention=False,
    batch_size=2,
    steps=4,
    learning_rate=1e-2,
    calls=3,
    draw_batch=2,
    min_frames_per_cell=2,
    checkpoint_every=2,
)
DAY = Conditions(weather=Weather.CLEAR, hour=12)
DIGITS = TrainingData(source=FrameList(digit_frames(12)))
STREETS = TrainingData(source=FrameList([make_frame(i, conditions=DAY) for i in range(4)]))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    part = Ddpm(TINY)
    part.fit(DIGITS, tmp_path_factory.mktemp("digits"), seed=1)
    return part


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    part = Ddpm(TINY.model_copy(update={"crop": (16, 24)}))
    part.fit(STREETS, tmp_path_factory.mktemp("streets"), seed=1)
    return part


def of_class(index: int, seed: int = 3) -> Request:
    return Request(conditions=Conditions(), seed=seed, annotation=Annotation(label=label(index)))


def image(part: Ddpm, request: Request) -> np.ndarray:
    return next(iter(part.generate([request]))).image


def step_of(data: TrainingData, **changes: object) -> DdpmStep:
    return DdpmStep(TINY.model_copy(update=changes), data, 1, torch.device("cpu"))


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
    crops = AnnotatedCrops(
        data, crop=(16, 24), stride=1, read=frozenset({"stencil"}), told_dropout=0, cache_mb=1
    )
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
    bands = split(x, len(step.D.spreads))
    torch.testing.assert_close(found, joined(bands, scales(sigma, step.D.spreads).skip))


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
    step = step_of(DIGITS, precision="fp32", silence=0.0)
    crops = step.crops.batch(2, rng(3))
    found, level = step.losses(crops, torch.Generator().manual_seed(4))
    chance = torch.Generator().manual_seed(4)
    sigma = (-1.2 + 1.2 * torch.randn(2, generator=chance)).exp()
    noise = torch.randn(crops.x.shape, generator=chance)
    c = scales(sigma, step.D.spreads)
    bands = split(crops.x + sigma[:, None, None, None] * noise, len(step.D.spreads))
    apart = (joined(bands, c.skip) - crops.x).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found.detach(), apart / c.out**2)
    torch.testing.assert_close(level, c.noise)


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
    assert len(step.D.spreads) == bands
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


def test_guidance_1_is_the_conditional_model_and_others_lie_on_its_line() -> None:
    step = step_of(DIGITS)
    for k in range(3):
        step(k)
    known = step.told(step.crops.batch(2, rng(7)))
    x = torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        heard = step.D(x, torch.full((2,), 0.7), known)
        zero, one, three = (
            mixed(step.D, known, between((0.7, 2.0), guided_by(w)), (16, 16))(x, 0.7)
            for w in (0.0, 1.0, 3.0)
        )
        below = mixed(step.D, known, between((0.8, 2.0), guided_by(3.0)), (16, 16))(x, 0.7)
    assert torch.equal(one, heard)
    assert torch.equal(below, heard)  # where it does not guide
    torch.testing.assert_close(three, zero + 3 * (one - zero))
    assert not torch.equal(zero, one)


def test_classes_are_kept_and_strange_ones_refused(digits: Ddpm, tmp_path: Path) -> None:
    frame = next(iter(digits.generate([of_class(1)])))
    assert frame.label == label(1)
    assert frame.size == (16, 16)
    assert (frame.image == frame.image[..., :1]).all()  # as grey as its training pictures
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
    with torch_threads(TINY.threads):
        step = DdpmStep(TINY, STREETS, 2, torch.device("cpu"))
        train(
            step.state(),
            step,
            steps=stop_at,
            folder=tmp_path / "halves",
            digest=Ddpm(TINY)._fit_digest(STREETS, 2),
            checkpoint_every=1,
        )
    halves = Ddpm(TINY).fit(STREETS, tmp_path / "halves", seed=2)
    assert whole.checkpoint_sha256 == halves.checkpoint_sha256


def test_settings_of_drawing_do_not_make_another_fit() -> None:
    asked = TINY.model_copy(update={"guidance": 2.0, "calls": 9, "sampler": "heun"})
    assert Ddpm(asked)._fit_digest(DIGITS, 1) == Ddpm(TINY)._fit_digest(DIGITS, 1)
    other = TINY.model_copy(update={"silence": 0.2})
    assert Ddpm(other)._fit_digest(DIGITS, 1) != Ddpm(TINY)._fit_digest(DIGITS, 1)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="width must be a multiple of 8, got 12"):
        DdpmConfig(width=12)
    with pytest.raises(
        ValueError, match=r"guidance_levels must rise, from 0 or more, got 5 to 0\.3"
    ):
        DdpmConfig(guidance_levels=(5.0, 0.3))
    with pytest.raises(ValueError, match="crop must be multiples of 8"):
        DdpmConfig(patch=2, multiples=(1, 2, 2), crop=(60, 128))


class BestOfGaussian(torch.nn.Module):
    """E[clean | x] for pixels that are normal about nought with spread 0.2: the best denoiser."""

    def forward(self, x: Tensor, sigma: Tensor, told: Told) -> Tensor:
        kept = 0.2**2 / (0.2**2 + sigma**2)
        return kept[:, None, None, None] * x


def test_the_bound_lies_a_little_below_a_density_that_is_known() -> None:
    """For Gaussian pixels the best denoiser is known; it knows no grey levels, which costs."""
    random = np.random.default_rng(8)
    levels = np.clip(np.round((random.normal(0, 0.2, (16, 1, 24, 24)) + 1) * 127.5), 0, 255)
    x = torch.from_numpy(levels / 127.5 - 1).float()
    nothing = told(torch.zeros(16, 0), torch.zeros(16, 0, 24, 24))
    found = nats(BestOfGaussian(), x, nothing, 64, range(16))  # type: ignore[arg-type]
    per_level = math.log(2 / 255) - 0.5 * math.log(2 * math.pi * 0.2**2)
    wanted = per_level * x[0].numel() - (x.square().flatten(1).sum(dim=1) / (2 * 0.2**2))
    bits = float((found - wanted).mean()) / (x[0].numel() * math.log(2))
    assert -0.15 < bits < 0


class StriddenGaussian(BestOfGaussian, torch.nn.Linear):
    """The same, for frames that a network with a stride continues."""

    stride = 16


def test_what_frames_are_continued_by_does_not_make_them_likelier() -> None:
    random = np.random.default_rng(8)
    grey = np.clip(np.round((random.normal(0, 0.2, (6, 20, 20, 1)) + 1) * 127.5), 0, 255)
    images = grey.astype(np.uint8).repeat(3, axis=3)
    frames = [replace(digit_frame(i, 0), image=image) for i, image in enumerate(images)]
    seen = SeenFrames(size=(20, 20), channels=1, vocabulary=WORDS)
    layouts = [Annotation(label=frame.label) for frame in frames]
    found = bits_of(StriddenGaussian(1, 1), frames, layouts, TINY, seen, 1)  # type: ignore[arg-type]
    x = grey / 127.5 - 1
    density = -0.5 * math.log(2 * math.pi * 0.2**2) - (x**2).mean() / (2 * 0.2**2)
    assert found > -(density + math.log(2 / 255)) / math.log(2)


def test_a_grey_level_behind_little_noise_is_nearly_certain() -> None:
    x = torch.tensor([-1.0, -1.0 + 2 / 255, 0.4 / 127.5 * 2, 1.0])[None, None, None]
    x = ((x + 1) * 127.5).round() / 127.5 - 1
    clear = reconstruction(x, x)
    assert 0 <= float(clear) < 0.01
    one_off = reconstruction(x, x + 2 / 255)
    assert float(one_off) == pytest.approx(4 * (2 / 255 / SMALLEST) ** 2 / 2, rel=0.3)
    assert float(prior(x)) == pytest.approx(float(x.square().sum()) / (2 * 80**2))


def test_bits_of_frames_are_finite_and_the_same_again(digits: Ddpm, streets: Ddpm) -> None:
    frames = digit_frames(3, first=70)
    bits, kind = digits.bits_per_dimension(frames, seed=1)
    assert kind == "bound"
    assert 0 < bits < 12
    assert digits.bits_per_dimension(frames, seed=1) == (bits, "bound")
    assert digits.bits_per_dimension(frames, seed=2)[0] != bits
    assert streets.bits_per_dimension([make_frame(8, conditions=DAY)], seed=1)[0] > 0
    dark = Conditions(weather=Weather.CLEAR, hour=1)
    with pytest.raises(CannotHonour, match="night"):
        streets.bits_per_dimension([make_frame(8, conditions=dark)], seed=1)


def test_the_bound_is_of_each_frame_alone_and_of_its_middle(digits: Ddpm, streets: Ddpm) -> None:
    frames, bits = digit_frames(5, first=70), digits.bits_per_dimension
    together, _ = bits(frames, 1)
    assert bits(frames[::-1], 1)[0] == pytest.approx(together, abs=1e-4)
    assert np.mean([bits([f], 1)[0] for f in frames]) == pytest.approx(together, abs=1e-4)
    large = make_frame(8, conditions=DAY)  # crops are of 16x24
    image = large.image.copy()
    image[:4] = 255  # outside of its middle
    moved = replace(large, image=image)
    assert streets.bits_per_dimension([moved], 1) == streets.bits_per_dimension([large], 1)


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
    tiny = {"width": 8, "steps": 1, "batch_size": 2, "calls": 2, "draw_batch": 1}
    part = Ddpm(DdpmConfig(**tiny, min_frames_per_cell=1))
    part.fit(TrainingData(source=FrameList(frames)), tmp_path, seed=1)
    request = Request(conditions=frames[0].conditions, seed=1, annotation=frames[0])
    assert next(iter(part.generate([request]))).size == (27, 50)
    assert math.isfinite(part.bits_per_dimension(frames, 1)[0])
