"""Several processes that share every update are one that accumulates as many batches."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from conftest import make_frame
from pydantic import ValidationError
from tiny_parts import DENOISER

from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.fitting import REPORT, fit_here, save_fitted
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.processes import Processes, WrongProcesses, launch
from parhelion.pipeline.shards import write_frames

SETTINGS: dict[str, Any] = {
    **DENOISER,
    "layers": ["stencil"],
    "accumulate": 2,
    "steps": 3,
    "mean_steps": 2,
    "precision": "fp32",
    "checkpoint_every": 2,
    "min_frames_per_cell": 1,
}


def task(folder: Path, **settings: Any) -> dict[str, Any]:
    """A fit of one file of frames, as the stage writes it down."""
    folder.mkdir()
    write_frames(folder / "frames.parquet", [(make_frame(i), "train") for i in range(4)])
    spec = {
        "generator": "ddpm",
        "settings": {**SETTINGS, **settings},
        "source": ["frames.parquet"],
        "target": [],
        "test_groups": [],
        "seed": 1,
    }
    return {"spec": spec, "run_folder": str(folder), "out": str(folder / "out")}


def test_two_processes_learn_what_one_learns_that_accumulates(tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    told = task(alone)
    save_fitted(*fit_here(told["spec"], alone, alone / "work"), alone / "out")
    told = task(both, processes=2)
    (both / "work").mkdir()
    (both / "work" / "fit.json").write_text(json.dumps(told))
    launch("parhelion.pipeline.fit_together", str(both / "work" / "fit.json"), processes=2)
    one, two = (
        safetensors.torch.load_file(folder / "out" / "weights.safetensors")
        for folder in (alone, both)
    )
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-6)
    reports = [json.loads((f / "out" / REPORT).read_text()) for f in (alone, both)]
    assert reports[1]["losses"] == pytest.approx(reports[0]["losses"], rel=1e-5)
    assert len(list((both / "work").glob("step-*.safetensors"))) == 1


def test_the_batches_of_an_update_are_dealt_out_once() -> None:
    shares = [Processes(rank, 3).share(6) for rank in range(3)]
    assert sorted(part for share in shares for part in share) == list(range(6))
    assert list(Processes().share(4)) == [0, 1, 2, 3]


def test_a_training_alone_that_wants_company_is_refused(tmp_path: Path) -> None:
    part = Ddpm(DdpmConfig(**{**SETTINGS, "processes": 2}))
    data = TrainingData(source=FrameList([make_frame(0)]))
    with pytest.raises(WrongProcesses, match="accelerate launch --num_processes 2"):
        part.fit(data, tmp_path, 1)
    with pytest.raises(ValidationError, match="wanted accumulate to be a multiple of 2, got 1"):
        DdpmConfig(processes=2)
