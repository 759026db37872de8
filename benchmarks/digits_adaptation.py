"""What unpaired translation and feature alignment recover for a classifier that saw no target
label: the protocol of CyCADA (Hoffman et al. 2018, section 4.1) on digits.

Source: scikit-learn's 1,797 digits of 8x8 with labels. Target: MNIST's 60,000 training pictures
without. Judge: MNIST's 10,000 test pictures, read once, after all trainings.

Every arm is the same classifier, trained for as many steps on pictures of the same source copies
(turned, sheared, stretched, of another stroke: `_digits_stray`), source only included:

    source only         on the copies as they are
    cyclegan pixel      on the copies carried into the target domain by CycleGAN
    cycada pixel        the same by CyCADA, whose task network keeps the class
    cycada pixel+feature    beside it, features of target pictures are aligned with those of carried
                        ones by a critic, and readings of the target are made to agree with
                        themselves (self-ensembling, French et al. 2018)
    alignment alone     the same without self-ensembling
    target supervised   on target pictures with their labels: the ceiling

All settings were chosen on another pair, digits drawn from fonts -> MNIST, judged on 10,000
training pictures that were no target there (`--pair fonts-mnist`); this pair had no say.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import safetensors.torch
from _digits_sets import (
    SIDE,
    Pair,
    judge_of,
    labelled_target_of,
    pairs,
    source_of,
    target_of,
)
from _digits_stray import Copies
from _figures import Figure, arguments, report
from _mnist import FOLDER as MNIST
from _picture_grid import write_grid
from numpy.typing import NDArray
from scipy import stats

from parhelion.generators._cycada_align import AlignSettings, adapted_task, classes_of
from parhelion.generators._cycada_task import PictureTask
from parhelion.generators.cycada import Cycada, CycadaConfig
from parhelion.generators.cyclegan import CycleGan, CycleGanConfig
from parhelion.pipeline.contracts import FrameSet, Progress, Request, TrainingData
from parhelion.pipeline.files import write_bytes, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.threads import one_thread
from parhelion.pipeline.training import weights_bytes

WORK = Path(__file__).parent.parent / "runs" / "digits_adaptation"
PICTURE = Path(__file__).parent.parent / "docs" / "digits_adaptation.png"
JUDGED_PAIR = "scikit-mnist"
BAR = 92.0  # % of cycada pixel+feature
FULL, QUICK = (1, 2, 3, 4, 5), (1,)  # seeds
MOST_SECONDS = 8 * 60  # a training

COPIES = 5  # of each source frame
GAN = {
    "width": 12,
    "levels": 2,
    "blocks": 3,
    "critic_width": 16,
    "critic_layers": 4,
    "critic_noise": 0.2,
    "crop_px": SIDE,
    "batch_size": 16,
    "steps": 800,
    "learning_rate": 1e-3,
    "cycle_weight": 1.0,
    "identity_weight": 0.0,
    "flips": False,
    "augment": (),
    "ema_decay": 0.99,
    "checkpoint_every": 100,
}
CYCLEGAN = CycleGanConfig(**GAN)
CYCADA = CycadaConfig(**GAN, task_steps=400, task_batch_size=32, semantic_weight=1.0)
PLAIN = AlignSettings(steps=2500, batch_size=32, crop_px=SIDE, feature_weight=0.0)
ALIGNED = PLAIN.model_copy(update={"feature_weight": 0.05})
ENSEMBLED = ALIGNED.model_copy(update={"consistency_weight": 1.0})
SELF_ENSEMBLED = PLAIN.model_copy(update={"consistency_weight": 1.0})

SHOWN, IN_A_ROW = 18, 3  # source digits on the picture
WEIGHTS, SECONDS = "classifier.safetensors", "seconds.json"
# Those that no translator has a part in.
PLAIN_ARMS = ("source only", "self-ensembling alone", "target supervised")
ARMS = (
    "source only",
    "cyclegan pixel",
    "cycada pixel",
    "alignment alone",
    "self-ensembling alone",
    "cycada pixel+feature",
    "target supervised",
)


class Carried:
    """A FrameSet of source frames in the target domain, each drawn when it is asked for."""

    def __init__(self, part: CycleGan, frames: FrameSet, seed: int) -> None:
        self._part, self._frames, self._seed = part, frames, seed
        self.keys = [
            key.model_copy(update={"frame_id": f"{key.frame_id}-{part.NAME}"})
            for key in frames.keys
        ]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int, /) -> Frame:
        parent = self._frames[i]
        seed = seed_of("digits_adaptation", self._seed, parent.frame_id)
        request = Request(parent=parent, conditions=parent.conditions, seed=seed)
        return next(iter(self._part.generate([request])))


@dataclass(frozen=True)
class Bench:
    """One pair and one seed; each training is taken up where a stopped run left it."""

    name: str
    pair: Pair
    seed: int

    @cached_property
    def source(self) -> FrameSet:
        return Copies(source_of(self.pair), COPIES)

    @cached_property
    def target(self) -> FrameSet:
        return target_of(self.pair)

    def train(self, arm: str) -> None:
        """Leaves the arm's classifier in its folder."""
        folder = self.folder(arm)
        if (folder / WEIGHTS).is_file():
            return
        if arm == "target supervised":
            frames: FrameSet = labelled_target_of(self.pair)
        elif arm in PLAIN_ARMS:
            frames = self.source
        else:
            frames = Carried(self.translator(arm), self.source, self.seed)
        settings = classifier_of(arm)
        target = self.target if adapts(settings) else None
        began = time.monotonic()
        network = adapted_task(frames, target, settings, self.seed, folder, told(f"{self} {arm}"))
        note(folder, time.monotonic() - began)
        write_bytes(folder / WEIGHTS, weights_bytes(network))

    def translator(self, arm: str) -> CycleGan:
        """The fitted translator that the arm rests on."""
        part = translator_of(arm)
        folder = self.folder(part.NAME)
        if not (folder / "saved" / "fitted.json").is_file():
            began = time.monotonic()
            data = TrainingData(source=self.source, target=self.target)
            found = part.fit(data, folder, self.seed, told(f"{self} {part.NAME}"))
            for ailment in found.ailments:
                print(f"{self} {part.NAME}: {ailment.sentence}", flush=True)
            note(folder, time.monotonic() - began)
            part.save(folder / "saved")
        return type(part).load(folder / "saved")

    def accuracy(self, arm: str, judge: FrameSet) -> float:
        """Of the arm's classifier, in %."""
        network = PictureTask(10)
        network.load_state_dict(safetensors.torch.load_file(self.folder(arm) / WEIGHTS))
        read = np.array(classes_of(network.eval(), judge))
        true = np.array([key.label.index for key in judge.keys if key.label is not None])
        return 100 * float((read == true).mean())

    def seconds(self, arms: Sequence[str]) -> list[float]:
        """Of each training that these arms rest on and that was not interrupted."""
        carrying = {translator_of(arm).NAME for arm in arms if arm not in PLAIN_ARMS}
        files = [self.folder(what) / SECONDS for what in (*arms, *sorted(carrying))]
        return [float(json.loads(file.read_text())) for file in files if file.is_file()]

    def folder(self, what: str) -> Path:
        """Of a training: an arm's classifier, or a translator by its name."""
        data = (COPIES, self.pair.source, self.pair.target, self.pair.chosen_on)
        if what in ARMS:
            carried = [] if what in PLAIN_ARMS else [translator_of(what).config]
            settings = [classifier_of(what), *carried]
        else:
            settings = [CYCLEGAN if what == CycleGan.NAME else CYCADA]
        name = f"{what} {digest(data, settings)[:12]}".replace(" ", "-")
        return WORK / f"{self.name}-{self.seed}" / name

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed},"


def classifier_of(arm: str) -> AlignSettings:
    """How the arm's classifier is trained."""
    others = {
        "alignment alone": ALIGNED,
        "self-ensembling alone": SELF_ENSEMBLED,
        "cycada pixel+feature": ENSEMBLED,
    }
    return others.get(arm, PLAIN)


def translator_of(arm: str) -> CycleGan:
    """What carries the arm's source, not fitted."""
    return CycleGan(CYCLEGAN) if arm.startswith("cyclegan") else Cycada(CYCADA)


def adapts(settings: AlignSettings) -> bool:
    """Whether the classifier's training looks at the target."""
    return settings.feature_weight > 0 or settings.consistency_weight > 0


def note(folder: Path, seconds: float) -> None:
    """Keeps how long a training took, unless it was only taken up at its end."""
    if not (folder / SECONDS).is_file():
        write_json(folder / SECONDS, round(seconds, 1))


def told(what: str) -> Progress:
    """A progress that overwrites its own line."""

    def progress(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            end = "\n" if done == total else ""
            print(f"\r{what} {done}/{total}", end=end, flush=True)

    return progress


Accuracies = dict[str, NDArray[np.float64]]  # of each arm, one per seed


def figures(found: Accuracies, name: str) -> dict[str, Figure]:
    """Accuracies with their intervals over seeds, and the share of the gap that is recovered."""
    shown = {}
    for arm, values in found.items():
        barred = arm == "cycada pixel+feature" and name == JUDGED_PAIR
        shown[arm] = Figure(
            value=float(values.mean()),
            unit="%",
            interval=over_seeds(values),
            bar=BAR if barred else None,
            note=" ".join(f"{v:.1f}" for v in values),
        )
    if {"source only", "target supervised"} <= set(found):
        gap = found["target supervised"] - found["source only"]
        for arm in ARMS[1:-1]:
            if arm in found:
                share = 100 * (found[arm] - found["source only"]) / gap
                shown[f"gap recovered: {arm}"] = Figure(
                    value=float(share.mean()), unit="%", interval=over_seeds(share)
                )
    return shown


def over_seeds(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean; None for one seed."""
    if len(values) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return float(values.mean()) - half, float(values.mean()) + half


def save_pictures(bench: Bench, arms: Sequence[str]) -> None:
    """Source digits, their copies in the target domain, and target digits; several in a row."""
    parts = [bench.translator(arm) for arm in arms]
    shown = []
    for i in range(0, SHOWN * COPIES, COPIES):
        parent = bench.source[i]
        carried = [Carried(part, bench.source, bench.seed)[i].image for part in parts]
        pictures = (parent.image, *carried, bench.target[i].image)
        shown.append([cv2.resize(x, None, fx=2, fy=2).astype(np.uint8) for x in pictures])
    rows = [list(chain(*shown[i : i + IN_A_ROW])) for i in range(0, SHOWN, IN_A_ROW)]
    names = ("source", *(arm.split()[0] for arm in arms), "target")
    write_grid(PICTURE, names * IN_A_ROW, rows)


def main() -> int:
    parser = arguments((__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--pair", default=JUDGED_PAIR, help="fonts-mnist is where settings are chosen"
    )
    parser.add_argument("--mnist", type=Path, default=MNIST, help="where its IDX files lie")
    parser.add_argument("--usps", type=Path, help="where usps.bz2 lies; gives the pair usps-mnist")
    parser.add_argument("--svhn", type=Path, help="where train_32x32.mat lies; gives svhn-mnist")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    given = parser.parse_args()
    one_thread()
    there = pairs(given.mnist, given.usps, given.svhn)
    if given.pair not in there:
        parser.error(f"wanted a pair of {', '.join(there)}, got {given.pair}; give its files")
    benches = [
        Bench(given.pair, there[given.pair], seed) for seed in (QUICK if given.quick else FULL)
    ]
    for bench in benches:
        for arm in given.arms:
            bench.train(arm)
    judge = judge_of(there[given.pair])
    found = {arm: np.array([b.accuracy(arm, judge) for b in benches]) for arm in given.arms}
    shown = figures(found, given.pair)
    slowest = [max(bench.seconds(given.arms), default=0.0) for bench in benches]
    shown["slowest training"] = Figure(
        value=max(slowest), unit="s", note=f"wall; {MOST_SECONDS} s are allowed on idle cores"
    )
    if pixel := [arm for arm in given.arms if arm.endswith("pixel")]:
        save_pictures(benches[0], pixel)
    return report(f"digits_adaptation {given.pair}", shown, given.quick, ("numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
