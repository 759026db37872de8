"""Frames of a chunk judged one after the other, whatever chunk they are in.

A verdict depends on the frame and on the one before it in the index, and on nothing else: a chunk
reads the last frame before its own once more where both are of one group.
"""

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.contracts import FrameRef, SimAdapter
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity import judge
from parhelion.pipeline.integrity_edges import Look
from parhelion.pipeline.integrity_finding import Verdict
from parhelion.pipeline.integrity_limits import IntegrityLimits


class Door:
    """Judges frames in the order of their index."""

    def __init__(self, limits: IntegrityLimits) -> None:
        self.limits = limits
        self._before: Look | None = None

    def look_back(self, adapter: SimAdapter, before: FrameRef) -> None:
        """Reads the frame before the first one; one that cannot be read is none."""
        try:
            self._before = Look(adapter.read(before))
        except BadFrame:
            self._before = None

    def unread(self) -> None:
        """The frame whose turn it was could not be read: the next one has none before it."""
        self._before = None

    def judged(self, frame: Frame) -> Verdict:
        """The verdict on the next frame."""
        look, before = Look(frame), self._before
        self._before = look
        if before is None or not self.limits.neighbours:
            return judge(look, None, self.limits)
        same_group = before.frame.group_id == frame.group_id
        return judge(look, before if same_group else None, self.limits)
