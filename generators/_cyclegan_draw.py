"""Drawing one whole picture with a trained translator, alone and in float32."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from parhelion.generators._cyclegan_networks import Translator
from parhelion.generators._unpaired_crops import SKY_SIZE, sky_vector
from parhelion.generators._whole_images import scaled, to_image
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.frame import Image
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    from parhelion.generators.cyclegan import CycleGanConfig


def network_of(config: "CycleGanConfig", grey: bool) -> Translator:
    """The translator that `config` asks for, with torch's current random state."""
    return Translator(
        width=config.width,
        levels=config.levels,
        blocks=config.blocks,
        noise_planes=config.noise_planes,
        sky_size=SKY_SIZE,
        grey=grey,
    )


@torch.inference_mode()
def whole_picture(network: Translator, parent: Image, conditions: Conditions, seed: int) -> Image:
    """The parent (H, W, 3) of any size in the other domain, its noise from `seed`.

    It is continued by its last row and column to a multiple of the network's stride.
    """
    device = next(network.parameters()).device
    height, width = parent.shape[:2]
    pad = (0, -width % network.stride, 0, -height % network.stride)
    x = functional.pad(scaled(parent.transpose(2, 0, 1)[None]), pad, mode="replicate")
    sky = torch.from_numpy(sky_vector(conditions)[None])
    generator = torch.Generator().manual_seed(seed_of("cyclegan.draw", seed))
    noise = torch.randn(1, network.noise_planes, *x.shape[2:], generator=generator)
    drawn = network(x.to(device), sky.to(device), noise.to(device))
    return np.ascontiguousarray(to_image(drawn[0, :, :height, :width]))
