"""A whole run on digits: frames with a label and no stencil, from the table to the report."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from digit_frames import digit_frames
from recordings import digits as written
from sklearn.datasets import load_digits

from parhelion.pipeline.classification import ReaderSettings
from parhelion.pipeline.downstream_labels import label_counts, lacking_of_images, run_label_arm
from parhelion.pipeline.downstream_scores import scores
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.overview import ingest_tables
from parhelion.pipeline.replay import replay_frame
from parhelion.pipeline.report import read_report
from parhelion.pipeline.run import augment
from parhelion.pipeline.run_config import Role, RunConfig
from parhelion.pipeline.run_folder import RunFolder
from parhelion.pipeline.session import Session
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.steps import ingest_step
from parhelion.pipeline.workers import Inline

READER = {"width": 8, "steps": 100, "batch": 32, "side": 16, "shift_px": 1}


def config(folder: Path) -> RunConfig:
    """Real digits as an IDX file has them, each a group of its own."""
    cell = {
        "weathers": ["Unknown"],
        "hours": [],
        "share": 0,
        "image_class_shares": {"3": 0.16, "8": 0.14},
    }
    settings = {"dataset": "mnist", "path": str(folder)}
    return RunConfig(
        name="digits",
        sources=[{"adapter": "digits", "settings": settings, "frames_per_chunk": 600}],
        generators=[{"generator": "pca", "settings": {"components": 12}}],
        splits={"train": 0.6, "validation": 0, "test": 0.4},
        plan={
            "wanted": [cell],
            "mix": {"pca": 1},
            "parents": {"skies": ["unknown"], "times": ["unknown"]},
            "max_rounds": 2,
        },
        gate={"label_oracle": READER},
        scores=None,
        downstream={"label_network": READER},
    )


def write_digits(folder: Path, count: int) -> None:
    digits = load_digits()
    pixels = np.rint(digits.images[:count] * 255 / 16).astype(np.uint8)
    written.write_pair(folder, "train", pixels, digits.target[:count])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, 500)
    augment(
        config(folder), folder / "run", executor=Inline(), progress=lambda stage, done, total: None
    )
    return folder / "run"


def test_the_dataset_has_the_classes_that_were_missing(run: Path) -> None:
    frames = StoredFrames(sorted((run / "dataset/data").glob("train-*.parquet")))
    drawn = [key for key in frames.keys if key.kind == "generated"]
    names = Counter(key.label.name for key in drawn if key.label is not None)
    assert set(names) == {"3", "8"}
    assert sum(names.values()) == len(drawn) > 0
    assert all(key.layers == {"label"} for key in drawn)
    for i, key in enumerate(frames.keys):
        if key.kind == "generated":
            gate = frames[i].provenance.gate
            assert gate is not None
            assert gate.verdict == "accepted"
            assert dict(gate.scores)["own class"] >= dict(gate.thresholds)["own class"]


def test_the_report_tells_of_classes(run: Path) -> None:
    data, _ = read_report(run / "report")
    assert {item.image_class for item in data.gallery} >= {"3", "8"}
    page = (run / "report/index.html").read_text()
    assert '<select id="class"' in page
    assert 'data-class="8"' in page
    assert {row.scene_class for row in data.plan} == {"", "3", "8"}
    before_after = {bar.name: bar for bar in data.representation if bar.axis == "image class"}
    assert len(before_after) == 10
    three = before_after["3"]
    assert three.before is not None
    assert three.after is not None
    assert three.after > three.before
    assert data.gate is not None
    (row,) = data.gate.rows
    assert row.calibrated
    assert {c.scene_class for c in row.classes} == {"3", "8"}
    assert row.faults[0].caught.value > 0.5
    assert data.downstream is not None
    assert data.downstream.metric == "balanced accuracy"
    whole = [r for r in data.downstream.rows if not r.scene_class]
    assert len(whole) == 1
    assert whole[0].base.value > 0.3  # ten classes: chance is 0.1
    assert not [note for note in data.scenario.paragraphs if note.startswith("No ")]


def test_the_card_lists_the_classes(run: Path) -> None:
    card = (run / "dataset/README.md").read_text()
    assert "image-classification" in card
    assert "image-segmentation" not in card
    assert "## Image classes" in card


def test_a_drawn_row_is_drawn_again_from_its_provenance(run: Path) -> None:
    frames = StoredFrames(sorted((run / "dataset/data").glob("train-*.parquet")))
    drawn = next(key for key in frames.keys if key.kind == "generated")
    assert replay_frame(run, drawn.frame_id).same


def test_ingest_prints_the_classes(tmp_path: Path) -> None:
    written.write_idx(tmp_path)
    session = Session(
        config(tmp_path), RunFolder(tmp_path / "run"), Inline(), lambda stage, done, total: None
    )
    ingested = ingest_step(session)
    assert len(ingested.frames(Role.SOURCE)) == len(written.LABELS)
    (table,) = [t for t in ingest_tables(ingested) if t.title == "frames by image class"]
    assert dict(table.rows) == {"0": "2", "3": "1", "9": "1", "1": "1"}


def test_accuracy_is_the_share_read_right_by_class() -> None:
    settings = ReaderSettings(width=6, steps=40, batch=16, side=16, shift_px=1)
    train, judge = FrameList(digit_frames(45)), FrameList(digit_frames(31, first=400))
    reader = run_label_arm({"source": (train, 1.0)}, settings, 3)
    cells = label_counts(reader, judge)
    found = {score.scene_class: score for score in scores(cells)}
    right = [
        int(reader.probabilities(judge[i].image).argmax()) == key.label.index
        for i, key in enumerate(judge.keys)
        if key.label is not None
    ]
    lefts = right[::3]
    assert found["left"].iou == pytest.approx(sum(lefts) / len(lefts))
    mean = sum(found[w].iou for w in ("left", "middle", "right")) / 3
    assert found["mean over classes"].iou == pytest.approx(mean)


def test_what_a_classifier_lacks_is_said() -> None:
    words = ("a", "b")
    assert lacking_of_images([words], [words]) == ""
    assert "labels of the training frames are of 2" in lacking_of_images([words, ("c",)], [words])
    assert "no unseen frame has a label" in lacking_of_images([words], [])
