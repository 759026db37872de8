"""One thread a process: two spin and collapse when anything else runs, and training then differs.

Libraries that load later read the environment; those that are loaded already are told directly.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}


def one_thread() -> None:
    """Makes this process compute on one thread (torch, OpenCV, OpenMP and BLAS)."""
    import cv2
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    os.environ.update(ONE_THREAD)
    cv2.setNumThreads(1)
    threadpool_limits(1)
    if sys.modules.get("torch") is not None:
        sys.modules["torch"].set_num_threads(1)


@contextmanager
def one_thread_children() -> Iterator[None]:
    """Processes started inside this block find one thread in their environment."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
