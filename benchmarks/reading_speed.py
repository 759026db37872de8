"""What reading a frame costs beside bare decoding of its files, and what indexing 100,000 costs.

Both sides decode the same files in turn, one thread; each side's time is the least over rounds, so
that a busy machine slows both alike. The recordings are those of the tests, at the size of each
source's own pictures: photographs of COCO, VOC and nuScenes with as many bytes as theirs have on
average, depth that differs from pixel to pixel, as many masks in a picture as COCO has. Label
pictures are of large blocks, so they decode faster than real ones, which makes ratios harsher.
Bare decoding is OpenCV's imread, numpy.load, or numpy.fromfile where a file has no header. Index:
empty files under the names of each format, in memory where /dev/shm is there, else on the disk;
CPU seconds, which on idle cores are the seconds that pass.

Each line is printed when it is measured and kept in --folder, from which a broken run goes on.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from _enlarged import HEIGHT, WIDTH, crowd, enlarge
from _figures import Figure, arguments, report
from _many_files import MANY

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import recordings  # noqa: E402

from parhelion.pipeline import parts  # noqa: E402
from parhelion.pipeline.bad_frame import BadFrame  # noqa: E402
from parhelion.pipeline.contracts import FrameRef  # noqa: E402
from parhelion.pipeline.files import write_json  # noqa: E402
from parhelion.sim_adapters._recordings import Recordings  # noqa: E402


class Pictures(NamedTuple):
    """What a source's own pictures are like."""

    megapixels: float = 1.0
    photo_bytes: int = 0  # the mean of its JPEG; 0 = not known, Pillow's quality


PICTURES = {
    "acdc": Pictures(2.07),
    "bdd100k": Pictures(0.92),
    "carla": Pictures(0.48),
    "cityscapes": Pictures(2.1),
    "coco": Pictures(0.31, 163_000),  # val2017: 814 MB, 5,000 pictures
    "dark_zurich": Pictures(2.07),
    "driving_in_the_matrix": Pictures(2.0),
    "gtav": Pictures(2.0),
    "kitti": Pictures(0.47),
    "nuscenes": Pictures(1.44, 148_000),  # key frames of CAM_FRONT: 5.07 GB, 34,149 pictures
    "playing_for_data": Pictures(2.0),
    "presil": Pictures(2.07),
    "virtual_kitti2": Pictures(0.47),
    "viper": Pictures(2.07),
    "voc": Pictures(0.19, 112_000),  # VOC2012: 1.92 GB, 17,125 pictures
}
DECODED = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
HEADERLESS = (".bin", ".raw")
LEAST_ROUNDS = 5
FREED_BYTES = 31 << 20  # glibc learns from blocks below 32 MB
MANY_FRAMES = 100_000
IN_MEMORY = Path("/dev/shm")  # noqa: S108, a folder of our own is made in it
KEPT = Path(__file__).parents[1] / "build" / "reading_speed"
Figures = dict[str, Figure]


def decode(path: Path) -> object:
    """The file as OpenCV decodes it, without a look at what it means."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix in HEADERLESS:
        return np.fromfile(path, np.uint8)
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def least_cpu_s(
    work: Callable[[], object], other: Callable[[], object], patience_s: float
) -> list[float]:
    """The least CPU seconds of each, taking turns for so many CPU seconds, 5 rounds at least."""
    least = [float("inf")] * 2
    begun, rounds = time.process_time(), 0
    while rounds < LEAST_ROUNDS or time.process_time() - begun < patience_s:
        for i, each in enumerate((work, other)):
            start = time.process_time()
            each()
            least[i] = min(least[i], time.process_time() - start)
        rounds += 1
    return least


def readable(adapter: Any) -> Iterator[tuple[FrameRef, list[Path]]]:
    """Frames that can still be read, with their pictures; masks in a text have the old size."""
    for ref in adapter.index():
        files = [adapter.root / file for file in adapter._entries[ref.native_id].files.values()]
        pictures = [
            file for file in files if file.suffix.lower() in (*DECODED, ".npy", *HEADERLESS)
        ]
        try:
            adapter.read(ref)
        except BadFrame:
            continue
        if pictures:
            yield ref, pictures


def keep_freed_memory() -> None:
    """Frees one large block: from then on glibc keeps what is freed, as in any long run.

    Else the system may hand out the memory of each picture anew, which takes as long as decoding.
    """
    np.ones(FREED_BYTES, np.uint8)


def recorded() -> Iterator[str]:
    """Adapters of files."""
    for name in parts.names("sim_adapters"):
        if issubclass(parts.part("sim_adapters", name), Recordings):
            yield name


def reading(name: str, patience_s: float) -> Figures:
    """Seconds of `read` over seconds of decoding the frame's files."""
    kind = PICTURES.get(name, Pictures())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        told = recordings.writer(name)(folder)
        enlarge(folder, round((kind.megapixels * 1e6 / (WIDTH * HEIGHT)) ** 0.5), kind.photo_bytes)
        if name == "coco":
            crowd(folder)
        adapter: Any = parts.build("sim_adapters", name, **told)
        found = next(readable(adapter), None)
        if found is None:
            return {}  # such as archives, of which OpenCV can decode none
        ref, files = found
        ours, bare = least_cpu_s(
            lambda: adapter.read(ref), lambda: [decode(file) for file in files], patience_s
        )
    note = f"{1e3 * ours:.2f} ms over {1e3 * bare:.2f}"
    return {f"read {name}": Figure(value=ours / bare, bar=1.3, sense="at most", note=note)}


def indexing(name: str) -> Figures:
    """CPU seconds and MB of indexing 100,000 empty frames, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        MANY[name](Path(folder), MANY_FRAMES)
        child = subprocess.run(
            [sys.executable, __file__, "--index", name, folder],
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, before_mb, peak_mb = map(float, child.stdout.split())
    megabytes = peak_mb - before_mb
    return {
        f"index {name}": Figure(value=seconds, unit="CPU s", bar=10, sense="at most"),
        f"memory {name}": Figure(value=megabytes, unit="MB", bar=500, sense="at most"),
    }


def index_here(name: str, folder: str) -> int:
    adapter = parts.build("sim_adapters", name, path=Path(folder))
    before = peak_mb()
    start = time.process_time()
    frames = len(adapter.index())
    seconds = time.process_time() - start
    if frames < MANY_FRAMES:
        raise SystemExit(f"{name}: wanted {MANY_FRAMES:,} frames, got {frames:,}")
    print(seconds, before, peak_mb())
    return 0


def peak_mb() -> float:
    """The most memory that this process ever had; `resource` would count its parent's in."""
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


def kept(path: Path, measure: Callable[[], Figures]) -> Figures:
    """What is measured, or was before a run was broken off; printed either way."""
    if path.exists():
        figures = {key: Figure(**told) for key, told in json.loads(path.read_text()).items()}
    else:
        figures = measure()
        write_json(path, {key: asdict(figure) for key, figure in figures.items()})
    for key, figure in figures.items():
        verdict = "" if figure.ok else "  MISSED"
        print(f"{key}: {figure.value:.3g} {figure.unit} {figure.note}{verdict}", flush=True)
    return figures


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--index", nargs=2, metavar=("ADAPTER", "FOLDER"))
    parser.add_argument("--folder", type=Path, default=KEPT, help="where results are kept")
    told = parser.parse_args()
    if told.index:
        return index_here(*told.index)
    cv2.setNumThreads(1)
    folder = told.folder / ("quick" if told.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    figures: Figures = {}
    for name in recorded():
        measure = partial(reading, name, 0.5 if told.quick else 5.0)
        figures |= kept(folder / f"read_{name}.json", measure)
    for name in list(MANY)[: 2 if told.quick else None]:
        figures |= kept(folder / f"index_{name}.json", partial(indexing, name))
    shutil.rmtree(folder)  # a run that ended begins anew
    packages = ("numpy", "pillow", "opencv-python-headless")
    return report("reading_speed", figures, told.quick, packages)


if __name__ == "__main__":
    sys.exit(main())
