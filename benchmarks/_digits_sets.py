"""Sets of digits as frames of 32x32 for adaptation: labelled source, unlabelled target, judge."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameKey, FrameRef
from parhelion.pipeline.frame import Frame
from parhelion.sim_adapters.digits import Digits, DigitsConfig

SIDE = 32  # pixels
MARGIN = 6  # of black around what fills its page, so that digits are 20 pixels tall as MNIST's are


class Unlabelled:
    """A FrameSet of an adapter's frames, read when they are asked for, without their labels."""

    def __init__(self, adapter: Digits, refs: Sequence[FrameRef]) -> None:
        self._adapter, self._refs = adapter, refs
        self.keys: Sequence[FrameKey] = [
            FrameKey(frame_id=ref.native_id, group_id=ref.group_id, conditions=Conditions())
            for ref in refs
        ]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int, /) -> Frame:
        return replace(self._adapter.read(self._refs[i]), label=None)


class Labelled:
    """The same with labels; all frames are read at once, because keys carry labels."""

    def __init__(self, adapter: Digits, refs: Sequence[FrameRef]) -> None:
        self._frames = [adapter.read(ref) for ref in refs]
        self.keys: Sequence[FrameKey] = [
            FrameKey(
                frame_id=frame.frame_id,
                group_id=frame.group_id,
                conditions=frame.conditions,
                label=frame.label,
                layers=frame.layers,
            )
            for frame in self._frames
        ]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int, /) -> Frame:
        return self._frames[i]


class Pair(NamedTuple):
    """Where the labelled source and the target come from, and which frames judge."""

    source: DigitsConfig
    target: DigitsConfig
    chosen_on: bool = False  # settings are chosen here: judged on frames of the training part


JUDGED = 10_000  # frames of the training part that judge a choice, and are no target


def source_of(pair: Pair) -> Labelled:
    adapter = Digits(pair.source)
    return Labelled(adapter, adapter.index())


def target_of(pair: Pair) -> Unlabelled:
    """The target as every adapting arm gets it."""
    adapter = Digits(pair.target)
    return Unlabelled(adapter, _target_refs(pair, adapter))


def labelled_target_of(pair: Pair) -> Labelled:
    """For the arm that is told the target's labels, and for no other."""
    adapter = Digits(pair.target)
    return Labelled(adapter, _target_refs(pair, adapter))


def judge_of(pair: Pair) -> Labelled:
    """What the arms are judged on."""
    if pair.chosen_on:
        adapter = Digits(pair.target)
        return Labelled(adapter, adapter.index()[-JUDGED:])
    adapter = Digits(pair.target.model_copy(update={"part": "test"}))
    return Labelled(adapter, adapter.index())


def _target_refs(pair: Pair, adapter: Digits) -> Sequence[FrameRef]:
    refs = adapter.index()
    return refs[:-JUDGED] if pair.chosen_on else refs


def pairs(mnist: Path, usps: Path | None, svhn: Path | None) -> dict[str, Pair]:
    """The pairs whose files are given, by name; settings are chosen on the first."""
    into = DigitsConfig(dataset="mnist", path=mnist, size=SIDE)
    found = {
        "fonts-mnist": Pair(DigitsConfig(dataset="fonts", size=SIDE), into, chosen_on=True),
        "scikit-mnist": Pair(DigitsConfig(size=SIDE, margin=MARGIN), into),
    }
    if usps is not None:
        config = DigitsConfig(dataset="usps", path=usps, size=SIDE, margin=MARGIN)
        found["usps-mnist"] = Pair(config, into)
    if svhn is not None:
        found["svhn-mnist"] = Pair(DigitsConfig(dataset="svhn", path=svhn, size=SIDE), into)
    return found
