"""A training loop that can be stopped anywhere and goes on to the same bytes.

Everything random in step k comes from a seed made of (fit seed, k), so that a checkpoint holds no
generator state: weights, optimizer moments, averaged weights and the step number are the whole
story. It is a safetensors file and a JSON file that names it, which is written last.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from parhelion.pipeline.contracts import Ailment, Device, Precision, Progress, silent
from parhelion.pipeline.files import discard, write_bytes, write_json
from parhelion.pipeline.processes import writes
from parhelion.pipeline.provenance import Numerics

Losses = dict[str, float]

LOSS_MEMORY = 0.98  # of the running means that are reported
EXPLODED = 1e3  # times its running mean, and as much in itself: a loss that is lost


def device_of(setting: Device) -> torch.device:
    """The device that is meant. Raises RuntimeError where a GPU is asked for and there is none."""
    if setting == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda was asked for, but torch sees none; use auto or cpu")
    gpu = setting == "cuda" or (setting == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if gpu else "cpu")


def bf16_pays(setting: Precision, device: torch.device) -> bool:
    """Whether to train in bfloat16; "auto" takes it where the hardware multiplies in it.

    A CPU without such instructions emulates them: measured at a tenth of the speed of float32.
    """
    if setting != "auto":
        return setting == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def half_precision(
    setting: Precision, device: torch.device
) -> contextlib.AbstractContextManager[object]:
    """Autocast to bfloat16 where `bf16_pays`, else nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(setting, device))


def on_device(network: nn.Module, device: torch.device) -> None:
    """Moves a network there, its kernels with channels last: the faster layout for convolutions."""
    network.to(device)
    network.to(memory_format=torch.channels_last)


def numerics_of(device: torch.device, threads: int) -> Numerics:
    """What torch's bytes depend on."""
    return Numerics.of(
        "torch",
        device=device.type,
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        threads=threads,
    )


@contextlib.contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Runs torch on n threads and gives back what was set before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def left_of_rate(done: float, steady: float) -> float:
    """Share of the learning rate at `done` (0..1) of a training: 1, then evenly down to 0.

    Isola et al. and Wang et al. train half and half; the falling half ends the critics' swings, by
    which two seeds came out at kernel distances 0.13 and 0.26 to true pictures.
    """
    return 1.0 if done < steady else (1 - done) / (1 - steady)


@torch.no_grad()
def average_into(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Average += (1 - decay) * (model - average), with a decay that warms up from the start.

    Buffers are copied. Warm-up min(decay, (1 + k) / (10 + k)) as in Tan and Le 2019.
    """
    keep = min(decay, (1 + step) / (10 + step))
    for mean, now in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)
    for held, value in zip(average.buffers(), model.buffers(), strict=True):
        held.copy_(value)


def weights_bytes(network: nn.Module) -> bytes:
    """The network's weights as a safetensors file; equal weights give equal bytes."""
    state = network.state_dict()
    return safetensors.torch.save({k: v.cpu().contiguous().clone() for k, v in state.items()})


@dataclass
class TrainingState:
    """What a checkpoint holds: networks, optimizers, the number of steps done, running losses."""

    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    step: int = 0
    losses: Losses = field(default_factory=dict)
    ailment: Ailment | None = None  # why training ended early

    def save(self, folder: Path, digest: str) -> None:
        """Writes the state durably; the state before it stays readable until this one is.

        Of several processes that train together the first writes for all.
        """
        if not writes():
            return
        name = f"step-{self.step:08d}.safetensors"
        content = safetensors.torch.save(self._tensors())
        write_bytes(folder / name, content)
        story = {
            "digest": digest,
            "step": self.step,
            "losses": self.losses,
            "ailment": self.ailment.model_dump() if self.ailment else None,
            "file": name,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_json(folder / "state.json", story)
        for old in folder.glob("step-*.safetensors"):
            if old.name != name:
                discard(old)

    def restore(self, folder: Path, digest: str) -> bool:
        """Takes up the state in `folder`, if it is whole and of the same fit."""
        story = _json_or_none(folder / "state.json")
        if story is None or story.get("digest") != digest:
            return False
        path = folder / str(story["file"])
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != story["sha256"]:
            return False
        self._take(safetensors.torch.load_file(path))
        self.step, self.losses = int(story["step"]), dict(story["losses"])
        self.ailment = Ailment(**story["ailment"]) if story["ailment"] else None
        return True

    def fall_back(self, folder: Path, digest: str, ailment: Ailment) -> None:
        """Takes up the last checkpoint again, step 0 where there is none, and notes the ailment."""
        if not self.restore(folder, digest):
            self.step, self.losses = 0, {}
        self.ailment = ailment
        self.save(folder, digest)

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"network.{name}.{key}": value
            for name, network in self.networks.items()
            for key, value in network.state_dict().items()
        }
        for name, optimizer in self.optimizers.items():
            for i, entries in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{name}.{i}.{key}": v for key, v in entries.items()}
        return {key: t.detach().cpu().contiguous().clone() for key, t in tensors.items()}

    def _take(self, tensors: dict[str, Tensor]) -> None:
        for name, network in self.networks.items():
            prefix = f"network.{name}."
            network.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        for name, optimizer in self.optimizers.items():
            prefix, moments = f"optimizer.{name}.", dict[int, dict[str, Tensor]]()
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            for key, value in tensors.items():
                if key.startswith(prefix):
                    i, entry = key.removeprefix(prefix).split(".")
                    moments.setdefault(int(i), {})[entry] = _laid_out_as(weights[int(i)], value)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": moments, "param_groups": groups})


def healthy(step: int) -> None:
    """An examination that finds nothing."""


def train(
    state: TrainingState,
    update: Callable[[int], Losses],
    *,
    steps: int,
    folder: Path,
    digest: str,
    checkpoint_every: int,
    examine: Callable[[int], Ailment | None] = healthy,
    progress: Progress = silent,
) -> None:
    """Brings `state` to `steps` steps; `update(k)` does step k and returns its losses.

    `digest` names the fit: settings, data, seed and numerics. A checkpoint of another is not used.
    Losses that are lost, or what `examine(step)` finds before a checkpoint is written, end the
    training: the state falls back to the last checkpoint and keeps the ailment.
    """
    state.restore(folder, digest)
    progress(state.step, steps)
    while state.step < steps and state.ailment is None:
        losses = update(state.step)
        ailment = divergence(losses, state.losses, state.step)
        state.losses = _running(state.losses, losses)
        state.step += 1
        due = state.step % checkpoint_every == 0 or state.step == steps
        if due and ailment is None:
            ailment = examine(state.step)
        if ailment is not None:
            state.fall_back(folder, digest, ailment)
        elif due:
            state.save(folder, digest)
        progress(state.step, steps)


def divergence(losses: Losses, running: Losses, step: int) -> Ailment | None:
    """A loss that is not finite, or has grown beyond all measure against its running mean."""
    for name, loss in losses.items():
        limit = EXPLODED * max(abs(running.get(name, loss)), 1.0)
        if not math.isfinite(loss) or abs(loss) > limit:
            return Ailment(
                cause="diverged",
                step=step,
                sentence=f"the loss {name} became {loss:.3g} at step {step + 1} (its mean was "
                f"{running.get(name, loss):.3g}): lower the learning rate",
            )
    return None


def _running(means: Losses, losses: Losses) -> Losses:
    """The running means with one more step in them; a loss not taken in this step keeps its own."""
    news = {
        name: LOSS_MEMORY * means.get(name, loss) + (1 - LOSS_MEMORY) * loss
        for name, loss in losses.items()
    }
    return means | news


def _laid_out_as(weight: Tensor, moment: Tensor) -> Tensor:
    """The moment in the memory layout of its weight, as an optimizer makes it; a file has none.

    In another layout the same sums are rounded otherwise, and a resumed training goes elsewhere.
    """
    return torch.empty_like(weight).copy_(moment) if moment.shape == weight.shape else moment


def _json_or_none(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None
