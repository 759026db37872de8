"""Features of a set of frames, kept so that parts merge and memory stays flat.

Which frames are kept depends on a hash of their ids only: the `limit` smallest hashes (a bottom-k
sketch, Cohen & Kelly 2007). So order, chunks and workers do not matter, a frame that is met twice
counts once, and the kept frames are a fair sample of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np

from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.features import Features, Network
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import seed_of

LIMIT = 10_000  # frames a side; 51 MB in 1280 dimensions
BATCH = 16  # images decoded at a time


@dataclass(frozen=True, eq=False)
class Rows:
    """Features (n, dims) float32 and the group of each row."""

    features: Features
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.groups)

    def first(self, n: int) -> "Rows":
        """The first n rows."""
        return Rows(self.features[:n], self.groups[:n])

    def of_groups(self, groups: frozenset[str]) -> "Rows":
        """The rows of these groups, in order."""
        keep = [i for i, group in enumerate(self.groups) if group in groups]
        return Rows(self.features[keep], tuple(self.groups[i] for i in keep))


class FeatureSample:
    """Features of at most `limit` frames, chosen and ordered by a hash of seed and frame id."""

    def __init__(self, dims: int, seed: int = 0, limit: int = LIMIT) -> None:
        self.dims, self.seed, self.limit = dims, seed, limit
        self.seen = 0  # frames added, the dropped ones included
        self._kept: dict[tuple[int, str], tuple[str, Features]] = {}

    def add(self, frame_ids: Sequence[str], groups: Sequence[str], features: Features) -> None:
        """Adds rows: ids and groups (n,), features (n, dims)."""
        if features.shape != (len(frame_ids), self.dims):
            raise ValueError(
                f"features: wanted shape {(len(frame_ids), self.dims)}, got {features.shape}"
            )
        for frame_id, group, row in zip(frame_ids, groups, features, strict=True):
            key = (seed_of("feature sample", self.seed, frame_id), frame_id)
            self.seen += key not in self._kept
            self._kept[key] = group, row
        self._trim()

    def update(self, frames: Iterable[Frame], network: Network) -> None:
        """Takes in frames, a few at a time."""
        stream = iter(frames)
        while batch := list(islice(stream, BATCH)):
            features = network([frame.image for frame in batch])
            self.add([f.frame_id for f in batch], [f.group_id for f in batch], features)

    def merge(self, other: Self) -> None:
        """Takes in the rows of a sample that was made elsewhere."""
        if (self.dims, self.seed, self.limit) != (other.dims, other.seed, other.limit):
            raise ValueError("samples of other dims, seed or limit do not merge: make them alike")
        self.seen += other.seen - len(self._kept.keys() & other._kept.keys())
        self._kept |= other._kept
        self._trim()

    @property
    def rows(self) -> Rows:
        """The kept rows, in hash order."""
        kept = [self._kept[key] for key in sorted(self._kept)]
        features = np.array([row for _, row in kept], np.float32).reshape(-1, self.dims)
        return Rows(features, tuple(group for group, _ in kept))

    def _trim(self) -> None:
        if len(self._kept) > self.limit:
            keep = sorted(self._kept)[: self.limit]
            self._kept = {key: self._kept[key] for key in keep}


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """Three sets of equal size, for a distance whose bias depends on n: the score is generated
    against reference, the floor control against reference, disjoint halves of the real frames.
    """

    generated: Rows
    reference: Rows
    control: Rows

    @property
    def n(self) -> int:
        return len(self.reference)


def matched(real: Rows, generated: Rows) -> MatchedRows:
    """Halves of the real rows by group, then all three sets cut to the smallest's length."""
    reference, control = halves(real)
    n = min(len(generated), len(reference), len(control))
    return MatchedRows(generated.first(n), reference.first(n), control.first(n))


def halves(rows: Rows) -> tuple[Rows, Rows]:
    """Two disjoint halves without a common group, as equal as groups allow."""
    sizes: dict[str, int] = {}
    for group in rows.groups:  # in hash order, so the split is random but always the same
        sizes[group] = sizes.get(group, 0) + 1
    sides: tuple[set[str], set[str]] = (set(), set())
    filled = [0, 0]
    for group in sorted(sizes, key=lambda g: -sizes[g]):
        side = int(filled[1] < filled[0])
        sides[side].add(group)
        filled[side] += sizes[group]
    return rows.of_groups(frozenset(sides[0])), rows.of_groups(frozenset(sides[1]))


class FeatureMetric:
    """The running part of every score on features: two samples, real and generated."""

    def __init__(self, network: Network, seed: int = 0, limit: int = LIMIT) -> None:
        self.network = network
        self.passport: Passport = network.passport.model_copy(update={"seed": seed})
        self.real = FeatureSample(network.dims, seed, limit)
        self.generated = FeatureSample(network.dims, seed, limit)

    def update(self, frames: Iterable[Frame], *, real: bool) -> None:
        """Takes in frames of one side, a few at a time."""
        (self.real if real else self.generated).update(frames, self.network)

    def merge(self, other: Self) -> None:
        """Takes in what the same metric saw elsewhere. Raises ValueError for another passport."""
        if self.passport != other.passport:
            raise ValueError(f"cannot merge scores of {other.passport!r} into {self.passport!r}")
        self.real.merge(other.real)
        self.generated.merge(other.generated)
