"""Features of frames by cell of conditions, and the distances between two sets of them."""

from collections.abc import Iterable

from parhelion.pipeline.contracts import Score
from parhelion.pipeline.feature_sample import LIMIT, FeatureSample
from parhelion.pipeline.features import Network
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frechet import frechet_score
from parhelion.pipeline.kid import kernel_score


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
