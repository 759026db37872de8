"""The budget curve: nested, even choices of frames; intervals over seeds and groups; saturation."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import make_frame
from scipy import stats

from parhelion.pipeline.budget import BudgetConfig, TooFewFrames, nested_order
from parhelion.pipeline.budget_curve import BudgetCurve, BudgetPoint, budget_curve
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.downstream_scores import CellCounts
from parhelion.pipeline.run import augment
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.shards import write_frames
from parhelion.pipeline.workers import Inline

CLASSES = (SceneClass.ROAD, SceneClass.SKY)


def keys(groups: int, frames: int) -> list[FrameKey]:
    return [
        FrameKey(frame_id=f"{g}-{i}", group_id=f"g{g}", conditions=Conditions())
        for g in range(groups)
        for i in range(frames)
    ]


def test_a_budget_spreads_over_groups_and_holds_all_smaller_ones() -> None:
    order = nested_order(keys(groups=7, frames=5), seed=3)
    assert len(set(order)) == 35
    for n in range(1, 36):
        per_group = Counter(name.split("-")[0] for name in order[:n])
        assert max(per_group.values()) - min(per_group.get(str(g), 0) for g in range(7)) <= 1
    assert order == nested_order(keys(groups=7, frames=5), seed=3)
    assert order != nested_order(keys(groups=7, frames=5), seed=4)


def judged(share: float, seed: int, groups: int = 6) -> dict[str, CellCounts]:
    """Counts of a model that reads about `share` of 1,000 pixels a class and group rightly."""
    random = np.random.default_rng(seed)
    right = random.binomial(1000, share, (groups, 2))
    counts = np.stack([right, np.full((groups, 2), 1000), 1000 - right + right[:, ::-1]], axis=-1)
    names = tuple(f"g{g}" for g in range(groups))
    return {"clear/day": CellCounts(groups=names, frames=groups, classes=CLASSES, counts=counts)}


def test_intervals_cover_seeds_as_well_as_groups() -> None:
    """With equal groups the interval is Student's over the seeds alone."""
    models = {n: [judged(1.0, 0)] * 2 for n in (10, 20)}
    right = np.full((6, 2), 900)
    flat = np.stack([right, right * 0 + 1000, right * 0 + 1000], axis=-1)
    other = {"clear/day": CellCounts(tuple(f"g{g}" for g in range(6)), 6, CLASSES, flat)}
    models[20] = [models[10][0], other]
    curve = budget_curve(models, {10: 1, 20: 2}, steps=1)
    point = curve.points[1]
    a = np.array(point.by_seed)
    reach = stats.t.ppf(0.975, 1) * a.std(ddof=1) / np.sqrt(2)
    assert point.interval == pytest.approx((a.mean() - reach, a.mean() + reach))
    assert curve.points[0].interval == pytest.approx((1.0, 1.0))


def test_a_curve_that_rises_to_the_end_is_not_saturated_and_a_flat_one_is() -> None:
    def curve(shares: dict[int, float]) -> BudgetCurve:
        models = {n: [judged(s, 100 * n + k) for k in range(3)] for n, s in shares.items()}
        return budget_curve(models, dict.fromkeys(shares, 1), steps=1)

    rising = curve({25: 0.5, 50: 0.6, 100: 0.7, 200: 0.8})
    assert rising.saturated_at is None
    assert "Still rising" in rising.sentence
    assert [p.iou for p in rising.points] == sorted(p.iou for p in rising.points)
    early = curve({25: 0.5, 50: 0.8, 100: 0.8, 200: 0.8})
    assert early.saturated_at == 50
    assert early.points[-1].behind == 0


def test_no_test_no_claim() -> None:
    point = BudgetPoint(
        frames=1, groups=1, iou=0.5, interval=None, by_seed=(0.5, 0.5), by_cell=(), q=None
    )
    larger = point.model_copy(update={"frames": 2})
    curve = BudgetCurve(points=(point, larger), steps=1, judge_frames=1, judge_groups=1)
    assert curve.saturated_at is None
    assert "Nothing can be told" in curve.sentence


def test_models_that_saw_other_judges_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same judge frames"):
        budget_curve({1: [judged(0.5, 1)], 2: [judged(0.5, 1, groups=5)]}, {1: 1, 2: 1}, steps=1)


def config(folder: Path, frames: tuple[int, ...]) -> RunConfig:
    for name, first in (("source", 0), ("judge", 20)):
        rows = ((make_frame(i), "train") for i in range(first, first + 5))
        write_frames(folder / f"{name}.parquet", rows)
    tiny = {"steps": 2, "width": 32, "height": 32, "pretrained": False, "batch": 2}
    return RunConfig(
        name="budget",
        sources=[
            {"adapter": "parquet", "settings": {"path": str(folder / f"{role}.parquet")}, "role": r}
            for role, r in (("source", "source"), ("judge", "judge"))
        ],
        generators=[{"generator": "weather"}],
        splits={"train": 1, "validation": 0, "test": 0},
        budget={"frames": frames, "seeds": 2, "network": tiny},
    )


def test_the_experiment_runs_through_the_engine_and_tells_its_curve(tmp_path: Path) -> None:
    outcome = augment(
        config(tmp_path, (2, 4)),
        tmp_path / "run",
        executor=Inline(),
        progress=lambda stage, done, total: None,
        until="budget",
    )
    points, cells = outcome.tables
    assert [row[:2] for row in points.rows] == [("2", "2"), ("4", "4")]
    assert cells.columns == ("conditions", "2", "4")
    assert outcome.lines["found"]


def test_more_frames_than_there_are_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(TooFewFrames, match="wants 9 labelled training frames, the sources hold 5"):
        augment(
            config(tmp_path, (2, 9)),
            tmp_path / "run",
            executor=Inline(),
            progress=lambda stage, done, total: None,
            until="budget",
        )


def test_budgets_rise() -> None:
    with pytest.raises(ValueError, match="rising"):
        BudgetConfig(frames=(50, 25))
