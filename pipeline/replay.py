"""Drawing a row again from its provenance: the proof that every row is replayable."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.drawing import generator_of
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.judging import gate_of
from parhelion.pipeline.mask_runs import mask_of
from parhelion.pipeline.provenance import Kind, Step
from parhelion.pipeline.receipts import Receipt, read_receipts
from parhelion.pipeline.run_folder import RunFolder
from parhelion.pipeline.schema import row_of
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.threads import one_thread


@dataclass(frozen=True)
class Replay:
    """What came of drawing one row again."""

    frame_id: str
    same: bool  # every byte of the stored row
    difference: int  # largest difference of the pictures, grey levels
    numerics: str  # how the two draws' numerics differ; empty where they do not

    @property
    def sentence(self) -> str:
        if self.same:
            return f"{self.frame_id} the same bytes"
        told = f"{self.frame_id} differs by up to {self.difference} grey levels"
        return f"{told} ({self.numerics})" if self.numerics else told


class CannotReplay(ValueError):
    """A row that cannot be drawn again from this folder; the sentence says what is missing."""


def replay_frame(folder: Path, frame_id: str) -> Replay:
    """Draws a generated row of the run in `folder` again, gate included, and compares.

    On one thread from here on, as workers draw: on two, sums differ in their last digits. Raises
    CannotReplay.
    """
    one_thread()
    dataset = _dataset(RunFolder(folder).dataset)
    number = next((i for i, key in enumerate(dataset.keys) if key.frame_id == frame_id), None)
    if number is None:
        raise CannotReplay(f"no frame {frame_id} in {folder}; give the id of a row of its dataset")
    stored, split = dataset[number], dataset.keys[number].split
    again = _drawn_again(folder, dataset, stored)
    return Replay(
        frame_id=frame_id,
        same=row_of(again, split) == row_of(stored, split),
        difference=int(np.abs(again.image.astype(int) - stored.image).max()),
        numerics=_numerics(stored, again),
    )


@lru_cache(maxsize=1)
def _dataset(folder: Path) -> StoredFrames:
    return StoredFrames(sorted((folder / "data").glob("*.parquet")))


def _drawn_again(folder: Path, dataset: StoredFrames, stored: Frame) -> Frame:
    story = stored.provenance
    if story.kind is not Kind.GENERATED or story.request is None:
        raise CannotReplay(
            f"{stored.frame_id} is {story.kind.value}; only generated rows are drawn"
        )
    step = story.steps[-1]
    if (here := parts.part("generators", step.part).VERSION) != step.version:
        raise CannotReplay(
            f"{stored.frame_id} was drawn by {step.part} of version {step.version}, here it is of "
            f"version {here}: replay it with the Parhelion that drew it"
        )
    model = _model(folder, step)
    generator = generator_of(
        step.part, step.settings, model.path(folder) if model else None, step.checkpoint_sha256
    )
    parent = dataset.by_id(story.parent_id)
    request = Request(
        conditions=story.request.conditions,
        seed=story.request.seed,
        draw=story.request.draw,
        text=story.request.text,
        parent=parent,
        mask=mask_of(story.request.mask) if story.request.mask else None,
        becomes=story.request.becomes,
    )
    (again,) = generator.generate([request])
    _require_weights(stored, step, again.provenance.steps[-1])
    if story.gate is None:
        return again
    (gate,) = read_receipts(folder, "calibrate")
    return gate_of(gate.path(folder), gate.sha256).judge(again, parent).frame


def _require_weights(stored: Frame, was: Step, now: Step) -> None:
    if now.checkpoint_sha256 == was.checkpoint_sha256:
        return
    old, new = (step.checkpoint_sha256[:16] or "none" for step in (was, now))
    raise CannotReplay(
        f"{stored.frame_id} was drawn by {was.part} with weights {old}, here they are {new}: put "
        "back the former ones"
    )


def _model(folder: Path, step: Step) -> Receipt | None:
    if not parts.part("generators", step.part).needs_fit:
        return None  # its weights, if it has any, lie where its settings say
    receipts = read_receipts(folder, f"fit-{step.part}")
    if not receipts:
        raise CannotReplay(f"wanted the fitted {step.part} of the run in {folder}, found none")
    return receipts[0]


def _numerics(stored: Frame, again: Frame) -> str:
    was, now = stored.provenance.numerics, again.provenance.numerics
    return "" if was == now else f"drawn with {was}, now with {now}"
