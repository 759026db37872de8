"""The frames of both domains as one set: to learn detail, any frame will do."""

from collections.abc import Sequence
from dataclasses import replace

from parhelion.pipeline.contracts import FrameKey, FrameSet, TrainingData
from parhelion.pipeline.frame import Frame


def of_both(data: TrainingData) -> TrainingData:
    """The same data with `target` behind `source`, as one set."""
    if data.target is None:
        return data
    return replace(data, source=_Chained(data.source, data.target), target=None)


class _Chained:
    """A FrameSet: one set's frames, then another's."""

    def __init__(self, first: FrameSet, second: FrameSet) -> None:
        self._first, self._second = first, second
        self.keys: Sequence[FrameKey] = (*first.keys, *second.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int, /) -> Frame:
        n = len(self._first)
        return self._first[i] if i < n else self._second[i - n]
