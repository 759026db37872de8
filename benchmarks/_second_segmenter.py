"""A segmenter that shares nothing with the product's: another architecture, other seeds.

A feature pyramid on a ResNet-18 trained from nothing, which reads background, vehicles and people.
Legend: N = pictures, H, W = pixels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from parhelion.pipeline.files import write_bytes
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.scene_class import CHILDREN, SceneClass
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.training import half_precision, weights_bytes

KINDS = (SceneClass.VEHICLE, SceneClass.HUMAN)  # classes 1, 2; 0 is all else
WEIGHTS = (1.0, 2.0, 6.0)  # of the loss: people are few pixels
STRIDE = 32
STEPS, BATCH, RATE = 1500, 8, 1e-3


class SecondSegmenter:
    """Tells vehicles and people from all else."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("second.segmenter", seed))
            self.network: nn.Module = smp.FPN(
                "resnet18", encoder_weights=None, classes=len(WEIGHTS), decoder_dropout=0.0
            )
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def fit(self, frames: StoredFrames, kept: Path, steps: int = STEPS) -> None:
        """Learns from frames of one size, or takes up what it learnt before."""
        if kept.is_file():
            self.network.load_state_dict(load_file(kept))
            self.network.eval()
            return
        pictures = [(frame.image, targets(frame)) for frame in frames]
        optimizer = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        weights = torch.tensor(WEIGHTS)
        self.network.train()
        for step in range(steps):
            random = rng("second.segmenter", self.seed, step)
            rows = random.integers(len(pictures), size=BATCH)
            x = tensor([pictures[i][0] for i in rows])
            y = torch.from_numpy(padded(np.stack([pictures[i][1] for i in rows])))
            if random.random() < 0.5:
                x, y = x.flip(3), y.flip(2)
            with half_precision("auto", x.device):
                logits = self.network(x)
            loss = nn.functional.cross_entropy(logits.float(), y.long(), weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 100 == 0:
                print(f"second segmenter: {step}/{steps}, loss {float(loss):.3f}", flush=True)
        self.network.eval()
        write_bytes(kept, weights_bytes(self.network))

    @torch.inference_mode()
    def read(self, image: Image) -> NDArray[np.int64]:
        """(H, W): 0, or 1 + the place in KINDS."""
        height, width = image.shape[:2]
        found: NDArray[np.int64] = self.network(tensor([image])).argmax(dim=1)[0].numpy()
        return found[:height, :width]

    def finds(self, image: Image, where: NDArray[np.bool_], kind: SceneClass) -> bool:
        """Whether at least half of these pixels are read as of that kind."""
        return bool((self.read(image)[where] == 1 + KINDS.index(kind)).mean() >= 0.5)


def kind_of(category: SceneClass) -> SceneClass | None:
    """VEHICLE or HUMAN, or neither."""
    return next((k for k in KINDS if category in (k, *CHILDREN[k])), None)


def targets(frame: Frame) -> NDArray[np.uint8]:
    """(H, W): 0, or 1 + the place in KINDS."""
    assert frame.stencil is not None
    found = np.zeros(frame.stencil.shape, dtype=np.uint8)
    for i, kind in enumerate(KINDS, 1):
        found[np.isin(frame.stencil, (kind, *CHILDREN[kind]))] = i
    return found


def tensor(images: Sequence[Image]) -> Tensor:
    """(N, 3, H, W) in -1..1, continued to a multiple of STRIDE."""
    x = torch.from_numpy(padded(np.stack(images))).permute(0, 3, 1, 2)
    return (x.float() / 127.5 - 1).to(memory_format=torch.channels_last)


def padded(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """X (N, H, W, ...) continued by its last row and column."""
    missing = [(0, -n % STRIDE) for n in x.shape[1:3]]
    return np.pad(x, [(0, 0), *missing, *[(0, 0)] * (x.ndim - 3)], "edge")
