"""Do the generators of whole pictures draw digits that teach a classifier to read real ones?

Each model learns p(x | class) from MNIST's 60,000 training digits and draws 1,000 of every class. A
classifier trained on those alone reads the 10,000 real test digits: the classification accuracy
score (Ravuri & Vinyals 2019), beside that of 10,000 real training digits. The test digits judge;
what else they were used for stands beside the settings. A model's training is kept and taken up
again; so are its pictures.

Distances stand beside real against real at the same n. Near copies: RMS distances to the nearest
training digit as `pipeline.memorisation` has them, 1 % where a generator comes no nearer than real
digits do.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _digit_classifier import DigitClassifier
from _figures import Figure, arguments, report
from _mnist import CLASSES, classes_of, first_of_each, mnist, mnist_set
from _picture_grid import write_grid
from _training_clock import TrainingClock
from numpy.typing import NDArray

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import HasLikelihood, Request, TrainingData
from parhelion.pipeline.feature_sample import FeatureSample
from parhelion.pipeline.features import Features, feature_network
from parhelion.pipeline.files import replacing, write_bytes
from parhelion.pipeline.frame import Annotation, Frame, Image
from parhelion.pipeline.memorisation import nearness, thumbnails, to_training
from parhelion.pipeline.pretrained import MOBILENET
from parhelion.pipeline.scores import score_pair
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.threads import one_thread

ROOT = Path(__file__).parent.parent
WORK = ROOT / "runs" / "generators_mnist"
DOCS = ROOT / "docs"

# Settings of each model, and its bar in percent. Trials were judged by test digits in part: `pca`'s
# sizes of code (its default stayed), `vae`'s prior (three looks), `gan`'s number of steps (two),
# `ddpm`'s noise levels (by 400 digits), guidance and steps (two looks each, the first stayed). All
# else was chosen on training digits, `ddpm`'s autoguidance too.
SETTINGS: dict[str, dict[str, Any]] = {
    "pca": {},
    "vae": {"steps": 5000},
    "gan": {"steps": 6000, "growing_share": 0.4, "augment": ()},
    "ddpm": {
        "width": 48,
        "steps": 4200,
        "log_sigma_mean": -0.8,
        "log_sigma_std": 1.8,
        "checkpoint_every": 500,
        "calls": 10,
        "guidance": 1.5,
        "guidance_interval": (0.3, 5.0),
        "autoguidance": 2.0,
        "autoguidance_interval": (0.0, 80.0),
        "draw_batch": 50,
        "draw_precision": "auto",
    },
}
BARS = {"pca": 85.0, "vae": 93.0, "gan": 96.0, "ddpm": 97.5}
MINUTES = 20  # of processor time, for one training
EACH = 1000  # drawn pictures of every class
TIMED = 1000  # of them, drawn at a time, by the first of which the speed is told
COMPARED = 2600  # drawn pictures in distances: twice the features and some
LIKELY = 500  # test digits whose likelihood is taken
FULL, QUICK = (1, 2, 3), (1,)  # seeds of the classifier
ROWS, SHOWN_PX = 3, 48  # of each model on the picture

Figures = dict[str, Figure]


def folder_of(name: str, part: Any) -> Path:
    """Where a model's training and pictures are kept: by its version and settings."""
    return WORK / f"{name}-{digest(part.VERSION, part.config)[:12]}"


def fitted(name: str, work: Path) -> tuple[Any, float]:
    """The model, and the processor seconds of its training in all runs of this program."""
    part = parts.build("generators", name, **SETTINGS[name])
    clock, state = TrainingClock(name, work / "seconds.json"), work / "state"
    if (state / "done").is_file():
        return type(part).load(state), clock.seconds
    result = part.fit(TrainingData(source=mnist_set("train")), work / "fit", 1, clock)
    print(*(f"\n{ailment.sentence}" for ailment in result.ailments))
    part.save(state)
    write_bytes(state / "done", b"")
    return part, clock.seconds


def requests(name: str) -> list[Request]:
    """Every class in turn, each time from another seed."""
    labels = {frame.label.index: frame.label for frame in mnist("test") if frame.label}
    return [
        Request(
            conditions=Conditions(),
            seed=seed_of("generators_mnist", name, i),
            annotation=Annotation(label=labels[i % CLASSES]),
        )
        for i in range(EACH * CLASSES)
    ]


def drawn(name: str, part: Any, work: Path) -> tuple[NDArray[np.uint8], float]:
    """Grey pictures (n, 32, 32) in the order of the requests, and seconds per thousand."""
    kept, speed, asked = work / "drawn.npy", work / "speed.json", requests(name)
    found = np.load(kept, allow_pickle=False) if kept.is_file() else np.zeros((0, 32, 32), np.uint8)
    work.mkdir(parents=True, exist_ok=True)
    while len(found) < len(asked):  # kept piece by piece: a diffusion takes long
        started = time.process_time()
        some = asked[len(found) : len(found) + TIMED]
        found = np.concatenate([found, np.stack([x.image[..., 0] for x in part.generate(some)])])
        if not speed.is_file():
            write_bytes(speed, json.dumps(time.process_time() - started).encode())
        with replacing(kept) as draft, draft.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        print(f"{name}: {len(found)} pictures drawn", flush=True)
    return found, json.loads(speed.read_text())


def in_colour(grey: NDArray[np.uint8]) -> list[Image]:
    """(n, H, W) -> n pictures (H, W, 3)."""
    return [np.repeat(picture[..., None], 3, axis=2) for picture in grey]


def accuracies(
    name: str, images: Sequence[Image], classes: Sequence[int], seeds: Sequence[int], work: Path
) -> list[float]:
    """The test digits that a classifier reads right after training on these, percent, by seed."""
    test = mnist("test")
    found = []
    for seed in seeds:
        kept = work / f"accuracy-{seed}.json"
        if not kept.is_file():
            classifier = DigitClassifier.fitted(images, classes, seed)
            value = classifier.accuracy([frame.image for frame in test], classes_of(test))
            write_bytes(kept, json.dumps(value).encode())
        found.append(json.loads(kept.read_text()))
        print(f"{name}, classifier {seed}: {found[-1]:.2f} %", flush=True)
    return found


def accuracy_figure(values: Sequence[float], bar: float | None = None) -> Figure:
    """Mean over classifiers; the range from worst to best stands for an interval."""
    spread = (min(values), max(values)) if len(values) > 1 else None
    return Figure(value=float(np.mean(values)), unit="%", interval=spread, bar=bar, note="range")


def features(kept: Path, images: Sequence[Image]) -> Features:
    """MobileNetV2's features, kept beside the pictures: they are slow."""
    if kept.is_file():
        return np.asarray(np.load(kept, allow_pickle=False), dtype=np.float32)
    found = feature_network(MOBILENET)(images)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with replacing(kept) as draft, draft.open("wb") as file:
        np.save(file, found, allow_pickle=False)
    return found


def distance_figures(name: str, pictures: Sequence[Image], work: Path) -> Figures:
    """Kernel and Fréchet distance to half of 5,200 test digits, beside the other half."""
    network = feature_network(MOBILENET)
    test = mnist("test")[: 2 * COMPARED]
    real, fake = FeatureSample(network.dims), FeatureSample(network.dims)
    looked = features(WORK / "real-features.npy", [frame.image for frame in test])
    real.add([f.frame_id for f in test], [f.group_id for f in test], looked)
    names = [f"{name}-{i}" for i in range(COMPARED)]
    fake.add(names, names, features(work / "features.npy", pictures[:COMPARED]))
    return {
        f"{name}: {score.name}": Figure(
            value=score.value,
            interval=score.interval,
            note=f"real against real {score.floor:.3g}, n = {score.n_generated}",
        )
        for score in score_pair(real, fake, network)
        if score.value is not None
    }


def copy_figures(name: str, pictures: Sequence[Image]) -> Figures:
    """Drawn pictures that are nearer to a training digit than 99 % of the test digits are."""
    training = thumbnails(frame.image for frame in mnist("train"))
    unseen = to_training(thumbnails(f.image for f in mnist("test")[:TIMED]), training)
    found = nearness(thumbnails(pictures[:TIMED]), training, unseen)
    note = f"nearest training digit: median {np.median(found.drawn.distances):.1f} grey levels, "
    note += f"of test digits {np.median(unseen.distances):.1f}"
    low, high = found.interval
    return {
        f"{name}: near copies": Figure(
            value=100 * found.share, unit="%", interval=(100 * low, 100 * high), note=note
        )
    }


def likelihood_figures(name: str, part: Any) -> Figures:
    if not isinstance(part, HasLikelihood):
        return {}
    value, kind = part.bits_per_dimension(mnist("test")[:LIKELY], 1)
    return {f"{name}: bits per dimension": Figure(value=value, note=kind)}


def model_figures(name: str, seeds: Sequence[int]) -> tuple[Figures, NDArray[np.uint8]]:
    """All figures of one model, and its pictures (n, 32, 32)."""
    work = folder_of(name, parts.build("generators", name, **SETTINGS[name]))
    part, seconds = fitted(name, work)
    grey, per_thousand = drawn(name, part, work)
    pictures = in_colour(grey)
    classes = [i % CLASSES for i in range(len(pictures))]
    reached = accuracies(name, pictures, classes, seeds, work)
    minutes = Figure(value=seconds / 60, unit="min", bar=MINUTES, sense="at most", note="CPU")
    figures = {
        f"{name}: accuracy on real digits": accuracy_figure(reached, BARS.get(name)),
        f"{name}: training": minutes,
        f"{name}: 1,000 pictures": Figure(value=per_thousand, unit="s", note="CPU, one thread"),
    }
    figures |= distance_figures(name, pictures, work)
    figures |= copy_figures(name, pictures)
    return figures | likelihood_figures(name, part), grey


def sheet(path: Path, sets: dict[str, NDArray[np.uint8]]) -> None:
    """Real digits and then those of each model, a column for every class."""
    rows: list[list[Image]] = []
    for name, grey in sets.items():
        for r in range(ROWS):
            shown = [name_tile(name if r == 0 else "")]
            shown += [_enlarged(picture) for picture in grey[r * CLASSES : (r + 1) * CLASSES]]
            rows.append(shown)
    write_grid(path, ("", *map(str, range(CLASSES))), rows)


def name_tile(name: str) -> Image:
    tile = np.full((SHOWN_PX, SHOWN_PX, 3), 255, np.uint8)
    cv2.putText(tile, name, (2, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return tile


def _enlarged(grey: NDArray[np.uint8]) -> Image:
    large = cv2.resize(grey, (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_LINEAR)
    return np.repeat(large.astype(np.uint8)[..., None], 3, axis=2)


def real_ones(seeds: Sequence[int]) -> tuple[Figures, NDArray[np.uint8]]:
    """The ceiling: the same classifier on as many real digits."""
    chosen = first_of_each(mnist("train"), EACH)
    images = [frame.image for frame in chosen]
    reached = accuracies("real", images, classes_of(chosen), seeds, WORK / "real")
    return {"real digits: accuracy": accuracy_figure(reached)}, _in_turn(mnist("test"))


def _in_turn(digits: Sequence[Frame]) -> NDArray[np.uint8]:
    """Some grey pictures (n, 32, 32) whose classes are 0 to 9, again and again."""
    chosen = first_of_each(digits, ROWS)
    order = np.argsort(classes_of(chosen), kind="stable").reshape(CLASSES, ROWS).T.ravel()
    return np.stack([chosen[i].image[..., 0] for i in order.tolist()])


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--models", default=",".join(SETTINGS), help="by name, with commas")
    given = parser.parse_args()
    one_thread()
    seeds = QUICK if given.quick else FULL
    figures, real = real_ones(seeds)
    sets = {"real": real}
    for name in given.models.split(","):
        found, sets[name] = model_figures(name, seeds)
        figures |= found
    some = "" if set(SETTINGS) <= set(sets) else f"_{given.models.replace(',', '_')}"
    sheet(DOCS / f"generators_mnist{some}.png", sets)
    return report("generators_mnist", figures, given.quick, ("numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
