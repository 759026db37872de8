"""What Deep Feature Interpolation is fitted to: pictures of every domain, and who is near to whom.

A domain is a cell of conditions (with its event, if any). Legend: n = pictures kept, H, W =
working size, K = scene classes, D = numbers that describe a picture.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._deep_features import LEAST_PX, DeepFeatures
from parhelion.generators._dfi_settings import DfiConfig, SeenDomains, domain_of
from parhelion.generators._trained import Seen
from parhelion.pipeline.contracts import Ailment, CannotLearn, FrameSet, TrainingData
from parhelion.pipeline.frame import Annotation, Image
from parhelion.pipeline.layers import resize_nearest
from parhelion.pipeline.scene_class import COARSE, FINE, SceneClass, ids
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.training import Losses, TrainingState

CLASS_IDS = ids(FINE | COARSE)
SCENE_GRID = (2, 3)  # windows whose mean features describe a scene
LAYOUT_GRID = (4, 6)  # windows whose shares of classes describe a layout
NO_STENCIL = int(SceneClass.IGNORE)


class Described(NamedTuple):
    """What the neighbour search compares."""

    scene: Tensor  # (D,) float32, means of the deeper taps in SCENE_GRID
    layout: Tensor  # (K * cells,) float32, shares of classes in LAYOUT_GRID; zero where unknown


class Domains(nn.Module):
    """The pictures kept, as buffers, so that they are saved and resumed like weights."""

    images: Tensor  # (n, H, W, 3) uint8
    stencils: Tensor  # (n, H, W) uint8; 255 where a frame has none
    scene: Tensor  # (n, D) float32
    layout: Tensor  # (n, K * cells) float32

    def __init__(self, n: int, size: tuple[int, int], scene_size: int) -> None:
        super().__init__()
        layout_size = len(CLASS_IDS) * LAYOUT_GRID[0] * LAYOUT_GRID[1]
        self.register_buffer("images", torch.zeros(n, *size, 3, dtype=torch.uint8))
        self.register_buffer("stencils", torch.full((n, *size), NO_STENCIL, dtype=torch.uint8))
        self.register_buffer("scene", torch.zeros(n, scene_size))
        self.register_buffer("layout", torch.zeros(n, layout_size))

    def keep(self, i: int, image: Image, stencil: NDArray[np.uint8], told: Described) -> None:
        """Stores one picture (H, W, 3) and its stencil (H, W), both at the working size."""
        self.images[i] = torch.tensor(image)
        self.stencils[i] = torch.tensor(stencil)
        self.scene[i], self.layout[i] = told.scene, told.layout

    def nearest(
        self, told: Described, home: Sequence[int], rows: Sequence[int], layout_weight: float
    ) -> list[int]:
        """`rows`, the nearest to the picture `told` first; `home` are the rows of its own domain.

        The distance is the cosine distance of scenes, each told from the mean of its domain so
        that the light does not count, plus `layout_weight` times the share of the picture where
        the classes differ, where both have a stencil.
        """
        own = functional.normalize(told.scene - self.scene[list(home)].mean(dim=0), dim=0)
        theirs = self.scene[list(rows)]
        theirs = functional.normalize(theirs - theirs.mean(dim=0), dim=1)
        distance = 1 - theirs @ own
        if told.layout.any():
            layouts = self.layout[list(rows)]
            alike = torch.minimum(layouts, told.layout).sum(dim=1) / told.layout.sum()
            known = layouts.any(dim=1)
            distance = distance + layout_weight * torch.where(known, 1 - alike, 1.0)
        order = torch.argsort(distance, stable=True).tolist()
        return [rows[i] for i in order]


def describe(phi: DeepFeatures, image: Image, stencil: NDArray[np.uint8]) -> Described:
    """What the search compares of a picture (H, W, 3) and its stencil (H, W)."""
    with torch.no_grad():
        _, *deeper = phi(to_tensor(image, phi.mean.device))
    scene = [functional.adaptive_avg_pool2d(m, SCENE_GRID).flatten() for m in deeper]
    shares = functional.adaptive_avg_pool2d(class_planes(torch.tensor(stencil)), LAYOUT_GRID)
    return Described(torch.cat(scene).cpu(), shares.flatten())


def class_planes(stencil: Tensor) -> Tensor:
    """Stencil (H, W) -> (1, K, H, W) float32, 1 where the pixel is of the class."""
    classes = torch.from_numpy(CLASS_IDS).to(stencil.device)
    return (stencil[None, None] == classes[None, :, None, None]).float()


def shares_at(planes: Tensor, like: Tensor) -> Tensor:
    """Planes (1, K, H, W) -> (1, K, h, w): the share of each class at the places of a map."""
    height, width = like.shape[-2:]
    return functional.adaptive_avg_pool2d(planes, (height, width))


def to_tensor(image: Image, device: torch.device) -> Tensor:
    """Picture (H, W, 3) uint8 -> (1, 3, H, W) float32 in 0..1, channels last."""
    x = torch.tensor(image, device=device)[None].permute(0, 3, 1, 2)
    return x.float() / 255


def at_size(y: Annotation, image: Image, size: tuple[int, int]) -> tuple[Image, NDArray[np.uint8]]:
    """Picture and stencil at (H, W); a stencil of 255 alone where `y` has none."""
    height, width = size
    if image.shape[:2] != size:
        shrinks = width <= image.shape[1] and height <= image.shape[0]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (width, height), interpolation=how).astype(np.uint8, copy=False)
    if y.stencil is None:
        return image, np.full(size, NO_STENCIL, dtype=np.uint8)
    return image, resize_nearest(y.stencil, width, height)


def working_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """(H, W) with its longer side at most `longest_px`, and no side too short for the network."""
    scale = min(1.0, longest_px / max(size))
    height, width = (max(LEAST_PX, round(side * scale)) for side in size)
    return height, width


class DomainsStep:
    """One fit: step k reads the k-th frame to be kept. Nothing is trained by gradient."""

    def __init__(self, config: DfiConfig, data: TrainingData, seed: int, phi: DeepFeatures) -> None:
        sets = [data.source] if data.target is None else [data.source, data.target]
        places = [(frames, i) for frames in sets for i in range(len(frames))]
        if not places:
            raise CannotLearn("nothing to learn from: the training data hold no frame")
        of_domain: dict[str, list[int]] = defaultdict(list)
        for number, (frames, i) in enumerate(places):
            of_domain[domain_of(frames.keys[i].conditions)].append(number)
        self.phi = phi
        self.places: list[tuple[FrameSet, int]] = []
        self.rows: dict[str, tuple[int, ...]] = {}
        for domain in sorted(of_domain):
            kept = _some(of_domain[domain], config.most_per_cell, domain, seed)
            first = len(self.places)
            self.rows[domain] = tuple(range(first, first + len(kept)))
            self.places += [places[number] for number in kept]
        first_frame = self.places[0][0][self.places[0][1]]
        self.size = working_size(first_frame.size, config.longest_px)
        image, stencil = at_size(first_frame, first_frame.image, self.size)
        scene_size = len(describe(phi, image, stencil).scene)
        self.domains = Domains(len(self.places), self.size, scene_size)

    @property
    def steps(self) -> int:
        return len(self.places)

    def state(self) -> TrainingState:
        """What a checkpoint holds: the pictures that were read so far."""
        return TrainingState({"domains": self.domains}, {})

    def __call__(self, step: int) -> Losses:
        frames, i = self.places[step]
        frame = frames[i]
        image, stencil = at_size(frame, frame.image, self.size)
        self.domains.keep(step, image, stencil, describe(self.phi, image, stencil))
        return {}

    def examine(self, step: int) -> Ailment | None:
        """Nothing is trained that could go wrong."""
        return None

    def result(self) -> nn.Module:
        return self.domains

    def seen(self, seen: Seen) -> Seen:
        """With the rows of each domain, and the shapes of what is stored."""
        more: Mapping[str, object] = {
            "rows": self.rows,
            "size": self.size,
            "scene_size": self.domains.scene.shape[1],
        }
        return SeenDomains(**{**seen.model_dump(), **more})


def _some(numbers: Sequence[int], most: int, domain: str, seed: int) -> list[int]:
    """At most so many of them, chosen by the seed, in their order."""
    chosen = rng("dfi.kept", seed, domain).permutation(len(numbers))[:most]
    return [numbers[i] for i in sorted(chosen.tolist())]
