"""Are holes of street frames filled better than OpenCV fills them, and are things that were put in
seen by somebody else?

Holes: thin and wide strokes, one half, and all but the middle. Each filling is compared with the
true picture in the features of MobileNetV2, picture by picture. `repaint` is told the labels of
what is hidden, and OpenCV is not; so a third filling is told them too: the mean colour of each
class in what is left of the picture.

Then cars and people of other streets are put into frames. A second segmenter, of another
architecture and trained on frames of other streets, looks for them, for true ones, and in the same
places before anything was put there.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _second_segmenter import SecondSegmenter, kind_of
from _street_ddpm import DRAWING, TRAIN, street_ddpm, streets
from _street_sets import CONDITIONS, Scenes, named
from numpy.typing import NDArray

from parhelion.generators.insert import Insert, InsertConfig
from parhelion.generators.repaint import Repaint, RepaintConfig
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.features import TorchNetwork, feature_network
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.jackknife import jackknife_interval
from parhelion.pipeline.pretrained import MOBILENET
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest, rng, seed_of
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.threads import one_thread

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "repaint_street"
PICTURE = ROOT / "docs" / "repaint_street.png"

JUDGE = Scenes(first=1000, count=30)
TEST = Scenes(first=2000, count=8, views=1)
CLOSED = {"Telea": cv2.INPAINT_TELEA, "Navier-Stokes": cv2.INPAINT_NS}
MEANS = "class means"
RADIUS_PX = 3  # of OpenCV's inpainting
PUT_IN = {"person": SceneClass.HUMAN, "car": SceneClass.VEHICLE}
REPAINT = {"sigma_min": DRAWING["sigma_min"], "draw_precision": "auto", "min_frames_per_cell": 2}
LEAST_PX = {"person": 12, "car": 40}  # of a thing that is looked for
SEEDS = 3  # things of each kind that are put into a frame, one at a time
FOUND = 90.0  # percent

Figures = dict[str, Figure]
Mask = NDArray[np.bool_]


def thin(size: tuple[int, int], random: np.random.Generator) -> Mask:
    """Lines a few pixels wide."""
    return _strokes(size, random, count=12, width=3)


def wide(size: tuple[int, int], random: np.random.Generator) -> Mask:
    """Lines as wide as a car."""
    return _strokes(size, random, count=4, width=15)


def half(size: tuple[int, int], random: np.random.Generator) -> Mask:
    """The left or the right half."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[:, : size[1] // 2] = True
    return mask if random.random() < 0.5 else ~mask


def expand(size: tuple[int, int], random: np.random.Generator) -> Mask:
    """All but a window of half the height and width."""
    mask = np.ones(size, dtype=np.bool_)
    height, width = size
    mask[height // 4 : height - height // 4, width // 4 : width - width // 4] = False
    return mask


MASKS: dict[str, Callable[[tuple[int, int], np.random.Generator], Mask]] = {
    "thin": thin,
    "wide": wide,
    "half": half,
    "expand": expand,
}


def _strokes(size: tuple[int, int], random: np.random.Generator, count: int, width: int) -> Mask:
    canvas = np.zeros(size, dtype=np.uint8)
    for _ in range(count):
        (y0, y1), (x0, x1) = (random.integers(0, side, 2).tolist() for side in size)
        cv2.line(canvas, (x0, y0), (x1, y1), 255, width)
    return canvas > 0


def filled(part: Repaint, frames: Sequence[Frame], masks: Sequence[Mask]) -> list[Image]:
    """The holes drawn anew, of the frames' own labels."""
    requests = [
        Request(
            conditions=frame.conditions,
            seed=seed_of("repaint_street", frame.frame_id),
            parent=frame,
            mask=mask,
        )
        for frame, mask in zip(frames, masks, strict=True)
    ]
    return [frame.image for frame in part.generate(requests)]


def hole_figures(
    part: Repaint, network: TorchNetwork, frames: Sequence[Frame], shown: list[list[Image]]
) -> Figures:
    """Distances to the true pictures by kind of hole, and how much nearer ours are."""
    truth = network([frame.image for frame in frames])
    groups = np.array([frame.group_id for frame in frames])
    figures, changed = {}, 0
    for kind, make in MASKS.items():
        masks = [make(f.size, rng("repaint_street", kind, f.frame_id)) for f in frames]
        ours = filled(part, frames, masks)
        sets = {"repaint": ours} | {
            name: [_closed(f.image, m, how) for f, m in zip(frames, masks, strict=True)]
            for name, how in CLOSED.items()
        }
        sets[MEANS] = [_class_means(f, m) for f, m in zip(frames, masks, strict=True)]
        for frame, mask, image in zip(frames, masks, ours, strict=True):
            changed += int((image[~mask] != frame.image[~mask]).sum())
        apart = {n: np.linalg.norm(network(i) - truth, axis=1) for n, i in sets.items()}
        for name, values in apart.items():
            figures[f"{kind}: features from the true ones, {name}"] = _mean(values, groups)
        for name in (*CLOSED, MEANS):
            figures[f"{kind}: nearer than {name} by"] = _mean(
                apart[name] - apart["repaint"], groups, bar=0.0
            )
        shown += [
            [f.image, _holed(f.image, m), *(images[i] for images in sets.values())]
            for i, (f, m) in enumerate(zip(frames, masks, strict=True))
            if i in (1, 7)
        ]
    figures["known grey levels that changed"] = Figure(value=changed, bar=0, sense="at most")
    return figures


def _closed(image: Image, mask: Mask, how: int) -> Image:
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS_PX, how), dtype=np.uint8)


def _class_means(frame: Frame, mask: Mask) -> Image:
    """The hole in the mean colour of each class outside of it, or of all where there is none."""
    assert frame.stencil is not None
    out, left = frame.image.copy(), ~mask
    for c in np.unique(frame.stencil[mask]):
        same = left & (frame.stencil == c)
        colour = frame.image[same if same.any() else left].mean(axis=0)
        out[mask & (frame.stencil == c)] = colour.round().astype(np.uint8)
    return out


def _holed(image: Image, mask: Mask) -> Image:
    out = image.copy()
    out[mask] = 128
    return out


def _mean(
    values: NDArray[np.float64], groups: NDArray[np.str_], bar: float | None = None
) -> Figure:
    """The mean, a scene left out at a time."""
    without = np.array([values[groups != g].mean() for g in np.unique(groups)])
    value = float(values.mean())
    return Figure(value=value, interval=jackknife_interval(value, without), bar=bar)


def inserted(
    folder: Path, train: StoredFrames, frames: Sequence[Frame], name: str
) -> list[tuple[Frame, Frame]]:
    """Frames with something put in, each after its parent; those without room are left out."""
    config = InsertConfig(classes=(PUT_IN[name],), repaint={"trained": str(folder), **REPAINT})
    part = Insert(config)
    part.fit(TrainingData(source=train), WORK / f"insert-{name}", 1)
    asked = []
    for frame, k in product(frames, range(SEEDS)):
        seed = seed_of("repaint_street", "insert", name, frame.frame_id, k)
        request = Request(conditions=frame.conditions, seed=seed, parent=frame)
        try:
            part.composed(request)
            asked.append(request)
        except CannotHonour as error:
            print(f"{name}: {error}")
    drawn = part.generate(asked)
    parents = (request.parent for request in asked if request.parent is not None)
    return list(zip(parents, drawn, strict=True))


def found_figures(
    judge: SecondSegmenter, name: str, pairs: Sequence[tuple[Frame, Frame]], true: Sequence[Frame]
) -> Figures:
    """How many of the things put in the second segmenter finds, how many of true ones, and how many
    it finds where nothing has been put yet.
    """
    kind, least = PUT_IN[name], LEAST_PX[name]
    large = [(a, b, new) for a, b in pairs if (new := _new(a, b)).sum() >= least]
    theirs = [
        (frame, where)
        for frame in true
        for thing in frame.objects
        if kind_of(thing.category) is kind
        and frame.instances is not None
        and (where := frame.instances == thing.instance).sum() >= least
    ]
    after = [(b.group_id, judge.finds(b.image, new, kind)) for _, b, new in large]
    before = [(a.group_id, judge.finds(a.image, new, kind)) for a, _, new in large]
    others = [(frame.group_id, judge.finds(frame.image, where, kind)) for frame, where in theirs]
    return {
        f"{name}s put in and found": _share(after, FOUND),
        f"{name}s found there before": _share(before),
        f"true {name}s found": _share(others),
    }


def _share(found: Sequence[tuple[str, bool]], bar: float | None = None) -> Figure:
    """Percent that were found, a scene left out at a time; 0 of none."""
    hits, note = np.array([100.0 * hit for _, hit in found]), f"of {len(found)}"
    if len({group for group, _ in found}) < 2:
        value = float(hits.mean()) if found else 0.0
        return Figure(value=value, unit="%", bar=bar, note=f"{note}, of one street at most")
    figure = _mean(hits, np.array([group for group, _ in found]), bar)
    return replace(figure, unit="%", note=note)


def _new(before: Frame, after: Frame) -> Mask:
    """(H, W): pixels of what was put in."""
    assert before.instances is not None
    assert after.instances is not None
    return (after.instances != before.instances) & (after.instances > 0)


def main() -> int:
    given = arguments(__doc__ or "").parse_args()
    one_thread()
    quick = given.quick
    train = streets(Scenes(first=0, count=2) if quick else TRAIN)
    judges, test = (streets(scenes) for scenes in (JUDGE, TEST))
    folder = street_ddpm(train, 20) if quick else street_ddpm(train)
    part = Repaint(RepaintConfig(trained=str(folder), **REPAINT))
    part.fit(TrainingData(source=train), WORK / "repaint", 1)
    frames = [frame for _, frame in named(test)]
    shown: list[list[Image]] = []
    some = frames[: 2 * len(CONDITIONS)] if quick else frames
    figures = hole_figures(part, feature_network(MOBILENET), some, shown)
    judge = SecondSegmenter(seed=7)
    steps = 20 if quick else 1500
    looked = digest([key.frame_id for key in judges.keys], steps)[:12]
    judge.fit(judges, WORK / f"segmenter-{looked}.safetensors", steps)
    for name in PUT_IN:
        pairs = inserted(folder, train, some, name)
        figures |= found_figures(judge, name, pairs, frames)
        shown += [[a.image, b.image, _enlarged(b.image, _new(a, b))] for a, b in pairs[:4]]
    save_picture(shown)
    return report("repaint_street", figures, quick, ("diffusers", "mitsuba", "numpy", "torch"))


def _enlarged(image: Image, where: Mask) -> Image:
    """The surroundings of what was put in, as large as the frame."""
    rows, columns = np.nonzero(where)
    height, width = image.shape[:2]
    top = int(np.clip(rows.mean() - height / 6, 0, height - height / 3))
    left = int(np.clip(columns.mean() - width / 6, 0, width - width / 3))
    cut = image[top : top + height // 3, left : left + width // 3]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def save_picture(rows: list[list[Image]]) -> None:
    """Holes with their fillings, then frames before and after something was put in."""
    blank = np.full_like(rows[0][0], 255)
    most = max(len(row) for row in rows)
    names = ("true", "hole, or put in", "repaint, or close", *CLOSED, MEANS)
    write_grid(PICTURE, names, [[*row, *[blank] * (most - len(row))] for row in rows])


if __name__ == "__main__":
    sys.exit(main())
