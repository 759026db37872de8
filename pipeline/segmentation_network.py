"""The torch side of segmentation: the U-Net, its training with checkpoints, and its reading.

Everything random in step k comes from seeds made of (fit seed, k), so a checkpoint is weights, Adam
moments and a step number: one safetensors file that is replaced as a whole.
"""

from pathlib import Path
from typing import cast

import numpy as np
import safetensors
import safetensors.torch
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parhelion.pipeline.contracts import Precision, Progress
from parhelion.pipeline.pretrained import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MOBILENET,
    WeightsMissing,
    mobilenet_state,
)
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.segmentation import IGNORE, SegmenterSettings
from parhelion.pipeline.segmentation_examples import Examples
from parhelion.pipeline.training import (
    Losses,
    TrainingState,
    device_of,
    half_precision,
    numerics_of,
    train,
)

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
    device = device_of(settings.device)
    network, start = start_network(settings, len(examples.classes), seed)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    name = digest(examples.digest, start, numerics_of(device, torch.get_num_threads()))
    adam = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    weights = torch.from_numpy(examples.class_weights()).to(device)

    def update(step: int) -> Losses:
        for group in adam.param_groups:
            group["lr"] = _learning_rate(settings, step)
        return _update(network, adam, examples.batch(step), weights, settings.precision)

    network.train()
    train(
        TrainingState({"network": network}, {"adam": adam}),
        update,
        steps=settings.steps,
        folder=workdir,
        digest=name,
        checkpoint_every=settings.checkpoint_every,
        progress=progress,
    )
    return network.cpu().eval(), name, start


def probabilities(network: nn.Module, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Softmax of the network over classes, (C, h, w) float32, of one image (h, w, 3) uint8."""
    with torch.inference_mode():
        logits = network(_input(image[None], torch.device("cpu")))
        read: NDArray[np.float32] = logits[0].float().softmax(0).numpy()
    return read


def with_weights(network: nn.Module, path: Path) -> nn.Module:
    """The network with the weights of a file, ready to read."""
    network.load_state_dict(safetensors.torch.load_file(path))
    return network.to(memory_format=torch.channels_last).eval()


def _update(
    network: nn.Module,
    adam: torch.optim.Optimizer,
    batch: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    weights: Tensor,
    precision: Precision,
) -> Losses:
    """One step on weighted cross-entropy; a batch without a labelled pixel teaches nothing."""
    images, targets = batch
    device = weights.device
    y = torch.from_numpy(targets).to(device, torch.long)
    if not (y != IGNORE).any():
        return {}
    with half_precision(precision, device):
        logits = network(_input(images, device))
    loss = nn.functional.cross_entropy(logits.float(), y, weight=weights, ignore_index=IGNORE)
    adam.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()
    return {"cross_entropy": float(loss.detach())}


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
