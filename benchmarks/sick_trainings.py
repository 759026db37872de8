"""Is a training that goes wrong noticed, with its cause, and a healthy one left alone?

Faults are planted in trainings on scikit-learn's digits: a learning rate a thousand times too
high, classes shuffled among the pictures, and noise that is all zero. Ten healthy trainings of
other seeds stand beside them; each that is flagged is a false alarm.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from _figures import Figure, arguments, report

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import Ailment, Generator, TrainingData
from parhelion.pipeline.files import write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.seeds import digest, rng
from parhelion.pipeline.threads import one_thread

WORK = Path(__file__).parent.parent / "runs" / "sick_trainings"
SIZE = 16  # pixels of a side
SETTINGS: dict[str, dict[str, Any]] = {
    "gan": {"steps": 1500, "batch_size": 32, "widest": 64},
    "vae": {"steps": 1500},
}
SEEDS = range(1, 6)  # of healthy trainings, of every generator
WANTED = {  # by fault: the causes that name it
    "learning rate x 1000": ("diverged", "collapsed"),
    "classes shuffled": ("ignores conditions",),
    "noise zeroed": ("collapsed",),
}


def digits() -> list[Frame]:
    """Scikit-learn's digits at the size of the benchmark."""
    adapter = parts.build("sim_adapters", "digits", dataset="scikit-learn", size=SIZE)
    return [adapter.read(ref) for ref in adapter.index()]


def shuffled(frames: list[Frame]) -> list[Frame]:
    """The same pictures, each with the class of another."""
    order = rng("sick_trainings", "shuffle").permutation(len(frames)).tolist()
    return [replace(frame, label=frames[i].label) for frame, i in zip(frames, order, strict=True)]


@contextlib.contextmanager
def zeroed_noise() -> Iterator[None]:
    """Every normal draw from a generator of its own is zero; weights still start at random."""
    true: Callable[..., torch.Tensor] = torch.randn

    def zero(*size: Any, generator: torch.Generator | None = None, **rest: Any) -> torch.Tensor:
        drawn = true(*size, generator=generator, **rest)
        return drawn if generator is None else torch.zeros_like(drawn)

    with mock.patch.object(torch, "randn", zero):
        yield


def ailments(name: str, fault: str, seed: int, frames: list[Frame]) -> list[Ailment]:
    """What a training with this fault reports; kept, so that a second run need not train."""
    settings = dict(SETTINGS[name])
    part: Generator = parts.build("generators", name, **settings)
    if fault == "learning rate x 1000":
        rates = [key for key in part.config.__class__.model_fields if key.endswith("learning_rate")]
        settings |= {key: 1000 * getattr(part.config, key) for key in rates}
        part = parts.build("generators", name, **settings)
    data = shuffled(frames) if fault == "classes shuffled" else frames
    key = digest(name, part.VERSION, settings, fault, seed)[:16]
    kept = WORK / f"{name}-{key}.json"
    if not kept.is_file():
        noise = zeroed_noise() if fault == "noise zeroed" else contextlib.nullcontext()
        with noise:
            fit = part.fit(TrainingData(source=FrameList(data)), WORK / f"{name}-{key}", seed)
        write_json(kept, [ailment.model_dump() for ailment in fit.ailments])
    return [Ailment(**told) for told in json.loads(kept.read_text())]


def main() -> int:
    given = arguments(__doc__ or "").parse_args()
    one_thread()
    frames, figures = digits(), dict[str, Figure]()
    seeds = SEEDS[:1] if given.quick else SEEDS
    for name in SETTINGS:
        for fault, causes in WANTED.items():
            found = ailments(name, fault, 1, frames)
            for ailment in found:
                print(f"{name}, {fault}: {ailment.cause}: {ailment.sentence}", flush=True)
            named = any(ailment.cause in causes for ailment in found)
            figures[f"{name}, {fault}: found"] = Figure(value=float(named), bar=1)
    alarms = {
        f"{name}, seed {seed}": ailments(name, "none", seed, frames)
        for name in SETTINGS
        for seed in seeds
    }
    for training, found in alarms.items():
        print(f"healthy {training}: {[a.sentence for a in found] or 'nothing'}", flush=True)
    figures["false alarms"] = Figure(
        value=sum(bool(found) for found in alarms.values()),
        unit=f"of {len(alarms)} healthy trainings",
        bar=0,
        sense="at most",
    )
    return report("sick_trainings", figures, given.quick, ("numpy", "torch"))


if __name__ == "__main__":
    sys.exit(main())
