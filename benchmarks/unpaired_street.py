"""Day to night and clear to snow without pairs: what CycleGAN and CyCADA keep of the labels.

The domains are frames of different streets: labelled clear days, and unlabelled frames under the
other sky. Day frames of streets that nobody saw are carried over; an oracle that was trained on
true frames of the target says how much of the parent's stencil it still reads there, another which
sky it sees, and kernel distances to true frames how near the pictures came. The weights of losses,
the crops and the noise were chosen on eight streets that are not judged here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _condition_oracle import ConditionOracle
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _street_sets import CONDITIONS, Scenes, named, rendered

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Generator, Request, TrainingData
from parhelion.pipeline.downstream_scores import CellCounts, evaluate, leave_one_out, values
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.features import TorchNetwork, feature_network
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.frame_list import FrameList
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
from parhelion.sim_adapters.street import StreetConfig

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "unpaired_street"
PICTURE = ROOT / "docs" / "unpaired_street.png"

STREET = StreetConfig(seed=8, width=192, height=108, samples=8)
SKIES = ("night", "snow")
SEEN = ("day", *SKIES)
X = Scenes(first=0, count=30, named=("day",))
Y = Scenes(first=3000, count=30, named=SKIES)
JUDGE = Scenes(first=1000, count=40, named=SEEN)
TEST = Scenes(first=2000, count=12, named=SEEN)
ORACLE = SegmenterSettings(width=192, height=112, steps=800)
ARMS = ("cyclegan", "cycada")
STEPS = 2000
KEPT_MORE = 10.0  # points of mean IoU

Figures = dict[str, Figure]


def of(frames: StoredFrames, name: str) -> StoredFrames:
    """The frames under one named condition."""
    asked = CONDITIONS[name]
    cell = Conditions(weather=asked.weather, hour=asked.hour).cell
    return frames.where(lambda key: key.conditions.cell == cell)


def fitted(arm: str, sky: str, x: StoredFrames, y: StoredFrames, steps: int) -> Generator:
    """The arm trained on both domains; taken up where a stopped run left it."""
    part: Generator = parts.build("generators", arm, steps=steps)

    def progress(done: int, total: int) -> None:
        if done % 50 == 0:
            print(f"\rtraining {arm}, {sky}: {done}/{total}", end="", flush=True)

    data = TrainingData(source=x, target=of(y, sky))
    work = WORK / digest([key.frame_id for s in (x, y) for key in s.keys])[:12] / f"{arm}-{sky}"
    found = part.fit(data, work, 1, progress)
    print(*(f"\n{ailment.sentence}" for ailment in found.ailments))
    return part


def carried(part: Generator, parents: Sequence[Frame], sky: str) -> list[Frame]:
    """Every parent under the other sky."""
    asked = CONDITIONS[sky]
    requests = [
        Request(
            parent=parent,
            conditions=Conditions(weather=asked.weather, hour=asked.hour),
            seed=seed_of("unpaired_street", parent.frame_id, sky),
        )
        for parent in parents
    ]
    return list(part.generate(requests))


def reader(judge: StoredFrames, sky: str) -> Segmenter:
    """An oracle of labels, trained on true frames of the sky."""
    frames = of(judge, sky)
    classes = common_classes(label_spaces(frames))
    work = WORK / digest([key.frame_id for key in frames.keys])[:12]
    return fit_segmenter([(frames, 1.0)], classes, ORACLE, 1, work)


def label_figures(segmenter: Segmenter, sky: str, sets: dict[str, Sequence[Frame]]) -> Figures:
    """Mean IoU of the oracle's reading with the stencils, and what CyCADA keeps more."""
    counts = {name: _counts(segmenter, frames) for name, frames in sets.items()}
    figures = {}
    for name, cell in counts.items():
        value, without = _mean_iou(cell)
        figures[f"{sky}: labels read, {name}"] = Figure(
            value=value, unit="% mean IoU", interval=jackknife_interval(value, without)
        )
    (ours, left), (theirs, right) = (_mean_iou(counts[arm]) for arm in reversed(ARMS))
    figures[f"{sky}: CyCADA keeps more by"] = Figure(
        value=ours - theirs,
        unit="points",
        interval=jackknife_interval(ours - theirs, left - right),
        bar=KEPT_MORE,
    )
    return figures


def _counts(segmenter: Segmenter, frames: Sequence[Frame]) -> CellCounts:
    (counts,) = evaluate(segmenter, FrameList(frames)).values()
    return counts


def _mean_iou(counts: CellCounts) -> tuple[float, np.ndarray]:
    return 100 * float(values(counts.counts)[-1]), 100 * leave_one_out(counts.counts)[:, -1]


def sky_figures(oracle: ConditionOracle, sky: str, sets: dict[str, Sequence[Frame]]) -> Figures:
    """In how many pictures the oracle sees the sky that was asked for."""
    return {
        f"{sky}: sky seen, {name}": Figure(
            value=100 * float(np.mean([s == sky for s in oracle.look(_images(frames)).names])),
            unit="%",
        )
        for name, frames in sets.items()
    }


def distance_figures(
    network: TorchNetwork, sky: str, sets: dict[str, Sequence[Frame]], judge: StoredFrames
) -> Figures:
    """Kernel distances to true frames of other streets; the true test frames are the floor."""
    true = _rows(network, list(of(judge, sky)))
    figures = {}
    for name, frames in sets.items():
        value, without = leave_one_group_out(_rows(network, frames), true)
        figures[f"{sky}: KID on MobileNetV2, {name}"] = Figure(
            value=value, interval=jackknife_interval(value, without)
        )
    return figures


def _rows(network: TorchNetwork, frames: Sequence[Frame]) -> Rows:
    return Rows(network(_images(frames)), tuple(frame.group_id for frame in frames))


def _images(frames: Sequence[Frame]) -> list[Image]:
    return [frame.image for frame in frames]


def condition_oracle(judge: StoredFrames) -> ConditionOracle:
    """What tells the skies apart, trained on true frames of streets used for nothing else."""
    true = [(name, frame) for name, frame in named(judge) if name in SEEN]
    oracle = ConditionOracle(SEEN, seed=1)
    oracle.fit([frame.image for _, frame in true], [name for name, _ in true])
    return oracle


def save_pictures(drawn: dict[str, dict[str, Sequence[Frame]]]) -> None:
    """Test streets: parent and stencil, then both arms and the true twin under every sky."""
    names = ("parent", *ARMS, "true")
    rows = []
    for sky, sets in drawn.items():
        for i in range(0, 8, 2):
            parent = sets["parent"][i]
            assert parent.stencil is not None
            pictures = [sets[name][i].image for name in names]
            rows.append([*pictures, colourise(parent.stencil)])
        print(f"{sky}: {len(sets['parent'])} parents")
    write_grid(PICTURE, (*names, "stencil"), rows)


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=STEPS, help="of every training")
    parser.add_argument("--skies", nargs="+", choices=SKIES, default=SKIES)
    given = parser.parse_args()
    one_thread()
    x, y, judge, test = (rendered(scenes, STREET) for scenes in (X, Y, JUDGE, TEST))
    parents = list(of(test, "day"))
    oracle, network = condition_oracle(judge), feature_network(MOBILENET)
    figures: Figures = {}
    drawn: dict[str, dict[str, Sequence[Frame]]] = {}
    for sky in given.skies[:1] if given.quick else given.skies:
        arms = {arm: fitted(arm, sky, x, y, given.steps) for arm in ARMS}
        ours = {arm: carried(part, parents, sky) for arm, part in arms.items()}
        drawn[sky] = {"parent": parents, **ours, "true": list(of(test, sky))}
        judged = {name: frames for name, frames in drawn[sky].items() if name != "parent"}
        figures |= label_figures(reader(judge, sky), sky, judged)
        figures |= sky_figures(oracle, sky, drawn[sky])
        figures |= distance_figures(network, sky, drawn[sky], judge)
    save_pictures(drawn)
    return report("unpaired_street", figures, given.quick, ("mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
