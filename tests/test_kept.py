"""What is kept of frames in memory: no more than asked, the last asked for, read once."""

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._kept import Kept

MEGABYTE = 2**20


def test_values_are_read_once_while_there_is_room() -> None:
    kept, reads = Kept[NDArray[np.uint8]](2), list[int]()

    def value(i: int) -> NDArray[np.uint8]:
        def read() -> NDArray[np.uint8]:
            reads.append(i)
            return np.full(MEGABYTE, i, dtype=np.uint8)

        return kept.get(i, read)

    assert [int(value(i)[0]) for i in (0, 1, 0, 1)] == [0, 1, 0, 1]
    assert reads == [0, 1]
    value(2)  # there is room for two: the one not asked for longest goes
    value(1)
    assert reads == [0, 1, 2]
    value(0)
    assert reads == [0, 1, 2, 0]


def test_one_value_is_kept_however_large() -> None:
    kept = Kept[NDArray[np.uint8]](1)
    first = kept.get("a", lambda: np.zeros(5 * MEGABYTE, dtype=np.uint8))
    assert kept.get("a", lambda: np.ones(1, dtype=np.uint8)) is first
