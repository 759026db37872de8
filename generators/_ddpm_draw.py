"""Drawing with a trained denoiser: several pictures at once, each from a seed of its own.

A batch is always `draw_batch` pictures large, the last one repeated where there are fewer: a
picture's bytes then depend on its own request alone.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._conditioning import CONDITION_SIZE, PLANES, Layers, planes
from parhelion.generators._ddpm_bound import nats
from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._noise_levels import LARGEST, sampling_levels
from parhelion.generators._sampling import WAYS, Denoise, Fresh, Sampler, steps_of
from parhelion.generators._tiles import Window, blended
from parhelion.generators._whole_images import pixels_of, scaled, to_image, y_vector
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Annotation, Frame, Image
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    from parhelion.generators._denoiser_config import DenoiserConfig, SeenFrames

Size = tuple[int, int]
Walk = Callable[[Denoise, Fresh], Tensor]  # from noise to pictures (N, C, H, W)


def denoiser_of(config: "DenoiserConfig", seen: "SeenFrames") -> Denoiser:
    """The network that `config` asks for, with torch's current random state."""
    return Denoiser(
        channels=seen.channels,
        beside=PLANES if seen.layers else 0,
        y_size=len(seen.vocabulary) + CONDITION_SIZE,
        patch=config.patch,
        width=config.width,
        multiples=config.multiples,
        depth=config.depth,
        attention=config.attention,
    )


def pictures(
    network: Denoiser,
    requests: Sequence[Request],
    layouts: Sequence[Annotation],
    config: "DenoiserConfig",
    seen: "SeenFrames",
    walk_of: Callable[[Sequence[Request]], Walk],
) -> list[Image]:
    """One picture for each request and its y, those of one size drawn together, by a walk."""
    of_size: dict[Size, list[int]] = defaultdict(list)
    for i, (request, y) in enumerate(zip(requests, layouts, strict=True)):
        of_size[_size(request, y, seen)].append(i)
    drawn: dict[int, Image] = {}
    for size, rows in of_size.items():
        full = rows + rows[-1:] * (config.draw_batch - len(rows))
        some = [requests[i] for i in full]
        told = told_of([r.conditions for r in some], [layouts[i] for i in full], size, seen)
        seeds, walk = [request.seed for request in some], walk_of(some)
        x = sampled(network, told, size, seen.size, seeds, config.guidance, walk)
        drawn |= {i: to_image(x[place]) for place, i in enumerate(rows)}
    return [drawn[i] for i in range(len(requests))]


def _size(request: Request, y: Annotation, seen: "SeenFrames") -> Size:
    """That of y, or of the parent, or the one that was learnt."""
    if seen.layers:
        return y.size
    return request.parent.size if request.parent is not None else seen.size


def parents(requests: Sequence[Request], network: Denoiser) -> Tensor:
    """The parents' pictures (N, C, H, W) in -1..1, `padded`."""
    images = [request.parent.image for request in requests if request.parent is not None]
    x = np.stack([pixels_of(image, image.shape[:2], network.channels) for image in images])
    return padded(scaled(x), network).to(next(network.parameters()).device)


def told_of(
    conditions: Sequence[Conditions], layouts: Sequence[Annotation], size: Size, seen: "SeenFrames"
) -> Told:
    """What the network is told. Raises CannotHonour for classes of another vocabulary."""
    vectors = [
        y_vector(y.label, sky, seen.vocabulary) for sky, y in zip(conditions, layouts, strict=True)
    ]
    read = frozenset(seen.layers)
    beside = (
        [planes(Layers.of(y, read), *size) for y in layouts]
        if read
        else [np.zeros((0, *size), dtype=np.float32)] * len(layouts)
    )
    return Told(
        torch.from_numpy(np.stack(vectors)),
        torch.from_numpy(np.stack(beside)),
        torch.ones(len(layouts)),
    )


@torch.inference_mode()
def sampled(
    network: Denoiser,
    told: Told,
    size: Size,
    tile: Size,
    seeds: Sequence[int],
    guidance: float,
    walk: Walk,
) -> Tensor:
    """Pictures (N, C, H, W), about -1..1, of what is told, their noise from `seeds`."""
    device = next(network.parameters()).device
    empty = padded(torch.zeros(len(seeds), network.channels, *size), network)
    beside = empty.new_zeros(len(seeds), 0, *empty.shape[2:])
    if told.beside.shape[1]:
        beside = padded(told.beside, network)
    fresh = noise_from([seed_of("ddpm.draw", seed) for seed in seeds], empty.shape[1:], device)
    denoise = guided(network, told._replace(beside=beside).to(device), guidance, tile)
    return walk(denoise, fresh)[:, :, : size[0], : size[1]]


def from_noise(sampler: Sampler, calls: int) -> Walk:
    """The walk from pure noise that a sampler takes in so many calls."""
    levels = sampling_levels(steps_of(sampler, calls))

    def walk(denoise: Denoise, fresh: Fresh) -> Tensor:
        return WAYS[sampler](denoise, LARGEST * fresh(), levels, fresh)

    return walk


def padded(x: Tensor, network: Denoiser) -> Tensor:
    """X (N, C, H, W) continued by its last row and column to a multiple of the network's stride."""
    height, width = x.shape[2:]
    return functional.pad(x, (0, -width % network.stride, 0, -height % network.stride), "replicate")


@torch.inference_mode()
def bits(
    network: Denoiser,
    frames: Sequence[Frame],
    layouts: Sequence[Annotation],
    config: "DenoiserConfig",
    seen: "SeenFrames",
    seed: int,
) -> float:
    """Mean bits per grey level of frames of the size that was learnt, by the bound."""
    device, sums = next(network.parameters()).device, 0.0
    for first in range(0, len(frames), config.draw_batch):
        some = slice(first, first + config.draw_batch)
        pixels = [pixels_of(frame.image, seen.size, seen.channels) for frame in frames[some]]
        x = scaled(np.stack(pixels)).to(device)
        told = told_of([f.conditions for f in frames[some]], layouts[some], seen.size, seen)
        chance = torch.Generator().manual_seed(seed_of("ddpm.bound", seed, first))
        found = nats(network, x, told.to(device), config.bound_levels, chance)
        sums -= float(found.sum()) / (x[0].numel() * math.log(2))
    return sums / len(frames)


def noise_from(seeds: Sequence[int], shape: Sequence[int], device: torch.device) -> Fresh:
    """Unit noise (N, *shape), picture by picture from its own seed; further with every call."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def fresh() -> Tensor:
        noise = torch.stack([torch.randn(*shape, generator=g) for g in generators])
        return noise.to(device, memory_format=torch.channels_last)

    return fresh


def guided(network: Denoiser, told: Told, guidance: float, tile: Size) -> Denoise:
    """D(x; sigma, y) pushed away from D(x; sigma) (Ho and Salimans 2022, equation 6).

    `guidance` 1 is the plain conditional network. Pictures larger than `tile` are seen in windows.
    """
    everywhere = torch.ones_like(told.heard, dtype=torch.bool)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        levels = torch.full((len(x),), sigma, device=x.device)

        def window(part: Tensor, place: Window) -> Tensor:
            rows, columns = place
            here = told._replace(beside=told.beside[:, :, rows, columns])
            heard: Tensor = network(part, levels, here)
            if guidance == 1:
                return heard
            unheard = network(part, levels, here.silenced(everywhere))
            pushed: Tensor = unheard + guidance * (heard - unheard)
            return pushed

        return blended(window, x, tile)

    return denoise
