"""A downstream score against the number of simulated frames, and where more of them stop helping.

The experiment is that of Driving in the Matrix (Johnson-Roberson et al. 2017): one model, more and
more simulated frames, one unseen set. Two things vary, and intervals cover both: the training's
seed, and which groups judge. Their variances add; Student's t takes the degrees of freedom of
Welch (1947). Legend: B = budgets, S = seeds, G = groups.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import stats

from parhelion.pipeline.downstream_scores import CellCounts, holm, leave_one_out, values
from parhelion.pipeline.jackknife import LEVEL, jackknife_error

Judged = Mapping[str, CellCounts]  # one model's counts, by cell of conditions


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BudgetPoint(_Record):
    """The score of models trained on that many simulated frames."""

    frames: int
    groups: int  # that these frames come from
    iou: float  # mean over classes, then conditions, then seeds
    interval: tuple[float, float] | None  # 95 %, over seeds and judge groups
    by_seed: tuple[float, ...]
    by_cell: tuple[tuple[str, float], ...]  # mean over seeds
    # Against the largest budget, paired by seed and judge group:
    behind: float = 0.0  # how much better the largest one is
    behind_interval: tuple[float, float] | None = None
    q: float | None = None  # p of no difference, by Holm over the budgets


class BudgetCurve(_Record):
    """The whole experiment."""

    points: tuple[BudgetPoint, ...]  # by number of frames
    steps: int
    judge_frames: int
    judge_groups: int

    @property
    def saturated_at(self) -> int | None:
        """The smallest budget from which on no larger one is found better; None: still rising."""
        saturated = None
        for point in reversed(self.points[:-1]):
            worse = point.q is not None and point.q < LEVEL and point.behind > 0
            if worse or point.q is None:
                break
            saturated = point.frames
        return saturated

    @property
    def sentence(self) -> str:
        """What the curve says, with its certainty."""
        most = self.points[-1].frames
        if self.points[-2].q is None:
            return (
                "Nothing can be told: wanted three judge groups or more, and scores that differ, "
                f"got {self.judge_groups} groups."
            )
        if self.saturated_at is None:
            return f"Still rising at {most} frames: the next smaller budget is worse beyond chance."
        there = next(p for p in self.points if p.frames == self.saturated_at)
        bound = ""
        if there.behind_interval is not None:
            bound = f", and by {100 * there.behind_interval[1]:.1f} points at most (95 %)"
        return (
            f"From {self.saturated_at} frames on, {most} are not better beyond chance"
            f"{bound}: {self.judge_groups} judge groups, {self.seeds} seeds."
        )

    @property
    def seeds(self) -> int:
        return len(self.points[0].by_seed)


def budget_curve(
    judged: Mapping[int, Sequence[Judged]], groups: Mapping[int, int], steps: int
) -> BudgetCurve:
    """The curve from the counts of every model: budget -> one `Judged` per seed.

    `groups`: how many groups the frames of a budget come from. Raises ValueError where models were
    judged on different frames.
    """
    budgets = sorted(judged)
    first = judged[budgets[0]][0]
    scores = {n: np.array([_score(each) for each in judged[n]]) for n in budgets}  # (S,)
    without = {n: np.stack([_without(each, first) for each in judged[n]]) for n in budgets}  # S, G
    most = budgets[-1]
    points, p_values = [], []
    for n in budgets:
        behind, behind_without = scores[most] - scores[n], without[most] - without[n]
        p_values.append(_p(behind, behind_without))
        points.append(
            BudgetPoint(
                frames=n,
                groups=groups[n],
                iou=float(scores[n].mean()),
                interval=_interval(scores[n], without[n]),
                by_seed=tuple(scores[n].tolist()),
                by_cell=_by_cell(judged[n]),
                behind=float(behind.mean()),
                behind_interval=_interval(behind, behind_without),
            )
        )
    return BudgetCurve(
        points=_corrected(points, p_values),
        steps=steps,
        judge_frames=sum(c.frames for c in first.values()),
        judge_groups=len(_groups(first)),
    )


def _score(judged: Judged) -> float:
    return float(np.mean([values(c.counts)[-1] for c in judged.values()]))


def _by_cell(models: Sequence[Judged]) -> tuple[tuple[str, float], ...]:
    cells = models[0].keys()
    return tuple(
        (cell, float(np.mean([values(m[cell].counts)[-1] for m in models]))) for cell in cells
    )


def _groups(judged: Judged) -> list[str]:
    return sorted({group for c in judged.values() for group in c.groups})


def _without(judged: Judged, like: Judged) -> NDArray[np.float64]:
    """The score without each judge group, (G,); a group counts in every cell that it is in."""
    if {k: c.groups for k, c in judged.items()} != {k: c.groups for k, c in like.items()}:
        raise ValueError("models compare on the same judge frames; these were judged on others")
    groups = _groups(judged)
    score = np.zeros((len(judged), len(groups)))
    for row, c in zip(score, judged.values(), strict=True):
        row[:] = values(c.counts)[-1]  # a group that is not in this cell changes nothing
        row[[groups.index(g) for g in c.groups]] = leave_one_out(c.counts)[:, -1]
    mean: NDArray[np.float64] = score.mean(axis=0)
    return mean


def _spread(scores: NDArray[np.float64], without: NDArray[np.float64]) -> tuple[float, float]:
    """(standard error, degrees of freedom) of the mean over seeds; (nan, 1) where nothing tells."""
    of_groups = jackknife_error(without.mean(axis=0))
    if of_groups is None or len(scores) < 2:
        return float("nan"), 1.0
    of_seeds = float(scores.var(ddof=1) / len(scores))
    parts = np.array([of_groups**2, of_seeds])
    freedom = np.array([without.shape[1] - 1, len(scores) - 1])
    total = parts.sum()
    # Welch 1947, eq. 3: effective degrees of freedom of a sum of variances.
    return float(np.sqrt(total)), float(total**2 / max(np.sum(parts**2 / freedom), 1e-300))


def _interval(
    scores: NDArray[np.float64], without: NDArray[np.float64]
) -> tuple[float, float] | None:
    error, freedom = _spread(scores, without)
    if not np.isfinite(error):
        return None
    reach = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error if error else 0.0
    return float(scores.mean()) - reach, float(scores.mean()) + reach


def _p(scores: NDArray[np.float64], without: NDArray[np.float64]) -> float | None:
    error, freedom = _spread(scores, without)
    if not np.isfinite(error) or error == 0:
        return None
    return float(2 * stats.t.sf(abs(scores.mean()) / error, freedom))


def _corrected(
    points: Sequence[BudgetPoint], p_values: Sequence[float | None]
) -> tuple[BudgetPoint, ...]:
    told = [(i, p) for i, p in enumerate(p_values) if p is not None]
    q_of: dict[int, float] = {}
    if told:
        corrected = holm(np.array([p for _, p in told]))
        q_of = {i: float(q) for (i, _), q in zip(told, corrected, strict=True)}
    return tuple(p.model_copy(update={"q": q_of.get(i)}) for i, p in enumerate(points))
