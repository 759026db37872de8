"""`parhelion inpaint`: a hole of a stored frame drawn several times, the rest as it was."""

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import make_frame
from tiny_parts import DENOISER

from parhelion.flows.failures import WrongCommand
from parhelion.flows.inpaint import TABLE, inpaint, read_mask
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.generators.repaint import Repaint, RepaintConfig
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.mask_runs import mask_of
from parhelion.pipeline.receipts import Receipt, write_receipt
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.shards import StoredFrames, write_frames

FRAMES = [make_frame(i) for i in range(8)]
HOLE = (slice(10, 20), slice(4, 30))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ddpm")
    config = DdpmConfig(**DENOISER, layers=("stencil", "depth"))
    part = Ddpm(config)
    part.fit(TrainingData(source=FrameList(FRAMES)), folder / "fit", seed=1)
    part.save(folder / "saved")
    return folder / "saved"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    rows = [(frame, "train" if i else "test") for i, frame in enumerate(FRAMES)]
    write_frames(tmp_path / "data" / "train-00000-of-00001.parquet", rows)
    mask = np.zeros(FRAMES[0].size, dtype=np.uint8)
    mask[HOLE] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    return tmp_path


def drawn(run: Path, model: Path | None, **told: Any) -> list[Frame]:
    settings: dict[str, Any] = {"becomes": "road", "samples": 2, "seed": 0, **told}
    frame_id = settings.pop("frame_id", FRAMES[0].frame_id)
    mask = settings.pop("mask", run / "mask.png")
    given = settings.pop("settings", {})
    files = inpaint(run, frame_id, mask, model=model, settings=given, out=run / "out", **settings)
    assert all(path.is_file() for path in files)
    return list(StoredFrames([run / "out" / TABLE]))


def test_a_hole_is_drawn_several_times_and_the_rest_stays(run: Path, model: Path) -> None:
    frames = drawn(run, model)
    assert len(frames) == 2
    hole = np.zeros(FRAMES[0].size, dtype=np.bool_)
    hole[HOLE] = True
    for frame in frames:
        assert np.array_equal(frame.image[~hole], FRAMES[0].image[~hole])
        assert frame.stencil is not None
        assert (frame.stencil[hole] == SceneClass.ROAD).all()
        record = frame.provenance.request
        assert record is not None
        assert np.array_equal(mask_of(record.mask), hole)
    assert not np.array_equal(frames[0].image, frames[1].image)
    assert {key.split for key in StoredFrames([run / "out" / TABLE]).keys} == {"test"}
    pictures = sorted((run / "out").glob("*.png"))
    shown = {cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB).tobytes() for p in pictures}
    assert shown == {frame.image.tobytes() for frame in frames}


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"frame_id": "nobody"}, "no frame nobody among the 8 rows"),
        ({"mask": Path("nothing.png")}, "white where to draw, got nothing.png"),
        ({"becomes": "wardrobe"}, "--becomes: no class 'wardrobe'"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    run: Path, model: Path, told: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(WrongCommand, match=sentence):
        drawn(run, model, **told)


def test_a_mask_of_another_size_and_a_folder_without_a_model_are_told(
    run: Path, model: Path
) -> None:
    cv2.imwrite(str(run / "small.png"), np.zeros((5, 7), dtype=np.uint8))
    with pytest.raises(WrongCommand, match="got 7x5"):
        drawn(run, model, mask=run / "small.png")
    with pytest.raises(WrongCommand, match="give --model"):
        drawn(run, None)
    with pytest.raises(WrongCommand, match=r"a saved repaint or ddpm in .*, got none"):
        drawn(run, run)


def test_a_model_of_another_version_says_so_itself(
    run: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Repaint(RepaintConfig(trained=str(model)))
    part.fit(TrainingData(source=FrameList([])), run, seed=1)
    part.save(run / "saved")
    assert len(drawn(run, run / "saved")) == 2
    monkeypatch.setattr(Repaint, "VERSION", "of tomorrow")
    told = "wanted weights .* of version of tomorrow, got .* of version .*: fit anew"
    with pytest.raises(WrongCommand, match=told):
        drawn(run, run / "saved")
    receipt = Receipt(
        stage="fit-repaint", key="0", digest="", file="saved", sha256="", bytes=0, rows=0
    )
    write_receipt(run, receipt)
    with pytest.raises(WrongCommand, match=told):
        drawn(run, None)


def test_a_run_that_has_trained_one_is_a_model_too(run: Path, model: Path, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(model, trained / "saved")
    receipt = Receipt(
        stage="fit-ddpm", key="0", digest="", file="saved", sha256="", bytes=0, rows=0
    )
    write_receipt(trained, receipt)
    frames, again = drawn(run, trained, samples=1), drawn(run, model, samples=1)
    assert np.array_equal(frames[0].image, again[0].image)


def test_settings_of_drawing_are_the_commands(run: Path, model: Path) -> None:
    few = drawn(run, model, samples=1, settings={"levels": 3, "jump": 1})
    many = drawn(run, model, samples=1, settings={"levels": 6, "jump": 1})
    assert not np.array_equal(few[0].image, many[0].image)
    with pytest.raises(WrongCommand, match=r"saw 8 training frames .* from 99 on"):
        drawn(run, model, settings={"min_frames_per_cell": 99})
    with pytest.raises(WrongCommand, match=r"--setting: wanted .*levels.*, got width"):
        drawn(run, model, settings={"width": 8})


def test_a_soft_edge_is_not_drawn(run: Path) -> None:
    grey = np.zeros(FRAMES[0].size, dtype=np.uint8)
    grey[HOLE], grey[HOLE[0], :4] = 255, 90
    cv2.imwrite(str(run / "soft.png"), grey)
    assert np.array_equal(read_mask(run / "soft.png", FRAMES[0].size), grey == 255)
