"""The command `inpaint`: a part of one frame drawn anew, several times, as pictures and Parquet."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.flows.failures import WrongCommand
from parhelion.generators._trained import saved_in
from parhelion.pipeline import parts
from parhelion.pipeline.contracts import CannotHonour, Generator, Request, TrainingData
from parhelion.pipeline.files import make_folder
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.receipts import read_receipts
from parhelion.pipeline.scene_class import SceneClass, class_of
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.shards import StoredFrames, write_frames

TABLE = "inpainted.parquet"


def inpaint(
    run: Path,
    frame_id: str,
    mask: Path,
    *,
    becomes: str | None,
    samples: int,
    seed: int,
    model: Path | None,
    out: Path,
) -> list[Path]:
    """Draws the masked part of a run's frame `samples` times; the files that were written.

    Raises WrongCommand, which says what was wanted.
    """
    frame, split = _frame(run, frame_id)
    wanted = None if becomes is None else _class(becomes)
    where = read_mask(mask, frame.size)
    requests = [
        Request(
            conditions=frame.conditions,
            seed=seed_of("inpaint", seed, frame_id, i),
            draw=i,
            parent=frame,
            mask=where,
            becomes=wanted,
        )
        for i in range(samples)
    ]
    try:
        drawn = list(_repaint(run, model).generate(requests))
    except CannotHonour as error:
        raise WrongCommand(f"inpaint: {error}") from error
    make_folder(out)
    return _written(drawn, split, out)


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W): where the picture is not black. Raises WrongCommand for another size."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise WrongCommand(f"--mask: wanted a picture, white where to draw, got {path}")
    if picture.shape != size:
        got = f"{picture.shape[1]}x{picture.shape[0]}"
        raise WrongCommand(f"--mask: wanted {size[1]}x{size[0]} pixels as the frame, got {got}")
    return np.asarray(picture > 0)


def _frame(run: Path, frame_id: str) -> tuple[Frame, str]:
    """Of a run's dataset, or of a dataset's own folder; and its split, which a part of it keeps."""
    files = sorted(run.glob("dataset/data/*.parquet")) or sorted(run.glob("data/*.parquet"))
    stored = StoredFrames(files)
    splits = {key.frame_id: key.split for key in stored.keys}
    if frame_id not in splits:
        raise WrongCommand(
            f"no frame {frame_id} in {run}: give the folder of a run or a dataset, and the id of "
            "one of its rows"
        )
    return stored.by_id(frame_id), splits[frame_id]


def _class(name: str) -> SceneClass:
    try:
        return class_of(name)
    except ValueError as error:
        raise WrongCommand(f"--becomes: {error}") from error


def _repaint(run: Path, model: Path | None) -> Generator:
    """The generator in the folder `model`: a saved `repaint`, or a `ddpm`; else the run's own."""
    if model is not None:
        return _loaded(model)
    receipts = read_receipts(run, "fit-repaint")
    if not receipts:
        raise WrongCommand(
            f"wanted a fitted repaint in {run}, found none: give --model, the folder of a "
            "saved repaint or ddpm"
        )
    return _loaded(receipts[0].path(run))


def _loaded(folder: Path) -> Generator:
    """What was saved there, as a `repaint`. Raises WrongCommand, which says what it said."""
    if (name := saved_in(folder)) not in ("repaint", "ddpm"):
        raise WrongCommand(
            f"inpaint: wanted a saved repaint or ddpm in {folder}, got {name}: give --model "
            "another folder"
        )
    try:
        if name == "repaint":
            found: Generator = parts.part("generators", name).load(folder)
            return found
        made: Generator = parts.build("generators", "repaint", trained=str(folder))
        made.fit(TrainingData(source=FrameList([])), folder, 0)  # takes it up, and learns nothing
    except (OSError, ValueError, KeyError) as error:
        raise WrongCommand(f"inpaint: {error}") from error
    return made


def _written(frames: list[Frame], split: str, out: Path) -> list[Path]:
    """A picture of each, and all with their labels as one table."""
    paths = []
    for i, frame in enumerate(frames):
        paths.append(out / f"{frame.frame_id[:12]}-{i}.png")
        cv2.imwrite(str(paths[-1]), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    write_frames(out / TABLE, [(frame, split) for frame in frames])
    return [*paths, out / TABLE]
