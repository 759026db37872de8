"""A training that ends on its way, as one that is killed after a checkpoint."""

from pathlib import Path
from typing import Any

import torch

from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.training import torch_threads, train


def stopped(part: Any, data: TrainingData, seed: int, folder: Path, steps: int) -> None:
    """The first steps of `part.fit`, of which the last left a checkpoint in the folder."""
    with torch_threads(part.config.threads):
        step = part.learner(data, seed, torch.device("cpu"))
        digest = part._fit_digest(data, seed)
        train(step.state(), step, steps=steps, folder=folder, digest=digest, checkpoint_every=1)
