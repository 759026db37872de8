"""A `ddpm` that is fitted in a moment, and what it learns."""

from pathlib import Path

import torch
from conftest import make_frame
from digit_frames import digit_frames

from parhelion.generators._ddpm_step import DdpmStep
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame_list import FrameList

TINY = DdpmConfig(
    patch=1,
    width=8,
    multiples=(1, 1),
    attention=False,
    batch_size=2,
    steps=4,
    mean_steps=3,
    learning_rate=1e-2,
    calls=3,
    draw_batch=2,
    min_frames_per_cell=2,
    checkpoint_every=2,
)
DAY = Conditions(weather=Weather.CLEAR, hour=12)
DIGITS = TrainingData(source=FrameList(digit_frames(12)))
STREETS = TrainingData(source=FrameList([make_frame(i, conditions=DAY) for i in range(4)]))
CROPS = TINY.model_copy(update={"crop": (16, 24)})  # of STREETS


def step_of(data: TrainingData, **changes: object) -> DdpmStep:
    return DdpmStep(TINY.model_copy(update=changes), data, 1, torch.device("cpu"))


def fitted(config: DdpmConfig, data: TrainingData, folder: Path) -> Ddpm:
    part = Ddpm(config)
    part.fit(data, folder, seed=1)
    return part
