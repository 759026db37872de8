"""Perceptual loss: the distance of two pictures in the features of a named, checked network.

Johnson et al. 2016, on MobileNetV2 (`parhelion.pipeline.pretrained`).
"""

import torch
from torch import Tensor, nn

from parhelion.pipeline.pretrained import IMAGENET_MEAN, IMAGENET_STD, mobilenet

TAPS = (1, 3, 6, 10, 13)  # blocks whose outputs are compared: strides 2, 4, 8, 16, 16


class MobileNetFeatures(nn.Module):
    """Feature maps of the blocks in TAPS; frozen, always in evaluation mode."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        blocks = list(mobilenet().get_submodule("features").children())
        self.blocks = nn.ModuleList(blocks[: TAPS[-1] + 1]).eval()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])

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
