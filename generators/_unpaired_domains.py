"""Which frames are the two domains of an unpaired translator: X is carried into Y.

Domains come from two sets of frames, or are chosen within them by conditions and by kind.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from parhelion.generators._settings import Positive
from parhelion.generators._trained import GradientConfig
from parhelion.pipeline.contracts import FrameKey, FrameSet, TrainingData
from parhelion.pipeline.provenance import Kind


class UnpairedConfig(GradientConfig):
    """How the domains are chosen; an empty tuple or None chooses nothing."""

    from_cells: tuple[str, ...] = ()  # cells of X, such as "clear/day"
    to_cells: tuple[str, ...] = ()  # cells of Y, such as "clear/night"
    from_kind: Kind | None = None  # of X: real, simulated or generated
    to_kind: Kind | None = None  # of Y
    cache_mb: Positive = 512  # training frames kept in memory


class DomainsUnclear(ValueError):
    """The settings and the training data do not give two domains; the sentence says why."""


class Domain(NamedTuple):
    """Some frames of a set."""

    frames: FrameSet
    rows: tuple[int, ...]

    @property
    def keys(self) -> list[FrameKey]:
        """Their keys, in order."""
        return [self.frames.keys[i] for i in self.rows]

    @property
    def frames_per_cell(self) -> dict[str, int]:
        """How many frames each cell of conditions has."""
        return dict(Counter(key.conditions.cell for key in self.keys))


def domains(data: TrainingData, config: UnpairedConfig) -> tuple[Domain, Domain]:
    """X out of `source` and Y out of `target`, or out of `source` where there is no target.

    Raises DomainsUnclear where one is empty or a frame would be in both.
    """
    chosen = config.from_cells or config.to_cells or config.from_kind or config.to_kind
    if data.target is None and not chosen:
        raise DomainsUnclear(
            "wanted two domains, got one set of frames: give a target, or choose within the source "
            f"by from_cells and to_cells (there are {_cells(data.source.keys)})"
        )
    X = _chosen("from", data.source, config.from_cells, config.from_kind)
    other = data.target if data.target is not None else data.source
    Y = _chosen("to", other, config.to_cells, config.to_kind)
    both = {key.frame_id for key in X.keys} & {key.frame_id for key in Y.keys}
    if both:
        raise DomainsUnclear(
            f"wanted two domains apart, got {len(both)} frames in both, of "
            f"{_cells([key for key in X.keys if key.frame_id in both])}: set from_cells and "
            "to_cells, or from_kind and to_kind, so that no frame fits both"
        )
    return X, Y


def _chosen(end: str, frames: FrameSet, cells: tuple[str, ...], kind: Kind | None) -> Domain:
    rows = tuple(
        i
        for i, key in enumerate(frames.keys)
        if (not cells or key.conditions.cell in cells) and (kind is None or key.kind == kind.value)
    )
    if not rows:
        raise DomainsUnclear(
            f"no frame fits {end}_cells {list(cells)} and {end}_kind {kind and kind.value}; there "
            f"are {_cells(frames.keys)} of the kinds {sorted({key.kind for key in frames.keys})}"
        )
    return Domain(frames, rows)


def _cells(keys: Sequence[FrameKey]) -> str:
    counts = Counter(key.conditions.cell for key in keys)
    return ", ".join(f"{cell} ({n})" for cell, n in sorted(counts.items())) or "no frames"
