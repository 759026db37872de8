"""Does pix2pix draw what was asked, where the stencil says, differently each time, and better
than the same network trained on pixel distance alone? Judged on street scenes that it never saw.

Three sets of unlike scenes: `train` for the generators, `judge` for the two oracles that look at
their pictures, `test` for the requests. Conditions, seeds and kernel distances are measured on
p(x | y, parent), the mode that augments a dataset. The stencil's say is measured on p(x | y): with
the parent in view, a picture could agree with its stencil without ever reading it.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from _condition_oracle import ConditionOracle
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _street_sets import CONDITIONS, Scenes, named, rendered
from numpy.typing import NDArray

from parhelion.generators.pix2pix import Pix2Pix, Pix2PixConfig
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Request, TrainingData
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.features import feature_network
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
from parhelion.sim_adapters.street import StreetConfig

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "pix2pix_street"
PICTURE = ROOT / "docs" / "pix2pix_street.png"

STREET = StreetConfig(seed=8, width=192, height=108, samples=8)
TRAIN = Scenes(first=0, count=30)
JUDGE = Scenes(first=1000, count=12)
TEST = Scenes(first=2000, count=12)
ASKED = tuple(name for name in CONDITIONS if name != "day")

Arm = Literal["gan", "l1"]
Figures = dict[str, Figure]
Look = Callable[[Sequence[Image]], NDArray[np.float32]]  # pictures -> features (n, d)
SETTINGS = Pix2PixConfig(
    steps=2000, layers=("stencil", "instances", "depth", "emissive"), min_frames_per_cell=20
)
ORACLE = SegmenterSettings(width=192, height=112, steps=300)
FULL, QUICK = (1, 2), (1,)  # seeds of training


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of one arm, in the order of the wishes."""

    wishes: Sequence[tuple[str, Frame]]  # condition asked for, day frame of a test scene
    images: list[Image]

    def of(self, name: str) -> list[Image]:
        return [
            image
            for (asked, _), image in zip(self.wishes, self.images, strict=True)
            if asked == name
        ]


def fitted(arm: Arm, seed: int, train: StoredFrames) -> Pix2Pix:
    """The arm trained on all training scenes; taken up where a stopped run left it."""
    part = Pix2Pix(SETTINGS.model_copy(update={"objective": arm}))
    day = train.where(lambda key: key.conditions.cell == "clear/day")
    others = train.where(lambda key: key.conditions.cell != "clear/day")

    def progress(done: int, total: int) -> None:
        if done % 50 == 0:
            print(f"\rtraining {arm}, seed {seed}: {done}/{total}", end="", flush=True)

    work = _work(train) / f"{arm}-{seed}"
    part.fit(TrainingData(source=day, target=others), work, seed, progress)
    print()
    return part


def _work(frames: StoredFrames) -> Path:
    """Where trainings on these frames keep their state."""
    return WORK / digest([key.frame_id for key in frames.keys])[:12]


def drawn(
    part: Pix2Pix,
    wishes: Sequence[tuple[str, Frame]],
    draw: int,
    *,
    alone: bool = False,
    stencils: Sequence[Frame] | None = None,
) -> Drawn:
    """One picture per wish; `alone`: without its parent; `stencils`: y of these, not its own."""
    requests = []
    for i, (name, frame) in enumerate(wishes):
        y = frame if stencils is None else stencils[i]
        asked = CONDITIONS[name]
        requests.append(
            Request(
                conditions=Conditions(weather=asked.weather, hour=asked.hour),
                seed=seed_of("pix2pix_street", frame.frame_id, name, draw),
                draw=draw,
                parent=None if alone else frame,
                annotation=y,
            )
        )
    return Drawn(wishes, [frame.image for frame in part.generate(requests)])


def condition_figures(
    oracle: ConditionOracle, test: StoredFrames, with_parent: Drawn, alone: Drawn
) -> Figures:
    """Which condition the oracle sees, in rendered frames and in drawn ones."""
    true = list(named(test))
    seen = oracle.look([frame.image for _, frame in true]).names
    right = np.mean([a == b for a, (b, _) in zip(seen, true, strict=True)])
    figures = {"oracle right on rendered": Figure(value=100 * float(right), unit="%")}
    for name in ASKED:
        share = np.mean([s == name for s in oracle.look(with_parent.of(name)).names])
        figures[f"{name} seen"] = Figure(value=100 * float(share), unit="%")
    hits = _hits(oracle, with_parent)
    figures["asked condition seen"] = Figure(
        value=100 * float(hits.mean()),
        unit="%",
        interval=_over_groups(100 * hits, with_parent.wishes),
        bar=85,
    )
    figures["asked condition seen, no parent"] = Figure(
        value=100 * float(_hits(oracle, alone).mean()), unit="%"
    )
    return figures


def _hits(oracle: ConditionOracle, pictures: Drawn) -> NDArray[np.float64]:
    seen = oracle.look(pictures.images).names
    return np.array(
        [s == asked for s, (asked, _) in zip(seen, pictures.wishes, strict=True)], float
    )


def stencil_figures(segmenter: Segmenter, own: Drawn, permuted: Drawn) -> Figures:
    """How well pictures agree with the wish's stencil, drawn from it and from another's."""
    agreements = []
    for pictures in (own, permuted):
        agreements.append(
            np.array(
                [
                    100 * agreement(read(segmenter, image, frame, lost=0.0))
                    for image, (_, frame) in zip(pictures.images, pictures.wishes, strict=True)
                ]
            )
        )
    drop = agreements[0] - agreements[1]
    return {
        "stencil agreement, no parent": Figure(value=float(agreements[0].mean()), unit="%"),
        "the same, stencils permuted": Figure(value=float(agreements[1].mean()), unit="%"),
        "drop by permuting stencils": Figure(
            value=float(drop.mean()), unit="points", interval=_over_groups(drop, own.wishes), bar=20
        ),
    }


def seed_figures(first: Drawn, second: Drawn) -> Figures:
    """How far apart two draws of the same wish are."""
    apart = np.array(
        [
            np.abs(a.astype(np.int16) - b).mean()
            for a, b in zip(first.images, second.images, strict=True)
        ]
    )
    return {
        "difference of two seeds": Figure(
            value=float(apart.mean()),
            unit="grey levels",
            interval=_over_groups(apart, first.wishes),
            bar=4,
        )
    }


def _over_groups(
    values: NDArray[np.float64], wishes: Sequence[tuple[str, Frame]]
) -> tuple[float, float] | None:
    """Jackknife interval of the mean, a scene at a time."""
    groups = np.array([frame.group_id for _, frame in wishes])
    without = np.array([values[groups != g].mean() for g in np.unique(groups)])
    return jackknife_interval(float(values.mean()), without)


def kernel_figures(
    network: str, look: Look, arms: dict[Arm, Drawn], test: StoredFrames, judge: StoredFrames
) -> Figures:
    """Kernel distances of both arms to rendered frames of other scenes, mean over conditions.

    The bar is on the difference, whose interval leaves out one scene at a time.
    """
    reference, again = _rows(look, judge), _rows(look, test)
    found = {}
    for arm, pictures in arms.items():
        groups = tuple(frame.group_id for asked, frame in pictures.wishes if asked == ASKED[0])
        rows = {name: Rows(look(pictures.of(name)), groups) for name in ASKED}
        found[arm] = _mean_distance(rows, reference)
    gain, without = (b - a for a, b in zip(found["gan"], found["l1"], strict=True))
    return {
        f"{network}: rendered": Figure(value=_mean_distance(again, reference)[0], note="floor"),
        f"{network}: pix2pix": Figure(value=found["gan"][0]),
        f"{network}: L1 only": Figure(value=found["l1"][0]),
        f"{network}: gain over L1": Figure(
            value=gain, interval=jackknife_interval(gain, without), bar=0
        ),
    }


def _rows(look: Look, frames: StoredFrames) -> dict[str, Rows]:
    sets: dict[str, list[Frame]] = {name: [] for name in ASKED}
    for name, frame in named(frames):
        if name in sets:
            sets[name].append(frame)
    return {
        name: Rows(look([f.image for f in found]), tuple(f.group_id for f in found))
        for name, found in sets.items()
    }


def _mean_distance(
    ours: dict[str, Rows], theirs: dict[str, Rows]
) -> tuple[float, NDArray[np.float64]]:
    """The mean over conditions, and the same without each group."""
    pairs = [leave_one_group_out(ours[name], theirs[name]) for name in ASKED]
    return float(np.mean([v for v, _ in pairs])), np.mean([w for _, w in pairs], axis=0)


def oracles(judge: StoredFrames) -> tuple[ConditionOracle, Segmenter]:
    """What looks at the pictures, trained on rendered frames of scenes used for nothing else."""
    true = list(named(judge))
    condition = ConditionOracle(tuple(CONDITIONS), seed=1)
    condition.fit([frame.image for _, frame in true], [name for name, _ in true])
    classes = common_classes(label_spaces(judge))
    return condition, fit_segmenter([(judge, 1.0)], classes, ORACLE, 1, _work(judge) / "segmenter")


def wishes_of(test: StoredFrames) -> list[tuple[str, Frame]]:
    """Every day frame under every condition but its own."""
    days = [frame for name, frame in named(test) if name == "day"]
    return [(name, frame) for frame in days for name in ASKED]


def others(wishes: Sequence[tuple[str, Frame]]) -> list[Frame]:
    """For each wish a frame of another scene: the batch, moved on by half of its length."""
    half = len(wishes) // 2 // len(ASKED) * len(ASKED)
    return [frame for _, frame in (*wishes[half:], *wishes[:half])]


def measured(part: dict[Arm, Pix2Pix], test: StoredFrames, judge: StoredFrames) -> Figures:
    """All figures of one pair of arms."""
    wishes = wishes_of(test)
    condition, segmenter = oracles(judge)
    first, second = (drawn(part["gan"], wishes, draw) for draw in (0, 1))
    l1 = drawn(part["l1"], wishes, 0)
    alone = drawn(part["gan"], wishes, 0, alone=True)
    permuted = drawn(part["gan"], wishes, 0, alone=True, stencils=others(wishes))
    save_pictures(first, l1, alone, test)
    arms: dict[Arm, Drawn] = {"gan": first, "l1": l1}
    mobilenet = feature_network(MOBILENET)
    return (
        condition_figures(condition, test, first, alone)
        | stencil_figures(segmenter, alone, permuted)
        | seed_figures(first, second)
        | kernel_figures("KID, MobileNetV2", mobilenet, arms, test, judge)
        | kernel_figures(
            "kernel distance, oracle", lambda x: condition.look(x).features, arms, test, judge
        )
    )


def save_pictures(gan: Drawn, l1: Drawn, alone: Drawn, test: StoredFrames) -> None:
    """The first test scenes: parent, stencil, and each condition drawn beside its rendered twin."""
    twins = {(frame.provenance.twin_id, name): frame.image for name, frame in named(test)}
    rows, spread = [], len(ASKED) * TEST.views
    for i in range(0, 3 * spread, spread):
        parent = gan.wishes[i][1]
        blank = np.full_like(parent.image, 255)
        assert parent.stencil is not None
        true = [twins[parent.provenance.twin_id, name] for name in ASKED]
        here = slice(i, i + len(ASKED))
        rows += [
            [parent.image, *gan.images[here]],
            [colourise(parent.stencil), *true],
            [blank, *alone.images[here]],
            [blank, *l1.images[here]],
        ]
    write_grid(PICTURE, ("parent / stencil", *ASKED), rows)


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--quality", choices=("preview", "full"), default="full")
    given = parser.parse_args()
    one_thread()
    street = STREET.model_copy(update={"quality": given.quality})
    train, judge, test = (rendered(scenes, street) for scenes in (TRAIN, JUDGE, TEST))
    figures: Figures = {}
    for seed in QUICK if given.quick else FULL:
        parts: dict[Arm, Pix2Pix] = {arm: fitted(arm, seed, train) for arm in ("gan", "l1")}
        found = measured(parts, test, judge)
        figures |= {f"seed {seed}: {name}": figure for name, figure in found.items()}
    return report("pix2pix_street", figures, given.quick, ("mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
