"""How finely a street is modelled: previews take round things with few sides, windows as panes.

The choice is ambient while a street is built, so that no builder has to hand it on. Both ways draw
the same random numbers: a coarse street has the same things in the same places.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COARSE = ContextVar("coarse", default=False)


@contextmanager
def coarsely(wanted: bool) -> Iterator[None]:
    """Inside, meshes have few triangles if `wanted`."""
    before = _COARSE.set(wanted)
    try:
        yield
    finally:
        _COARSE.reset(before)


def is_coarse() -> bool:
    """Whether the street that is being built has few triangles."""
    return _COARSE.get()


def few(count: int, least: int = 3) -> int:
    """How many sides or rings something gets that has `count` in fine streets."""
    return max(count // 2, least) if is_coarse() else count
