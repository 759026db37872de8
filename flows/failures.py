"""Failures that the user can cure: told in one sentence. Any other keeps its traceback."""

import logging

from pydantic import ValidationError

from parhelion.pipeline.budget import TooFewFrames
from parhelion.pipeline.contracts import CannotLearn, TestGroupInFit
from parhelion.pipeline.plan_requests import NoParent
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.readiness import NotReady
from parhelion.pipeline.replay import CannotReplay
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.run_lock import RunFolderBusy
from parhelion.pipeline.splits import GroupInTwoSplits
from parhelion.pipeline.wrong_settings import sentences
from parhelion.sim_adapters._carla_server import CaptureFailed


class WrongCommand(ValueError):
    """What was typed cannot be done: a config that is none, a folder without a run."""


CURABLE = (
    CannotLearn,
    CaptureFailed,
    CannotReplay,
    GroupInTwoSplits,
    NoParent,
    NotReady,
    RunFolderBusy,
    TestGroupInFit,
    TooFewFrames,
    WeightsMissing,
    WrongCommand,
)


def told(error: Exception) -> str:
    """What is wrong with a run's settings, a line for each fault."""
    if isinstance(error, ValidationError):
        return "\n".join(sentences(error, RunConfig))
    return str(error)


def sentence_of(error: BaseException) -> str | None:
    """What to tell the user; None for a failure that only a programmer can cure."""
    return str(error) if isinstance(error, CURABLE) else None


class Uncurable(logging.Filter):
    """Lets a record through unless it is the traceback of a failure that is told in a sentence."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is None or sentence_of(error) is None
