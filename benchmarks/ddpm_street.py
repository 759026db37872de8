"""Diffusion and pix2pix side by side: pictures of the same street annotations, which neither saw.

Both learn p(x | y) from the same frames and draw every annotation under every condition, from
several seeds. Kernel distances stand beside that of true frames; an oracle of labels and one of
conditions, trained on true frames of other streets, say what they read in the pictures. Distances
are by the network of features that both were trained to please, and by one that nobody was (`make
features`).
"""

import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from _condition_oracle import ConditionOracle
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _second_features import second_features
from _street_ddpm import CLOCK, HEIGHT, TRAIN, WIDTH, drawer, street_ddpm, streets
from _street_sets import CONDITIONS, Scenes, named
from _training_clock import TrainingClock
from numpy.typing import NDArray
from pix2pix_street import SETTINGS as PIX2PIX

from parhelion.generators.pix2pix import Pix2Pix
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Generator, Request, TrainingData
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.features import TorchNetwork, feature_network
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.gate_scores import agreement, read
from parhelion.pipeline.jackknife import jackknife_interval
from parhelion.pipeline.kid import leave_one_group_out
from parhelion.pipeline.pretrained import MOBILENET
from parhelion.pipeline.scene_class import colourise
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

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "ddpm_street"
PICTURE = ROOT / "docs" / "ddpm_street.png"
CALLS_PICTURE = ROOT / "docs" / "ddpm_street_calls.png"

JUDGE = Scenes(first=1000, count=20)
TEST = Scenes(first=2000, count=12)
DRAWS = 3  # seeds of every annotation under every condition
ARMS = ("ddpm", "pix2pix")
PIX2PIX_STEPS = 4000
ORACLE = SegmenterSettings(width=WIDTH, height=HEIGHT + -HEIGHT % 16, steps=300)
SHOWN = 2  # test scenes on the picture, and as many failures
CALLS = (5, 10, 15, 25, 50)  # of the network, on the other picture

Figures = dict[str, Figure]
Wish = tuple[str, Frame]  # condition asked for, and the true frame whose annotation is drawn


def pix2pix(train: StoredFrames, steps: int) -> tuple[Pix2Pix, float]:
    """Trained on the same frames, without parents; taken up where a stopped run left it. And the
    processor minutes that this took.
    """
    settings = {"uses_parent": False, "steps": steps, "min_frames_per_cell": 2}
    part = Pix2Pix(PIX2PIX.model_copy(update=settings))
    work = WORK / digest(part.VERSION, part.config, [key.frame_id for key in train.keys])[:12]
    clock = TrainingClock("pix2pix", work / CLOCK)
    part.fit(TrainingData(source=train), work, 1, clock)
    print()
    return part, clock.seconds / 60


def drawn(part: Generator, wishes: Sequence[Wish], draw: int) -> list[Image]:
    """One picture per wish, from another seed for every draw; equal for all generators."""
    requests = [
        Request(
            conditions=Conditions(weather=CONDITIONS[name].weather, hour=CONDITIONS[name].hour),
            seed=seed_of("ddpm_street", frame.frame_id, name, draw),
            draw=draw,
            annotation=frame,
        )
        for name, frame in wishes
    ]
    return [frame.image for frame in part.generate(requests)]


def over_groups(values: NDArray[np.float64], wishes: Sequence[Wish]) -> NDArray[np.float64]:
    """The mean without each scene."""
    groups = np.array([frame.group_id for _, frame in wishes])
    return np.array([values[groups != g].mean() for g in np.unique(groups)])


def mean_figure(
    values: NDArray[np.float64], wishes: Sequence[Wish], unit: str, bar: float | None = None
) -> Figure:
    """The mean, a scene left out at a time."""
    value = float(values.mean())
    interval = jackknife_interval(value, over_groups(values, wishes))
    return Figure(value=value, unit=unit, interval=interval, bar=bar)


def distance_figures(
    features: str,
    network: TorchNetwork,
    sets: dict[str, list[Image]],
    wishes: Sequence[Wish],
    judge: StoredFrames,
) -> Figures:
    """Kernel distances to true frames of other streets, mean over conditions."""
    reference = {name: [f for n, f in named(judge) if n == name] for name in CONDITIONS}
    true = {name: _rows(network, [f.image for f in fs], fs) for name, fs in reference.items()}
    found, figures = {}, {}
    for arm, images in sets.items():
        pairs = []
        for name in CONDITIONS:
            mine = [i for i, (asked, _) in enumerate(wishes) if asked == name]
            frames = [wishes[i][1] for i in mine]
            rows = _rows(network, [images[i] for i in mine], frames)
            pairs.append(leave_one_group_out(rows, true[name]))
        value = float(np.mean([v for v, _ in pairs]))
        found[arm] = value, np.mean([without for _, without in pairs], axis=0)
        interval = jackknife_interval(*found[arm])
        note = "floor" if arm == "true" else ""
        figures[f"KID on {features}, {arm}"] = Figure(value=value, interval=interval, note=note)
    gain, without = (b - a for a, b in zip(found["ddpm"], found["pix2pix"], strict=True))
    figures[f"ddpm nearer by, {features}"] = Figure(
        value=gain, interval=jackknife_interval(gain, without), bar=0.0
    )
    return figures


def _rows(network: TorchNetwork, images: Sequence[Image], frames: Sequence[Frame]) -> Rows:
    return Rows(network(images), tuple(frame.group_id for frame in frames))


def label_figures(
    segmenter: Segmenter, sets: dict[str, list[Image]], wishes: Sequence[Wish]
) -> tuple[Figures, dict[str, NDArray[np.float64]]]:
    """How well pictures agree with the stencils that they were drawn from, by condition."""
    figures, found = {}, {}
    for arm, images in sets.items():
        values = np.array(
            [
                100 * agreement(read(segmenter, image, frame, lost=0.0))
                for image, (_, frame) in zip(images, wishes, strict=True)
            ]
        )
        found[arm] = values
        figures[f"stencil agreement, {arm}"] = mean_figure(values, wishes, "%")
        for name in CONDITIONS:
            mine = [i for i, (asked, _) in enumerate(wishes) if asked == name]
            some = [wishes[i] for i in mine]
            figures[f"stencil agreement, {arm}, {name}"] = mean_figure(values[mine], some, "%")
    return figures, found


def condition_figures(
    oracle: ConditionOracle, sets: dict[str, list[Image]], wishes: Sequence[Wish]
) -> Figures:
    """In how many pictures the oracle sees the condition that was asked for."""
    figures = {}
    for arm, images in sets.items():
        seen = oracle.look(images).names
        hits = np.array([100.0 * (s == a) for s, (a, _) in zip(seen, wishes, strict=True)])
        figures[f"condition seen, {arm}"] = mean_figure(hits, wishes, "%")
    return figures


def diversity_figures(
    network: TorchNetwork, draws: dict[str, list[list[Image]]], wishes: Sequence[Wish]
) -> Figures:
    """How far apart pictures of one annotation are: grey levels, and features."""
    figures, by_arm = {}, {}
    for arm, sets in draws.items():
        grey = [np.stack(images).astype(np.int16) for images in sets]
        looked = [network(images) for images in sets]
        pairs = list(combinations(range(len(sets)), 2))
        levels = np.mean([np.abs(grey[a] - grey[b]).mean((1, 2, 3)) for a, b in pairs], axis=0)
        apart = np.mean([np.linalg.norm(looked[a] - looked[b], axis=1) for a, b in pairs], axis=0)
        by_arm[arm] = apart
        figures[f"two seeds apart, {arm}"] = mean_figure(levels, wishes, "grey levels")
        figures[f"features of two seeds apart, {arm}"] = mean_figure(apart, wishes, "")
    more = by_arm["ddpm"] - by_arm["pix2pix"]
    figures["ddpm's features farther apart by"] = mean_figure(more, wishes, "", bar=0.0)
    return figures


def save_picture(
    draws: dict[str, list[list[Image]]],
    agreements: dict[str, NDArray[np.float64]],
    wishes: Sequence[Wish],
) -> None:
    """First scenes under every condition, then those whose labels diffusion kept worst."""
    each = len(CONDITIONS) * TEST.views
    first = [i for s in range(SHOWN) for i in range(s * each, s * each + len(CONDITIONS))]
    rows = []
    for i in (*first, *_worst(agreements["ddpm"], wishes, first)):
        _, frame = wishes[i]
        assert frame.stencil is not None
        drawn_ones = [draws[arm][k][i] for arm in ARMS for k in range(2)]
        rows.append([colourise(frame.stencil), frame.image, *drawn_ones])
    names = ("stencil", "true", *(f"{arm}, seed {k}" for arm in ARMS for k in (1, 2)))
    write_grid(PICTURE, names, rows)


def _worst(
    agreement: NDArray[np.float64], wishes: Sequence[Wish], shown: Sequence[int]
) -> list[int]:
    """The wishes of least agreement, each of another street than those before and than `shown`."""
    streets = {wishes[i][1].group_id for i in shown}
    found: list[int] = []
    for i in np.argsort(agreement).tolist():
        if (street := wishes[i][1].group_id) not in streets and len(found) < 2 * SHOWN:
            streets.add(street)
            found.append(i)
    return found


def save_calls_picture(folder: Path, wishes: Sequence[Wish]) -> None:
    """One scene under every condition, from the same seeds in more and more calls."""
    some = wishes[: len(CONDITIONS)]
    columns = [[frame.image for _, frame in some]]
    for calls in CALLS:
        part = drawer(folder)
        part.config = part.config.model_copy(update={"calls": calls})
        columns.append(drawn(part, some, 0))
    rows = list(zip(*columns, strict=True))
    write_grid(CALLS_PICTURE, ("true", *(f"{calls} calls" for calls in CALLS)), rows)


def main() -> int:
    given = arguments(__doc__ or "").parse_args()
    one_thread()
    network, second = feature_network(MOBILENET), second_features()
    train_scenes = Scenes(first=0, count=2) if given.quick else TRAIN
    test_scenes = Scenes(first=TEST.first, count=2) if given.quick else TEST
    train, judge, test = (streets(scenes) for scenes in (train_scenes, JUDGE, test_scenes))
    wishes: list[Wish] = list(named(test))
    folder = street_ddpm(train, 20) if given.quick else street_ddpm(train)
    rival, minutes = pix2pix(train, 20 if given.quick else PIX2PIX_STEPS)
    arms: dict[str, Generator] = {"ddpm": drawer(folder), "pix2pix": rival}
    draws = {arm: [drawn(part, wishes, k) for k in range(DRAWS)] for arm, part in arms.items()}
    sets = {arm: images[0] for arm, images in draws.items()}
    sets["true"] = [frame.image for _, frame in wishes]
    classes = common_classes(label_spaces(judge))
    work = WORK / "oracles" / digest([key.frame_id for key in judge.keys])[:12]
    segmenter = fit_segmenter([(judge, 1.0)], classes, ORACLE, 1, work)
    oracle = ConditionOracle(tuple(CONDITIONS), seed=1)
    true = list(named(judge))
    oracle.fit([frame.image for _, frame in true], [name for name, _ in true])
    clock = TrainingClock("ddpm", folder.parent / CLOCK)
    figures = {
        "training, ddpm": Figure(value=clock.seconds / 60, unit="CPU min"),
        "training, pix2pix": Figure(value=minutes, unit="CPU min"),
    }
    figures |= distance_figures("MobileNetV2", network, sets, wishes, judge)
    figures |= distance_figures("EfficientNet", second, sets, wishes, judge)
    labels, agreements = label_figures(segmenter, sets, wishes)
    figures |= labels | condition_figures(oracle, sets, wishes)
    figures |= diversity_figures(network, draws, wishes)
    save_picture(draws, agreements, wishes)
    save_calls_picture(folder, wishes)
    return report("ddpm_street", figures, given.quick, ("diffusers", "mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
