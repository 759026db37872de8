"""Does superres put into small street pictures what large ones have, and is it still the same city?

Frames of streets that it never saw are shrunk four times by area; superres, bicubic and Lanczos
interpolation enlarge them again. Deep features say how near each comes to the true frame (in pairs)
and to true frames of other streets (kernel distance). What an enlarged picture shows should be
spread as in the true ones: classes and sizes as an oracle reads them, colours of vehicles. Where a
difference is not within what one street more or less makes, it is reported as bias.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _second_features import second_features
from _street_sets import Scenes, named, rendered
from numpy.typing import ArrayLike, NDArray

from parhelion.generators._superres_settings import SuperresConfig
from parhelion.generators.superres import Superres
from parhelion.pipeline.contracts import Request, TrainingData
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.features import Network, feature_network
from parhelion.pipeline.files import write_bytes
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.jackknife import jackknife_interval
from parhelion.pipeline.kid import leave_one_group_out
from parhelion.pipeline.pretrained import MOBILENET
from parhelion.pipeline.scene_class import CHILDREN, SceneClass
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.segmentation import (
    Segmenter,
    SegmenterSettings,
    common_classes,
    fit_segmenter,
    label_spaces,
)
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.threads import one_thread
from parhelion.sim_adapters.street import StreetConfig

ROOT = Path(__file__).parent.parent
WORK, PICTURE = ROOT / "runs" / "superres_street", ROOT / "docs" / "superres_street.png"

STREET = StreetConfig(seed=8, width=192, height=108, samples=8)
TRAIN, JUDGE, TEST = (Scenes(first=f, count=n) for f, n in ((0, 40), (1000, 20), (2000, 12)))
SCALE = 4
SETTINGS = SuperresConfig(
    scale=SCALE,
    perceptual_weight=5.0,  # that of pix2pix
    steps=1050,  # half an hour of a core without bf16
    layers=("stencil", "instances", "depth", "emissive"),
    crop=(64, 64),
    batch_size=8,
    min_frames_per_cell=1,
    checkpoint_every=200,
    calls=3,
    sigma_min=0.7,  # on streets of the oracle nearer than at 0.2 and 0.4: below is grain
)
ORACLE = SegmenterSettings(width=192, height=112, steps=400)
QUICK_SCENES, QUICK_STEPS = 3, 20  # a smoke run; three groups have an interval
SHOWN = ("day", "night", "rain", "snow")

SIZES = {"small": (6, 40), "medium": (40, 250), "large": (250, 10**9)}  # pixels of a segment
COLOURS = ("dark", "grey", "bright", "red", "yellow", "green", "cyan", "blue", "magenta")

Figures = dict[str, Figure]
Pictures = dict[str, list[Image]]
Counts = NDArray[np.float64]  # (frames, categories)
Count = Callable[[Image, NDArray[np.uint8], Frame], ArrayLike]
Attribute = tuple[Sequence[str], Count]  # names of its categories, and how many there are of each


class Test(NamedTuple):
    """True frames, their names and groups, and the small frames to be enlarged, in one order."""

    names: list[str]
    true: list[Frame]
    small: list[Frame]
    groups: NDArray[np.str_]


def test_of(frames: StoredFrames) -> Test:
    """Every frame, and what is left of it after shrinking."""
    names, true = (list(column) for column in zip(*named(frames), strict=True))
    small = [f.resized(f.size[1] // SCALE, f.size[0] // SCALE) for f in true]
    return Test(names, true, small, np.array([frame.group_id for frame in true]))


def fitted(train: StoredFrames, steps: int) -> tuple[Superres, float]:
    """The generator, taken up where a stopped run left it, and the CPU minutes of its training."""
    part = Superres(SETTINGS.model_copy(update={"steps": steps}))
    work = WORK / digest(part.VERSION, part.config, [key.frame_id for key in train.keys])[:12]
    clock, marks = work / "cpu_seconds", list[float]()
    before = float(clock.read_text()) if clock.is_file() else 0.0

    def progress(done: int, total: int) -> None:
        marks.append(time.process_time())
        if done % 50 == 0 or done == total:
            write_bytes(clock, f"{before + marks[-1] - marks[0]:.1f}".encode())
            print(f"\rtraining: {done}/{total}", end="", flush=True)

    part.fit(TrainingData(source=train), work, 1, progress)
    print()
    return part, float(clock.read_text()) / 60


def enlarged(part: Superres, test: Test, *, told: bool) -> list[Image]:
    """The small frames as superres draws them; `told`: with the labels of the true ones."""
    requests = [
        Request(
            parent=small,
            annotation=true if told else None,
            conditions=true.conditions,
            seed=seed_of("superres_street", true.frame_id),
        )
        for small, true in zip(test.small, test.true, strict=True)
    ]
    return [frame.image for frame in part.generate(requests)]


def interpolated(test: Test, how: int) -> list[Image]:
    """The small frames as OpenCV enlarges them."""
    size = STREET.width, STREET.height
    return [np.asarray(cv2.resize(f.image, size, interpolation=how), np.uint8) for f in test.small]


def mean_figure(values: Counts, groups: NDArray[np.str_], **more: object) -> Figure:
    """The mean of one value a frame, its interval over groups."""
    without = np.array([values[groups != g].mean() for g in np.unique(groups)])
    interval = jackknife_interval(float(values.mean()), without)
    return Figure(value=float(values.mean()), interval=interval, **more)  # type: ignore[arg-type]


def feature_figures(
    title: str, network: Network, test: Test, judge: StoredFrames, pictures: Pictures
) -> Figures:
    """Distances of a network's features, to the true frame and to other streets."""
    true = network([frame.image for frame in test.true])
    others = [frame for _, frame in named(judge)]
    reference = Rows(network([frame.image for frame in others]), tuple(f.group_id for f in others))
    rows = {name: network(images) for name, images in pictures.items()}
    far = {name: np.linalg.norm(f - true, axis=1).astype(float) for name, f in rows.items()}
    kernel = {
        name: leave_one_group_out(Rows(f, tuple(test.groups.tolist())), reference)
        for name, f in (*rows.items(), ("true", true))
    }
    figures = {f"{title} distance, {n}": mean_figure(d, test.groups) for n, d in far.items()}
    figures |= {
        f"KID on {title}, {name}": Figure(value=v, interval=jackknife_interval(v, without))
        for name, (v, without) in kernel.items()
    }
    for name in ("bicubic", "Lanczos"):
        nearer = mean_figure(far[name] - far["superres"], test.groups, bar=0)
        figures[f"{title} distance: nearer than {name} by"] = nearer
        (a, left), (b, right) = kernel[name], kernel["superres"]
        figures[f"KID on {title}: nearer than {name} by"] = Figure(
            value=a - b, interval=jackknife_interval(a - b, left - right), bar=0
        )
    return figures


def consistency_figures(test: Test, pictures: Pictures) -> Figures:
    """How far the area mean of each enlarged picture is from the small one it was made of."""
    small = np.stack([frame.image for frame in test.small]).astype(float)
    n, h, w, _ = small.shape
    figures = {}
    for name, images in pictures.items():
        means = np.stack(images).reshape(n, h, SCALE, w, SCALE, 3).mean(axis=(2, 4))
        apart = np.abs(means - small).mean(axis=(1, 2, 3))
        bar = 2 if name.startswith("superres") else None
        figure = mean_figure(apart, test.groups, unit="grey levels", bar=bar, sense="at most")
        figures[f"shrunk again, apart by, {name}"] = figure
    return figures


def reader(judge: StoredFrames) -> Segmenter:
    """An oracle of labels, trained on true frames of other streets."""
    work = WORK / f"reader-{digest([key.frame_id for key in judge.keys])[:12]}"
    return fit_segmenter([(judge, 1.0)], common_classes(label_spaces(judge)), ORACLE, 1, work)


def attributes(classes: Sequence[SceneClass]) -> dict[str, Attribute]:
    """What is counted in a picture, in what was read from it and in its true frame."""
    people, vehicles = ((c, *CHILDREN[c]) for c in (SceneClass.HUMAN, SceneClass.VEHICLE))
    return {
        "class": ([c.label for c in classes], lambda image, read, true: _areas(read, classes)),
        "size of people": (list(SIZES), lambda image, read, true: _segments(read, people)),
        "size of vehicles": (list(SIZES), lambda image, read, true: _segments(read, vehicles)),
        "vehicle colour": (COLOURS, lambda image, read, true: _colours(image, true, vehicles)),
    }


def bias_figures(segmenter: Segmenter, test: Test, pictures: Pictures) -> Figures:
    """Shares of attributes in enlarged frames less those in true ones, in points."""
    sets = {"true": [frame.image for frame in test.true], **pictures}
    views = {
        arm: [(x, _read(segmenter, x), y) for x, y in zip(sets[arm], test.true, strict=True)]
        for arm in ("true", "superres", "bicubic")
    }
    figures: Figures = {}
    for kind, (names, count) in attributes(segmenter.classes).items():
        counts = {n: np.array([count(*view) for view in v], float) for n, v in views.items()}
        figures |= _shares(kind, names, counts, test.groups)
    biased = sum(figure.note.startswith("bias") for figure in figures.values())
    note = f"of {len(figures)}; one in twenty is by chance alone"
    return figures | {"attributes reported as bias": Figure(value=biased, note=note)}


def _shares(
    kind: str, names: Sequence[str], counts: dict[str, Counts], groups: NDArray[np.str_]
) -> Figures:
    """Out less in of every category that occurs; within where the interval holds nought."""
    keep = [np.ones(len(groups), dtype=np.bool_), *(groups != g for g in np.unique(groups))]
    share = {
        name: np.array([100 * c[k].sum(axis=0) / max(c[k].sum(), 1) for k in keep])
        for name, c in counts.items()
    }  # (1 + groups, categories), the first of all frames
    figures = {}
    for i in np.flatnonzero(sum(c.sum(axis=0) for c in counts.values())).tolist():
        apart, other = (share[arm][:, i] - share["true"][:, i] for arm in ("superres", "bicubic"))
        interval = jackknife_interval(float(apart[0]), apart[1:])
        verdict = "bias" if interval and not interval[0] <= 0 <= interval[1] else "within"
        figures[f"{kind}, {names[i]}: out less in"] = Figure(
            value=float(apart[0]),
            unit="points",
            interval=interval,
            note=f"{verdict}; in {share['true'][0, i]:.1f} %, bicubic {other[0]:+.2f}",
        )
    return figures


def _read(segmenter: Segmenter, image: Image) -> NDArray[np.uint8]:
    """Class ids (h, w) as the oracle sees them, at its working size."""
    return np.array(segmenter.classes, np.uint8)[segmenter.probabilities(image).argmax(axis=0)]


def _areas(read: NDArray[np.uint8], classes: Sequence[SceneClass]) -> ArrayLike:
    """How many pixels are of each class."""
    return np.bincount(read.reshape(-1), minlength=256)[list(classes)]


def _segments(read: NDArray[np.uint8], classes: Sequence[SceneClass]) -> ArrayLike:
    """How many connected segments of these classes are of each size."""
    mask = np.isin(read, classes).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
    return [((areas >= low) & (areas < high)).sum() for low, high in SIZES.values()]


def _colours(image: Image, frame: Frame, classes: Sequence[SceneClass]) -> ArrayLike:
    """How many pixels are of each of COLOURS, where the true frame has one of these classes."""
    assert frame.stencil is not None
    where = np.isin(frame.stencil, classes)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), 2, 0)
    hues = ((hue.astype(int) * 2 + 30) % 360) // 60 + 3  # 60 degrees each; OpenCV halves them
    dull = np.where(value >= 180, 2, 1)
    bins = np.where(value < 60, 0, np.where(saturation < 50, dull, hues))
    return np.bincount(bins[where], minlength=len(COLOURS))


def save_pictures(test: Test, pictures: Pictures) -> None:
    """The first frame of some conditions: small and repeated, both ways of enlarging, true."""
    rows = []
    for i in map(test.names.index, SHOWN):
        repeated = test.small[i].image.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        rows.append([repeated, pictures["bicubic"][i], pictures["superres"][i], test.true[i].image])
    write_grid(PICTURE, ("parent", "bicubic", "superres", "true"), rows)


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=SETTINGS.steps, help="of the training")
    given = parser.parse_args()
    one_thread()
    sets = [replace(s, count=QUICK_SCENES) if given.quick else s for s in (TRAIN, JUDGE, TEST)]
    train, judge, frames = (rendered(scenes, STREET) for scenes in sets)
    test, second = test_of(frames), second_features()
    part, minutes = fitted(train, QUICK_STEPS if given.quick else given.steps)
    began = time.process_time()
    pictures = {"superres": enlarged(part, test, told=False)}
    seconds = (time.process_time() - began) / len(test.true)
    pictures |= {
        "superres told true labels": enlarged(part, test, told=True),
        "bicubic": interpolated(test, cv2.INTER_CUBIC),
        "Lanczos": interpolated(test, cv2.INTER_LANCZOS4),
    }
    figures = {
        "CPU minutes of training": Figure(value=minutes, bar=30, sense="at most"),
        "CPU seconds a picture": Figure(value=seconds, unit="s"),
    }
    for title, network in (("MobileNetV2", feature_network(MOBILENET)), ("EfficientNet", second)):
        figures |= feature_figures(title, network, test, judge, pictures)
    figures |= consistency_figures(test, pictures)
    figures |= bias_figures(reader(judge), test, pictures)
    if not given.quick:
        save_pictures(test, pictures)
    return report("superres_street", figures, given.quick, ("mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
