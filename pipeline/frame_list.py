"""Frames held in memory as a FrameSet: for small sets and tests."""

from collections.abc import Sequence

from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.frame import Frame


def key_of(frame: Frame, split: str = "train") -> FrameKey:
    """The key of a frame, as the table of a stored dataset has it."""
    return FrameKey(
        frame_id=frame.frame_id,
        group_id=frame.provenance.group_id,
        twin_id=frame.provenance.twin_id,
        kind=frame.provenance.kind.value,
        split=split,
        conditions=frame.conditions,
        label=frame.label,
        layers=frame.layers,
        label_space=frame.label_space,
    )


class FrameList:
    """A FrameSet over frames at hand."""

    def __init__(self, frames: Sequence[Frame], split: str = "train") -> None:
        self._frames = tuple(frames)
        self.keys: Sequence[FrameKey] = tuple(key_of(frame, split) for frame in frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int, /) -> Frame:
        return self._frames[i]
