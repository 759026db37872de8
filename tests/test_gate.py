"""The gate: conformal thresholds, faults caught, oracles that never saw the group they judge."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_segmentation import TINY
from toy_streets import DAY, FOG, toy_street

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.folded_gate import GateConfig
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.gate import Gate, assemble, fit_fold, fit_gate
from parhelion.pipeline.gate_calibration import (
    CellThreshold,
    TrueFrame,
    calibrate,
    conformal_threshold,
)
from parhelion.pipeline.gate_fitting import tried
from parhelion.pipeline.gate_folds import fold_groups, without_fold
from parhelion.pipeline.gate_measure import gate_rates
from parhelion.pipeline.gate_rates import Rate
from parhelion.pipeline.gate_scores import Reading, contrast, displaced, faithfulness, lost_pixels
from parhelion.pipeline.planted_faults import Fault, mirrored, shifted
from parhelion.pipeline.scene_class import SceneClass

CONFIG = GateConfig(oracle=TINY.model_copy(update={"steps": 40}), fewest_reference=8)
SOURCE = FrameList([toy_street(seed) for seed in range(16)])
REFERENCE = FrameList([toy_street(100 + seed, conditions=FOG) for seed in range(16)])
NIGHT = Conditions(weather=Weather.CLEAR, hour=23)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gate, Path]:
    torch.set_num_threads(1)
    workdir = tmp_path_factory.mktemp("gate")
    return fit_gate(SOURCE, REFERENCE, CONFIG, workdir, 0), workdir


def certain(stencil: np.ndarray) -> Reading:
    """The reading of an oracle that is quite sure of `stencil`, an index image of two classes."""
    p = np.where(stencil[None] == np.arange(2)[:, None, None], 0.95, 0.05).astype(np.float32)
    return Reading((SceneClass.ROAD, SceneClass.SKY), np.log(p), stencil)


def edge() -> np.ndarray:
    stencil = np.zeros((32, 64), dtype=np.uint8)
    stencil[:12, :40] = 1
    return stencil


def test_contrast_of_a_certain_oracle_is_its_log_ratio_and_half_of_it() -> None:
    assert contrast(certain(edge())) == pytest.approx(1.5 * np.log(0.95 / 0.05), rel=1e-5)


@pytest.mark.parametrize(("right", "down"), [(2, 0), (-2, 0), (0, 2), (0, -2), (5, 0)])
def test_contrast_of_a_displaced_stencil_is_negative(right: int, down: int) -> None:
    moved = replace(certain(edge()), y=displaced(edge(), right, down))
    assert contrast(moved) < 0


def test_contrast_of_a_mirrored_stencil_is_negative() -> None:
    assert contrast(replace(certain(edge()), y=np.ascontiguousarray(edge()[:, ::-1]))) < 0


def test_a_stencil_of_one_class_has_nothing_against_it() -> None:
    assert contrast(certain(np.zeros((32, 64), dtype=np.uint8))) > 0


def test_faithfulness_falls_where_the_stencil_is_wrong() -> None:
    wrong = edge()
    wrong[20:30, 50:60] = 1
    local = faithfulness(replace(certain(edge()), y=wrong))
    assert local[25, 55] == pytest.approx(np.log(0.05), rel=1e-4)
    assert local[5, 5] == pytest.approx(np.log(0.95), rel=1e-4)


@pytest.mark.parametrize("n", [8, 50, 130])
def test_the_level_holds_with_the_stated_confidence(n: int) -> None:
    # Scores are uniform, so a threshold is itself the share of further true frames below it.
    random = np.random.default_rng(n)
    drawn = [conformal_threshold(random.random(n).tolist(), 0.05, 0.9) for _ in range(2000)]
    thresholds, levels = np.array(drawn).T
    assert np.ptp(levels) == 0
    assert abs(np.mean(thresholds <= levels[0]) - 0.9) < 4 * np.sqrt(0.09 / 2000)
    assert (levels[0] <= 0.05) == (n >= 45)  # 0.95^45 is the first power below 0.1


def test_a_group_in_both_sets_is_refused() -> None:
    both = FrameList([toy_street(0), toy_street(200, conditions=FOG)])
    with pytest.raises(ValueError, match="groups used nowhere else, got 1 groups"):
        fold_groups(SOURCE, both, 2, 0)


def test_no_oracle_sees_the_fold_that_it_judges() -> None:
    folds = fold_groups(SOURCE, REFERENCE, 2, 0)
    for frames in (SOURCE, REFERENCE):
        for fold in range(2):
            seen = {key.group_id for key in without_fold(frames, folds, fold).keys}
            assert all(folds.of(group) != fold for group in seen)
            assert 0 < len(seen) < len(frames)
    assert folds.of("a group nobody knows") in (0, 1)


def test_true_frames_pass_and_faults_are_caught(fitted: tuple[Gate, Path]) -> None:
    gate, _ = fitted
    frames = [toy_street(400 + i, conditions=(DAY, FOG)[i % 2]) for i in range(32)]
    rates = gate_rates(gate, frames, 0)
    assert [r.cell for r in rates] == ["clear/day", "fog/day"]
    for r in rates:
        assert r.calibrated
        # Far fewer true frames than faults are refused; check 7 measures how many exactly.
        refused = r.false_reject.value
        assert refused is not None
        for _, rate in r.caught:
            assert rate.value is not None
            assert rate.value > refused + 0.4


def test_judging_keeps_scores_and_says_why(fitted: tuple[Gate, Path]) -> None:
    gate, _ = fitted
    frame = toy_street(500, conditions=FOG)
    verdict = gate.judge(mirrored(frame))
    assert not verdict.accepted
    assert verdict.record.verdict == "rejected"
    assert dict(verdict.record.scores)["contrast"] < dict(verdict.record.thresholds)["contrast"]
    assert "of fog/day groups reach" in verdict.reason
    assert verdict.frame.provenance.gate == verdict.record


def test_a_trial_plants_every_fault_in_every_reference_cell(
    fitted: tuple[Gate, Path], tmp_path: Path
) -> None:
    gate = tried(fitted[0], REFERENCE, 0)
    cells = Counter(key.conditions.cell for key in REFERENCE.keys)
    assert {rates.cell: rates.false_reject.trials for rates in gate.state.trial} == cells
    for rates in gate.state.trial:
        assert [fault for fault, _ in rates.caught] == list(Fault)
    gate.save(tmp_path)
    assert Gate.load(tmp_path).state.trial == gate.state.trial


def test_a_descendant_is_judged_by_the_oracle_that_did_not_see_its_parent(
    fitted: tuple[Gate, Path],
) -> None:
    gate, _ = fitted
    parent = SOURCE[0]
    child = toy_street(0, group=parent.group_id, conditions=FOG)
    fold = gate.state.folds.of(child.group_id)
    assert parent.group_id not in {
        key.group_id for key in without_fold(SOURCE, gate.state.folds, fold).keys
    }


def test_an_unknown_condition_is_judged_against_the_parent(fitted: tuple[Gate, Path]) -> None:
    gate, _ = fitted
    parent = SOURCE[1]
    child = replace(parent, conditions=NIGHT, frame_id="child")
    verdict = gate.judge(child, parent)
    assert verdict.record.verdict == "uncalibrated"
    assert verdict.accepted
    faulty = gate.judge(shifted(child, 6, 0), parent)
    assert faulty.record.verdict == "rejected"
    assert "50% of its parent's" in faulty.reason
    assert gate.judge(child).record.verdict == "uncalibrated"


def test_locally_wrong_pixels_become_ignore(fitted: tuple[Gate, Path]) -> None:
    gate, _ = fitted
    frame = toy_street(501)
    assert frame.stencil is not None
    wrong = frame.stencil.copy()
    wrong[24:, 4:20] = SceneClass.SKY
    verdict = gate.judge(replace(frame, stencil=wrong))
    judged = verdict.frame.stencil
    assert judged is not None
    assert (judged[25:31, 6:18] == SceneClass.IGNORE).mean() > 0.9
    kept = judged != SceneClass.IGNORE
    np.testing.assert_array_equal(judged[kept], wrong[kept])
    assert verdict.record.ignored_share == pytest.approx(1 - kept.mean())
    assert gate.judge(frame).record.ignored_share < 0.15


def test_pixels_behind_too_much_fog_are_ignored() -> None:
    thick = Conditions(weather=Weather.FOGGY, hour=12, visibility_m=20)
    frame = toy_street(3, conditions=thick)
    depth = np.linspace(1, 60, frame.size[0], dtype=np.float32)[:, None].repeat(64, axis=1)
    depth[:, 0] = np.inf
    hidden = lost_pixels(replace(frame, depth=depth), 0.03)
    np.testing.assert_array_equal(hidden[:, 1:], 0.05 ** (depth[:, 1:] / 20) < 0.03)
    assert not hidden[:, 0].any(), "the sky is as the stencil says, however thick the fog"


def test_saved_gate_judges_the_same(fitted: tuple[Gate, Path], tmp_path: Path) -> None:
    gate, workdir = fitted
    gate.save(tmp_path)
    loaded = Gate.load(tmp_path)
    frame = toy_street(502, conditions=FOG)
    assert loaded.state == gate.state
    assert loaded.judge(frame).record == gate.judge(frame).record
    assert assemble(SOURCE, REFERENCE, CONFIG, workdir, 0).state == gate.state
    with pytest.raises(FileNotFoundError, match="wanted a saved gate"):
        Gate.load(tmp_path / "nowhere")


def test_folds_fitted_alone_are_the_same(tmp_path: Path) -> None:
    short = GateConfig(oracle=TINY.model_copy(update={"steps": 2}))
    together = fit_gate(SOURCE, REFERENCE, short, tmp_path / "together", 0)
    alone = fit_fold(1, SOURCE, REFERENCE, short, tmp_path / "alone", 0)
    for name, weights in together.oracles[1].network.state_dict().items():
        assert torch.equal(weights, alone.network.state_dict()[name]), name


def test_frames_of_one_group_count_once() -> None:
    """Copies of a frame in its own group change nothing; in groups of their own they would."""
    blank = np.zeros((4, 4), np.uint8)

    def threshold(groups: int, copies: int) -> CellThreshold:
        frames = [
            TrueFrame("fog/day", f"g{g}", g / 100, (SceneClass.ROAD,), blank, blank.astype("f4"))
            for g in range(groups)
            for _ in range(copies)
        ]
        (found,) = calibrate(frames, 0.05, 0.9, 0.01, fewest=8)
        return found

    alone, copied = threshold(20, 1), threshold(20, 5)
    assert (copied.contrast, copied.level) == (alone.contrast, alone.level)
    assert (copied.frames, copied.groups) == (100, 20)
    assert threshold(100, 1).level < alone.level


def test_an_exact_interval_contains_its_rate() -> None:
    assert Rate(hits=0, trials=0).interval is None
    low, high = Rate(hits=3, trials=60).interval or (0, 0)
    assert low < 0.05 < high
    assert set(Fault) == {Fault.SHIFTED, Fault.MIRRORED, Fault.SWAPPED}
