"""What reading a frame costs beside bare decoding of its files, and what indexing 100,000 costs.

Both sides decode the same files in turn, one thread; each side's time is the least over rounds, so
that a busy machine slows both alike. Index: empty files under the names of each format.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _enlarged import HEIGHT, WIDTH, enlarge
from _figures import Figure, arguments, report
from _many_files import MANY

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import recordings  # noqa: E402

from parhelion.pipeline import parts  # noqa: E402
from parhelion.pipeline.bad_frame import BadFrame  # noqa: E402
from parhelion.pipeline.contracts import FrameRef  # noqa: E402
from parhelion.sim_adapters._recordings import Recordings  # noqa: E402

# Megapixels of each source's own pictures; one where it has no size of its own.
MEGAPIXELS = {
    "acdc": 2.07,
    "bdd100k": 0.92,
    "carla": 0.48,
    "cityscapes": 2.1,
    "coco": 0.31,
    "dark_zurich": 2.07,
    "driving_in_the_matrix": 2.0,
    "gtav": 2.0,
    "kitti": 0.47,
    "nuscenes": 1.44,
    "playing_for_data": 2.0,
    "presil": 2.07,
    "virtual_kitti2": 0.47,
    "viper": 2.07,
    "voc": 0.19,
}
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MANY_FRAMES = 100_000


def decode(path: Path) -> object:
    """The file as OpenCV decodes it, without a look at what it means."""
    return np.load(path) if path.suffix == ".npy" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def least_cpu_s(
    work: Callable[[], object], other: Callable[[], object], rounds: int
) -> list[float]:
    """The least CPU seconds of each, taking turns."""
    least = [float("inf")] * 2
    for _ in range(rounds):
        for i, each in enumerate((work, other)):
            start = time.process_time()
            each()
            least[i] = min(least[i], time.process_time() - start)
    return least


def readable(adapter: Any) -> Iterator[tuple[FrameRef, list[Path]]]:
    """Frames that can still be read, with their pictures; masks in a text have the old size."""
    for ref in adapter.index():
        files = [adapter.root / file for file in adapter._entries[ref.native_id].files.values()]
        pictures = [file for file in files if file.suffix.lower() in (*PICTURES, ".npy")]
        try:
            adapter.read(ref)
        except BadFrame:
            continue
        if pictures:
            yield ref, pictures


def reading_ratio(name: str, folder: Path, rounds: int) -> float:
    """Seconds of `read` over seconds of decoding the frame's pictures."""
    told = recordings.writer(name)(folder)
    enlarge(folder, round((MEGAPIXELS.get(name, 1.0) * 1e6 / (WIDTH * HEIGHT)) ** 0.5))
    adapter: Any = parts.build("sim_adapters", name, **told)
    ref, pictures = next(readable(adapter))
    ours, bare = least_cpu_s(
        lambda: adapter.read(ref), lambda: [decode(file) for file in pictures], rounds
    )
    return ours / bare


def index_cost(name: str) -> tuple[float, float]:
    """(seconds, MB) of indexing 100,000 empty frames, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        MANY[name](Path(folder), MANY_FRAMES)
        child = subprocess.run(
            [sys.executable, __file__, "--index", name, folder],
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, before_mb, peak_mb = map(float, child.stdout.split())
    return seconds, peak_mb - before_mb


def index_here(name: str, folder: str) -> int:
    adapter = parts.build("sim_adapters", name, path=Path(folder))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    frames = len(adapter.index())
    seconds = time.perf_counter() - start
    if frames < MANY_FRAMES:
        raise SystemExit(f"{name}: wanted {MANY_FRAMES:,} frames, got {frames:,}")
    print(seconds, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return 0


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--index", nargs=2, metavar=("ADAPTER", "FOLDER"))
    told = parser.parse_args()
    if told.index:
        return index_here(*told.index)
    cv2.setNumThreads(1)
    figures: dict[str, Figure] = {}
    for name in parts.names("sim_adapters"):
        if not issubclass(parts.part("sim_adapters", name), Recordings):
            continue
        with tempfile.TemporaryDirectory() as folder:
            ratio = reading_ratio(name, Path(folder), 5 if told.quick else 25)
        figures[f"read {name}"] = Figure(value=ratio, unit="x", bar=1.3, sense="at most")
    for name in list(MANY)[: 2 if told.quick else None]:
        seconds, megabytes = index_cost(name)
        figures[f"index {name}"] = Figure(value=seconds, unit="s", bar=10, sense="at most")
        figures[f"memory {name}"] = Figure(value=megabytes, unit="MB", bar=500, sense="at most")
    return report(
        "reading_speed", figures, told.quick, ("numpy", "pillow", "opencv-python-headless")
    )


if __name__ == "__main__":
    sys.exit(main())
