"""The command `inpaint`: a part of one frame drawn anew, several times, as pictures and Parquet."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.flows.failures import WrongCommand
from parhelion.generators._trained import saved_in
from parhelion.pipeline import parts
from parhelion.pipeline.contracts import CannotHonour, Generator, Request, TrainingData
from parhelion.pipeline.files import make_folder, model_from, replacing
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.receipts import read_receipts
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.run_folder import RunFolder
from parhelion.pipeline.scene_class import SceneClass, class_of
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.shards import StoredFrames, write_frames

TABLE = "inpainted.parquet"
DRAWERS = ("repaint", "ddpm")
HALF = 128  # grey level from which a mask is white: soft edges and JPEG's noise are neither


def inpaint(
    run: Path,
    frame_id: str,
    mask: Path,
    *,
    becomes: str | None,
    samples: int,
    seed: int,
    model: Path | None,
    settings: Mapping[str, Any],
    out: Path,
) -> list[Path]:
    """Draws the masked part of a run's frame `samples` times; the files that were written.

    `settings` of drawing stand above those of the run or the model. Raises WrongCommand, which says
    what was wanted.
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
    drawn = _repaint(run, model, settings).generate(requests)
    try:
        first = next(drawn)  # what is refused is refused for all
    except CannotHonour as error:
        raise WrongCommand(f"inpaint: {error}") from error
    make_folder(out)
    return _written(chain([first], drawn), split, out)


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W): where the picture is nearer to white. Raises WrongCommand for another size."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise WrongCommand(f"--mask: wanted a picture, white where to draw, got {path}")
    if picture.shape != size:
        got = f"{picture.shape[1]}x{picture.shape[0]}"
        raise WrongCommand(f"--mask: wanted {size[1]}x{size[0]} pixels as the frame, got {got}")
    return np.asarray(picture >= HALF)


def _frame(run: Path, frame_id: str) -> tuple[Frame, str]:
    """Of a run's dataset, or of a dataset's own folder; and its split, which a part of it keeps."""
    files = sorted(run.glob("dataset/data/*.parquet")) or sorted(run.glob("data/*.parquet"))
    stored = StoredFrames(files)
    splits = {key.frame_id: key.split for key in stored.keys}
    if frame_id not in splits:
        raise WrongCommand(
            f"no frame {frame_id} among the {len(splits)} rows of the dataset in {run}: give the "
            "folder of a run that `parhelion augment` has ended, or of a dataset, and the frame_id "
            "of one of its rows"
        )
    return stored.by_id(frame_id), splits[frame_id]


def _class(name: str) -> SceneClass:
    try:
        return class_of(name)
    except ValueError as error:
        raise WrongCommand(f"--becomes: {error}") from error


def _repaint(run: Path, model: Path | None, settings: Mapping[str, Any]) -> Generator:
    """The saved `repaint` or `ddpm` in the folder `model`, or the one that a run in it has trained;
    else that of the run itself, as its config has it draw. Raises WrongCommand.
    """
    config = {} if model is not None else _settings_of(run)
    return _loaded(_model_in(run if model is None else model), {**config, **settings})


def _settings_of(run: Path) -> Mapping[str, Any]:
    """Of drawing, that the run gives its `repaint`."""
    found = model_from(RunFolder(run).config, RunConfig)
    draws = found.generators if isinstance(found, RunConfig) else ()
    given = next((draw.settings for draw in draws if draw.generator == "repaint"), {})
    drawing = parts.part("generators", "repaint").Config.drawing
    return {name: value for name, value in given.items() if name in drawing}


def _model_in(folder: Path) -> Path:
    """The folder itself, where something was saved in it; else what a run in it has trained."""
    if saved_in(folder) in DRAWERS:
        return folder
    receipts = [one for name in DRAWERS for one in read_receipts(folder, f"fit-{name}")]
    if not receipts:
        raise WrongCommand(
            f"inpaint: wanted a saved repaint or ddpm in {folder}, or a run that has trained one, "
            f"got {saved_in(folder)}: give --model another folder"
        )
    return receipts[0].path(folder)


def _loaded(folder: Path, settings: Mapping[str, Any]) -> Generator:
    """What was saved there, as a `repaint` of these settings. Raises WrongCommand."""
    part = parts.part("generators", "repaint")
    if strange := sorted(set(settings) - part.Config.drawing):
        raise WrongCommand(
            f"--setting: wanted {', '.join(sorted(part.Config.drawing))}, got {', '.join(strange)}"
        )
    try:
        if saved_in(folder) == "repaint":
            made = part.load(folder, device="auto")  # that of whoever draws
            made.config = type(made.config)(**{**made.config.model_dump(), **settings})
        else:
            made = parts.build("generators", "repaint", trained=str(folder), **settings)
            made.fit(TrainingData(source=FrameList([])), folder, 0)  # takes it up, learns nothing
    except (OSError, ValueError, KeyError) as error:
        raise WrongCommand(f"inpaint: {error}") from error
    found: Generator = made
    return found


def _written(frames: Iterable[Frame], split: str, out: Path) -> list[Path]:
    """A picture of each, and all with their labels as one table; one at a time."""
    paths: list[Path] = []

    def shown() -> Iterator[tuple[Frame, str]]:
        for i, frame in enumerate(frames):
            paths.append(out / f"{frame.frame_id[:12]}-{i}.png")
            cv2.imwrite(str(paths[-1]), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
            yield frame, split

    with replacing(out / TABLE) as draft:
        write_frames(draft, shown())
    return [*paths, out / TABLE]
