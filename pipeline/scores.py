"""Scores side by side: per cell of conditions, and compared only where their passports allow it."""

from collections.abc import Iterable

from parhelion.pipeline.contracts import Score
from parhelion.pipeline.feature_sample import LIMIT, FeatureSample
from parhelion.pipeline.features import Network
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frechet import frechet_score
from parhelion.pipeline.kid import kernel_score


class NotComparable(ValueError):
    """Two scores that were not measured alike."""


def comparable(a: Score, b: Score) -> None:
    """Raises NotComparable, with both passports, where name, passport or n differ."""
    if _papers(a) != _papers(b):
        raise NotComparable(
            "scores are compared only if name, passport and n are equal, got "
            f"{_papers(a)} and {_papers(b)}: measure both in the same way"
        )


def _papers(score: Score) -> str:
    papers = ", ".join(f"{k} {v!r}" for k, v in score.passport.model_dump().items())
    n = f"n {score.n_real} real, {score.n_generated} generated"
    return f"({score.name}: {papers}, {n})"


def samples_by_cell(
    frames: Iterable[Frame], network: Network, *, seed: int = 0, limit: int = LIMIT
) -> dict[str, FeatureSample]:
    """Features of the frames of each cell of conditions; each image is seen once."""
    samples: dict[str, FeatureSample] = {}
    for frame in frames:
        cell = frame.conditions.cell
        sample = samples.setdefault(cell, FeatureSample(network.dims, seed, limit))
        sample.update([frame], network)
    return samples


def score_pair(
    real: FeatureSample, generated: FeatureSample, network: Network
) -> tuple[Score, Score]:
    """(kernel distance, Fréchet distance) of generated against real, each with its floor."""
    passport = network.passport.model_copy(update={"seed": real.seed})
    return kernel_score(real, generated, passport), frechet_score(real, generated, passport)


def score_table(
    real: Iterable[Frame],
    generated: Iterable[Frame],
    network: Network,
    *,
    seed: int = 0,
    limit: int = LIMIT,
) -> dict[str, tuple[Score, Score]]:
    """Per cell with frames on both sides: generated against real frames of that same cell."""
    targets = samples_by_cell(real, network, seed=seed, limit=limit)
    drawn = samples_by_cell(generated, network, seed=seed, limit=limit)
    both = sorted(targets.keys() & drawn.keys())
    return {cell: score_pair(targets[cell], drawn[cell], network) for cell in both}
