"""A folder of labelled frames gets the weather it lacks, with the settings that we hand out."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from image_folder import save
from PIL import Image

from parhelion.pipeline import parts, steps
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.report import read_report
from parhelion.pipeline.run import augment
from parhelion.pipeline.run_config import Role, RunConfig
from parhelion.pipeline.run_folder import RunFolder
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.session import Session
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.workers import Inline
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES

ROOT = Path(__file__).parents[1]
NIGHT = {"weathers": ["Clear"], "hours": [22], "share": 0.15}
SHORT = {"steps": 4, "width": 48, "height": 32, "batch": 2, "pretrained": False}


def handed_out() -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((ROOT / "data" / "own_frames.yaml").read_text())
    return settings


def write_frame(folder: Path, name: str, frame: Frame) -> dict[str, object]:
    """The files of a frame as somebody else would leave them; returns its row of metadata."""
    assert frame.depth is not None
    assert frame.instances is not None
    known = np.isin(frame.stencil, [int(c) for c in CITYSCAPES])
    stencil = np.where(known, frame.stencil, np.uint8(SceneClass.IGNORE))
    save(folder / f"{name}.png", frame.image)
    save(folder / "stencil" / f"{name}.png", stencil)
    save(folder / "instances" / f"{name}.png", frame.instances.astype(np.uint16))
    save(folder / "emissive" / f"{name}.png", frame.emissive)
    (folder / "depth").mkdir(exist_ok=True)
    np.save(folder / "depth" / f"{name}.npy", frame.depth)
    objects = [
        o.model_dump(mode="json", exclude={"centre_m"})
        for o in frame.objects
        if o.category in CITYSCAPES
    ]
    return {
        "file_name": f"{name}.png",
        "weather": "sunny",
        "hour": 13,
        "group_id": frame.group_id,
        "objects": json.dumps(objects),
    }


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clear days on eight streets, with every layer that a source may have."""
    settings = {"quality": "preview", "width": 96, "height": 54, "scenes": 8, "views": 1}
    shot = {"conditions": [{"weather": "Clear", "hour": 13}]}
    street = parts.build("sim_adapters", "street", **settings, **shot)
    folder = tmp_path_factory.mktemp("own")
    rows = [write_frame(folder, f"{i:03}", street.read(r)) for i, r in enumerate(street.index())]
    with open(folder / "metadata.csv", "w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return folder


def run(folder: Path, run_folder: Path, settings: dict[str, Any]) -> Counter[str]:
    """How many frames of each cell were drawn and kept."""
    settings["sources"][0]["settings"]["path"] = str(folder)
    short = {"steps": 4, "width": 48, "height": 32, "batch": 2, "pretrained": False}
    config = RunConfig(
        **{"gate": None, "scores": None, "downstream": {"network": short}} | settings
    )
    augment(config, run_folder, executor=Inline(), progress=lambda stage, done, total: None)
    shards = sorted((run_folder / "dataset" / "data").glob("*.parquet"))
    keys = StoredFrames(shards).keys
    return Counter(key.conditions.cell for key in keys if key.kind == "generated")


def test_the_settings_we_hand_out_draw_every_cell(own: Path, tmp_path: Path) -> None:
    settings = handed_out()
    settings["plan"]["wanted"].append(NIGHT)
    kept = run(own, tmp_path, settings)
    assert set(kept) == {"fog/day", "rain/day", "snow/day", "clear/night"}
    data, _ = read_report(tmp_path / "report")
    assert all(row.accepted == row.requested > 0 for row in data.plan)
    assert data.counts.source == 8
    assert not data.quarantine


def test_the_readme_shows_the_settings_we_hand_out() -> None:
    shown = (ROOT / "README.md").read_text().split("```yaml\n# data/own_frames.yaml\n")[1]
    assert yaml.safe_load(shown.split("```")[0]) == handed_out()


def without_stencils(own: Path, folder: Path, kept: int) -> Path:
    shutil.copytree(own, folder)
    for stencil in sorted((folder / "stencil").iterdir())[kept:]:
        stencil.unlink()
    return folder


def air_only(**changes: Any) -> dict[str, Any]:
    """Fog from depth alone: what can be drawn where nothing is labelled."""
    settings = handed_out()
    settings["generators"] = [{"generator": "weather", "settings": {"effects": "air"}}]
    settings["plan"]["wanted"] = settings["plan"]["wanted"][:1]
    settings["gate"] = {"oracle": SHORT}
    return settings | changes


def test_without_stencils_frames_are_drawn_and_nothing_judges_them(
    own: Path, tmp_path: Path
) -> None:
    folder = without_stencils(own, tmp_path / "own", 0)
    assert run(folder, tmp_path / "run", air_only())["fog/day"] > 0
    data, _ = read_report(tmp_path / "run" / "report")
    assert data.gate is None
    assert data.downstream is None
    assert data.verdict.tone == "unmeasured"
    said = " ".join(data.scenario.paragraphs)
    assert "0 of 8 frames have a stencil, in 0 groups" in said
    assert "no training frame has a stencil" in said


def test_one_folder_without_groups_is_one_group_and_no_gate(
    own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "own"
    shutil.copytree(own, folder)
    table = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(table.replace("group_id", "somewhere_else", 1))
    splits = {"train": 1, "validation": 0, "test": 0}
    assert run(folder, tmp_path / "run", air_only(splits=splits))["fog/day"] > 0
    assert "8 of 8 frames have a stencil, in 1 group." in caplog.text
    assert "no unseen frame has a stencil to judge it by" in caplog.text


@pytest.mark.parametrize("gated", [True, False])
def test_frames_without_stencils_are_left_out_of_gate_and_check(
    own: Path, tmp_path: Path, gated: bool
) -> None:
    folder = without_stencils(own, tmp_path / "own", 6)
    judge = {"path": str(own), "dataset": "judge"}
    settings = air_only(splits={"train": 1, "validation": 0, "test": 0})
    settings["sources"].append({"adapter": "folder", "role": "judge", "settings": judge})
    settings["plan"]["wanted"][0]["share"] = 0.5
    if not gated:
        settings["gate"] = None
    run(folder, tmp_path / "run", settings)
    data, _ = read_report(tmp_path / "run" / "report")
    assert (data.gate is not None) == gated
    if not gated:  # an oracle of four steps refuses what it likes
        assert data.downstream is not None
        assert "(50% generated, 50% source of every batch)" in data.downstream.treated_arm


def test_stencils_of_one_class_teach_no_reader(
    own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "own"
    shutil.copytree(own, folder)
    for path in (folder / "stencil").iterdir():
        ids = np.asarray(Image.open(path))
        save(path, np.where(ids == SceneClass.ROAD, ids, np.uint8(SceneClass.IGNORE)))
    table = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(table.replace("objects", "others", 1))
    settings = air_only()
    settings["sources"][0]["settings"]["label_space"] = [int(SceneClass.ROAD)]
    assert run(folder, tmp_path / "run", settings)["fog/day"] > 0
    assert "No gate was fitted: its oracles tell two classes or more apart" in caplog.text
    assert "the label spaces of the training frames share 1." in caplog.text


def test_an_arm_without_one_accepted_frame_is_not_measured(own: Path, tmp_path: Path) -> None:
    settings = air_only()
    settings["sources"][0]["settings"]["path"] = str(own)
    settings["downstream"] = {"network": SHORT}
    session = Session(RunConfig(**settings), RunFolder(tmp_path), Inline(), lambda *_: None)
    ingested = steps.ingest_step(session)
    (receipt, *_) = ingested.of(Role.SOURCE)
    fitted = steps.Fitted({}, base_arm=({}, receipt))
    empty = [receipt.model_copy(update={"rows": 0})]
    assert steps.downstream_step(session, ingested, fitted, empty) is None
    assert steps.downstream_step(session, ingested, fitted, []) is None
    assert steps.score_step(session, ingested, empty) is None
