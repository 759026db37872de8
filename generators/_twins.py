"""The frames of a training set that have twins in it: the same things under other conditions."""

from collections import defaultdict
from collections.abc import Sequence

from parhelion.pipeline.contracts import CannotLearn, FrameKey, FrameSet, TrainingData
from parhelion.pipeline.frame import Frame


class Twins:
    """A FrameSet of `source` and `target` together, without frames that are alone in it.

    Image-level classes are left out of the keys: twins share theirs. Frames that lack a layer in
    `needs` are skipped.
    """

    def __init__(self, data: TrainingData, needs: frozenset[str] = frozenset()) -> None:
        found: dict[str, tuple[FrameKey, FrameSet, int]] = {}
        sharing: dict[str, list[str]] = defaultdict(list)  # ids of the frames of a twin_id
        for frames in (s for s in (data.source, data.target) if s is not None):
            for i, key in enumerate(frames.keys):
                if key.twin_id and needs <= key.layers and key.frame_id not in found:
                    found[key.frame_id] = key, frames, i
                    sharing[key.twin_id].append(key.frame_id)
        there = [one for one in found.values() if len(sharing[one[0].twin_id]) > 1]
        self.keys: Sequence[FrameKey] = tuple(
            key.model_copy(update={"label": None}) for key, _, _ in there
        )
        self._places = [(frames, i) for _, frames, i in there]
        rows = {key.frame_id: i for i, key in enumerate(self.keys)}
        self._sharing = {name: [rows[i] for i in ids] for name, ids in sharing.items() if ids[1:]}

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int, /) -> Frame:
        frames, row = self._places[i]
        return frames[row]

    def others(self, i: int) -> list[int]:
        """The twins of frame i; there is at least one."""
        return [j for j in self._sharing[self.keys[i].twin_id] if j != i]


def twins_of(data: TrainingData, needs: frozenset[str]) -> Twins:
    """Those frames. Raises CannotLearn where there are none."""
    twins = Twins(data, needs)
    if not len(twins):
        sets = (s for s in (data.source, data.target) if s is not None)
        layers = f" with the layers {', '.join(sorted(needs))}" if needs else ""
        raise CannotLearn(
            f"edits are learnt from twins, frames{layers} that share their twin_id, got none among "
            f"{sum(map(len, sets))} training frames: draw each view under several conditions, as "
            "the street simulator does with pairing `every`"
        )
    return twins
