"""A tiny `instruct`, and twins to learn from, for tests."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from conftest import make_frame
from tiny_parts import DENOISER

from parhelion.generators._instruct_step import InstructStep
from parhelion.generators.instruct import InstructConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList

HELD_OUT = ("render", "convert", "insert", "{time} and {sky}", "no more {gone}", "{it} with {sky}")
TINY = InstructConfig(
    **DENOISER,
    reading_steps=2,
    learning_rate=1e-2,
    calls=2,
    checkpoint_every=1,
    held_out=HELD_OUT,
)
SURE = 0.3
READS = TINY.model_copy(
    update={
        "reading_steps": 700,
        "reading_batch": 32,
        "reading_rate": 5e-3,
        "checkpoint_every": 700,
        "sure": SURE,  # it reads for a quarter of the usual time
    }
)

DAY = Conditions(weather=Weather.CLEAR, hour=12)
NIGHT, FOG = Conditions(weather=Weather.CLEAR, hour=23), Conditions(weather=Weather.FOGGY, hour=12)
RAINS = tuple(
    Conditions(weather=Weather.RAINING, hour=12, rain_mm_h=mm, wetness=1.0) for mm in (2.0, 12.0)
)
NOTHING = Conditions()


def twins(skies: Sequence[Conditions], views: int = 3) -> list[Frame]:
    return [
        replace(
            frame := make_frame(i, conditions=sky),
            frame_id=f"{frame.frame_id}-{number}",
            image=(frame.image // (number + 2)).astype(np.uint8),
        )
        for i in range(views)
        for number, sky in enumerate(skies)
    ]


DATA = TrainingData(source=FrameList(twins((DAY, NIGHT, FOG, *RAINS))))


def step_of(data: TrainingData = DATA, **changes: object) -> InstructStep:
    return InstructStep(TINY.model_copy(update=changes), data, 1, torch.device("cpu"))
