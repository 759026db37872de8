"""The feature maps phi that Deep Feature Interpolation moves in, of a named and checked network.

VGG19 (Simonyan and Zisserman 2015) as the paper has it, where torchvision's weights lie on the
machine; the packaged MobileNetV2 elsewhere. Four taps each. The first is the first convolution
before its rectifier: linear in the picture, so that light and colour are in it without loss. The
others lie at strides 4, 8 and 16 after a rectifier: conv3_1, conv4_1 and conv5_1 of VGG19, and the
expansions of MobileNetV2's blocks 4, 7 and 11. (The outputs of those blocks are no substitute: they
are signed, cancel in any mean over pictures that are not aligned, and hardly know how bright it
is.) Legend: N = pictures, C, h, w = one tap's map.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from parhelion.pipeline.pretrained import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MOBILENET,
    MOBILENET_SHA256,
    WeightsMissing,
    mobilenet,
    mobilenet_path,
)

NetworkName = Literal["mobilenet", "vgg19"]

VGG19 = "vgg19-imagenet1k-v1"  # torchvision's IMAGENET1K_V1
VGG19_FILE = "vgg19-dcbb9e9d.pth"
VGG19_HASH_PREFIX = "dcbb9e9d"  # of the file's sha256, as torchvision publishes it
VGG19_CHANNELS = (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, 512)  # 0 = pooling
VGG19_TAPS = (0, 11, 20, 29)  # layers whose outputs are taken
MOBILENET_TAPS = (4, 7, 11)  # blocks without a residual, whose expansions are taken
LEAST_PX = 32  # the shorter side of a picture, so that the deepest map has a pixel

# Which weights: the file's sha256, or its published prefix.
NAMES = {"mobilenet": (MOBILENET, MOBILENET_SHA256), "vgg19": (VGG19, VGG19_HASH_PREFIX)}


class DeepFeatures(nn.Module):
    """Segments of a network, one after another; the output of each is a tap. Frozen."""

    mean: Tensor
    std: Tensor

    def __init__(self, segments: Iterable[Iterable[nn.Module]]) -> None:
        super().__init__()
        self.segments = nn.ModuleList(nn.Sequential(*segment) for segment in segments)
        for module in self.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6):
                module.inplace = False  # else it would overwrite the tap before it
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Pictures x (N, 3, H, W) in 0..1, sRGB -> one map (N, C, h, w) per tap."""
        h, maps = (x - self.mean) / self.std, []
        for segment in self.segments:
            h = segment(h)
            maps.append(h)
        return maps


def deep_features(network: NetworkName) -> DeepFeatures:
    """The network with its published weights. Raises WeightsMissing."""
    if network == "mobilenet":
        return DeepFeatures(_mobilenet_segments())
    layers = vgg19_layers()
    found = torch.load(vgg19_path(), map_location="cpu", weights_only=True)
    layers.load_state_dict({key: found[f"features.{key}"] for key in layers.state_dict()})
    ends = [tap + 1 for tap in VGG19_TAPS]
    return DeepFeatures(list(layers)[a:b] for a, b in pairwise((0, *ends)))


def network_at_hand() -> NetworkName:
    """VGG19 where its weights lie on this machine, else MobileNetV2."""
    try:
        vgg19_path()
    except WeightsMissing:
        return "mobilenet"
    return "vgg19"


def weights_path(network: NetworkName) -> Path:
    """The weights' file. Raises WeightsMissing, whose sentence says what to put where."""
    return vgg19_path() if network == "vgg19" else mobilenet_path()


def vgg19_path() -> Path:
    """The weights' file in torch.hub's cache, if its hash is right. Raises WeightsMissing."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / VGG19_FILE
    if not path.is_file() or not _sha256(path).startswith(VGG19_HASH_PREFIX):
        raise WeightsMissing(
            f"{VGG19} needs {path} (sha256 {VGG19_HASH_PREFIX}...), not found: put torchvision's "
            "file of that name there, or set network to mobilenet"
        )
    return path


def vgg19_layers() -> nn.Sequential:
    """VGG19 up to conv5_1 and its rectifier, numbered as torchvision numbers `features`."""
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG19_CHANNELS:
        layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
        channels = width or channels
    return nn.Sequential(*layers)


def _mobilenet_segments() -> Iterable[list[nn.Module]]:
    stem, *blocks = mobilenet().get_submodule("features").children()
    convolution, normalisation, rectifier = stem.children()
    yield [convolution, normalisation]
    segment = [rectifier]
    for number, block in enumerate(blocks, start=1):
        if number not in MOBILENET_TAPS:
            segment.append(block)
            continue
        expansion, *rest = block.get_submodule("conv").children()
        yield [*segment, expansion]
        segment = rest


@lru_cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:  # half a gigabyte: not read at once
        return hashlib.file_digest(file, "sha256").hexdigest()
