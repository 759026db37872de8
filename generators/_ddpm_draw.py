"""Drawing with a trained denoiser: several pictures at once, each from a seed of its own.

A batch is always `draw_batch` pictures large, the last one repeated where there are fewer: a
picture's bytes then depend on its own request alone.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._conditioning import CONDITION_SIZE, PLANES, Layers, planes
from parhelion.generators._ddpm_bound import nats
from parhelion.generators._denoiser import Denoiser, Told, told
from parhelion.generators._denoiser_config import rounded_up
from parhelion.generators._guidance import MixAt, mixed
from parhelion.generators._noise_levels import LARGEST, sampling_levels
from parhelion.generators._sampling import WAYS, Denoise, Fresh, Sampler, steps_of
from parhelion.generators._whole_images import pixels_of, scaled, to_image, y_vector
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Precision, Request
from parhelion.pipeline.frame import Annotation, Frame, Image
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.training import half_precision

if TYPE_CHECKING:
    from parhelion.generators._denoiser_config import DenoiserConfig, SeenFrames
    from parhelion.generators._trained import Fitted

Size = tuple[int, int]
Walk = Callable[[Denoise, Fresh], Tensor]  # from noise to pictures (N, C, H, W)


class Drawing(Protocol):
    """How one generator draws with its network."""

    def size(self, request: Request, y: Annotation) -> Size:
        """(H, W) of the picture."""

    def told(self, requests: Sequence[Request], layouts: Sequence[Annotation], size: Size) -> Told:
        """What the network is told for pictures of one size."""

    def walk(self, requests: Sequence[Request], network: Denoiser) -> Walk:
        """How pictures of one size come out of noise."""

    def mix(self) -> MixAt:
        """How far the network's words are pushed, by the level of noise."""

    def precision(self) -> Precision:
        """In which the network computes."""


def denoiser_of(config: "DenoiserConfig", seen: "SeenFrames", shown: int = 0) -> Denoiser:
    """The network that `config` asks for, with torch's current random state.

    `shown`: planes beside the picture, besides those of y.
    """
    return Denoiser(
        channels=seen.channels,
        beside=(PLANES if seen.layers else 0) + shown,
        y_size=len(seen.vocabulary) + CONDITION_SIZE,
        patch=config.patch,
        width=config.width,
        multiples=config.multiples,
        depth=config.depth,
        attention=config.attention,
    )


def drawing_denoiser_of(config: "DenoiserConfig", seen: "SeenFrames", shown: int = 0) -> Denoiser:
    """The network that draws, with the worse one beside it."""
    network = denoiser_of(config, seen, shown)
    network.worse = denoiser_of(config, seen, shown)
    return network


def pictures(
    drawing: Drawing,
    fitted: "Fitted",
    requests: Sequence[Request],
    layouts: Sequence[Annotation],
    batch: int,
) -> list[Image]:
    """One picture for each request and its y; those of one size are drawn together."""
    network, tile = fitted.network, fitted.seen.size

    def drawn(some: Sequence[Request], theirs: Sequence[Annotation], size: Size) -> Tensor:
        known, seeds = drawing.told(some, theirs, size), [request.seed for request in some]
        walk = drawing.walk(some, network)
        mix, precision = drawing.mix(), drawing.precision()
        return sampled(network, known, size, tile, seeds, mix, walk, precision)

    return by_size(drawing, requests, layouts, batch, drawn, lambda x, _: to_image(x))


def by_size(
    drawing: Drawing,
    requests: Sequence[Request],
    layouts: Sequence[Annotation],
    batch: int,
    drawn: Callable[[Sequence[Request], Sequence[Annotation], Size], Tensor],
    shown: Callable[[Tensor, Size], Image],
) -> list[Image]:
    """Pictures in the order of the requests; `drawn` draws `batch` of one size, `shown` shows one.

    The last request is repeated where there are fewer.
    """
    of_size: dict[Size, list[int]] = defaultdict(list)
    for i, (request, y) in enumerate(zip(requests, layouts, strict=True)):
        of_size[drawing.size(request, y)].append(i)
    found: dict[int, Image] = {}
    for size, rows in of_size.items():
        full = rows + rows[-1:] * (batch - len(rows))
        x = drawn([requests[i] for i in full], [layouts[i] for i in full], size)
        found |= {i: shown(x[place], size) for place, i in enumerate(rows)}
    return [found[i] for i in range(len(requests))]


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
    return told(torch.from_numpy(np.stack(vectors)), torch.from_numpy(np.stack(beside)))


@torch.inference_mode()
def sampled(
    network: Denoiser,
    known: Told,
    size: Size,
    tile: Size,
    seeds: Sequence[int],
    mix: MixAt,
    walk: Walk,
    precision: Precision = "fp32",
) -> Tensor:
    """Pictures (N, C, H, W), about -1..1, of what is told, their noise from `seeds`."""
    device = next(network.parameters()).device
    empty = padded(torch.zeros(len(seeds), network.channels, *size), network)
    fresh = noise_from([seed_of("ddpm.draw", seed) for seed in seeds], empty.shape[1:], device)
    heard = known._replace(beside=padded(known.beside, network)).to(device)
    denoise = mixed(network, heard, mix, rounded_up(tile, network.stride))
    with half_precision(precision, device):
        return walk(denoise, fresh)[:, :, : size[0], : size[1]]


def from_noise(sampler: Sampler, calls: int, sigma_min: float) -> Walk:
    """The walk from pure noise that a sampler takes in so many calls."""
    levels = sampling_levels(steps_of(sampler, calls), smallest=sigma_min)

    def walk(denoise: Denoise, fresh: Fresh) -> Tensor:
        return WAYS[sampler](denoise, LARGEST * fresh(), levels, fresh)

    return walk


def padded(x: Tensor, network: Denoiser) -> Tensor:
    """X (N, C, H, W) continued to a multiple of the network's stride."""
    return continued(x, rounded_up((x.shape[2], x.shape[3]), network.stride))


def continued(x: Tensor, size: Size) -> Tensor:
    """X (N, C, h, w) continued by its last row and column to `size`, which is no smaller."""
    if not x.shape[1]:
        return x.new_zeros(len(x), 0, *size)  # torch continues no planes at all
    height, width = x.shape[2:]
    return functional.pad(x, (0, size[1] - width, 0, size[0] - height), "replicate")


@torch.inference_mode()
def bits(
    network: Denoiser,
    frames: Sequence[Frame],
    layouts: Sequence[Annotation],
    config: "DenoiserConfig",
    seen: "SeenFrames",
    seed: int,
) -> float:
    """Mean bits per grey level, by the bound, of frames no larger than a training crop. They are
    continued to its size, as in training: what is said of all bounds what is said of a part.
    """
    size, sums = rounded_up(seen.size, network.stride), 0.0
    device = next(network.parameters()).device
    for first in range(0, len(frames), config.draw_batch):
        some = slice(first, first + config.draw_batch)
        levels = [scaled(pixels_of(f.image, f.size, seen.channels)[None]) for f in frames[some]]
        x = torch.cat([continued(own, size) for own in levels]).to(device)
        each = [
            told_of([frame.conditions], [y], frame.size, seen)
            for frame, y in zip(frames[some], layouts[some], strict=True)
        ]
        known = told(
            torch.cat([one.vector for one in each]),
            torch.cat([continued(one.beside, size) for one in each]),
        )
        seeds = [seed_of("ddpm.bound", seed, frame.frame_id) for frame in frames[some]]
        found = nats(network, x, known.to(device), config.bound_levels, seeds)
        own = torch.tensor([pixels[0].numel() for pixels in levels])
        sums -= float((found.cpu() / own).sum()) / math.log(2)
    return sums / len(frames)


def noise_from(seeds: Sequence[int], shape: Sequence[int], device: torch.device) -> Fresh:
    """Unit noise (N, *shape), picture by picture from its own seed; further with every call."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def fresh() -> Tensor:
        noise = torch.stack([torch.randn(*shape, generator=g) for g in generators])
        return noise.to(device, memory_format=torch.channels_last)

    return fresh
