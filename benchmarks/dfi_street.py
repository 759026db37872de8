"""Does Deep Feature Interpolation carry clear day into dusk, and do the labels hold?

Four sets of unlike scenes: day frames and dusk frames at hand (no scene in both), `judge` for the
two oracles, `test` for the parents. The condition oracle knows day, dusk and night. Labels are read
back by a segmentation oracle trained on true frames of day and dusk: its agreement with the stencil
on the drawn picture is held against its agreement on the true parent. The parent's true twin at
dusk is read too, for comparison; nothing else ever sees it. Rendered sets, oracle and drawn frames
are kept under runs/, so a stopped run goes on.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from _condition_oracle import ConditionOracle
from _figures import Figure, arguments, report
from _picture_grid import write_grid
from _street_sets import ALSO, Scenes, named, rendered
from numpy.typing import NDArray

from parhelion.generators.dfi import Dfi, DfiConfig
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Request, TrainingData
from parhelion.pipeline.files import write_bytes
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.gate_scores import agreement, read
from parhelion.pipeline.jackknife import jackknife_interval
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
WORK = ROOT / "runs" / "dfi_street"
PICTURE = ROOT / "docs" / "dfi_street.png"

STREET = StreetConfig(seed=15, width=192, height=108, samples=6)
DAYS = Scenes(first=0, count=30, named=("day",))
DUSKS = Scenes(first=500, count=30, named=("dusk",))
JUDGE = Scenes(first=2000, count=25, named=("day", "dusk", "night"))
TEST = Scenes(first=3000, count=25, named=("day", "dusk"))  # two views each: 50 parents
DUSK = Conditions(weather=ALSO["dusk"].weather, hour=ALSO["dusk"].hour)
SETTINGS = DfiConfig()
ORACLE = SegmenterSettings(width=192, height=112, steps=300)
FULL, QUICK = (1, 2), (1,)  # seeds of neighbours and distance
SHOWN = 6  # scenes in the picture

Figures = dict[str, Figure]


def fitted(seed: int) -> tuple[Dfi, str]:
    """The frames at hand, read and kept; and the digest of what is kept."""
    part = Dfi(SETTINGS)
    sets = TrainingData(source=rendered(DAYS, STREET), target=rendered(DUSKS, STREET))
    work = WORK / digest([k.frame_id for s in (sets.source, sets.target) if s for k in s.keys])[:12]
    return part, part.fit(sets, work / f"fit-{seed}", seed).checkpoint_sha256


def drawn(
    part: Dfi, kept: str, parents: Sequence[Frame], seed: int
) -> tuple[list[Image], list[float]]:
    """Each parent at dusk, and the CPU seconds of those that did not lie there from before."""
    images, seconds = [], []
    for parent in parents:
        request = Request(
            conditions=DUSK, seed=seed_of("dfi_street", parent.frame_id, seed), parent=parent
        )
        name = digest(part.VERSION, part.config, kept, parent.content_sha256, request.record())[:24]
        path = WORK / "drawn" / f"{name}.png"
        if not path.is_file():
            began = time.process_time()
            image = next(iter(part.generate([request]))).image
            seconds.append(time.process_time() - began)
            write_bytes(path, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
            print(f"\rseed {seed}: {len(images) + 1}/{len(parents)}", end="", flush=True)
        images.append(cv2.imread(str(path))[..., ::-1].copy())
    return images, seconds


def condition_oracle(judge: StoredFrames) -> ConditionOracle:
    """What tells day, dusk and night apart, trained on scenes used for nothing else."""
    true = list(named(judge))
    oracle = ConditionOracle(JUDGE.named, seed=1)
    oracle.fit([frame.image for _, frame in true], [name for name, _ in true])
    return oracle


def label_oracle(judge: StoredFrames) -> Segmenter:
    """What reads stencils back, trained on true frames of both conditions."""
    true = judge.where(lambda key: key.conditions.time_of_day.value != "night")
    classes = common_classes(label_spaces(true))
    work = WORK / f"segmenter-{digest([key.frame_id for key in true.keys])[:12]}"
    return fit_segmenter([(true, 1.0)], classes, ORACLE, 1, work)


def over_groups(
    values: NDArray[np.float64], parents: Sequence[Frame]
) -> tuple[float, float] | None:
    """Jackknife interval of the mean, a scene at a time."""
    groups = np.array([parent.group_id for parent in parents])
    without = np.array([values[groups != g].mean() for g in np.unique(groups)])
    return jackknife_interval(float(values.mean()), without)


def flip_figures(
    oracle: ConditionOracle, parents: Sequence[Frame], twins: Sequence[Frame], images: list[Image]
) -> Figures:
    """How often the condition oracle sees dusk: in parents, in drawn frames, in true twins."""

    def dusk(pictures: Sequence[Image]) -> NDArray[np.float64]:
        return np.array([100.0 * (name == "dusk") for name in oracle.look(pictures).names])

    before, after, true = (
        dusk(p) for p in ([f.image for f in parents], images, [f.image for f in twins])
    )
    flipped = np.where(before > 0, 0.0, after)  # a parent that passes for dusk cannot flip
    return {
        "dusk seen in parents": Figure(value=float(before.mean()), unit="%"),
        "dusk seen in true twins": Figure(value=float(true.mean()), unit="%"),
        "flipped from day to dusk": Figure(
            value=float(flipped.mean()), unit="%", interval=over_groups(flipped, parents), bar=70
        ),
    }


def label_figures(
    segmenter: Segmenter, parents: Sequence[Frame], twins: Sequence[Frame], images: list[Image]
) -> Figures:
    """How well the parent's stencil agrees with parent, drawn frame and true twin."""

    def agreed(pictures: Sequence[Image]) -> NDArray[np.float64]:
        pairs = zip(pictures, parents, strict=True)
        return np.array([100 * agreement(read(segmenter, x, y, lost=0.0)) for x, y in pairs])

    before, after, true = (
        agreed(p) for p in ([f.image for f in parents], images, [f.image for f in twins])
    )
    fall = before - after
    return {
        "label agreement of parents": Figure(value=float(before.mean()), unit="%"),
        "label agreement drawn": Figure(value=float(after.mean()), unit="%"),
        "label agreement of true twins": Figure(value=float(true.mean()), unit="%"),
        "fall of label agreement": Figure(
            value=float(fall.mean()),
            unit="points",
            interval=over_groups(fall, parents),
            bar=5,
            sense="at most",
        ),
    }


def save_pictures(
    parents: Sequence[Frame], twins: Sequence[Frame], images: Sequence[Image]
) -> None:
    """The first test scenes: parent, drawn, and the true twin, two scenes in a row."""
    triples = [
        [parents[i].image, images[i], twins[i].image] for i in range(0, len(parents), TEST.views)
    ][:SHOWN]
    rows = [a + b for a, b in zip(triples[::2], triples[1::2], strict=False)]
    write_grid(PICTURE, ("parent", "drawn: dusk", "rendered dusk") * 2, rows)


def main() -> int:
    options = arguments(__doc__ or "").parse_args()
    one_thread()
    test, judge = rendered(TEST, STREET), rendered(JUDGE, STREET)
    parents = [frame for name, frame in named(test) if name == "day"]
    at_dusk = {f.provenance.twin_id: f for name, f in named(test) if name == "dusk"}
    twins = [at_dusk[parent.provenance.twin_id] for parent in parents]
    condition, segmenter = condition_oracle(judge), label_oracle(judge)
    figures: Figures = {}
    for seed in QUICK if options.quick else FULL:
        part, kept = fitted(seed)
        images, seconds = drawn(part, kept, parents, seed)
        found = flip_figures(condition, parents, twins, images)
        found |= label_figures(segmenter, parents, twins, images)
        if seconds:
            found["CPU seconds a frame"] = Figure(value=float(np.mean(seconds)), unit="s")
        figures |= {f"seed {seed}, {part.config.network}: {k}": f for k, f in found.items()}
        if seed == FULL[0]:
            save_pictures(parents, twins, images)
    return report("dfi_street", figures, options.quick, ("mitsuba", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
