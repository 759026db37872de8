"""GTA V's depth buffer: reversed-Z numbers, 1 at the near plane and 0 infinitely far, to metres.

With rows of the projection matrix P, numbered from 0:

    metres = P[2][3] / (d + P[2][2])        along the optical axis
    P[2][2] = n / (f - n)    P[2][3] = n f / (f - n)        n, f: near and far plane

Two kinds of 16-bit PNG are about. One cuts d * 65535 to whole numbers: it is read at the middle of
its steps, and 0 is all that lies beyond some 4,958 m. The other holds metres * 65535 / 1000. They
are told apart by the sky, which is 0 in the one and 65535 in the other: no sky is as near as the
near plane. A picture that shows no sky is taken for the first.
"""

from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Depth, Stencil
from parhelion.sim_adapters._gtav_stencil import BASE, SKY, is_sky

LAST = 65535  # of 16 bits
MOST_METRES = 1000.0  # where the PNG of metres is cut off
ROWS_AT_ONCE = 32  # so many rows of float64 stay in the cache


class Planes(NamedTuple):
    """What a projection matrix says of depth: P[2][2] and P[2][3]."""

    p22: float
    p23: float

    @classmethod
    def of(cls, near_m: float, far_m: float) -> Self:
        return cls(near_m / (far_m - near_m), near_m * far_m / (far_m - near_m))

    def metres(self, d: NDArray[np.floating]) -> Depth:
        """Depth in [0, 1] -> metres, float32; computed in float64 and rounded once."""
        made = np.empty(d.shape, np.float32)
        with np.errstate(divide="ignore"):  # without a far plane, 0 is infinitely far
            for row in range(0, len(d), ROWS_AT_ONCE):
                rows = slice(row, row + ROWS_AT_ONCE)
                below = np.add(d[rows], self.p22, dtype=np.float64)
                np.divide(self.p23, below, out=made[rows], casting="same_kind")
        return made


GAME = Planes.of(0.15, 10003.815)  # as the game has them where no script changed them


class Distances(NamedTuple):
    metres: Depth
    farthest: NDArray[np.bool_]  # (H, W) where the buffer holds what it holds for the sky


def distances_of(buffer: NDArray[Any], raw: Stencil | None, planes: Planes, name: str) -> Distances:
    """The buffer (H, W), float32 or of 16 bits, in metres; the sky is +inf. Raises BadFrame.

    Without a stencil all that is farthest is taken for sky.
    """
    if buffer.dtype == np.float32:
        metres, farthest = _floats(buffer, planes, name)
    elif buffer.dtype == np.uint16:
        metres, farthest = _steps(buffer, raw, planes)
    else:
        wanted = "depth in float32 or in 16 bits"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted {wanted}, got {buffer.dtype}")
    np.copyto(metres, np.inf, where=farthest if raw is None else is_sky(raw, farthest))
    return Distances(metres, farthest)


def _floats(d: NDArray[np.float32], planes: Planes, name: str) -> Distances:
    low, high = d.min(), d.max()
    if not (low >= 0 and high <= 1):  # nan is neither
        sentence = f"{name}: wanted depth from 0 (far) to 1 (near), got {low:g} to {high:g}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence)
    return Distances(planes.metres(d), d == 0)


def _steps(q: NDArray[np.uint16], raw: Stencil | None, planes: Planes) -> Distances:
    in_metres = raw is not None and _sky_is_last(q[(raw & BASE) == SKY])
    return Distances(_table(planes, in_metres)[q], q == (LAST if in_metres else 0))


def _sky_is_last(sky: NDArray[np.uint16]) -> bool:
    return 2 * int(np.count_nonzero(sky == LAST)) > sky.size


@lru_cache(maxsize=16)
def _table(planes: Planes, in_metres: bool) -> Depth:
    """Metres for every number of 16 bits; nan where it only says that something is far away."""
    middles = (np.arange(LAST + 1) + 0.5) / LAST
    metres = middles * MOST_METRES if in_metres else planes.metres(middles)
    table = metres.astype(np.float32)
    table[LAST if in_metres else 0] = np.nan
    return table
