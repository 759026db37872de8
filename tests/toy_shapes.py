"""Coloured shapes on a plain ground, each with its class: pictures that anything can learn."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.files import write_json
from parhelion.pipeline.frame import Frame, Image, ImageLabel
from parhelion.pipeline.manifest import MANIFEST, FileEntry, Manifest, ShardEntry, SplitEntry
from parhelion.pipeline.provenance import Kind, Provenance, Source
from parhelion.pipeline.schema import SCHEMA_VERSION
from parhelion.pipeline.seeds import digest, rng
from parhelion.pipeline.shards import write_frames

SHAPES = ("disc", "square", "bar")
COLOURS = ((200, 60, 50), (60, 120, 210), (70, 170, 80))
DAY = Conditions(weather=Weather.CLEAR, hour=12)
NIGHT = Conditions(weather=Weather.CLEAR, hour=23)


def toy_shape(seed: int, conditions: Conditions = DAY, side: int = 24, group: str = "") -> Frame:
    """A disc, a square or a bar at a random place, in its colour; dark by night."""
    random = rng("tests.toy_shape", seed)
    kind = seed % len(SHAPES)
    y, x = random.uniform(0.35, 0.65, 2) * side
    r = random.uniform(0.16, 0.26) * side
    down, across = np.mgrid[:side, :side] + 0.5
    dy, dx = np.abs(down - y), np.abs(across - x)
    inside = (dy**2 + dx**2 < r**2, np.maximum(dy, dx) < r, (dy < r / 2.5) & (dx < 1.5 * r))[kind]
    image = np.where(inside[..., None], COLOURS[kind], (225, 220, 210))
    image = image + random.normal(0, 6, (side, side, 3))
    if conditions is NIGHT:
        image = 0.35 * image
    return Frame(
        frame_id=digest("toy shape", seed, conditions)[:32],
        image=np.clip(image, 0, 255).astype(np.uint8),
        conditions=conditions,
        label=ImageLabel(index=kind, vocabulary=SHAPES, mirror_safe=True),
        provenance=Provenance(
            kind=Kind.SIMULATED,
            source=Source(adapter="tests", dataset="shapes", native_id=str(seed)),
            group_id=group or f"shape-{seed}",
        ),
    )


def write_dataset(folder: Path, splits: dict[str, Sequence[Frame]]) -> Path:
    """A dataset as a run leaves it, without its card."""
    entries = {}
    for split, frames in splits.items():
        name = f"data/{split}-00000-of-00001.parquet"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        write_frames(folder / name, ((frame, split) for frame in frames))
        shard = ShardEntry(**FileEntry.of(folder, name).model_dump(), rows=len(frames))
        groups = len({frame.group_id for frame in frames})
        entries[split] = SplitEntry(rows=len(frames), groups=groups, shards=(shard,))
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=folder.name,
        config_digest="",
        versions={},
        splits=entries,
        files=(),
        made_of="tests",
    )
    write_json(folder / MANIFEST, manifest)
    return folder


def shapes_dataset(folder: Path, train: int = 60, test: int = 30) -> Path:
    """Shapes by day."""
    return write_dataset(
        folder,
        {
            "train": [toy_shape(seed) for seed in range(train)],
            "test": [toy_shape(1000 + seed) for seed in range(test)],
        },
    )


class Little:
    """Features of a picture: its colours on a grid of 4 x 4."""

    passport = Passport(network="little", weights_sha256="0" * 64, resize="4x4")
    dims = 48

    def __call__(self, images: Iterable[Image]) -> np.ndarray:
        small = [cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA) for image in images]
        return np.stack(small).reshape(-1, self.dims).astype(np.float32) / 255
