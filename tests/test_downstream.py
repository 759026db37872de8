"""The downstream check: intersection over union, intervals over groups, gains and harms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import jaccard_score
from statsmodels.stats.multitest import multipletests
from test_segmentation import TINY
from toy_streets import FOG, toy_street

from parhelion.pipeline.downstream import (
    DownstreamConfig,
    arm_result,
    arm_shares,
    downstream_result,
    run_arm,
)
from parhelion.pipeline.downstream_scores import (
    ALL_CLASSES,
    CellCounts,
    compare,
    evaluate,
    iou,
    scores,
)
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.segmentation import Segmenter, class_indices

CLASSES = (SceneClass.ROAD, SceneClass.SKY)


def cell(rows: list[list[tuple[int, int, int]]]) -> dict[str, CellCounts]:
    """One cell of conditions with a group per row of (in both, labelled, read) per class."""
    groups = tuple(f"g{i}" for i in range(len(rows)))
    return {"fog/day": CellCounts(groups, len(rows), CLASSES, np.array(rows))}


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    torch.set_num_threads(1)
    source = FrameList([toy_street(seed) for seed in range(6)])
    target = FrameList([toy_street(seed, conditions=FOG) for seed in range(30, 32)])
    sets = {"source": (source, 0.75), "target": (target, 0.25), "generated": (target, 0.0)}
    return run_arm(sets, TINY, 0, tmp_path_factory.mktemp("arm"))


def test_iou_agrees_with_an_independent_one(arm: Segmenter) -> None:
    frames = FrameList([toy_street(seed, group="one", conditions=FOG) for seed in range(40, 43)])
    read, y = [], []
    for i in range(len(frames)):
        p = arm.probabilities(frames[i].image)
        read.append(p.argmax(axis=0).ravel())
        y.append(class_indices(frames[i], arm.classes, TINY.width, TINY.height).ravel())
    expected = jaccard_score(
        np.concatenate(y), np.concatenate(read), average=None, labels=range(4), zero_division=0
    )
    found = evaluate(arm, frames)["fog/day"]
    np.testing.assert_allclose(iou(found.counts.sum(axis=0)), expected, atol=1e-12)
    assert found.groups == ("one",)
    assert found.frames == 3


def test_a_class_that_is_not_there_has_no_score() -> None:
    found = scores(cell([[(5, 10, 10), (0, 0, 3)], [(5, 10, 10), (0, 0, 0)]]))
    assert [s.scene_class for s in found] == ["road", ALL_CLASSES]
    assert found[0].iou == pytest.approx(1 / 3)
    assert found[1].iou == found[0].iou


def test_the_interval_of_equal_groups_is_a_point() -> None:
    found = scores(cell([[(5, 10, 10), (8, 9, 9)]] * 6))
    for score in found:
        assert score.interval == pytest.approx((score.iou, score.iou))


@pytest.mark.parametrize("groups", [1, 2])
def test_below_three_groups_nothing_is_claimed(groups: int) -> None:
    base = cell([[(5 + k, 10, 10), (8, 9, 9)] for k in range(groups)])
    treated = cell([[(9, 10, 10), (9, 9, 9)]] * groups)
    assert all(s.interval is None for s in scores(base))
    for change in compare(base, treated):
        assert change.interval is None
        assert change.q is None
        assert change.tone == "open"


def test_the_interval_of_means_is_the_textbook_one() -> None:
    # Equal unions make the IoU of all groups the mean of theirs, whose interval Student gave.
    both = np.array([12, 30, 41, 55, 61])
    found = scores(cell([[(int(k), 100, int(k)), (0, 0, 0)] for k in both]))[0]
    expected = stats.t.interval(0.95, 4, (both / 100).mean(), stats.sem(both / 100))
    assert found.interval == pytest.approx(expected)


def test_p_agrees_with_the_paired_t_test_and_q_with_holm() -> None:
    random = rng("tests.downstream.holm", 1)
    both = random.integers(20, 80, (2, 3, 6))  # arm, cell, group
    both[1, 0] = both[0, 0] + random.integers(5, 9, 6)
    arms = [
        {
            name: CellCounts(
                tuple("abcdef"),
                6,
                CLASSES,
                np.array([[(k, 100, k), (0, 0, 0)] for k in arm[i]], np.int64),
            )
            for i, name in enumerate(("fog/day", "rain/day", "snow/day"))
        }
        for arm in both
    ]
    p = np.array([stats.ttest_rel(both[1, i], both[0, i]).pvalue for i in range(3)])
    holm = multipletests(p, method="holm")[1]
    for kind in ("road", ALL_CLASSES):
        found = [c for c in compare(*arms) if c.scene_class == kind]
        assert [c.q for c in found] == pytest.approx(list(holm))
        assert found[0].tone == "gain"


@pytest.mark.parametrize(("groups", "cells"), [(5, 1), (5, 4), (3, 1)])
def test_where_nothing_changed_a_change_is_seldom_claimed(groups: int, cells: int) -> None:
    """Arms of one law differ by chance alone: in 5 % of runs at most is any cell gain or harm."""
    random = rng("tests.downstream.null", groups, cells)
    runs, claimed = 400, 0
    for _ in range(runs):
        base, treated = {}, {}
        for c in range(cells):
            labelled = random.integers(400, 800, (groups, len(CLASSES)))  # larger and smaller ones
            level = random.beta(4, 2, labelled.shape)  # groups that are easy, groups that are hard
            for arm in (base, treated):
                read = np.clip(level + random.normal(0, 0.08, level.shape), 0, 1)
                both = (labelled * read).astype(np.int64)
                counts = np.stack([both, labelled, labelled], axis=-1)
                names = tuple(map(str, range(groups)))
                arm[f"cell {c}"] = CellCounts(names, groups, CLASSES, counts)
        means = [c for c in compare(base, treated) if c.scene_class == ALL_CLASSES]
        claimed += any(change.tone != "open" for change in means)
    assert claimed <= stats.binom.ppf(0.999, runs, 0.05)
    assert claimed >= stats.binom.ppf(0.001, runs, 0.02)  # and the test is not asleep


def test_gains_and_harms_are_told_apart_pairwise() -> None:
    # Groups differ a lot, but every one of them gains on the road and loses on the sky.
    base = cell([[(10 * k, 100, 100), (10 * k + 10, 100, 100)] for k in range(1, 9)])
    treated = cell([[(10 * k + 5, 100, 100), (10 * k + 3, 100, 100)] for k in range(1, 9)])
    changes = {c.scene_class: c for c in compare(base, treated)}
    assert changes["road"].tone == "gain"
    assert changes["sky"].tone == "harm"
    assert changes["road"].difference > 0 > changes["sky"].difference


def test_an_arm_against_itself_changes_nothing() -> None:
    base = cell([[(10 * k, 100, 90), (50, 100, 100)] for k in range(1, 9)])
    for change in compare(base, base):
        assert change.difference == 0
        assert change.interval == (0, 0)
        assert change.tone == "open"


def test_arms_on_other_groups_do_not_compare() -> None:
    base, other = cell([[(1, 2, 2), (1, 2, 2)]] * 3), cell([[(1, 2, 2), (1, 2, 2)]] * 4)
    with pytest.raises(ValueError, match="same judge frames and classes"):
        compare(base, other)


def test_shares_of_an_arm_sum_to_one() -> None:
    config = DownstreamConfig(target_share=0.25, generated_share=0.5)
    assert arm_shares(config, generated=False) == {
        "source": 0.75,
        "target": 0.25,
        "generated": 0.0,
    }
    assert arm_shares(config, generated=True) == {"source": 0.25, "target": 0.25, "generated": 0.5}


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match="target_share and generated_share"):
        DownstreamConfig(target_share=0.6, generated_share=0.6)


def test_the_result_names_steps_and_says_that_one_seed_is_indicative(arm: Segmenter) -> None:
    judge = FrameList([toy_street(seed, conditions=FOG) for seed in range(60, 63)])
    cells = evaluate(arm, judge)
    shares = arm_shares(DownstreamConfig(), generated=False)
    one = arm_result("without", arm, cells, shares, 0)
    result = downstream_result((one, cells), (one, cells))
    assert "one seed" in result.note
    assert not result.gains
    assert not result.harms
    with pytest.raises(ValueError, match="equal steps, got 24 and 25"):
        downstream_result((one, cells), (one.model_copy(update={"steps": 25}), cells))


def test_arms_resume(arm: Segmenter, tmp_path: Path) -> None:
    frames = FrameList([toy_street(seed) for seed in range(4)])
    sets = {"source": (frames, 1.0)}
    once = run_arm(sets, TINY.model_copy(update={"steps": 2}), 0, tmp_path)
    seen: list[int] = []
    again = run_arm(
        sets,
        TINY.model_copy(update={"steps": 2}),
        0,
        tmp_path,
        lambda done, total: seen.append(done),
    )
    assert seen == [2], "a finished arm is not trained again"
    assert once.story == again.story
