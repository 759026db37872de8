"""Laws of `ldm`: what latents are, when the autoencoder learns, and what comes back decoded."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import pytest
import torch
from conftest import make_frame
from digit_frames import digit_frames
from stopped_training import stopped
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from parhelion.generators._conditioning import PLANES, UNKNOWN_CLASS, Layers, planes
from parhelion.generators._ldm_autoencoder import WEIGHTS, divergence, planned
from parhelion.generators._ldm_draw import latent_size, shrunk
from parhelion.generators._ldm_step import LdmStep
from parhelion.generators.ldm import TRAINS, Ldm, LdmConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import Ailment, CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.processes import Processes
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.training import weights_bytes

of_diffusers: Any = diffusers  # which has no types here

TINY = LdmConfig(
    width=8,
    multiples=(1, 1),
    attention=False,
    crop=(16, 24),
    autoencoder_width=8,
    autoencoder_steps=3,
    autoencoder_batch=2,
    latent_channels=3,
    batch_size=2,
    steps=3,
    mean_steps=2,
    learning_rate=1e-2,
    calls=2,
    draw_batch=2,
    min_frames_per_cell=2,
    checkpoint_every=2,
)
DAY = Conditions(weather=Weather.CLEAR, hour=12)
FOG = Conditions(weather=Weather.FOGGY, hour=12)


def smooth(frame: Frame) -> Frame:
    """The frame with a picture that few numbers can tell."""
    return replace(frame, image=cv2.GaussianBlur(frame.image, (0, 0), 3))


STREETS = TrainingData(source=FrameList([smooth(make_frame(i, conditions=DAY)) for i in range(4)]))


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Ldm:
    made = Ldm(TINY)
    made.fit(STREETS, tmp_path_factory.mktemp("ldm"), seed=1)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes an autoencoder with random weights, as diffusers does."""

    def written(seed: int = 1, channels: int = 3, factor: int = 4) -> Path:
        asked = TINY.model_copy(update={"factor": factor, "latent_channels": 2})
        torch.manual_seed(seed)
        path = tmp_path / f"autoencoder-{seed}-{channels}-{factor}"
        of_diffusers.AutoencoderKL(**planned(asked, channels)).save_pretrained(path)
        return path

    return written


def of_folder(path: Path) -> LdmConfig:
    here = TINY.model_dump(exclude={"autoencoder", *TRAINS})
    return LdmConfig(**here, autoencoder=str(path))


def asked(seed: int = 3, width: int = 24, height: int = 16, **changes: Any) -> Request:
    parent = make_frame(9, width, height, conditions=DAY)
    return replace(Request(conditions=DAY, seed=seed, parent=parent), **changes)


def drawn(part: Ldm, request: Request) -> Frame:
    return next(iter(part.generate([request])))


def step_of(config: LdmConfig = TINY, data: TrainingData = STREETS, seed: int = 1) -> LdmStep:
    return LdmStep(config, data, seed, torch.device("cpu"))


def at(stop: int, config: LdmConfig = TINY, seed: int = 1) -> LdmStep:
    """A training after `stop` steps."""
    step = step_of(config, seed=seed)
    for k in range(stop):
        step(k)
    return step


class OneOfTwo(Processes):
    """One of several that does not hear of the others."""

    def sum(self, tensors: Iterable[Tensor | None]) -> None:
        """Leaves them as they are."""


def apart(step: LdmStep, x: Tensor) -> float:
    """Mean |x - decoded(encoded(x))|."""
    with torch.no_grad():
        return float((step.autoencoder.decode(step.autoencoder.encode(x)) - x).abs().mean())


# ---- latents


def test_latents_have_the_spread_that_the_noise_levels_are_made_for() -> None:
    step = at(TINY.autoencoder_steps + 1)
    z = torch.cat([step.coded(step.crops.batch(32, rng(k))).x for k in range(4)])
    assert z.shape[1:] == (3, 4, 6)
    each = z.double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(each.std(dim=1), torch.full((3,), 0.5).double(), rtol=0.1, atol=0)
    assert float(each.mean(dim=1).abs().max()) < 0.1


def test_scaling_is_undone_before_decoding() -> None:
    """What is measured changes latents and no picture."""
    step = at(TINY.autoencoder_steps)
    x = step.crops.batch(4, rng(5)).x
    before, z = apart(step, x), step.coded(step.crops.batch(4, rng(5))).x
    step(TINY.autoencoder_steps)
    assert apart(step, x) == pytest.approx(before, rel=1e-4)
    assert not torch.allclose(step.coded(step.crops.batch(4, rng(5))).x, z)


def test_latents_are_the_posteriors_mean_and_the_same_each_time() -> None:
    step = at(1, TINY.model_copy(update={"precision": "fp32"}))
    crops = step.crops.batch(2, rng(5))
    z = step.coded(crops).x
    assert torch.equal(step.coded(crops).x, z)
    with torch.no_grad():
        assert torch.equal(step.autoencoder.kl.encode(crops.x).latent_dist.mode(), z)


def test_the_pull_is_the_divergence_from_a_unit_normal() -> None:
    mean, log_variance = torch.linspace(-2, 2, 9), torch.linspace(-3, 1, 9)
    told = Normal(mean, (log_variance / 2).exp())
    wanted = kl_divergence(told, Normal(torch.zeros(9), torch.ones(9)))
    torch.testing.assert_close(divergence(mean, log_variance), wanted)


def test_the_autoencoder_comes_nearer_to_pictures_the_longer_it_learns() -> None:
    step = step_of(TINY.model_copy(update={"autoencoder_steps": 40}))
    x = step.crops.batch(8, rng("tests.unseen")).x
    before = apart(step, x)
    for k in range(40):
        step(k)
    assert apart(step, x) < 0.5 * before


# ---- planes of y


def test_planes_shrink_by_area_means_and_classes_by_their_shares() -> None:
    read = frozenset({"stencil", "depth", "emissive", "instances"})
    large = planes(Layers.of(make_frame(3, 48, 32), read), 32, 48)
    small = shrunk(torch.from_numpy(large)[None], 4)[0].numpy()
    wanted = large.reshape(PLANES, 8, 4, 12, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(small, wanted, atol=1e-6)
    np.testing.assert_allclose(small[: UNKNOWN_CLASS + 1].sum(axis=0), 1, atol=1e-6)
    assert ((small > 0) & (small < 1)).any()


@pytest.mark.parametrize("factor", [4, 8])
def test_planes_of_odd_sizes_are_continued_by_their_last_row_and_column(factor: int) -> None:
    odd = torch.rand(2, 5, 13, 23, generator=torch.Generator().manual_seed(1))
    whole = np.pad(odd.numpy(), ((0, 0), (0, 0), (0, -13 % factor), (0, -23 % factor)), "edge")
    h, w = latent_size((13, 23), factor)
    wanted = whole.reshape(2, 5, h, factor, w, factor).mean(axis=(3, 5))
    np.testing.assert_allclose(shrunk(odd, factor).numpy(), wanted, atol=1e-6)
    assert shrunk(odd[:, :0], factor).shape == (2, 0, h, w)


# ---- what is drawn


@pytest.mark.parametrize(("width", "height"), [(24, 16), (23, 13), (61, 37), (9, 10)])
def test_every_size_comes_back(part: Ldm, width: int, height: int) -> None:
    """One window, less than one, and several that fit badly."""
    frame = drawn(part, asked(width=width, height=height))
    assert frame.size == (height, width)
    assert frame.image.std() > 0
    assert frame.stencil is not None
    assert np.array_equal(frame.stencil, make_frame(9, width, height).stencil)


def test_the_same_seed_is_the_same_picture_whoever_is_beside_it(part: Ldm) -> None:
    requests = [asked(seed=i) for i in range(3)] + [asked(seed=7, width=30)]
    together = [frame.image for frame in part.generate(requests)]
    for request, image in zip(requests, together, strict=True):
        assert np.array_equal(drawn(part, request).image, image)
    assert not np.array_equal(together[0], together[1])


def test_saved_and_loaded_it_draws_the_same(part: Ldm, tmp_path: Path) -> None:
    part.save(tmp_path)
    loaded = Ldm.load(tmp_path)
    autoencoder = loaded.whole_fit.network.autoencoder
    assert bool((autoencoder.spread != 0.5).all())
    assert np.array_equal(drawn(loaded, asked()).image, drawn(part, asked()).image)


def test_grey_pictures_stay_grey_and_need_no_layer(tmp_path: Path) -> None:
    made = Ldm(TINY.model_copy(update={"crop": None, "steps": 1}))
    made.fit(TrainingData(source=FrameList(digit_frames(12))), tmp_path, seed=1)
    digit = digit_frames(1, first=70)[0]
    frame = drawn(made, Request(conditions=digit.conditions, seed=1, parent=digit))
    assert made.whole_fit.network.autoencoder.kl.config.in_channels == 1
    assert (frame.image == frame.image[..., :1]).all()
    assert frame.label == digit.label


# ---- two stages


def test_each_stage_moves_its_own_network_alone() -> None:
    step = step_of()
    for k in range(step.steps):
        denoiser = weights_bytes(step.D)
        kl = weights_bytes(step.autoencoder.kl)
        losses = step(k)
        first = k < TINY.autoencoder_steps
        assert losses.keys() == ({"reconstruction", "kl"} if first else {"denoising"})
        assert (weights_bytes(step.autoencoder.kl) != kl) is first
        assert (weights_bytes(step.D) == denoiser) is first
    assert not any(p.requires_grad for p in step.autoencoder.parameters())


@pytest.mark.parametrize("stop_at", [1, 3, 4, 5])
def test_stopped_and_resumed_it_learns_the_same(stop_at: int, part: Ldm, tmp_path: Path) -> None:
    """In the first stage, before latents are measured, just after, and in the second stage."""
    stopped(Ldm(TINY), STREETS, 1, tmp_path, stop_at)
    again = Ldm(TINY)
    began: list[int] = []
    again.fit(STREETS, tmp_path, seed=1, progress=lambda done, _: began.append(done))
    assert began[0] == stop_at
    assert again.whole_fit.checkpoint_sha256 == part.whole_fit.checkpoint_sha256
    assert again.whole_fit.seen == part.whole_fit.seen


@pytest.mark.parametrize("step_number", [0, 3])
def test_two_processes_make_the_update_of_one(step_number: int) -> None:
    """In either stage: what each has of the gradient is, in sum, the gradient of one alone."""

    def gradients(processes: Processes) -> list[Tensor]:
        step = step_of(TINY.model_copy(update={"accumulate": 2, "precision": "fp32"}))
        step.processes = processes
        step(step_number)
        networks = (step.autoencoder, step.D)
        return [p.grad for n in networks for p in n.parameters() if p.grad is not None]

    alone, first, second = (gradients(p) for p in (Processes(), OneOfTwo(0, 2), OneOfTwo(1, 2)))
    assert alone
    for whole, a, b in zip(alone, first, second, strict=True):
        torch.testing.assert_close(a + b, whole, atol=1e-6, rtol=1e-3)


def test_an_examination_is_of_decoded_pictures() -> None:
    step = at(TINY.autoencoder_steps + 1)
    found = step.probe()
    assert found.drawn.shape == found.real.shape == (1, 12, 3, 16, 24)
    assert float(found.real.abs().max()) <= 1
    assert step.examine(TINY.autoencoder_steps) is None
    assert step.examine(step.steps) is None  # too early to say


def test_what_failed_before_the_denoiser_learnt_draws_nothing() -> None:
    step = at(1)
    state = step.state()
    state.step = TINY.autoencoder_steps
    state.ailment = Ailment(cause="diverged", step=3, sentence="the loss is lost")
    assert not step.seen(Ldm.seen_as()).draws
    state.step += 1
    assert step.seen(Ldm.seen_as()).draws


# ---- an autoencoder from a folder


def test_one_from_a_folder_is_used_as_it_is(folder: Callable[..., Path], tmp_path: Path) -> None:
    path = folder()
    made = Ldm(of_folder(path))
    assert made.unready() is None
    assert made.fit(STREETS, tmp_path / "fit", seed=1).steps == TINY.steps
    autoencoder = made.whole_fit.network.autoencoder
    there = of_diffusers.AutoencoderKL.from_pretrained(path)
    assert weights_bytes(autoencoder.kl) == weights_bytes(there)
    assert autoencoder.latent_channels == 2
    made.save(tmp_path / "saved")
    (path / WEIGHTS).unlink()  # what is saved needs it no longer
    loaded = Ldm.load(tmp_path / "saved")
    assert np.array_equal(drawn(loaded, asked()).image, drawn(made, asked()).image)


def test_what_is_in_the_folder_names_the_fit_and_not_where_it_lies(
    folder: Callable[..., Path], tmp_path: Path
) -> None:
    def named(config: LdmConfig) -> str:
        return Ldm(config)._fit_digest(STREETS, 1)

    one, other = folder(1), folder(2)
    moved = one.rename(tmp_path / "moved")
    before = named(of_folder(moved))
    assert before not in (named(of_folder(other)), named(TINY))
    assert before == named(of_folder(moved.rename(tmp_path / "again")))


def test_grey_pictures_go_through_all_channels_of_one_from_a_folder(
    folder: Callable[..., Path],
) -> None:
    data = TrainingData(source=FrameList(digit_frames(4)))
    config = of_folder(folder()).model_copy(update={"crop": None})
    step = step_of(config, data)
    x = step.crops.batch(2, rng(1)).x
    assert step.autoencoder.decode(step.autoencoder.encode(x)).shape == x.shape


def test_a_folder_that_cannot_be_used_is_refused(
    folder: Callable[..., Path], tmp_path: Path
) -> None:
    empty, pickled = tmp_path / "empty", folder(2)
    empty.mkdir()
    (pickled / WEIGHTS).rename(pickled / "diffusion_pytorch_model.bin")
    cases = {
        "got no folder .*nowhere: give a folder": tmp_path / "nowhere",
        "got nothing of the kind in .*empty": empty,
        "got config.json, diffusion_pytorch_model.bin in .*pickles are not loaded": pickled,
        "of factor 4, got 8 in .*: set `factor` to it": folder(factor=8),
    }
    for sentence, path in cases.items():
        with pytest.raises(WeightsMissing, match=sentence) as refused:
            step_of(of_folder(path))
        assert Ldm(of_folder(path)).unready() == str(refused.value)
    with pytest.raises(ValueError, match="pictures of 3 channels, got one of 1: give another"):
        step_of(of_folder(folder(channels=1)))


# ---- refusals


def test_what_it_cannot_draw_it_refuses(part: Ldm) -> None:
    poor = replace(make_frame(9, 24, 16, conditions=DAY), depth=None)
    cases = {
        "saw 0 training frames of fog/day": asked(conditions=FOG),
        "lacks depth": asked(parent=poor),
        "reads no text": asked(text="sharper"),
    }
    for sentence, request in cases.items():
        with pytest.raises(CannotHonour, match=sentence):
            drawn(part, request)
    with pytest.raises(CannotHonour, match="says nothing of grey levels: ask ddpm, vae or pca"):
        part.bits_per_dimension([make_frame(1, conditions=DAY)], seed=1)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="autoencoder_width must be a multiple of 8, got 12"):
        LdmConfig(autoencoder_width=12)
    with pytest.raises(ValueError, match="trained already, got autoencoder_rate, kl_weight, which"):
        LdmConfig(autoencoder="weights", kl_weight=1.0, autoencoder_rate=1.0)
    with pytest.raises(ValueError, match=r"multiples of 32 .* got \(48, 64\)"):
        LdmConfig(factor=8, crop=(48, 64))
    odd = TrainingData(source=FrameList([make_frame(0, 44, 32, conditions=DAY)]))
    with pytest.raises(ValueError, match=r"multiples of 8 pixels .* got \(32, 44\): set `crop`"):
        step_of(TINY.model_copy(update={"crop": None}), odd)
