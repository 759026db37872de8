"""Laws of `sdedit`: how much of the parent is left, and whose weights draw."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators._noise_levels import LARGEST, SMALLEST, level_at, sampling_levels
from parhelion.generators._trained import STORY
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.generators.sdedit import Sdedit, SdeditConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import (
    CannotHonour,
    Request,
    TestGroupInFit,
    TrainingData,
)
from parhelion.pipeline.engine import Spec
from parhelion.pipeline.fitting import fit_spec, fitted
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.run import inputs_digest
from parhelion.pipeline.run_config import DrawConfig, RunConfig

DAY = Conditions(weather=Weather.CLEAR, hour=12)
TINY = {
    "patch": 1,
    "width": 8,
    "multiples": (1, 1),
    "attention": False,
    "batch_size": 2,
    "steps": 2,
    "mean_steps": 2,
    "calls": 4,
    "draw_batch": 2,
    "min_frames_per_cell": 2,
}
STREETS = TrainingData(source=FrameList([make_frame(i, conditions=DAY) for i in range(4)]))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `ddpm`, fitted and saved."""
    folder = tmp_path_factory.mktemp("ddpm")
    part = Ddpm(DdpmConfig(**TINY))  # type: ignore[arg-type]
    part.fit(STREETS, folder / "fit", seed=1)
    part.save(folder / "saved")
    return folder / "saved"


DRAWING = {"calls": 4, "draw_batch": 2, "min_frames_per_cell": 2}


def over(trained: Path, strength: float) -> Sdedit:
    part = Sdedit(SdeditConfig(**{**DRAWING, "trained": str(trained), "strength": strength}))
    part.fit(STREETS, trained / "unused", seed=1)
    return part


def drawn(part: Ddpm, parent: Frame, seed: int = 1) -> Frame:
    return next(iter(part.generate([Request(conditions=DAY, seed=seed, parent=parent)])))


def test_the_less_noise_the_more_of_the_parent(trained: Path) -> None:
    parent = make_frame(9, conditions=DAY)
    far = [
        np.abs(drawn(over(trained, s), parent).image.astype(float) - parent.image).mean()
        for s in (0.01, 0.3, 0.6)
    ]
    assert far[0] < 2  # grey levels
    assert far[0] < far[1] < far[2]


def test_levels_run_from_none_to_all() -> None:
    assert level_at(0) == pytest.approx(SMALLEST)
    assert level_at(1) == pytest.approx(LARGEST)
    assert level_at(0.3) < level_at(0.6)


def test_a_walk_from_hardly_any_noise_is_one_call() -> None:
    assert sampling_levels(5, level_at(0.05), 0.05).tolist() == pytest.approx([level_at(0.05), 0.0])
    levels = sampling_levels(5, level_at(0.5), 0.05)
    assert levels.tolist() == sorted(levels.tolist(), reverse=True)
    assert levels[[0, -2, -1]].tolist() == pytest.approx([level_at(0.5), 0.05, 0.0])


def test_a_saved_ddpm_lends_its_weights_and_nothing_is_trained(trained: Path) -> None:
    part = over(trained, 0.5)
    report = part.fit(STREETS, trained / "unused", seed=1)
    assert report.steps == 0
    assert report.checkpoint_sha256 == Ddpm.load(trained).whole_fit.checkpoint_sha256
    assert not (trained / "unused").exists()
    frame = drawn(part, make_frame(9, conditions=DAY))
    assert frame.provenance.steps[-1].checkpoint_sha256 == report.checkpoint_sha256


def test_at_full_strength_it_is_the_ddpm_but_for_a_trace_of_the_parent(trained: Path) -> None:
    part, plain = over(trained, 1.0), Ddpm.load(trained)
    parent = make_frame(9, conditions=DAY)
    apart = np.abs(drawn(part, parent).image.astype(float) - drawn(plain, parent).image)
    assert np.median(apart) < 8


def test_without_a_picture_it_cannot_start(trained: Path) -> None:
    part, parent = over(trained, 0.5), make_frame(9, conditions=DAY)
    with pytest.raises(CannotHonour, match="give a parent, or use ddpm"):
        list(part.generate([Request(conditions=DAY, seed=1, annotation=parent)]))
    with pytest.raises(CannotHonour, match="depth"):
        drawn(part, replace(parent, depth=None))


def test_another_layout_than_the_parent_shows_is_refused(trained: Path) -> None:
    """Under little noise the parent's things stay, whatever an annotation says."""
    part, parent = over(trained, 0.1), make_frame(9, conditions=DAY)
    other = Request(conditions=DAY, seed=1, parent=parent, annotation=make_frame(8))
    with pytest.raises(CannotHonour, match="keeps the parent's labels and got others"):
        list(part.generate([other]))


def test_a_folder_without_a_ddpm_is_told_before_anything_starts(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert over(trained, 0.5).unready() is None
    lost = Sdedit(SdeditConfig(trained=str(tmp_path)))
    assert lost.unready() == (
        f"sdedit: wanted a saved ddpm of version {Ddpm.VERSION} in {tmp_path}, got none: name "
        "another folder, or leave `trained` empty to train one here"
    )
    with pytest.raises(ValueError, match="wanted a saved ddpm"):
        lost.fit(STREETS, tmp_path, seed=1)
    over(trained, 0.5).save(tmp_path)
    assert f"got sdedit of version {Sdedit.VERSION}: name another" in (lost.unready() or "")
    with pytest.raises(ValueError, match="wanted a saved ddpm, got sdedit"):
        Ddpm.load(tmp_path)
    version, older = Ddpm.VERSION, Sdedit(SdeditConfig(trained=str(trained)))
    monkeypatch.setattr(Ddpm, "VERSION", "of tomorrow")
    assert f"got ddpm of version {version}: name another" in (older.unready() or "")


def test_a_ddpm_that_has_seen_test_groups_is_not_taken_up(trained: Path) -> None:
    part = Sdedit(SdeditConfig(trained=str(trained)))
    seen = next(iter(STREETS.groups))
    others = FrameList([make_frame(20, conditions=DAY)])
    with pytest.raises(TestGroupInFit, match=f"{seen} among them: train one without them"):
        part.fit(TrainingData(source=others, test_groups=frozenset({seen})), trained, seed=1)


def test_threads_and_device_are_those_of_whoever_draws(trained: Path) -> None:
    part = Sdedit(SdeditConfig(trained=str(trained), threads=2, device="cpu"))
    part.fit(STREETS, trained / "unused", seed=1)
    assert (part.config.threads, part.config.device) == (2, "cpu")
    assert part.config.width == TINY["width"]  # the network's are the saved one's


def test_what_was_trained_on_a_gpu_is_taken_up_without_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder = tmp_path / "ddpm"
    shutil.copytree(trained, folder)
    story = json.loads((folder / STORY).read_text())
    story["config"]["device"] = "cuda"
    (folder / STORY).write_text(json.dumps(story))
    with pytest.raises(RuntimeError, match="use auto or cpu"):
        Ddpm.load(folder)
    assert drawn(over(folder, 0.5), make_frame(9, conditions=DAY)).image.any()


def test_settings_that_come_with_the_weights_are_refused_beside_them(trained: Path) -> None:
    part = Sdedit(SdeditConfig(trained=str(trained), width=16, steps=7, calls=3))
    assert f"sdedit: got steps, width, which the ddpm in {trained} brings along" in (
        part.unready() or ""
    )
    assert Sdedit(SdeditConfig(trained=str(trained), calls=3)).unready() is None
    assert Sdedit(SdeditConfig(width=16)).unready() is None


def test_other_weights_in_the_folder_are_another_fit(trained: Path, tmp_path: Path) -> None:
    """A run that took up the former ones fits anew."""
    folder = tmp_path / "ddpm"
    shutil.copytree(trained, folder)
    draw = DrawConfig(generator="sdedit", settings={"trained": str(folder)})
    street = {"adapter": "street"}
    run = RunConfig(name="a", sources=[street], generators=[draw], plan={"wanted": []})
    before = fit_spec(draw, [], [], frozenset(), 1), inputs_digest(run)
    assert (fit_spec(draw, [], [], frozenset(), 1), inputs_digest(run)) == before
    other = Ddpm(DdpmConfig(**TINY))  # type: ignore[arg-type]
    other.fit(STREETS, tmp_path / "fit", seed=2)
    other.save(folder)
    assert fit_spec(draw, [], [], frozenset(), 1) != before[0]
    assert inputs_digest(run) != before[1]


def test_no_likelihood_of_the_ddpm_is_told_as_its_own(trained: Path) -> None:
    with pytest.raises(CannotHonour, match="no likelihood is known: ask ddpm"):
        over(trained, 0.5).bits_per_dimension([make_frame(9, conditions=DAY)], 1)


def test_one_training_serves_all_settings_of_drawing(trained: Path) -> None:
    def spec(**settings: object) -> Spec:
        told = DdpmConfig(**TINY).model_dump(mode="json", include=set(TINY))  # type: ignore[arg-type]
        draw = DrawConfig(generator="ddpm", settings={**told, **settings})  # type: ignore[arg-type]
        return fit_spec(draw, [], [], frozenset(), 1)

    assert spec() == spec(calls=3, guidance=1.5, min_frames_per_cell=1, draw_batch=2, threads=1)
    assert spec() != spec(steps=7)
    drawing = {"calls": 3, "min_frames_per_cell": 1}
    ready = fitted("ddpm", {**TINY, **drawing}, trained)
    assert isinstance(ready, Ddpm)
    assert (ready.config.calls, ready.config.min_frames_per_cell) == (3, 1)
    assert ready.config.width == TINY["width"]
