"""Which split a group belongs to: decided by a hash, whatever other groups there are.

A scene or sequence (a group) goes into one split with all its twins, neighbours and descendants.
"""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.seeds import seed_of

Share = Annotated[float, Field(ge=0, le=1)]


class SplitFractions(PartConfig):
    """Expected shares of the groups; they sum to 1."""

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"split fractions must sum to 1, got {total:g}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of each split by its name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


SPLITS = tuple(SplitFractions().shares)


def split_of(group_id: str, seed: int, fractions: SplitFractions) -> str:
    """The split of a group: "train", "validation" or "test".

    Each group has its own place between 0 and 1, so adding groups never moves another one.
    """
    place = seed_of("split", seed, group_id) / 2**63
    edge = 0.0
    for name, share in fractions.shares.items():
        edge += share
        if place < edge:
            return name
    # Rounding left the last edge a hair below 1.
    return next(name for name, share in reversed(fractions.shares.items()) if share > 0)


class GroupInTwoSplits(ValueError):
    """A group of frames was found in two splits: a model would be tested on what it has seen."""


def splits_by_group(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """(group id, split) pairs -> the one split of each group. Raises GroupInTwoSplits."""
    found: dict[str, str] = {}
    for group, split in pairs:
        if found.setdefault(group, split) != split:
            raise GroupInTwoSplits(
                f"a group belongs to one split, got group {group!r} in {found[group]} and {split}"
            )
    return found
