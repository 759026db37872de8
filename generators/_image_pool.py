"""A memory of pictures that were drawn earlier, so that a critic does not forget old mistakes.

Shrivastava et al. 2017, section 2.3, in the form of Zhu et al. 2017, section 4.
Legend: N = batch, S = entries of the sky vector.
"""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """`size` drawn pictures with their skies. A module, so that a checkpoint holds them."""

    images: Tensor  # (size, C, H, W)
    skies: Tensor  # (size, S)
    filled: Tensor  # () int64

    def __init__(self, size: int, picture: tuple[int, int, int], sky_size: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, *picture))
        self.register_buffer("skies", torch.zeros(size, sky_size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchanged(
        self, x: Tensor, sky: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the critic is to see in place of x (N, C, H, W) and its sky (N, S).

        The first `size` pictures are kept and passed on. Then each picture is passed on with
        probability 1/2; else it takes the place of a random one of the pool, which is passed on.
        """
        size = len(self.images)
        if not size:
            return x.detach(), sky
        shown, told = x.detach().clone(), sky.clone()
        chance = torch.rand(len(x), generator=generator).tolist()
        places = torch.randint(size, (len(x),), generator=generator).tolist()
        filled = int(self.filled)
        for i, (p, place) in enumerate(zip(chance, places, strict=True)):
            if filled < size:
                self.images[filled], self.skies[filled] = shown[i], told[i]
                filled += 1
            elif p < 0.5:
                image, its_sky = self.images[place].clone(), self.skies[place].clone()
                self.images[place], self.skies[place] = shown[i], told[i]
                shown[i], told[i] = image, its_sky
        self.filled.fill_(filled)
        return shown, told
