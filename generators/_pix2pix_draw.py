"""Drawing one whole picture with a trained SPADE network.

Pictures are drawn one at a time, in float32: none depends on its neighbours or on their order.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from parhelion.generators._conditioning import (
    CONDITION_SIZE,
    PLANES,
    Layers,
    condition_vector,
    planes,
)
from parhelion.generators._spade import SpadeUNet
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.frame import Image
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    from parhelion.generators.pix2pix import Pix2PixConfig


def network_of(config: "Pix2PixConfig") -> SpadeUNet:
    """The drawing network that `config` asks for, with torch's current random state."""
    return SpadeUNet(
        planes=PLANES,
        condition_size=CONDITION_SIZE,
        width=config.width,
        levels=config.levels,
        style_size=config.style_size,
        noise_size=config.noise_size,
        noise_planes=config.noise_planes,
    )


@torch.inference_mode()
def whole_picture(
    network: SpadeUNet,
    layers: Layers,
    size: tuple[int, int],
    parent: Image | None,
    conditions: Conditions,
    seed: int,
) -> Image:
    """A picture (H, W, 3) uint8 of any `size` (H, W), its noise from `seed`.

    Inputs are continued by their last row and column to a multiple of the network's stride.
    """
    device = next(network.parameters()).device
    height, width = size
    pad = (0, -width % network.stride, 0, -height % network.stride)
    noise = torch.Generator().manual_seed(seed_of("pix2pix.draw", seed))
    z = torch.randn(1, network.noise_size, generator=noise)
    grain = torch.randn(1, network.noise_planes, height + pad[3], width + pad[1], generator=noise)
    before = np.zeros((height, width, 3), np.uint8) if parent is None else parent
    x = torch.from_numpy(before.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)
    y = torch.from_numpy(planes(layers, height, width)[None])
    drawn = network(
        functional.pad(x, pad, mode="replicate").to(device),
        torch.full((1,), float(parent is not None), device=device),
        functional.pad(y, pad, mode="replicate").to(device),
        torch.from_numpy(condition_vector(conditions)[None]).to(device),
        z.to(device),
        grain.to(device),
    )[0, :, :height, :width]
    levels = ((drawn.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())
