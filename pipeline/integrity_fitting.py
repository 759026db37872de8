"""Limits of the integrity checks, fitted on good frames that are broken on purpose.

Halfway between what all but one in a hundred good frames reach and what one in a hundred broken
ones still reaches. Give frames of other scenes than those that the limits will judge.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity import agreement_of_image, layer_agreements
from parhelion.pipeline.integrity_agreement import image_agreement, shared_edges
from parhelion.pipeline.integrity_edges import Edges, Look
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.planted_faults import DIRECTIONS, SHIFT

Pair = tuple[Frame, Frame | None]  # a good frame, and the one before it while the camera moves
TAIL = 0.01  # of good and of broken frames that may lie on the wrong side


class CannotFit(ValueError):
    """Frames from which no limit follows; the sentence says why."""


def fitted_limits(pairs: Sequence[Pair]) -> IntegrityLimits:
    """Limits from good frames of at least two groups. Raises CannotFit."""
    looks = [(Look(frame), Look(before) if before is not None else None) for frame, before in pairs]
    good_met, bad_met, good_lead, bad_lead = (
        list[float](),
        list[float](),
        list[float](),
        list[float](),
    )
    for look, before in looks:
        stranger = _stranger(look, [one for one, _ in looks])
        for one, other, found in layer_agreements(look, None):
            good_met.append(found.own)
            bad_met += _broken(look, before, stranger, one, other)
        image = agreement_of_image(look, None)
        if image is not None:
            good_lead.append(image.own - max(image.elsewhere, image.mirrored))
            swapped = image_agreement(look.image, stranger.together, None)
            bad_lead.append(swapped.own - max(swapped.elsewhere, swapped.mirrored))
    return IntegrityLimits(
        met=_between("shared edges", good_met, bad_met),
        lead=_between("lead of the image", good_lead, bad_lead),
    )


def _stranger(look: Look, looks: Sequence[Look]) -> Look:
    """The next frame of another group with the same layers."""
    start = looks.index(look)
    for other in [*looks[start:], *looks[:start]]:
        alike = other.grid == look.grid and other.layers.keys() >= look.layers.keys()
        if alike and other.frame.group_id != look.frame.group_id:
            return other
    raise CannotFit(
        "wanted good frames of at least two groups, of one size and with the same layers, got one "
        "such group"
    )


def _broken(
    look: Look, before: Look | None, stranger: Look, one: str, other: str
) -> Iterator[float]:
    """Shared edges of `one` with the frame before's, shifted, mirrored and a stranger's `other`."""
    here, there = look.layers[one], look.layers[other]
    if before is not None and before.grid == look.grid and one in before.layers:
        yield shared_edges(before.layers[one], there, None).own
    pixels = round(SHIFT * look.grid[1])
    for right, down in DIRECTIONS:
        moved = np.roll(there.maps, (down * pixels, right * pixels), axis=(1, 2))
        yield shared_edges(here, Edges(moved), None).own
    yield shared_edges(here, there.mirrored, None).own
    yield shared_edges(here, stranger.layers[other], None).own


def _between(what: str, good: Sequence[float], bad: Sequence[float]) -> float:
    if not good or not bad:
        raise CannotFit(f"{what}: wanted frames with edges enough to tell, got none")
    least, most = float(np.quantile(good, TAIL)), float(np.quantile(bad, 1 - TAIL))
    if most >= least:
        raise CannotFit(
            f"{what}: wanted good frames above broken ones, got {least:.3f} for the former and "
            f"{most:.3f} for the latter: this source cannot be judged by it"
        )
    return round((least + most) / 2, 2)
