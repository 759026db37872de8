"""The torch side of segmentation: the U-Net, its training with checkpoints, and its reading.

Everything random in step k comes from seeds made of (fit seed, k), so a checkpoint is weights, Adam
moments and a step number: one safetensors file that is replaced as a whole.
"""

import contextlib
from pathlib import Path
from typing import cast

import numpy as np
import safetensors
import safetensors.torch
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parhelion.pipeline.contracts import Progress
from parhelion.pipeline.files import write_bytes
from parhelion.pipeline.pretrained import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MOBILENET,
    WeightsMissing,
    mobilenet_state,
)
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.segmentation import IGNORE, SegmenterSettings
from parhelion.pipeline.segmentation_examples import Examples

CHECKPOINT = "training.safetensors"
WARM_UP = 0.1  # of the steps, before the learning rate falls


def empty_network(settings: SegmenterSettings, classes: int) -> nn.Module:
    """The U-Net without trained weights: stride-16 MobileNetV2 below a small decoder."""
    network: nn.Module = smp.Unet(
        "mobilenet_v2",
        encoder_depth=len(settings.decoder),
        encoder_weights=None,
        decoder_channels=settings.decoder,
        classes=classes,
    )
    # The layers beyond the deepest map are never run.
    encoder = cast(nn.Module, network.encoder)
    features = cast(nn.Sequential, encoder.features)
    del features[14:]
    return network


def start_network(settings: SegmenterSettings, classes: int, seed: int) -> tuple[nn.Module, str]:
    """A network to train, seeded, and where its encoder comes from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("segmentation.weights", seed))
        network = empty_network(settings, classes)
    if not settings.pretrained:
        return network, "random"
    try:
        published = mobilenet_state()
    except WeightsMissing:
        return network, "random"
    encoder = cast(nn.Module, network.encoder)
    own = {f"encoder.{name}" for name in encoder.state_dict()}
    weights = {f"encoder.{k}": v for k, v in published.items() if f"encoder.{k}" in own}
    network.load_state_dict(weights, strict=False)
    return network, MOBILENET


def fit(
    examples: Examples, settings: SegmenterSettings, seed: int, workdir: Path, progress: Progress
) -> tuple[nn.Module, str, str]:
    """The trained network on the CPU, the digest of the fit, and the name of its first weights."""
    device = _device(settings)
    network, start = start_network(settings, len(examples.classes), seed)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    numerics = Numerics.of(
        "torch",
        device=device.type,
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
    )
    name = digest(examples.digest, start, numerics)
    adam = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    weights = torch.from_numpy(examples.class_weights()).to(device)
    done = _restore(network, adam, workdir / CHECKPOINT, name)
    progress(done, settings.steps)
    network.train()
    for step in range(done, settings.steps):
        for group in adam.param_groups:
            group["lr"] = _learning_rate(settings, step)
        _update(network, adam, examples.batch(step), weights, settings)
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            _keep(network, adam, workdir / CHECKPOINT, name, step + 1)
        progress(step + 1, settings.steps)
    return network.cpu().eval(), name, start


def probabilities(network: nn.Module, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Softmax of the network over classes, (C, h, w) float32, of one image (h, w, 3) uint8."""
    with torch.inference_mode():
        logits = network(_input(image[None], torch.device("cpu")))
        read: NDArray[np.float32] = logits[0].float().softmax(0).numpy()
    return read


def weights_bytes(network: nn.Module) -> bytes:
    """The network's weights as the content of a safetensors file."""
    content: bytes = safetensors.torch.save(_flat(network.state_dict()))
    return content


def with_weights(network: nn.Module, path: Path) -> nn.Module:
    """The network with the weights of a file, ready to read."""
    network.load_state_dict(safetensors.torch.load_file(path))
    return network.to(memory_format=torch.channels_last).eval()


def _update(
    network: nn.Module,
    adam: torch.optim.Optimizer,
    batch: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    weights: Tensor,
    settings: SegmenterSettings,
) -> None:
    """One step on weighted cross-entropy; a batch without a labelled pixel teaches nothing."""
    images, targets = batch
    device = weights.device
    y = torch.from_numpy(targets).to(device, torch.long)
    if not (y != IGNORE).any():
        return
    with _autocast(settings, device):
        logits = network(_input(images, device))
    loss = nn.functional.cross_entropy(logits.float(), y, weight=weights, ignore_index=IGNORE)
    adam.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()


def _input(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(B, h, w, 3) uint8 -> (B, 3, h, w) float32, normalised as for ImageNet, channels last."""
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255
    mean, std = (
        torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def _learning_rate(settings: SegmenterSettings, step: int) -> float:
    """Linear warm-up, then half a cosine down to nothing (Loshchilov and Hutter 2017, eq. 5)."""
    warm = max(1, round(WARM_UP * settings.steps))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, settings.steps - warm)
    return settings.learning_rate * 0.5 * (1 + float(np.cos(np.pi * progress)))


def _device(settings: SegmenterSettings) -> torch.device:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda was asked for, but torch sees none; use auto or cpu")
    gpu = settings.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if gpu else "cpu")


def _autocast(
    settings: SegmenterSettings, device: torch.device
) -> contextlib.AbstractContextManager[object]:
    """bf16 where it is asked for, or where the hardware multiplies in it; emulated it is slow."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported()
    else:
        found = torch.cpu.get_capabilities()
        able = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    if settings.precision == "fp32" or (settings.precision == "auto" and not able):
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _flat(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _keep(
    network: nn.Module, adam: torch.optim.Optimizer, path: Path, name: str, step: int
) -> None:
    """Replaces the checkpoint by the state after `step` steps."""
    moments = {
        f"adam.{i}.{key}": value
        for i, entries in adam.state_dict()["state"].items()
        for key, value in entries.items()
    }
    network_state = {f"network.{k}": v for k, v in network.state_dict().items()}
    story = {"fit": name, "step": str(step)}
    write_bytes(path, safetensors.torch.save(_flat(network_state | moments), metadata=story))


def _restore(network: nn.Module, adam: torch.optim.Optimizer, path: Path, name: str) -> int:
    """Takes up the checkpoint of the same fit, if there is one; returns the steps done."""
    if not path.is_file():
        return 0
    with safetensors.safe_open(path, framework="pt") as file:
        story = file.metadata() or {}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if story.get("fit") != name:
        return 0
    prefix = "network."
    network.load_state_dict(
        {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    )
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("adam."):
            _, i, entry = key.split(".")
            state.setdefault(int(i), {})[entry] = value
    adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})
    return int(story["step"])
