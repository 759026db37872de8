"""GTA V's depth buffer: reversed-Z numbers, 1 at the near plane and 0 infinitely far, to metres.

With rows of the projection matrix P, numbered from 0:

    metres = P[2][3] / (d + P[2][2])        along the optical axis
    P[2][2] = n / (f - n)    P[2][3] = n f / (f - n)        n, f: near and far plane

Two kinds of 16-bit PNG are about. One cuts d * 65535 to whole numbers: it is read at the middle of
its steps, and 0 is all that lies beyond some 4,958 m. The other holds metres * 65535 / 1000. They
are told apart by the sky, which is 0 in the one and 65535 in the other: no sky is as near as the
near plane. A picture that shows no sky is taken for the first.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Depth, Stencil
from parhelion.sim_adapters._gtav_stencil import BASE, SKY, surfaces_of

LAST = 65535  # of 16 bits
MOST_METRES = 1000.0  # where the PNG of metres is cut off
ROWS_AT_ONCE = 32  # so many rows stay in the cache, whatever is done with them


class Planes(NamedTuple):
    """What a projection matrix says of depth: P[2][2] and P[2][3]."""

    p22: float
    p23: float

    @classmethod
    def of(cls, near_m: float, far_m: float) -> Self:
        return cls(near_m / (far_m - near_m), near_m * far_m / (far_m - near_m))

    def metres(self, d: NDArray[np.floating]) -> NDArray[np.float64]:
        """Depth in [0, 1] -> metres; without a far plane, 0 is infinitely far."""
        made = d.astype(np.float64)
        made += self.p22
        with np.errstate(divide="ignore"):
            np.divide(self.p23, made, out=made)
        return made


GAME = Planes.of(0.15, 10003.815)  # as the game has them where no script changed them


class Space(NamedTuple):
    """What depth and stencil say together; None is what is not there."""

    depth: Depth | None  # metres; +inf = sky
    classes: Stencil | None


Metres = Callable[[NDArray[Any]], NDArray[np.floating]]  # of a band of a buffer (h, W)


def space_of(buffer: NDArray[Any] | None, raw: Stencil | None, planes: Planes, name: str) -> Space:
    """From the game's buffers (H, W). Raises BadFrame.

    Without a stencil all that is farthest is taken for sky, without a depth the id alone tells it.
    """
    farthest = classes = sky = None
    if buffer is not None:
        metres, farthest = _metres_of(buffer, raw, planes, name)
        sky = farthest
    if raw is not None:
        classes, sky = surfaces_of(raw, farthest, name)
    if buffer is None or sky is None:
        return Space(None, classes)
    depth = np.empty(buffer.shape, np.float32)
    for row in range(0, len(buffer), ROWS_AT_ONCE):
        band = slice(row, row + ROWS_AT_ONCE)
        depth[band] = metres(buffer[band])
        np.copyto(depth[band], np.float32(np.inf), where=sky[band])
    return Space(depth, classes)


def _metres_of(
    buffer: NDArray[Any], raw: Stencil | None, planes: Planes, name: str
) -> tuple[Metres, NDArray[np.bool_]]:
    """How this buffer becomes metres, and where it holds what it holds for the sky.

    Raises BadFrame.
    """
    if buffer.dtype == np.float32:
        return planes.metres, _checked(buffer, name) == 0
    if buffer.dtype == np.uint16:
        in_metres = raw is not None and _sky_is_last(buffer, raw)
        return _table(planes, in_metres).take, buffer == (LAST if in_metres else 0)
    wanted = "depth in float32 or in 16 bits"
    raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted {wanted}, got {buffer.dtype}")


def _checked(d: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    low, high = d.min(), d.max()
    if not (low >= 0 and high <= 1):  # nan is neither
        sentence = f"{name}: wanted depth from 0 (far) to 1 (near), got {low:g} to {high:g}"
        raise BadFrame(Reason.UNREADABLE_LAYER, sentence)
    return d


def _sky_is_last(buffer: NDArray[np.uint16], raw: Stencil) -> bool:
    """Whether most of the sky has the largest number; a grid of pixels tells, if it meets any."""
    for step in (8, 1):
        sky = buffer[::step, ::step][(raw[::step, ::step] & BASE) == SKY]
        if sky.size:
            return bool(2 * np.count_nonzero(sky == LAST) > sky.size)
    return False


@lru_cache(maxsize=16)
def _table(planes: Planes, in_metres: bool) -> Depth:
    """Metres for every number of 16 bits; nan where it only says that something is far away."""
    middles = (np.arange(LAST + 1) + 0.5) / LAST
    metres = middles * MOST_METRES if in_metres else planes.metres(middles)
    table = metres.astype(np.float32)
    table[LAST if in_metres else 0] = np.nan
    return table
