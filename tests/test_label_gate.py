"""The gate of image-level classes: true frames pass, wrong labels go, and nobody judges its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from digit_frames import WORDS, digit_frame, digit_frames, label

from parhelion.pipeline.classification import Reader, ReaderSettings, fit_reader, of_images
from parhelion.pipeline.folded_gate import GateConfig
from parhelion.pipeline.frame import ImageLabel
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.gate_fitting import lacking
from parhelion.pipeline.label_gate import (
    LabelGate,
    TrueLabel,
    assemble_labels,
    calibrate_labels,
    fit_label_fold,
    label_rates,
    relabelled,
)

TINY = ReaderSettings(width=6, steps=40, batch=16, side=16, shift_px=1)
CONFIG = GateConfig(label_oracle=TINY)
NOBODY = FrameList([])


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> LabelGate:
    work, source = tmp_path_factory.mktemp("gate"), FrameList(digit_frames(90))
    for fold in range(CONFIG.folds):
        fit_label_fold(fold, source, NOBODY, CONFIG, work, seed=1)
    return assemble_labels(source, NOBODY, CONFIG, work, seed=1)


def test_true_classes_pass_and_wrong_ones_are_refused_by_name(gate: LabelGate) -> None:
    fresh = digit_frames(40, first=500)
    true = [gate.judge(frame) for frame in fresh]
    assert sum(v.accepted for v in true) >= 32  # 95 % by the threshold, by chance some fewer
    assert {v.record.verdict for v in true if v.accepted} == {"accepted"}
    for frame in fresh[:12]:
        wrong = gate.judge(relabelled(frame, 3))
        assert not wrong.accepted
        assert frame.label is not None
        assert wrong.reason.endswith(f"it looks like {frame.label.name}")
    (trial,) = gate.state.trial
    assert trial.calibrated
    assert trial.caught[0][1].value == pytest.approx(1, abs=0.05)


def test_a_frame_is_judged_by_the_oracle_that_never_saw_its_group(tmp_path: Path) -> None:
    frames = digit_frames(30)
    seen: list[set[str]] = []
    for fold in range(2):
        source = FrameList(frames)
        fit_label_fold(fold, source, NOBODY, CONFIG, tmp_path, seed=1)
    made = assemble_labels(FrameList(frames), NOBODY, CONFIG, tmp_path, seed=1)
    for fold in range(2):
        kept = [f for f in frames if made.state.folds.of(f.group_id) != fold]
        again = fit_reader([(FrameList(kept), 0.4)], WORDS, TINY, _fold_seed(fold))
        assert again.story.fit_digest == made.oracles[fold].story.fit_digest
        seen.append({f.group_id for f in kept})
    for frame in frames:
        assert frame.group_id not in seen[made.state.folds.of(frame.group_id)]


def _fold_seed(fold: int) -> int:
    from parhelion.pipeline.seeds import seed_of

    return seed_of("gate.fold", 1, fold)


def test_saved_and_loaded_it_judges_alike(gate: LabelGate, tmp_path: Path) -> None:
    gate.save(tmp_path)
    loaded = LabelGate.load(tmp_path)
    assert loaded.state == gate.state
    for frame in digit_frames(6, first=700):
        assert loaded.judge(frame).record == gate.judge(frame).record
    with pytest.raises(FileNotFoundError, match="wanted a saved gate"):
        LabelGate.load(tmp_path / "elsewhere")


def test_a_frame_without_a_label_or_of_other_words_is_not_judged(gate: LabelGate) -> None:
    frame = digit_frame(1, 0)
    other = ImageLabel(index=0, vocabulary=("cat", "dog"))
    for odd in (replace(frame, label=None), replace(frame, label=other)):
        verdict = gate.judge(odd)
        assert verdict.accepted
        assert verdict.record.verdict == "uncalibrated"


def test_few_true_frames_leave_a_condition_to_the_parents_measure(gate: LabelGate) -> None:
    bare = replace(gate, state=gate.state.model_copy(update={"thresholds": ()}))
    frame = digit_frame(800, 1)
    assert bare.judge(frame, parent=frame).record.verdict == "uncalibrated"
    assert not bare.judge(relabelled(frame, 1), parent=frame).accepted


def test_the_threshold_lets_the_stated_share_of_each_group_through() -> None:
    random = np.random.default_rng(5)
    groups = [f"g{i % 60}" for i in range(6000)]
    frames = [TrueLabel("c", g, g, float(random.random())) for g in groups]
    (found,) = calibrate_labels(frames, CONFIG)
    assert found.contrast is not None
    refused = {
        f"g{g}": np.mean([f.own < found.contrast for f in frames if f.group_id == f"g{g}"])
        for g in range(60)
    }
    over = np.mean([share > CONFIG.false_reject + 1e-9 for share in refused.values()])
    assert found.level is not None
    assert over <= found.level
    # Frames that are groups of their own: the plain conformal rule, the k-th smallest score.
    alone = [TrueLabel("c", "one group", f"frame {i}", i / 200) for i in range(200)]
    (single,) = calibrate_labels(alone, CONFIG)
    assert single.contrast is not None
    assert single.contrast * 200 <= CONFIG.false_reject * 200


def test_rates_count_true_and_relabelled_frames(gate: LabelGate) -> None:
    (rates,) = label_rates(gate, digit_frames(9, first=900), seed=1)
    assert rates.false_reject.trials == 9
    assert rates.caught[0][1].trials == 9


def test_a_relabelled_frame_has_another_class() -> None:
    for seed in range(6):
        assert relabelled(digit_frame(seed, 1), seed).label != label(1)
    with pytest.raises(ValueError, match="a label fault needs a label"):
        relabelled(replace(digit_frame(1, 1), label=None), 1)


def test_what_is_lacking_is_said_in_a_sentence() -> None:
    keys = [key_of(f) for f in digit_frames(4)]
    assert of_images(keys)
    assert lacking(keys, ()) == ""
    assert "in 1 group" in lacking(keys[:1], ())
    other = replace(digit_frame(9, 0), label=ImageLabel(index=0, vocabulary=("a", "b")))
    assert "labels of the frames are of 2" in lacking([*keys, key_of(other)], ())


def test_equal_pictures_and_seed_train_an_equal_reader() -> None:
    frames = FrameList(digit_frames(12))
    one, two = (fit_reader([(frames, 1.0)], WORDS, TINY, 4) for _ in range(2))
    picture = frames[0].image
    np.testing.assert_array_equal(one.probabilities(picture), two.probabilities(picture))
    assert one.probabilities(picture).sum() == pytest.approx(1)
    assert isinstance(one, Reader)
    with pytest.raises(ValueError, match="wanted sets with labelled frames"):
        fit_reader([(NOBODY, 1.0)], WORDS, TINY, 1)
