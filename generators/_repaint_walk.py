"""Down the noise levels with part of the picture known, and up again now and then.

Lugmayr et al. 2022, "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", algorithm
1 and figure 9: what is known is put under noise of each level and in its place; going up a few
levels and down again lets the unknown part fit it.
"""

from itertools import pairwise

from torch import Tensor

from parhelion.generators._sampling import Denoise, Fresh, posterior


def places(levels: int, jump: int, resamples: int) -> list[int]:
    """The numbers of the levels in the order of the walk: 0 is the noisiest, `levels` is none.

    Before the last level, and each `jump` above it while as many are left, it goes `jump` levels
    up, `resamples` - 1 times. The figure's steps up one by one add up to the same noise at once.
    """
    ups = range(0, levels - jump, jump)  # the figure's t, which is nought at the last noisy level
    walk, place, left = [0], 0, dict.fromkeys((levels - 1 - t for t in ups), resamples - 1)
    while place < levels:
        place += 1
        walk.append(place)
        if left.get(place, 0):
            left[place] -= 1
            place -= jump
            walk.append(place)
    return walk


def repainted(
    denoise: Denoise, known: Tensor, mask: Tensor, levels: Tensor, walk: list[int], fresh: Fresh
) -> Tensor:
    """Pictures (N, C, H, W), drawn where mask (N, 1, H, W) is 1 and `known` elsewhere."""
    sigma = levels.tolist()
    x: Tensor = (1 - mask) * known + sigma[0] * fresh()  # what is hidden has no say
    for here, there in pairwise(walk):
        if there < here:
            x = x + (sigma[there] ** 2 - sigma[here] ** 2) ** 0.5 * fresh()
            continue
        drawn = posterior(denoise(x, sigma[here]), x, sigma[here], sigma[there], fresh)
        kept = known + sigma[there] * fresh() if sigma[there] else known
        x = mask * drawn + (1 - mask) * kept
    return x
