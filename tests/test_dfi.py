"""Deep Feature Interpolation: it comes back where it started, and moves the way w says."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_frame
from pydantic import ValidationError
from sklearn.neighbors import NearestNeighbors

from parhelion.generators import _deep_features, _dfi_domains, _dfi_reconstruct, _dfi_shift
from parhelion.generators.dfi import Dfi, DfiConfig
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.scene_class import SceneClass

DAY, DUSK = (Conditions(weather=Weather.CLEAR, hour=h) for h in (12, 19))
SMALL: dict[str, Any] = {
    "network": "mobilenet",
    "k": 3,
    "neighbourhood": 3,
    "min_frames_per_cell": 3,
    "iterations": 25,
}


def smooth(seed: int, **settings: Any) -> Frame:
    """A street whose surfaces have a colour each, a little uneven."""
    frame = make_frame(seed, **settings)
    assert frame.stencil is not None
    grey = 90 + 3 * frame.stencil.astype(np.int16) + frame.image[..., 0] // 16
    return replace(frame, image=np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))


def at(frame: Frame, conditions: Conditions, factor: float = 1.0) -> Frame:
    """The same street under other conditions, darker."""
    image = (frame.image * factor).astype(np.uint8)
    frame_id = f"{frame.frame_id}-{conditions.cell}"
    return replace(frame, frame_id=frame_id, image=image, conditions=conditions)


def data(factor: float = 1.0, n: int = 5, **settings: Any) -> TrainingData:
    """Streets by day, and as a second set the same streets at dusk."""
    days = [smooth(seed, conditions=DAY, **settings) for seed in range(n)]
    return TrainingData(
        source=FrameList(days), target=FrameList([at(day, DUSK, factor) for day in days])
    )


def fitted(folder: Path, training: TrainingData, **settings: Any) -> Dfi:
    made = Dfi(DfiConfig(**{**SMALL, **settings}))
    made.fit(training, folder, seed=1)
    return made


def drawn(dfi: Dfi, parent: Frame, seed: int = 3, conditions: Conditions = DUSK) -> Frame:
    return next(iter(dfi.generate([Request(conditions=conditions, seed=seed, parent=parent)])))


# Where it comes back


def test_a_target_equal_to_the_source_gives_the_parent_back_bit_by_bit(tmp_path: Path) -> None:
    # Equal neighbours have equal sums, so w is 0 to the last bit and L-BFGS never takes a step.
    parent = smooth(40, conditions=DAY)
    dfi = fitted(tmp_path, data(factor=1.0))
    for conditions in (DUSK, DAY):  # the same pictures in a second set; the very same set
        assert np.array_equal(drawn(dfi, parent, conditions=conditions).image, parent.image)


@pytest.mark.parametrize("change", ["light", "pixels"])
def test_alpha_zero_is_the_identity(change: str, tmp_path: Path) -> None:
    parent = smooth(40, conditions=DAY)
    dfi = fitted(tmp_path, data(factor=0.4), alpha=0, change=change)
    assert np.array_equal(drawn(dfi, parent).image, parent.image)


# Where it goes


@pytest.mark.parametrize("alignment", ["class", "place"])
def test_a_darker_target_darkens_the_parent_as_much(alignment: str, tmp_path: Path) -> None:
    parent = smooth(40, conditions=DAY)
    dfi = fitted(tmp_path, data(factor=0.5), alignment=alignment, alpha_spread=0, iterations=60)
    frame = drawn(dfi, parent)
    assert frame.image.mean() / parent.image.mean() == pytest.approx(0.5, abs=0.08)
    story = dict(frame.provenance.steps[-1].drawn)
    assert story["loss_after"] < 0.3 * story["loss_before"]
    assert story["alpha"] == 1
    assert story["by_class"] == (alignment == "class")


def test_further_along_w_is_darker_and_the_papers_rule_sets_how_far(tmp_path: Path) -> None:
    parent, training = smooth(40, conditions=DAY), data(factor=0.7)
    near, far = (
        drawn(fitted(tmp_path, training, alpha=a, alpha_spread=0), parent) for a in (0.5, 1.5)
    )
    assert far.image.mean() < near.image.mean() - 10
    ruled = drawn(fitted(tmp_path, training, beta=0.4, alpha_spread=0), parent)
    story = dict(ruled.provenance.steps[-1].drawn)
    assert story["alpha"] == pytest.approx(0.4 / story["w_rms"] ** 2)


def test_it_keeps_the_labels_and_tells_no_hour(tmp_path: Path) -> None:
    parent = smooth(40, conditions=DAY)
    frame = drawn(fitted(tmp_path, data(factor=0.5)), parent)
    for layer in ("stencil", "depth", "instances", "emissive"):
        assert np.array_equal(getattr(frame, layer), getattr(parent, layer))
    assert frame.objects == parent.objects
    assert frame.conditions.time_of_day is TimeOfDay.DUSK
    assert frame.conditions.hour is None
    assert json.loads(frame.provenance.steps[-1].settings)["network"] == "mobilenet"


def test_the_seed_draws_neighbours_and_distance(tmp_path: Path) -> None:
    dfi = fitted(tmp_path, data(factor=0.5, n=6), k=3, neighbourhood=6)
    parent = smooth(40, conditions=DAY)
    first, again, other = (drawn(dfi, parent, seed) for seed in (1, 1, 2))
    assert first.content_sha256 == again.content_sha256
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [(7, 5), (40, 64)])
def test_a_parent_of_any_size_keeps_it(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    parent = smooth(40, conditions=DAY).resized(width, height)
    frame = drawn(fitted(tmp_path, data(factor=0.5)), parent)
    assert frame.image.shape == (height, width, 3)
    assert frame.image.mean() < 0.9 * parent.image.mean()


def test_tiny_and_unlabelled_pictures_will_do(tmp_path: Path) -> None:
    def bare(frame: Frame) -> Frame:
        small = frame.resized(9, 6)
        return replace(
            small, stencil=None, instances=None, objects=(), depth=None, emissive=None, camera=None
        )

    sets = data(factor=0.5)
    assert sets.target is not None
    days, dusks = ([bare(s[i]) for i in range(len(s))] for s in (sets.source, sets.target))
    dfi = fitted(tmp_path, TrainingData(source=FrameList(days), target=FrameList(dusks)))
    frame = drawn(dfi, bare(smooth(40, conditions=DAY)))
    assert dict(frame.provenance.steps[-1].drawn)["by_class"] == 0
    assert frame.image.shape == (6, 9, 3)


# What it rests on


def random_change(x: torch.Tensor, seed: int) -> _dfi_reconstruct.Change:
    random = torch.Generator().manual_seed(seed)
    gain, veil = (
        [0.1 * torch.randn(1, 3, *size, generator=random, dtype=x.dtype) for size in SIZES]
        for _ in range(2)
    )
    return _dfi_reconstruct.Change(gain, veil)


SIZES = ((4, 5), (1, 2))


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_total_variation_equals_the_papers_sum(exponent: float) -> None:
    d = np.random.default_rng(5).normal(size=(3, 6, 7))
    total = 0.0
    for i in range(6):
        for j in range(7):
            right = d[:, i, j + 1] - d[:, i, j] if j < 6 else np.zeros(3)
            down = d[:, i + 1, j] - d[:, i, j] if i < 5 else np.zeros(3)
            total += (np.sum(right**2) + np.sum(down**2)) ** (exponent / 2)
    ours = _dfi_reconstruct.total_variation(torch.tensor(d)[None], exponent)
    assert float(ours) == pytest.approx(total / 42, rel=2e-3)
    flat = _dfi_reconstruct.total_variation(torch.ones(1, 3, 6, 7), exponent)
    assert float(flat) == 0


def test_the_feature_loss_equals_its_formula() -> None:
    random = np.random.default_rng(6)
    maps = [random.normal(size=(1, 4, 3, 2)), random.normal(size=(1, 2, 5, 5))]
    wanted = [random.normal(size=m.shape) for m in maps]
    units = [random.uniform(1, 2, size=(1, m.shape[1], 1, 1)) for m in maps]
    expected = sum(
        weight * np.mean(((m - a) / u) ** 2)
        for m, a, u, weight in zip(maps, wanted, units, (1.0, 0.25), strict=True)
    )
    aims = [
        _dfi_reconstruct.Aim(torch.tensor(a), torch.tensor(u), weight)
        for a, u, weight in zip(wanted, units, (1.0, 0.25), strict=True)
    ]
    ours = _dfi_reconstruct.feature_loss([torch.tensor(m) for m in maps], aims)
    assert float(ours) == pytest.approx(float(expected))


def test_the_slope_of_both_losses_equals_finite_differences() -> None:
    phi = _deep_features.deep_features("mobilenet").double()
    x = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        aims = [
            _dfi_reconstruct.Aim(0.5 * m, torch.ones(1, m.shape[1], 1, 1, dtype=m.dtype), 1.0)
            for m in phi(x)
        ]

    def loss(change: _dfi_reconstruct.Change) -> torch.Tensor:
        variation = _dfi_reconstruct.total_variation(
            _dfi_reconstruct.laid_out(change.gain, x), exponent=1.0
        )
        maps = phi(_dfi_reconstruct.changed(x, change))
        return _dfi_reconstruct.feature_loss(maps, aims) + variation

    def moved(step: float) -> _dfi_reconstruct.Change:
        both = zip(change, way, strict=True)
        return _dfi_reconstruct.Change(
            *([g + step * v for g, v in zip(*grids, strict=True)] for grids in both)
        )

    change, way = random_change(x, 2), random_change(x, 3)
    for grid in change.grids:
        grid.requires_grad_(True)
    loss(change).backward()  # type: ignore[no-untyped-call]
    slope = sum(float((g.grad * v).sum()) for g, v in zip(change.grids, way.grids, strict=True))
    with torch.no_grad():
        difference = (float(loss(moved(1e-6))) - float(loss(moved(-1e-6)))) / 2e-6
    assert slope == pytest.approx(difference, rel=1e-4)


@pytest.mark.parametrize("layout_weight", [0.0, 1.0])
def test_neighbours_equal_scikit_learns(layout_weight: float) -> None:
    phi = _deep_features.deep_features("mobilenet")
    frames = [make_frame(seed) for seed in range(9)]
    told = [_dfi_domains.describe(phi, f.image, f.stencil) for f in frames]  # type: ignore[arg-type]
    domains = _dfi_domains.Domains(8, (32, 48), len(told[0].scene))
    for i in range(8):
        domains.keep(i, frames[i].image, frames[i].stencil, told[i])  # type: ignore[arg-type]
    home, away = [0, 1, 2], [3, 4, 5, 6, 7]
    scenes = np.stack([t.scene.numpy() for t in told])
    layouts = np.stack([t.layout.numpy() for t in told])
    asked = np.concatenate([scenes[8] - scenes[home].mean(0), layouts[8]])
    there = np.concatenate([scenes[away] - scenes[away].mean(0), layouts[away]], axis=1)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        n = scenes.shape[1]
        cosine = a[:n] @ b[:n] / np.linalg.norm(a[:n]) / np.linalg.norm(b[:n])
        differ = (
            np.abs(a[n:] - b[n:]).sum() / 2 / 24
        )  # of 24 windows, each with shares that sum to 1
        return float(1 - cosine + layout_weight * differ)

    search = NearestNeighbors(n_neighbors=5, algorithm="brute", metric=distance).fit(there)
    expected = [away[i] for i in search.kneighbors(asked[None])[1][0]]
    assert domains.nearest(told[8], home, away, layout_weight) == expected


def test_w_by_class_is_the_difference_of_the_class_means_of_a_row() -> None:
    phi = _deep_features.deep_features("mobilenet")
    frames = [make_frame(seed) for seed in range(4)]
    domains = _dfi_domains.Domains(4, (32, 48), 1)
    empty = _dfi_domains.Described(torch.zeros(1), torch.zeros(domains.layout.shape[1]))
    for i, frame in enumerate(frames):
        domains.keep(i, frame.image, frame.stencil, empty)  # type: ignore[arg-type]
    source, target = (_dfi_shift.moments(phi, domains, rows) for rows in ([0, 1], [2, 3]))
    stencil = np.full((32, 48), SceneClass.ROAD, dtype=np.uint8)
    stencil[:, 24:] = SceneClass.BUS  # a class that no neighbour shows
    planes = _dfi_domains.class_planes(torch.tensor(stencil))
    w = _dfi_shift.shift(source[0], target[0], planes)[0]
    for row in (0, 13):  # no road; road
        own = road_mean(phi, frames[2:], row) - road_mean(phi, frames[:2], row)
        assert torch.allclose(w[:, row, 0], own, atol=1e-4)
    overall = (target[0].mean - source[0].mean).mean((1, 2))
    assert torch.allclose(w[:, 0, -1], overall, atol=1e-5)
    by_place = _dfi_shift.shift(source[0], target[0], None)[0]
    maps = [phi(_dfi_domains.to_tensor(f.image, torch.device("cpu")))[0][0] for f in frames]
    assert torch.allclose(by_place, (maps[2] + maps[3] - maps[0] - maps[1]) / 2, atol=1e-4)


def road_mean(phi: torch.nn.Module, frames: Sequence[Frame], row: int) -> torch.Tensor:
    """Mean features (C,) of the first tap over road in a row, and half a row of its overall mean.

    Each place counts by the share of road in its 2x2 pixels.
    """
    total, weight = torch.zeros(32, 16), torch.zeros(16)
    for frame in frames:
        features = phi(_dfi_domains.to_tensor(frame.image, torch.device("cpu")))[0][0]
        road = (frame.stencil == SceneClass.ROAD).astype(np.float32)  # type: ignore[union-attr]
        share = torch.tensor(road.reshape(16, 2, 24, 2).mean((1, 3)))
        total += (features * share).sum(2)
        weight += share.sum(1)
    overall = total.sum(1) / weight.sum()
    return (total[:, row] + 12 * overall) / (weight[row] + 12)


# Keeping and refusing


class Counted(FrameList):
    """Notes which frames are read."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        super().__init__(frames)
        self.read: list[int] = []

    def __getitem__(self, i: int, /) -> Frame:
        self.read.append(i)
        return super().__getitem__(i)


def test_it_keeps_at_most_so_many_of_a_cell_and_reads_no_others(tmp_path: Path) -> None:
    frames = Counted([smooth(seed, conditions=DAY) for seed in range(9)])
    dfi = Dfi(DfiConfig(**SMALL, most_per_cell=4))
    report = dfi.fit(TrainingData(source=frames), tmp_path, seed=1)
    assert len(set(frames.read)) == 4
    assert len(frames.read) <= 5  # the first one once more, for its size
    assert report.frames_per_cell == {"clear/day": 9}
    assert report.steps == 4


def test_stopped_and_called_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    training = data(factor=0.5)
    whole = Dfi(DfiConfig(**SMALL)).fit(training, tmp_path / "whole", seed=1)

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    settings = DfiConfig(**SMALL, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        Dfi(settings).fit(training, tmp_path / "stopped", seed=1, progress=stop)
    steps: list[int] = []
    again = Dfi(settings).fit(
        training, tmp_path / "stopped", seed=1, progress=lambda done, total: steps.append(done)
    )
    assert steps[0] == 4
    assert again.checkpoint_sha256 == whole.checkpoint_sha256


def test_it_refuses_what_it_cannot_draw(tmp_path: Path) -> None:
    dfi = fitted(tmp_path, data())
    night = Conditions(weather=Weather.CLEAR, hour=23)
    parent = smooth(40, conditions=night)
    assert "clear/night" in (dfi.refusal(night) or "")
    assert "clear/night" in (dfi.refusal(DUSK, key_of(parent)) or "")
    with pytest.raises(CannotHonour, match="0 training frames of clear/night"):
        drawn(dfi, parent)
    hazy = DUSK.model_copy(update={"visibility_m": 80.0})
    with pytest.raises(CannotHonour, match="visibility_m"):
        drawn(dfi, smooth(40, conditions=DAY), conditions=hazy)
    with pytest.raises(CannotHonour, match="give a parent"):
        list(dfi.generate([Request(conditions=DUSK, seed=1)]))
    day = smooth(40, conditions=DAY)
    with pytest.raises(CannotHonour, match="another annotation"):
        list(dfi.generate([Request(conditions=DUSK, seed=1, parent=day, annotation=parent)]))


def test_settings_that_move_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="raise one of them"):
        DfiConfig(colour_weight=0, deep_weight=0)
    with pytest.raises(ValidationError, match="k = 12"):
        DfiConfig(neighbourhood=4)
