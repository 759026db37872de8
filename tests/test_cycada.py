"""Laws of CyCADA: its terms, its task network, its blindness to target labels, and resuming."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators._conditioning import CLASS_IDS
from parhelion.generators._cycada_align import (
    AlignSettings,
    AlignStep,
    Frequencies,
    adapted_task,
    class_frequencies,
    classes_of,
    rows,
    self_ensembling,
)
from parhelion.generators._cycada_jitter import jittered, relit
from parhelion.generators._cycada_losses import (
    alignment_loss,
    discriminator_loss,
    semantic_loss,
    task_loss,
)
from parhelion.generators._cycada_step import CycadaStep
from parhelion.generators._cycada_task import NoTask, PictureTask, kind_of_task, task_network
from parhelion.generators._unpaired_domains import Domain
from parhelion.generators._whole_images import scaled
from parhelion.generators.cycada import Cycada, CycadaConfig
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FitReport, Request, TrainingData
from parhelion.pipeline.frame import Frame, ImageLabel
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.training import weights_bytes

BARS = ("across", "down")
TINY = CycadaConfig(
    width=4,
    levels=1,
    blocks=1,
    critic_width=4,
    critic_layers=3,
    crop_px=16,
    batch_size=2,
    steps=3,
    task_steps=2,
    task_batch_size=4,
    learning_rate=1e-2,
    pool_size=3,
    min_frames_per_cell=2,
    checkpoint_every=1,
)
ALIGN = AlignSettings(steps=3, batch_size=4, crop_px=16, consistency_weight=1.0, checkpoint_every=1)


def bar(seed: int, *, inverted: bool = False, label: bool = True) -> Frame:
    """A bar across or down on grey; in the other domain dark on bright."""
    random = rng("tests.cycada.bar", seed)
    image = np.full((16, 16, 3), 20, dtype=np.uint8)
    at = int(random.integers(3, 11))
    if seed % 2:
        image[:, at : at + 3] = 220
    else:
        image[at : at + 3] = 220
    index = ImageLabel(index=seed % 2, vocabulary=BARS, mirror_safe=True)
    return Frame(
        frame_id=f"bar-{seed}-{inverted}",
        image=255 - image if inverted else image,
        label=index if label else None,
        provenance=Provenance(
            kind=Kind.REAL,
            source=Source(adapter="tests", dataset="bars", native_id=str(seed)),
            group_id=f"bar-{seed}",
        ),
    )


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData(
        source=FrameList([bar(seed) for seed in range(8)]),
        target=FrameList([bar(seed, inverted=True) for seed in range(20, 28)]),
    )


def with_garbage(data: TrainingData) -> TrainingData:
    """The same pictures; target labels of another vocabulary, and stencils of noise."""
    assert data.target is not None
    garbage = ImageLabel(index=4, vocabulary=("a", "b", "c", "d", "e"))
    random = rng("tests.cycada.garbage")
    frames = [
        replace(
            data.target[i],
            label=garbage if i % 3 else None,
            stencil=random.choice(CLASS_IDS, (16, 16)).astype(np.uint8),
            label_space=frozenset(SceneClass) - {SceneClass.IGNORE},
        )
        for i in range(len(data.target))
    ]
    return TrainingData(source=data.source, target=FrameList(frames))


def fitted(
    data: TrainingData, folder: Path, config: CycadaConfig = TINY
) -> tuple[bytes, FitReport]:
    part = Cycada(config)
    report = part.fit(data, folder / "fit", seed=3)
    part.save(folder / "saved")
    return (folder / "saved" / "weights.safetensors").read_bytes(), report


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_terms_are_the_papers_formulas() -> None:
    random = rng("tests.cycada.losses")
    before, after = random.normal(size=(2, 6, 4))
    ours, theirs = random.normal(size=(2, 6, 1))
    t = torch.from_numpy
    p, q = softmax(before), softmax(after)
    cross, entropy = -(p * np.log(q)).sum(axis=1).mean(), -(p * np.log(p)).sum(axis=1).mean()
    assert float(semantic_loss(t(before), t(after))) == pytest.approx(cross - entropy, rel=1e-5)
    D_S, D_T = 1 / (1 + np.exp(-ours)), 1 / (1 + np.exp(-theirs))
    wanted = -0.5 * np.log(D_S).mean() - 0.5 * np.log(1 - D_T).mean()
    assert float(discriminator_loss(t(ours), t(theirs))) == pytest.approx(wanted)
    assert float(alignment_loss(t(theirs))) == pytest.approx(-np.log(D_T).mean())
    answer = np.array([0, 3, 1, -1, 2, 0])
    there = answer >= 0
    wanted = -np.log(p[there, answer[there]]).mean()
    assert float(task_loss(t(before), t(answer))) == pytest.approx(wanted, rel=1e-5)
    assert float(task_loss(t(before), torch.full((6,), -1))) == 0
    sure = p.max(axis=1) >= 0.5
    wanted = (sure * -(p * np.log(q)).sum(axis=1)).mean()
    assert float(self_ensembling(t(p), t(after), 0.5)) == pytest.approx(wanted, rel=1e-5)


def test_near_certainty_the_semantic_term_is_the_papers_cross_entropy_with_the_argmax() -> None:
    before = 40 * torch.nn.functional.one_hot(torch.tensor([1, 0, 2]), 3).double()
    after = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = torch.nn.functional.cross_entropy(after, before.argmax(dim=1))
    assert float(semantic_loss(before, after)) == pytest.approx(float(wanted), rel=1e-4)


def test_the_semantic_term_is_nought_where_the_translators_are_the_identity(
    data: TrainingData,
) -> None:
    step = CycadaStep(TINY.model_copy(update={"precision": "fp32"}), data, 1, torch.device("cpu"))
    step(0)
    step(1)
    step.f_S.eval()
    x, y = step.X.batch(2, rng(1)), step.Y.batch(2, rng(2))
    chance = torch.Generator().manual_seed(1)
    same = step.further(x, y, step.carried(step.F, y.x, x.sky, chance), x.x)
    assert float(same["semantic"].detach()) == pytest.approx(0, abs=1e-6)
    other = step.further(x, y, -y.x, -x.x)
    assert float(other["semantic"].detach()) > 1e-5


def test_the_task_network_learns_the_source_and_is_frozen_afterwards(data: TrainingData) -> None:
    config = TINY.model_copy(update={"task_steps": 25, "task_batch_size": 8, "steps": 2})
    step = CycadaStep(config, data, 1, torch.device("cpu"))
    for k in range(25):
        step(k)
    held = weights_bytes(step.f_S)
    step(25)
    step(26)
    assert weights_bytes(step.f_S) == held
    assert not any(p.requires_grad for p in step.f_S.parameters())
    assert classes_of(step.f_S, data.source) == [i % 2 for i in range(8)]


def test_labels_of_the_target_are_never_read(data: TrainingData, tmp_path: Path) -> None:
    bare = [replace(data.target[i], label=None) for i in range(len(data.target))]  # type: ignore[index, arg-type]
    sets = (data, with_garbage(data), TrainingData(source=data.source, target=FrameList(bare)))
    results = [fitted(d, tmp_path / str(k)) for k, d in enumerate(sets)]
    assert results[0] == results[1] == results[2]
    networks = [
        weights_bytes(adapted_task(d.source, d.target, ALIGN, 3, tmp_path / f"align-{k}"))
        for k, d in enumerate(sets)
    ]
    assert networks[0] == networks[1] == networks[2]


def test_labels_of_the_source_are(data: TrainingData, tmp_path: Path) -> None:
    """So that the test above can fail."""
    swapped = [replace(data.source[i], label=data.source[(i + 1) % 8].label) for i in range(8)]
    other = TrainingData(source=FrameList(swapped), target=data.target)
    assert fitted(data, tmp_path / "a")[0] != fitted(other, tmp_path / "b")[0]


class Stopped(RuntimeError):
    pass


def stopping_after(n: int) -> object:
    def stop(done: int, _: int) -> None:
        if done == n:
            raise Stopped

    return stop


@pytest.mark.parametrize("stop_after", [1, 2, 4])  # in the task stage, between, in the second
def test_training_stopped_and_resumed_gives_the_same_bytes(
    data: TrainingData, tmp_path: Path, stop_after: int
) -> None:
    with pytest.raises(Stopped):
        Cycada(TINY).fit(data, tmp_path / "a/fit", 3, stopping_after(stop_after))  # type: ignore[arg-type]
    assert fitted(data, tmp_path / "a") == fitted(data, tmp_path / "b")
    a, b = (next((tmp_path / n / "fit").glob("step-*.safetensors")) for n in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_alignment_stopped_and_resumed_gives_the_same_bytes(
    data: TrainingData, tmp_path: Path
) -> None:
    def run(name: str, *progress: object) -> bytes:
        found = adapted_task(data.source, data.target, ALIGN, 3, tmp_path / name, *progress)  # type: ignore[arg-type]
        return weights_bytes(found)

    with pytest.raises(Stopped):
        run("a", stopping_after(2))
    assert run("a") == run("b")


def test_stencils_are_a_task_too(tmp_path: Path) -> None:
    day = [make_frame(seed) for seed in range(3)]
    other = [replace(make_frame(seed), stencil=None) for seed in range(5, 8)]
    data = TrainingData(source=FrameList(day), target=FrameList(other))
    step = CycadaStep(TINY, data, 1, torch.device("cpu"))
    assert step.kind == "stencil"
    batch = step.X.batch(2, rng(1))
    assert batch.answer is not None
    assert set(CLASS_IDS[batch.answer.unique().numpy()]) <= set(np.unique(day[0].stencil))
    assert step.f_S(batch.x).shape == (2, len(CLASS_IDS), 16, 16)
    assert {"semantic", "cycle"} <= set(step(2))
    settings = ALIGN.model_copy(update={"steps": 1, "batch_size": 2})
    align = AlignStep(settings, data.source, data.target, 1, torch.device("cpu"))
    assert {"task", "align", "D_feat"} == set(align(0))


def test_a_label_is_taken_before_a_stencil_unless_one_is_asked_for() -> None:
    both = replace(make_frame(), label=ImageLabel(index=0, vocabulary=BARS))
    X = Domain(FrameList([both]), (0,))
    assert kind_of_task("auto", X) == kind_of_task("label", X) == "label"
    assert kind_of_task("stencil", X) == "stencil"


def test_frames_without_a_task_say_what_is_missing() -> None:
    bare = Domain(FrameList([bar(0, label=False)]), (0,))
    with pytest.raises(NoTask, match="a label or a stencil, got 1 frames with no layers: use cyc"):
        kind_of_task("auto", bare)
    with pytest.raises(NoTask, match="frames with a stencil, got 1 frames with label"):
        kind_of_task("stencil", Domain(FrameList([bar(0)]), (0,)))
    other = replace(bar(1), label=ImageLabel(index=0, vocabulary=("x",)))
    with pytest.raises(NoTask, match="labels of one vocabulary, got 2"):
        task_network("label", Domain(FrameList([bar(0), other]), (0, 1)), 16, 1)
    street = Domain(FrameList([make_frame()]), (0,))
    with pytest.raises(NoTask, match="crop_px that is a multiple of 16, got 40"):
        task_network("stencil", street, 40, 1)


def test_aligned_features_are_closer(tmp_path: Path) -> None:
    """Than those of the same network trained without alignment, on inverted bars."""
    frames = [bar(seed) for seed in range(24)]
    others = [bar(seed, inverted=True) for seed in range(100, 124)]

    def gap(weight: float) -> float:
        """Distance of the domains' mean features, in units of their spread."""
        changes = {
            "steps": 25,
            "batch_size": 12,
            "learning_rate": 5e-3,
            "warm_up": 0.0,
            "checkpoint_every": 99,
        }
        settings = ALIGN.model_copy(update={**changes, "feature_weight": weight, "ema_decay": 0.8})
        settings = settings.model_copy(update={"consistency_weight": 0.0})
        network = adapted_task(
            FrameList(frames), FrameList(others), settings, 2, tmp_path / str(weight)
        )
        with torch.no_grad():
            a, b = (
                network.features(scaled(np.stack([f.image for f in fs]).transpose(0, 3, 1, 2)))
                for fs in (frames, others)
            )
        return float((a.mean(0) - b.mean(0)).norm() / (a.std(0).norm() + b.std(0).norm()))

    assert gap(1.0) < 0.7 * gap(0.0)


def test_readings_are_brought_to_the_sources_frequencies() -> None:
    frequencies = Frequencies(torch.tensor([0.5, 0.25, 0.25]))
    p = torch.tensor([[0.5, 0.25, 0.25]]).expand(4, 3)
    torch.testing.assert_close(frequencies.aligned(p), p)  # as often as wanted: left alone
    skewed = torch.tensor([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]])
    for _ in range(400):
        aligned = frequencies.aligned(skewed)
    wanted = skewed * torch.tensor([0.5, 0.25, 0.25]) / skewed.mean(dim=0)
    torch.testing.assert_close(aligned, wanted / wanted.sum(1, keepdim=True), rtol=0.02, atol=1e-3)
    frames = FrameList([bar(0), bar(1), bar(2), bar(4, label=False)])
    counted = class_frequencies(Domain(frames, (0, 1, 2, 3)))
    torch.testing.assert_close(counted, torch.tensor([2 / 3, 1 / 3]))


def test_every_place_of_a_feature_map_is_a_row() -> None:
    features = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert rows(features).shape == (12, 2)
    assert rows(features)[5].tolist() == features[0, :, 1, 1].tolist()
    assert rows(features[:, :, 0, 0]).shape == (1, 2)


def test_jitter_moves_pictures_a_little_and_depends_on_its_draw_alone() -> None:
    x = torch.full((3, 1, 32, 32), -1.0)
    x[:, :, 12:20, 12:20] = 1
    a, b = (jittered(x, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(a, b)
    assert (a[0] != a[1]).any()
    assert -1 <= float(a.min()) <= float(a.max()) <= 1 + 1e-6
    assert 0.6 < float((a + 1).sum() / (x + 1).sum()) < 1.5
    assert (a[:, :, :5] == -1).all()


def test_another_light_keeps_order_and_place_and_depends_on_its_draw_alone() -> None:
    x = torch.linspace(-0.9, 0.9, 32).expand(24, 3, 32, 32)
    a, b = (relit(x, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(a, b)
    assert -1 <= float(a.min()) <= float(a.max()) <= 1
    columns = a.mean(dim=(1, 2))  # without the noise: brighter places stay the brighter ones
    assert (columns[:, 16:].mean(dim=1) > columns[:, :16].mean(dim=1)).all()
    assert float(a.mean(dim=(1, 2, 3)).std()) > 0.2


def test_a_drawn_digit_keeps_its_class(data: TrainingData, tmp_path: Path) -> None:
    part = Cycada(TINY)
    part.fit(data, tmp_path, seed=1)
    request = Request(parent=bar(1), conditions=Conditions(), seed=1)
    assert next(iter(part.generate([request]))).label == bar(1).label


def test_classes_are_read_alike_alone_and_in_batches() -> None:
    network = PictureTask(2).eval()
    frames = FrameList([bar(seed) for seed in range(5)])
    assert classes_of(network, frames, side=2) == classes_of(network, frames)
