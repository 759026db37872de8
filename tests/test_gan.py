"""Laws of the adversarial generator: it grows, resumes, obeys its class, knows when it is ill."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_frame
from toy_digits import CLEAR, DIGITS, digit_frames, picture_frame, training_of

from parhelion.generators import _gan_step
from parhelion.generators._gan_step import EACH, GanStep
from parhelion.generators._whole_image_generator import class_of
from parhelion.generators.gan import Gan, GanConfig, SeenGan
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Annotation, ImageLabel

TINY = GanConfig(
    channels=4,
    critic_width=4,
    widest=8,
    noise_size=3,
    style_size=8,
    steps=10,
    growing_share=0.8,  # level 0 in steps 0-3, level 1 fades in through 4-7, and stays
    batch_size=4,
    r1_every=2,
    checkpoint_every=1,
)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_of(digit_frames(60, classes=(0, 1)))


@pytest.fixture(scope="module")
def learnt(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Gan:
    """A little network that has seen zeros and ones for some seconds."""
    sizes = {"channels": 8, "critic_width": 8, "widest": 16, "style_size": 32, "noise_size": 8}
    training = {"steps": 200, "batch_size": 16, "ema_decay": 0.98, "checkpoint_every": 200}
    part = Gan(GanConfig(**sizes, **training, augment=()))
    part.fit(data, tmp_path_factory.mktemp("learnt"), seed=1)
    return part


def asked(digit: int | None, seed: int = 1) -> Request:
    label = None if digit is None else ImageLabel(index=digit, vocabulary=DIGITS)
    return Request(conditions=CLEAR, seed=seed, annotation=Annotation(label=label))


def image_of(part: Gan, request: Request) -> np.ndarray:
    return next(iter(part.generate([request]))).image


def step_of(data: TrainingData, **settings: Any) -> GanStep:
    return GanStep(TINY.model_copy(update=settings), data, 1, torch.device("cpu"))


class Stopped(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("stop_after", "settings"),
    [
        (2, {}),  # in the smallest pictures
        (4, {}),  # at the growth: the next step is the first of the new level
        (6, {}),  # while the new level fades in
        (8, {}),  # where it has faded in
        (5, {"progressive": False, "objective": "hinge", "accumulate": 2}),
    ],
)
def test_training_stopped_and_resumed_gives_the_same_bytes(
    data: TrainingData, tmp_path: Path, stop_after: int, settings: dict[str, Any]
) -> None:
    config = TINY.model_copy(update=settings)

    def stop(done: int, _: int) -> None:
        if done == stop_after:
            raise Stopped

    with pytest.raises(Stopped):
        Gan(config).fit(data, tmp_path / "fit", seed=3, progress=stop)
    seen: list[int] = []
    resumed, whole = Gan(config), Gan(config)
    report = resumed.fit(data, tmp_path / "fit", 3, lambda done, _: seen.append(done))
    assert seen[0] == stop_after
    assert report == whole.fit(data, tmp_path / "whole", seed=3)
    # Averaged weights and story, and in the checkpoints G, D and both optimizers' moments.
    for part, folder in ((resumed, "fit"), (whole, "whole")):
        part.save(tmp_path / folder)
    written = [sorted((tmp_path / folder).iterdir()) for folder in ("fit", "whole")]
    assert [p.name for p in written[0]] == [p.name for p in written[1]]
    assert "step-00000010.safetensors" in {p.name for p in written[0]}
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_both_networks_grow_while_they_train(data: TrainingData) -> None:
    update = step_of(data)
    assert update.grid.levels == 1
    sides = []
    update.D.from_picture[0].register_forward_pre_hook(lambda _, x: sides.append(x[0].shape[-1]))
    update.D.from_picture[1].register_forward_pre_hook(lambda _, x: sides.append(x[0].shape[-1]))
    newest = update.G.layers[2].conv.weight
    moved = []
    for step in range(10):
        before = newest.detach().clone()
        update(step)
        moved.append(not torch.equal(before, newest))
        assert set(sides) == ({4} if step < 4 else {4, 8} if step < 8 else {8})
        sides.clear()
    assert moved == [False] * 5 + [True] * 5  # at alpha = 0 the new level has no say yet


def test_every_parameter_learns(data: TrainingData) -> None:
    update = step_of(data)
    both = torch.nn.ModuleDict({"G": update.G, "D": update.D})
    before = {name: p.detach().clone() for name, p in both.named_parameters()}
    for step in range(10):
        update(step)
    assert [name for name, p in both.named_parameters() if torch.equal(before[name], p)] == []


def test_the_average_follows_the_network_by_its_decay(data: TrainingData) -> None:
    update = step_of(data, ema_decay=0.15)
    weights = [update.G.start.weight.detach().clone()]
    for step in range(3):
        update(step)
        weights.append(update.G.start.weight.detach().clone())
    mean = weights[0]
    for step, now in enumerate(weights[1:]):
        keep = min(0.15, (1 + step) / (10 + step))
        mean = keep * mean + (1 - keep) * now
    torch.testing.assert_close(update.average.start.weight, mean)
    assert update.result() is update.average


def test_the_penalty_is_taken_now_and_then(data: TrainingData) -> None:
    update = step_of(data, r1_every=3)
    assert [step for step in range(7) if "r1" in update(step)] == [0, 3, 6]
    assert "r1" not in step_of(data, r1_gamma=0.0)(0)


def test_accumulated_batches_add_up_to_their_mean(data: TrainingData) -> None:
    update = step_of(data, accumulate=3)
    calls: list[dict[str, torch.Tensor]] = []
    inner = update._backward
    update._backward = lambda *a: calls.append(inner(*a)) or calls[-1]  # type: ignore[method-assign]
    losses = update(0)
    assert len(calls) == 3
    for name, loss in losses.items():
        assert loss == pytest.approx(np.mean([float(c[name]) for c in calls]), rel=1e-5)


def test_pictures_under_their_own_class_are_no_mismatch() -> None:
    zeros = training_of(digit_frames(20, classes=(0,)))
    assert step_of(zeros)(0)["mismatch"] == 0
    assert step_of(training_of(digit_frames(60, classes=(0, 1))))(0)["mismatch"] > 0


def test_another_class_is_another_picture_after_a_short_training(
    learnt: Gan, data: TrainingData
) -> None:
    assert learnt._fitted is not None
    assert learnt._fitted.seen.ailments == ()
    true = {k: np.stack([f.image[..., 0] for f in digit_frames(60, (k,))]) for k in (0, 1)}
    mean = {k: pictures.mean(axis=0) for k, pictures in true.items()}
    hits = []
    for digit in (0, 1):
        for seed in range(20):
            image = image_of(learnt, asked(digit, seed))[..., 0]
            hits.append(np.abs(image - mean[digit]).sum() < np.abs(image - mean[1 - digit]).sum())
    assert np.mean(hits) > 0.9
    same_noise = [image_of(learnt, asked(digit, 5)) for digit in (0, 1)]
    assert not np.array_equal(*same_noise)


def test_seeds_alone_decide_what_chance_does(learnt: Gan) -> None:
    first, again, other = (image_of(learnt, asked(1, seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_frame_keeps_its_class_and_size_and_no_other_label(learnt: Gan) -> None:
    [drawn] = learnt.generate([asked(1)])
    assert drawn.image.shape == (8, 8, 3)
    assert (drawn.image == drawn.image[..., :1]).all()
    assert drawn.layers == {"label"}
    assert drawn.label is not None
    assert drawn.label.index == 1


def test_classes_not_learnt_are_refused_by_name(learnt: Gan) -> None:
    with pytest.raises(CannotHonour, match="gan saw 0 training frames of class 7"):
        image_of(learnt, asked(7))
    foreign = Annotation(label=ImageLabel(index=0, vocabulary=("cat", "dog")))
    with pytest.raises(CannotHonour, match="'cat' is of the vocabulary"):
        image_of(learnt, Request(conditions=CLEAR, seed=1, annotation=foreign))


def test_a_class_that_is_not_asked_for_comes_as_often_as_it_was_seen() -> None:
    seen = SeenGan(vocabulary=("a", "b", "c"), frames_per_class={"a": 30, "b": 2, "c": 10})
    labels = [class_of(Request(conditions=CLEAR, seed=seed), seen, 3) for seed in range(400)]
    drawn = Counter(label.name for label in labels if label is not None)
    assert set(drawn) == {"a", "c"}  # b would be refused: too few
    assert drawn["a"] / 400 == pytest.approx(0.75, abs=0.07)


def test_no_class_is_drawn_where_one_is_asked_for_or_some_pictures_had_none() -> None:
    seen = SeenGan(vocabulary=("a", "b"), frames_per_class={"a": 3, "b": 3})
    told = Annotation(label=ImageLabel(index=1, vocabulary=("a", "b")))
    assert class_of(Request(conditions=CLEAR, seed=1, annotation=told), seen, 1) == told.label
    request = Request(conditions=CLEAR, seed=1)
    assert class_of(request, seen.model_copy(update={"unlabelled": 1}), 1) is None
    assert class_of(replace(request, parent=make_frame(1)), seen, 1) is None
    assert class_of(request, seen, 4) is None


def test_the_class_that_was_drawn_stays_with_the_picture(learnt: Gan) -> None:
    frame = next(iter(learnt.generate([Request(conditions=CLEAR, seed=3)])))
    assert frame.label is not None
    assert np.array_equal(frame.image, image_of(learnt, asked(frame.label.index, 3)))


def test_street_frames_of_any_size_are_drawn_at_theirs(tmp_path: Path) -> None:
    frames = [make_frame(seed, 48, 27) for seed in range(8)]
    part = Gan(TINY.model_copy(update={"steps": 6, "checkpoint_every": 6}))
    part.fit(training_of(frames), tmp_path, seed=1)
    request = Request(conditions=frames[0].conditions, seed=1)
    assert image_of(part, request).shape == (27, 48, 3)
    part.save(tmp_path / "saved")
    assert np.array_equal(image_of(Gan.load(tmp_path / "saved"), request), image_of(part, request))


def test_a_training_that_never_grew_up_draws_full_pictures(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = GanStep.__call__
    monkeypatch.setattr(
        GanStep,
        "__call__",
        lambda self, step: {"real": float("nan")} if step == 3 else inner(self, step),
    )
    part = Gan(TINY)
    report = part.fit(data, tmp_path, seed=1)
    assert [a.cause for a in report.ailments] == ["diverged"]
    assert part._fitted is not None
    assert part._fitted.seen.level == 0
    image = image_of(part, asked(1))[..., 0]
    assert image.shape == (8, 8)
    blocks = image.reshape(4, 2, 4, 2)
    assert (blocks == blocks[:, :1, :, :1]).all()


@pytest.fixture
def examined(data: TrainingData) -> GanStep:
    return step_of(data, steps=600)


def classes(update: GanStep) -> torch.Tensor:
    """True pictures of both classes (2, EACH, C, H, W), others than those examined against."""
    cells = update.images.cells
    return torch.stack([update.images.rows(cell[-EACH:].tolist()).x for cell in cells])


@pytest.mark.parametrize(
    ("cause", "drawing"),
    [
        (None, lambda true, digit: true[digit]),
        ("ignores conditions", lambda true, _: true[0]),
        ("collapsed", lambda true, digit: true[digit, :1].expand(EACH, -1, -1, -1)),
        ("diverged", lambda true, digit: true[digit] * float("nan")),
    ],
)
def test_an_examination_finds_what_the_averaged_network_does_wrong(
    examined: GanStep, cause: str | None, drawing: Any
) -> None:
    true = classes(examined)
    examined.average = lambda z, y, stage: drawing(true, int(y[0, 1]))  # type: ignore[assignment]
    found = examined.examine(600)
    assert (found.cause if found else None) == cause


def test_the_best_coverage_is_kept_with_the_checkpoint(examined: GanStep) -> None:
    true = classes(examined)
    examined.average = lambda z, y, stage: true[int(y[0, 1])]  # type: ignore[assignment]
    assert examined.examine(600) is None
    assert 0 < examined.state().losses[_gan_step.COVERAGE] <= 1


def test_pictures_are_judged_once_they_have_been_full_for_a_while(examined: GanStep) -> None:
    true = classes(examined)
    examined.average = lambda z, y, stage: true[0]  # type: ignore[assignment]
    grown = examined.config.growing_share * 600
    found = {step: examined.examine(step) for step in range(300, 601, 30)}
    assert {step for step, ailment in found.items() if ailment} == {
        step for step in found if step >= (grown + 600) / 2
    }


def test_a_learning_rate_a_thousand_times_too_high_is_found(
    data: TrainingData, tmp_path: Path
) -> None:
    rates = {"learning_rate": 2.0, "critic_learning_rate": 2.0}
    part = Gan(TINY.model_copy(update={**rates, "steps": 600, "checkpoint_every": 50}))
    report = part.fit(data, tmp_path, seed=1)
    assert report.ailments
    assert report.steps < 600


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be 2 or more, got 1"):
        GanConfig(batch_size=1)


def test_grey_and_coloured_pictures_are_told_apart(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    frames = [
        picture_frame(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), f"c{i}", 0)
        for i in range(10)
    ]
    part = Gan(TINY)
    part.fit(training_of(frames), tmp_path, seed=1)
    image = image_of(part, asked(0))
    assert not (image == image[..., :1]).all()
