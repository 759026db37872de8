"""Which groups each oracle of the gate must not see."""

from collections import defaultdict
from functools import cached_property

from parhelion.pipeline.contracts import FrameKey, FrameSet, PartConfig
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import seed_of


class Folds(PartConfig):
    """Every group's fold. Groups that nobody was trained on are spread by a hash of their name."""

    count: int
    seed: int
    groups: tuple[tuple[str, int], ...]  # (group id, fold), sorted

    @cached_property
    def _fold_of(self) -> dict[str, int]:
        return dict(self.groups)

    def of(self, group: str) -> int:
        """The fold of a group; the oracle of that number did not see it."""
        return self._fold_of.get(group, seed_of("gate.unseen", self.seed, group) % self.count)


def fold_groups(source: FrameSet, reference: FrameSet, count: int, seed: int) -> Folds:
    """Deals the groups out evenly, cell by cell of conditions, so that each fold has every cell.

    Raises ValueError where a group is in both sets: reference groups are used nowhere else.
    """
    shared = {k.group_id for k in source.keys} & {k.group_id for k in reference.keys}
    if shared:
        raise ValueError(
            f"reference frames must come from groups used nowhere else, got {len(shared)} groups "
            f"that are in the source too: {sorted(shared)[:3]}"
        )
    return Folds(
        count=count, seed=seed, groups=_dealt([*source.keys, *reference.keys], count, seed)
    )


def _dealt(keys: list[FrameKey], count: int, seed: int) -> tuple[tuple[str, int], ...]:
    cells: dict[str, set[str]] = defaultdict(set)
    first_cell: dict[str, str] = {}
    for key in keys:
        cells[first_cell.setdefault(key.group_id, key.conditions.cell)].add(key.group_id)
    dealt: list[tuple[str, int]] = []
    for cell in sorted(cells):
        shuffled = sorted(cells[cell], key=lambda group: seed_of("gate.fold", seed, group))
        dealt += [(group, (len(dealt) + i) % count) for i, group in enumerate(shuffled)]
    return tuple(sorted(dealt))


class Selection:
    """Some frames of a FrameSet, as a FrameSet."""

    def __init__(self, frames: FrameSet, chosen: list[int]) -> None:
        self._frames, self._chosen = frames, chosen
        self.keys = [frames.keys[i] for i in chosen]

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, i: int, /) -> Frame:
        return self._frames[self._chosen[i]]


def without_fold(frames: FrameSet, folds: Folds, fold: int) -> Selection:
    """The frames that the oracle of `fold` may see."""
    kept = [i for i, key in enumerate(frames.keys) if folds.of(key.group_id) != fold]
    return Selection(frames, kept)
