"""A small image folder of two sound frames, made in a test's own folder."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters.folder import Folder, FolderConfig

WIDTH, HEIGHT = 12, 8


def pixels(seed: int = 0) -> NDArray[np.uint8]:
    return rng("tests.folder", seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def stencil() -> NDArray[np.uint8]:
    ids = np.full((HEIGHT, WIDTH), SceneClass.ROAD, dtype=np.uint8)
    ids[: HEIGHT // 2] = SceneClass.SKY
    return ids


def save(path: Path, array: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def folder(path: Path, **settings: object) -> Folder:
    return Folder(FolderConfig.model_validate({"path": path, "dataset": "mine", **settings}))


def read_all(adapter: Folder) -> tuple[dict[str, Frame], dict[str, BadFrame]]:
    """Every frame of the index, read or refused."""
    good, bad = {}, {}
    for ref in adapter.index():
        try:
            good[ref.native_id] = adapter.read(ref)
        except BadFrame as error:
            bad[ref.native_id] = error
    return good, bad


def write_street(tmp_path: Path) -> Path:
    """Two sound frames; one has every layer and a row, the other has neither."""
    save(tmp_path / "a" / "1.png", pixels(1))
    save(tmp_path / "b" / "2.png", pixels(2))
    save(tmp_path / "stencil" / "a" / "1.png", stencil())
    depth = np.linspace(1, 90, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    depth[0] = np.inf
    save(tmp_path / "depth" / "a" / "1.tif", depth)
    instances = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    instances[5:7, 3:6] = 40_000
    save(tmp_path / "instances" / "a" / "1.png", instances)
    objects = [{"category": "car", "instance": 40_000, "box_xyxy": [3, 5, 6, 7]}]
    row = {
        "file_name": "a/1.png",
        "weather": "Rainy",
        "time_of_day": "dawn/dusk",
        "hour": 22.5,
        "sequence": "drive-7",
        "twin_id": "t1",
        "label": "stop",
        "objects": objects,
    }
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path
