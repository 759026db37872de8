"""Feature networks by name: images in, one vector each out, with the passport of the numbers.

`mobilenet-v2-imagenet1k-v1` comes offline with a data package; `inception-v3-compat` is the network
of the published FID (Heusel et al. 2017, in torch-fidelity's conversion) and is used where its
weights lie on this machine. Nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.frame import Image
from parhelion.pipeline.pretrained import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MOBILENET,
    MOBILENET_SHA256,
    WeightsMissing,
    mobilenet,
)

if TYPE_CHECKING:
    import torch

INCEPTION = "inception-v3-compat"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256_START = "6726825d"  # as the file's publisher wrote it into its name

Features = NDArray[np.float32]  # (n, dims)


class Network(Protocol):
    """What a score asks of a feature network."""

    @property
    def passport(self) -> Passport: ...

    @property
    def dims(self) -> int: ...

    def __call__(self, images: Iterable[Image]) -> Features: ...


@dataclass(frozen=True, kw_only=True)
class TorchNetwork:
    """A frozen torch network, one image at a time on one thread: no vector knows its neighbours."""

    passport: Passport
    dims: int
    forward: Callable[[torch.Tensor], torch.Tensor]  # (1, 3, H, W) uint8 -> (1, dims) float32

    def __call__(self, images: Iterable[Image]) -> Features:
        """Features (n, dims) float32 of sRGB images (H, W, 3) uint8, any sizes."""
        import torch

        with _one_thread(), torch.inference_mode():
            rows = [
                self.forward(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])[0].numpy()
                for image in images
            ]
        return np.stack(rows) if rows else np.empty((0, self.dims), np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def default_network() -> str:
    """The FID Inception where its weights are at hand, else the packaged MobileNetV2."""
    return INCEPTION if inception_path().is_file() else MOBILENET


@lru_cache
def feature_network(name: str | None = None) -> TorchNetwork:
    """The network of that name, by default the best at hand.

    Raises KeyError for an unknown name, WeightsMissing where the weights are not there, ValueError
    where the file is not the one it should be.
    """
    builders = {INCEPTION: _inception, MOBILENET: _mobilenet}
    name = name or default_network()
    if name not in builders:
        raise KeyError(f"no feature network {name!r}; there are: {', '.join(sorted(builders))}")
    return builders[name]()


def inception_path() -> Path:
    """Where the weights of the FID Inception are looked for: torch's own cache folder."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE


def _checked(path: Path, sha256_start: str) -> tuple[bytes, str]:
    """The file's bytes and sha256. Raises ValueError where the hash is another."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(sha256_start):
        raise ValueError(f"{path.name}: wanted sha256 {sha256_start}..., got {found}: replace it")
    return content, found


def _mobilenet() -> TorchNetwork:
    """MobileNetV2 (Sandler et al. 2018), ImageNet weights; mean over the last feature map."""
    import torch

    blocks = mobilenet().get_submodule("features")
    mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
    std = torch.tensor(IMAGENET_STD)[:, None, None]

    def forward(image: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.interpolate(
            image.float() / 255, (224, 224), mode="bicubic", antialias=True, align_corners=False
        )
        features: torch.Tensor = blocks((x.clamp(0, 1) - mean) / std).mean((2, 3))
        return features

    passport = Passport(
        network=MOBILENET,
        weights_sha256=MOBILENET_SHA256,
        resize="224x224, bicubic, antialiased",
        quantisation="uint8 before the resize, none after",
    )
    return TorchNetwork(passport=passport, dims=1280, forward=forward)


def _inception() -> TorchNetwork:
    """torch-fidelity's Inception of the FID, pool3, with its TensorFlow-like resize."""
    import torch

    path = inception_path()
    if not path.is_file():
        raise WeightsMissing(
            f"{INCEPTION} needs torch-fidelity's weights: place {INCEPTION_FILE} in {path.parent}, "
            f"or ask for {MOBILENET}"
        )
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    content, sha256 = _checked(path, INCEPTION_SHA256_START)
    # The extractor unpickles its file without restriction: it only gets what passed weights_only.
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    clean = io.BytesIO()
    torch.save(state, clean)
    clean.seek(0)
    network = FeatureExtractorInceptionV3(INCEPTION, ["2048"], feature_extractor_weights_path=clean)

    def forward(image: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = network(image)[0]
        return features

    passport = Passport(
        network=INCEPTION,
        weights_sha256=sha256,
        resize="299x299, bilinear as in TensorFlow 1, not antialiased",
        quantisation="uint8 before the resize, none after",
    )
    return TorchNetwork(passport=passport, dims=2048, forward=forward)
