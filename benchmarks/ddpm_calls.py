"""How many network calls a diffusion picture is worth, how guidance moves it, and how fast it is.

The `ddpm` that `generators_mnist.py` trained draws the same digits, from the same seeds, in more
and more calls. Kernel distances to the 10,000 real test digits are paired: the jackknife leaves out
one digit at a time, in all of them. The law that is asked: 15 calls cost at most a tenth of the
distance, or two standard errors, beside 250.

Speed and memory stand beside diffusers' own pipeline with the same network, the same number of
steps of DDIM and the same batch, each measured in turn.
"""

import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from _digit_classifier import DigitClassifier
from _figures import Figure, arguments, report
from _mnist import CLASSES, classes_of, first_of_each, mnist
from _picture_grid import doubled, write_grid
from diffusers import DDIMPipeline, DDIMScheduler, ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from generators_mnist import SETTINGS, features, fitted, folder_of, in_colour
from numpy.typing import NDArray
from torch import Tensor

from parhelion.generators._ddpm_draw import from_noise, sampled
from parhelion.generators._denoiser import Denoiser, told
from parhelion.generators._guidance import unguided
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.files import replacing
from parhelion.pipeline.frame import Annotation, Image
from parhelion.pipeline.jackknife import jackknife_error, jackknife_interval
from parhelion.pipeline.kid import leave_one_group_out
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.threads import one_thread

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "ddpm_calls.png"

LAW_N, CURVE_N = 5000, 2000  # digits drawn for the law, and for the curve
FEW, MANY = 15, 250  # calls of the law
CALLS = (4, 6, 8, 10, 15, 25, 50)
GUIDANCE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
SHOWN = 10  # digits on the picture
BATCH, TIMED_CALLS, ROUNDS = 50, 15, 15  # of the comparison with diffusers' pipeline

Figures = dict[str, Figure]
Drawer = Callable[[], Any]


def drawn(part: Any, n: int, work: Path, **settings: Any) -> NDArray[np.uint8]:
    """N grey digits (n, 32, 32), class after class, from seeds that settings do not change."""
    name = "-".join(f"{key}-{value}" for key, value in settings.items())
    kept = work / f"{name}.npy"
    found = np.load(kept, allow_pickle=False) if kept.is_file() else np.zeros((0, 32, 32), np.uint8)
    part.config = part.config.model_copy(update=settings)
    labels = {frame.label.index: frame.label for frame in mnist("test") if frame.label}
    while len(found) < n:  # kept piece by piece: 250 calls take long
        some = range(len(found), min(n, len(found) + 500))
        requests = [
            Request(
                conditions=Conditions(),
                seed=seed_of("ddpm_calls", i),
                annotation=Annotation(label=labels[i % CLASSES]),
            )
            for i in some
        ]
        images = [frame.image[..., 0] for frame in part.generate(requests)]
        found = np.concatenate([found, np.stack(images)])
        work.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as draft, draft.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        print(f"{name}: {len(found)} of {n} drawn", flush=True)
    return found[:n]


def rows_of(grey: NDArray[np.uint8], kept: Path) -> Rows:
    """Features of drawn digits, each named by its seed."""
    found = features(kept, in_colour(grey))
    return Rows(found, tuple(f"seed-{i}" for i in range(len(grey))))


def distances(
    part: Any, n: int, real: Rows, work: Path, **settings: Any
) -> tuple[float, NDArray[np.float64]]:
    """The kernel distance, and without each digit."""
    grey = drawn(part, n, work, **settings)
    name = "-".join(f"{key}-{value}" for key, value in settings.items())
    return leave_one_group_out(rows_of(grey, work / f"{name}-{n}-features.npy"), real)


def law_figures(part: Any, n: int, real: Rows, work: Path) -> Figures:
    """Distances at few and many calls, and whether the difference is within the law."""
    few, without_few = distances(part, n, real, work, calls=FEW, guidance=1.0)
    many, without_many = distances(part, n, real, work, calls=MANY, guidance=1.0)
    apart = without_few - without_many
    allowed = max(0.1 * abs(many), 2 * (jackknife_error(apart) or 0.0))
    return {
        f"KID, {FEW} calls": Figure(value=few, interval=jackknife_interval(few, without_few)),
        f"KID, {MANY} calls": Figure(value=many, interval=jackknife_interval(many, without_many)),
        f"{FEW} calls minus {MANY}": Figure(
            value=few - many,
            interval=jackknife_interval(few - many, apart),
            bar=allowed,
            sense="at most",
            note=f"n = {n}; a tenth of the distance, or two paired standard errors",
        ),
    }


def curve_figures(part: Any, n: int, real: Rows, work: Path, calls: Sequence[int]) -> Figures:
    """Distance against network calls."""
    figures = {}
    for number in calls:
        value, without = distances(part, n, real, work, calls=number, guidance=1.0)
        figures[f"curve: KID, {number} calls"] = Figure(
            value=value, interval=jackknife_interval(value, without)
        )
    return figures


def guidance_figures(
    part: Any, n: int, real: Rows, work: Path, sweep: Sequence[float], judge: DigitClassifier
) -> Figures:
    """What guidance does: how many digits are read as what was asked for, and the distance."""
    figures = {}
    for guidance in sweep:
        value, without = distances(part, n, real, work, calls=FEW, guidance=guidance)
        grey = drawn(part, n, work, calls=FEW, guidance=guidance)
        asked = [i % CLASSES for i in range(n)]
        figures[f"guidance {guidance:g}: KID"] = Figure(
            value=value, interval=jackknife_interval(value, without)
        )
        figures[f"guidance {guidance:g}: read as asked"] = Figure(
            value=judge.accuracy(in_colour(grey), asked), unit="%"
        )
    return figures


class Unguided(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """An untrained network of the part's sizes, as pipelines of diffusers know one: it says the
    noise in pictures (N, 1, 32, 32) at a step of the scheduler, and is told nothing else.
    """

    @register_to_config
    def __init__(self, sample_size: int = 32, in_channels: int = 1) -> None:
        super().__init__()
        config = parts.config("generators", "ddpm", SETTINGS["ddpm"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.network = Denoiser(
                channels=in_channels,
                beside=0,
                y_size=1,
                patch=config.patch,
                width=config.width,
                multiples=config.multiples,
                depth=config.depth,
                attention=config.attention,
            )
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.kept = DDIMScheduler().alphas_cumprod  # share of the picture's variance, by step
        self.nothing = told(torch.zeros(BATCH, 1), torch.zeros(BATCH, 0, sample_size, sample_size))
        self.eval()

    def forward(self, x: Tensor, step: Tensor) -> SimpleNamespace:
        """The noise, as `sample`: of sqrt(kept) (clean + sigma noise)."""
        kept = self.kept[int(step)]
        sigma, noisy = ((1 - kept) / kept).sqrt(), x / kept.sqrt()
        clean = self.network(noisy, sigma.expand(len(x)), self.nothing)
        return SimpleNamespace(sample=(noisy - clean) / sigma)


def our_drawer() -> Drawer:
    """`ddim` as the part draws."""
    model = Unguided()
    walk = from_noise("ddim", TIMED_CALLS, 0.05)
    return lambda: sampled(
        model.network, model.nothing, (32, 32), (32, 32), range(BATCH), unguided, walk
    )


def their_drawer() -> Drawer:
    """DDIMPipeline over the same network."""
    pipeline: Any = DDIMPipeline(unet=Unguided(), scheduler=DDIMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(i) for i in range(BATCH)]
    return lambda: pipeline(
        batch_size=BATCH,
        generator=generators,
        num_inference_steps=TIMED_CALLS,
        output_type="np",
    )


DRAWERS = {"ours": our_drawer, "theirs": their_drawer}


def speed_figures() -> Figures:
    """Processor seconds of both, in turn in this process: the median of ratios. And the memory that
    drawing takes beyond what was there, each in a process of its own.
    """
    contenders = {name: made() for name, made in DRAWERS.items()}
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for drawer in contenders.values():
        drawer()
    for _ in range(ROUNDS):
        for name, drawer in contenders.items():
            started = time.process_time()
            drawer()
            spent[name].append(time.process_time() - started)
    ratios = np.array(spent["theirs"]) / np.array(spent["ours"])
    return {
        "speed over diffusers' pipeline": Figure(
            value=float(np.median(ratios)),
            interval=(float(ratios.min()), float(ratios.max())),
            bar=1.0,
            note=f"{BATCH} digits, {TIMED_CALLS} calls; range of {ROUNDS} rounds",
        ),
        "memory over diffusers' pipeline": Figure(
            value=taken("ours") / taken("theirs"), bar=1.0, sense="at most", note="by drawing"
        ),
    }


def taken(name: str) -> float:
    """MB by which drawing twice raises the peak memory of a new process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(taken_here, (name,))


def taken_here(name: str) -> float:
    """MB by which drawing twice raises the peak memory of this process."""
    one_thread()
    drawer = DRAWERS[name]()
    before = peak()
    for _ in range(2):
        drawer()
    return peak() - before


def peak() -> float:
    """Peak memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    (peak_kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak_kb) / 1024


def save_picture(part: Any, work: Path, calls: Sequence[int]) -> None:
    """The same seeds in more and more calls."""
    rows: list[list[Image]] = []
    for number in calls:
        grey = drawn(part, SHOWN, work, calls=number, guidance=1.0)
        rows.append([doubled(one) for one in in_colour(grey)])
    write_grid(PICTURE, tuple(str(i % CLASSES) for i in range(SHOWN)), rows)


def main() -> int:
    given = arguments(__doc__ or "").parse_args()
    one_thread()
    home = folder_of("ddpm", parts.build("generators", "ddpm", **SETTINGS["ddpm"]))
    part, _ = fitted("ddpm", home)
    part.config = part.config.model_copy(update={"autoguidance": 1.0})  # a step is a call
    work = home / "calls"
    test = mnist("test")
    looked = features(home / "test-features.npy", [frame.image for frame in test])
    real = Rows(looked, tuple(frame.frame_id for frame in test))
    law_n, curve_n = (100, 50) if given.quick else (LAW_N, CURVE_N)
    training = first_of_each(mnist("train"), 1000)
    judge = DigitClassifier.fitted([f.image for f in training], classes_of(training), 1)
    figures = speed_figures()
    figures |= curve_figures(part, curve_n, real, work, CALLS[:2] if given.quick else CALLS)
    sweep = GUIDANCE[:2] if given.quick else GUIDANCE
    figures |= guidance_figures(part, curve_n, real, work, sweep, judge)
    save_picture(part, work, CALLS)
    figures |= law_figures(part, law_n, real, work)
    return report("ddpm_calls", figures, given.quick, ("diffusers", "numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
