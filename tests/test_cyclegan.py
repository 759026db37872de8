"""Laws of CycleGAN: the paper's formulas, its pool, its domains, and a training that can stop."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators._cyclegan_draw import network_of
from parhelion.generators._cyclegan_health import standstill
from parhelion.generators._cyclegan_losses import (
    critic_loss,
    cycle_loss,
    generator_loss,
    identity_loss,
)
from parhelion.generators._cyclegan_networks import Walled, normalised
from parhelion.generators._cyclegan_step import CycleGanStep
from parhelion.generators._unpaired_crops import SKY_SIZE, DomainCrops, sky_vector
from parhelion.generators._unpaired_domains import DomainsUnclear, domains
from parhelion.generators.cyclegan import CycleGan, CycleGanConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, FitReport, Request, TrainingData
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.training import train

DAY, NIGHT = (Conditions(weather=Weather.CLEAR, hour=hour) for hour in (12, 1))
FOG = Conditions(weather=Weather.FOGGY, hour=12)
TINY = CycleGanConfig(
    width=4,
    levels=1,
    blocks=1,
    critic_width=4,
    critic_layers=3,
    crop_px=16,
    batch_size=2,
    steps=4,
    learning_rate=1e-2,
    pool_size=3,
    min_frames_per_cell=2,
    checkpoint_every=1,
)


def dark(seed: int, conditions: Conditions = NIGHT) -> Frame:
    frame = make_frame(seed, conditions=conditions)
    return replace(frame, frame_id=f"{frame.frame_id}-dark", image=frame.image // 8)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    night = [dark(seed) for seed in range(10, 14)]
    return TrainingData(
        source=FrameList([make_frame(seed) for seed in range(4)]),
        target=FrameList([*night, dark(20, FOG)]),
    )


@pytest.fixture(scope="module")
def fitted(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> CycleGan:
    part = CycleGan(TINY)
    part.fit(data, tmp_path_factory.mktemp("fit"), seed=3)
    return part


def step_of(data: TrainingData, **changes: object) -> CycleGanStep:
    return CycleGanStep(TINY.model_copy(update=changes), data, 1, torch.device("cpu"))


def drawn_of(part: CycleGan, parent: Frame, seed: int = 5) -> Frame:
    return next(iter(part.generate([Request(parent=parent, conditions=NIGHT, seed=seed)])))


def test_losses_are_the_papers_formulas() -> None:
    random = rng("tests.cyclegan.losses")
    real, fake = random.normal(size=(2, 3, 1, 4, 4))
    a, b, c, d = random.normal(size=(4, 3, 3, 8, 8))
    t = torch.from_numpy
    wanted = 0.5 * np.mean([(s - 1) ** 2 for s in real.flat]) + 0.5 * np.mean(
        [s**2 for s in fake.flat]
    )
    assert float(critic_loss(t(real), t(fake))) == pytest.approx(wanted)
    assert float(generator_loss(t(fake))) == pytest.approx(
        np.mean([(s - 1) ** 2 for s in fake.flat])
    )
    wanted = sum(np.abs(p - q).sum() / p.size for p, q in ((a, b), (c, d)))
    assert float(cycle_loss(t(a), t(b), t(c), t(d))) == pytest.approx(wanted)
    assert float(identity_loss(t(a), t(b), t(c), t(d))) == pytest.approx(wanted)


def test_the_translators_step_is_the_weighted_sum_of_the_papers_losses(data: TrainingData) -> None:
    """One gradient of G, taken a second time from equation 3 and section 5.2."""
    step = step_of(data, augment=(), noise_planes=0, critic_noise=0.0, precision="fp32")
    step(0)  # the last layer leaves zero
    x, y = (crops.batch(2, rng(k)) for k, crops in enumerate((step.X, step.Y)))
    for network in (step.G, step.F):
        network.zero_grad(set_to_none=True)
    step._backward(x, y, torch.Generator().manual_seed(1))
    found = [p.grad.clone() for p in step.G.parameters() if p.grad is not None]
    none = torch.zeros(2, 0, 16, 16)

    def to_y(pictures: torch.Tensor) -> torch.Tensor:
        return step.G(pictures, y.sky, none)

    def to_x(pictures: torch.Tensor) -> torch.Tensor:
        return step.F(pictures, x.sky, none)

    fake_y, fake_x = to_y(x.x), to_x(y.x)  # once: a wall looks at the sum of gradients
    adversarial = ((step.D_Y(fake_y, y.sky) - 1) ** 2).mean()
    adversarial = adversarial + ((step.D_X(fake_x, x.sky) - 1) ** 2).mean()
    cycle = (to_x(fake_y) - x.x).abs().mean() + (to_y(fake_x) - y.x).abs().mean()
    identity = (to_y(y.x) - y.x).abs().mean()
    total = adversarial + TINY.cycle_weight * cycle + TINY.identity_weight * identity
    wanted = torch.autograd.grad(total, list(step.G.parameters()), allow_unused=True)
    for a, b in zip(found, [w for w in wanted if w is not None], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_translators_start_as_the_identity(data: TrainingData) -> None:
    step = step_of(data)
    x = torch.rand(2, 3, 12, 20) * 2 - 1
    noise = torch.randn(2, TINY.noise_planes, 12, 20)
    for network in (step.G, step.F):
        assert torch.equal(network(x, torch.rand(2, SKY_SIZE), noise), x)
    losses = step._backward(
        step.X.batch(2, rng(1)), step.Y.batch(2, rng(2)), torch.Generator().manual_seed(3)
    )
    assert float(losses["cycle"]) == float(losses["identity"]) == 0


def test_a_gradient_out_of_range_ends_at_the_wall_and_one_inwards_passes() -> None:
    x = torch.tensor([-2.0, -2.0, 0.5, 0.5, 2.0, 2.0], requires_grad=True)
    out = Walled.apply(x)
    assert out.tolist() == [-1.0, -1.0, 0.5, 0.5, 1.0, 1.0]
    (out * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, -1.0, 1.0, -1.0, 1.0, 0.0]


def test_features_are_normalised_over_channels_at_every_pixel() -> None:
    x = torch.randn(2, 5, 3, 4)
    wanted = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(normalised(x), wanted)


class Stopped(RuntimeError):
    pass


def stopped_and_whole(
    build: Callable[[], CycleGan], data: TrainingData, folder: Path, stop_after: int
) -> tuple[list[bytes], list[FitReport]]:
    """The saved files of a fit that was stopped and resumed and of one that was not."""

    def stop(done: int, _: int) -> None:
        if done == stop_after:
            raise Stopped

    with pytest.raises(Stopped):
        build().fit(data, folder / "a", seed=3, progress=stop)
    files, reports, seen = [], [], list[int]()
    for name in ("a", "b"):
        part = build()
        reports.append(part.fit(data, folder / name, 3, lambda done, _: seen.append(done)))
        part.save(folder / f"{name}-saved")
        files += [p.read_bytes() for p in sorted((folder / f"{name}-saved").iterdir())]
        files += [p.read_bytes() for p in (folder / name).glob("step-*.safetensors")]
    assert seen[0] == stop_after
    return files, reports


@pytest.mark.parametrize("stop_after", [1, 3])
def test_training_stopped_and_resumed_gives_the_same_bytes(
    data: TrainingData, tmp_path: Path, stop_after: int
) -> None:
    """Networks, optimizers and pools alike: the whole last checkpoint is compared."""
    files, reports = stopped_and_whole(lambda: CycleGan(TINY), data, tmp_path, stop_after)
    half = len(files) // 2
    assert half == 3
    assert files[:half] == files[half:]
    assert reports[0] == reports[1]


def test_without_the_pools_state_a_resumed_training_would_differ(
    data: TrainingData, tmp_path: Path
) -> None:
    """So that the test above can fail."""
    whole, lost = step_of(data), step_of(data)
    for step in (whole, lost):
        train(step.state(), step, steps=3, folder=tmp_path, digest="x", checkpoint_every=9)
    lost.pool_Y.images.zero_()
    for step in (whole, lost):
        for k in range(3, 8):
            step(k)
    assert not torch.equal(whole.average.last.weight, lost.average.last.weight)


def test_every_parameter_learns(data: TrainingData) -> None:
    step = step_of(data)
    networks = torch.nn.ModuleList([step.G, step.F, step.D_X, step.D_Y])
    before = {name: p.detach().clone() for name, p in networks.named_parameters()}
    for k in range(3):
        step(k)
    # Instance normalisation takes an offset away again.
    still = [n for n, p in networks.named_parameters() if torch.equal(before[n], p)]
    assert [n for n in still if not n.endswith("bias")] == []


def test_it_learns_to_darken(tmp_path: Path) -> None:
    day = [make_frame(seed) for seed in range(4)]
    night = [dark(seed) for seed in range(10, 14)]
    """At the weights that are the default: the identity, where it starts, is no trap."""
    changes = {"steps": 40, "learning_rate": 5e-3, "ema_decay": 0.8}
    part = CycleGan(TINY.model_copy(update={**changes, "checkpoint_every": 40}))
    part.fit(TrainingData(source=FrameList(day), target=FrameList(night)), tmp_path, seed=1)
    assert drawn_of(part, day[0]).image.mean() < 0.6 * day[0].image.mean()


def test_translators_that_stayed_the_identity_are_told() -> None:
    night = FrameList([dark(seed) for seed in range(10, 14)])
    step = step_of(TrainingData(source=FrameList([make_frame(0), make_frame(1)]), target=night))
    assert step.examine(1) is None  # too early to tell
    ailment = step.examine(1000)
    assert ailment is not None
    assert ailment.cause == "ignores conditions"
    assert ailment.sentence.startswith("0% of the carried crops resemble the target domain more")
    assert "lower cycle_weight and identity_weight" in ailment.sentence
    x, y = (torch.rand(12, 3, 16, 16) * 0.5 + low for low in (0.0, -1.0))
    assert standstill(x, y, y, 1) is None
    assert standstill(x, x.flip(0), x, 1) is None  # domains that do not differ


@pytest.mark.parametrize(("width", "height"), [(48, 32), (37, 29), (5, 3)])
def test_it_keeps_size_and_labels_of_its_parent(fitted: CycleGan, width: int, height: int) -> None:
    parent = make_frame(9).cropped(0, 0, width, height)
    label = ImageLabel(index=1, vocabulary=("0", "1"))
    parent = replace(parent, label=label)
    drawn = drawn_of(fitted, parent)
    assert drawn.image.shape == (height, width, 3)
    assert drawn.conditions == NIGHT
    assert drawn.label == label
    assert np.array_equal(drawn.stencil, parent.stencil)
    assert drawn.provenance.parent_id == parent.frame_id


def test_saved_and_loaded_it_draws_and_refuses_the_same(fitted: CycleGan, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = CycleGan.load(tmp_path)
    parent, other = make_frame(2), key_of(make_frame(3, conditions=FOG))
    assert np.array_equal(drawn_of(loaded, parent).image, drawn_of(fitted, parent).image)
    assert loaded.refusal(NIGHT, other) == fitted.refusal(NIGHT, other) is not None


def test_refusals_say_what_was_wanted_and_what_came(fitted: CycleGan) -> None:
    assert "1 training frames of fog/day" in (fitted.refusal(FOG) or "")
    assert "saw 0 training frames of clear/day" in (fitted.refusal(DAY) or "")
    assert fitted.refusal(NIGHT, key_of(make_frame())) is None
    foggy = make_frame(3, conditions=FOG)
    assert fitted.refusal(NIGHT, key_of(foggy)) == (
        "cyclegan learnt to carry frames of clear/day and got a parent of fog/day: give another "
        "parent, or fit with frames of fog/day in the domain that it starts from"
    )
    parent = make_frame()
    for wanted, reason in (
        ({"parent": foggy}, "got a parent of fog/day"),
        ({}, "give a parent"),
        ({"parent": parent, "annotation": make_frame(1)}, "another annotation: leave it out"),
        ({"parent": parent, "mask": np.ones((32, 48), bool)}, "mask"),
        ({"parent": parent, "text": "by night"}, "by night"),
    ):
        with pytest.raises(CannotHonour, match=reason):
            list(fitted.generate([Request(conditions=NIGHT, seed=1, **wanted)]))


def test_domains_are_chosen_by_cells_and_kinds() -> None:
    frames = [make_frame(0), dark(1), dark(2), make_frame(3, conditions=FOG)]
    frames.append(replace(make_frame(4), frame_id="real").with_provenance(kind=Kind.REAL))
    one = TrainingData(source=FrameList(frames))
    by_cell = CycleGanConfig(from_cells=("clear/day",), to_cells=("clear/night", "fog/day"))
    X, Y = domains(one, by_cell)
    assert (X.rows, Y.rows) == ((0, 4), (1, 2, 3))
    assert Y.frames_per_cell == {"clear/night": 2, "fog/day": 1}
    by_kind = CycleGanConfig(from_kind=Kind.SIMULATED, to_kind=Kind.REAL)
    assert [domain.rows for domain in domains(one, by_kind)] == [(0, 1, 2, 3), (4,)]
    both = TrainingData(source=FrameList(frames[:2]), target=FrameList(frames[2:]))
    assert [domain.rows for domain in domains(both, CycleGanConfig())] == [(0, 1), (0, 1, 2)]
    night = CycleGanConfig(to_cells=("clear/night",))
    assert domains(both, night)[1].rows == (0,)
    assert len(CycleGan(night).learnt(both)) == 1


def test_domains_that_are_unclear_say_what_to_set() -> None:
    one = TrainingData(source=FrameList([make_frame(0), dark(1)]))
    for config, said in (
        (CycleGanConfig(), r"give a target, or .*from_cells and to_cells .there are clear/day .1"),
        (CycleGanConfig(to_cells=("snow/day",)), r"no frame fits to_cells \['snow/day'\] .*night"),
        (CycleGanConfig(from_kind=Kind.REAL), "from_kind real; .* kinds .'simulated'"),
        (CycleGanConfig(to_cells=("clear/night",)), "1 frames in both, of clear/night .1.: set"),
    ):
        with pytest.raises(DomainsUnclear, match=said):
            domains(one, config)


def test_crops_keep_picture_and_answer_together() -> None:
    frames = []
    for seed in range(3):
        frame = make_frame(seed)
        frames.append(replace(frame, image=np.repeat(frame.stencil[..., None] * 9, 3, axis=2)))
    data = TrainingData(source=FrameList(frames), target=FrameList([dark(1)]))
    X, _ = domains(data, TINY)

    def stencil(frame: Frame) -> np.ndarray:
        return frame.stencil.astype(np.int64)

    crops = DomainCrops(X, crop_px=40, flips=True, cache_mb=1, answer=stencil).batch(9, rng(1))
    assert crops.x.shape == (9, 3, 40, 40)
    assert crops.answer is not None
    assert torch.equal(((crops.x[:, 0] + 1) * 127.5).round().long(), crops.answer * 9)


def test_a_class_that_a_mirror_changes_keeps_both_domains_from_being_mirrored() -> None:
    """Unlabelled target digits must not be mirrored beside labelled ones that are not."""
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint8)[None, :, None] * 16, (16, 16, 3)).copy()
    label = ImageLabel(index=0, vocabulary=("2",))

    def mirrored(label: ImageLabel | None) -> list[float]:
        x, y = (replace(make_frame(k, 16, 16), image=ramp) for k in range(2))
        data = TrainingData(source=FrameList([replace(x, label=label)]), target=FrameList([y]))
        step = step_of(data)
        batches = (crops.batch(200, rng(1)) for crops in (step.X, step.Y))
        return [float((batch.x[:, 0, 0, 0] > 0).float().mean()) for batch in batches]

    assert mirrored(label) == [0, 0]
    for safe in (None, label.model_copy(update={"mirror_safe": True})):
        assert all(0.4 < share < 0.6 for share in mirrored(safe))


def test_two_names_of_one_weather_are_one_sky() -> None:
    sunny = Conditions(weather=Weather.EXTRA_SUNNY, hour=11)
    assert np.array_equal(sky_vector(DAY), sky_vector(sunny))
    assert not np.array_equal(sky_vector(DAY), sky_vector(NIGHT))
    assert len(sky_vector(DAY)) == SKY_SIZE


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="crop_px must be a multiple of 2\\^levels = 8, got 68"):
        CycleGanConfig(levels=3, crop_px=68)
    with pytest.raises(
        ValueError, match="critics of 6 layers need crop_px of at least 128, got 96"
    ):
        CycleGanConfig(critic_layers=6)


def test_without_noise_it_is_the_papers_function_of_its_parent() -> None:
    quiet = TINY.model_copy(update={"noise_planes": 0})
    assert network_of(quiet, grey=False).first.in_channels == 3


def test_grey_domains_are_carried_in_grey(data: TrainingData, tmp_path: Path) -> None:
    def grey(frame: Frame) -> Frame:
        return replace(frame, image=np.repeat(frame.image[..., :1], 3, axis=2))

    assert data.target is not None
    ours = TrainingData(
        source=FrameList([grey(frame) for frame in data.source]),
        target=FrameList([grey(frame) for frame in data.target]),
    )
    part = CycleGan(TINY)
    part.fit(ours, tmp_path, seed=1)
    image = drawn_of(part, make_frame(0)).image
    assert (image == image[..., :1]).all()


def test_what_critics_see_is_as_noisy_as_asked(data: TrainingData) -> None:
    x = torch.zeros(8, 3, 32, 32)
    for noise in (0.0, 0.3):
        seen = step_of(data, critic_noise=noise)._noisy(x, torch.Generator().manual_seed(1))
        assert float(seen.std()) == pytest.approx(noise, rel=0.05)
