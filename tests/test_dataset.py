"""The dataset on disk: complete or not there, whole or found out, one group in one split."""

import io
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from conftest import make_frame
from PIL import Image

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.dataset import IncompleteDataset, open_dataset, write_dataset
from parhelion.pipeline.dataset_card import About
from parhelion.pipeline.engine import Stage, run_stage
from parhelion.pipeline.files import sha256_of
from parhelion.pipeline.manifest import read_manifest, verify
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.quarantine_table import read_quarantine
from parhelion.pipeline.receipts import TIMINGS, timings
from parhelion.pipeline.splits import GroupInTwoSplits
from parhelion.pipeline.workers import Inline

ABOUT = About(
    name="little-street",
    title="A street for tests.",
    config={"seed": 3},
    config_digest="abc",
    licences={"tests": "CC0-1.0"},
)
SPECS = [
    {"seeds": [0, 1, 2], "split": "train"},
    {"seeds": [3, 4], "split": "test"},
    {"seeds": [5, 6, 7, 8], "split": "train"},
]
WORK = "chunk_work:draw"


def drawn(folder: Path, specs=SPECS):
    stage = Stage(name="draw", modules=("parhelion.pipeline.shards",))
    return run_stage(stage, specs, WORK, folder, Inline())


def written(folder: Path, specs=SPECS, **changes):
    settings = {"about": ABOUT, "rows_per_shard": 4} | changes
    return write_dataset(folder, drawn(folder, specs), Inline(), **settings)


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != TIMINGS)
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}


def test_rows_come_out_in_the_order_of_chunks_and_rows(tmp_path):
    manifest = written(tmp_path)
    names = [shard.file for shard in manifest.shards]
    assert names == [
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
    ]
    frames = open_dataset(tmp_path / "dataset", lambda key: key.split == "train")
    wanted = [make_frame(seed) for seed in (0, 1, 2, 5, 6, 7, 8)]
    assert [f.content_sha256 for f in frames] == [f.content_sha256 for f in wanted]
    assert (manifest.rows, manifest.splits["train"].groups) == (9, 7)


def test_the_same_run_gives_the_same_bytes_in_another_folder(tmp_path):
    written(tmp_path / "a")
    written(tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_nothing_is_done_twice(tmp_path):
    written(tmp_path)
    before = dict(timings(tmp_path))
    written(tmp_path)
    assert timings(tmp_path) == before
    assert (tmp_path / TIMINGS).read_text().count("\n") == 3 + 3


def test_how_rows_were_chunked_does_not_show(tmp_path):
    flat = [{"seeds": [s], "split": spec["split"]} for spec in SPECS for s in spec["seeds"]]
    ours = written(tmp_path / "a").shards
    theirs = written(tmp_path / "b", flat).shards
    assert [s.sha256 for s in ours] == [s.sha256 for s in theirs]


def test_only_the_damaged_shard_is_written_again(tmp_path):
    written(tmp_path)
    before = hashes(tmp_path)
    shard = tmp_path / "dataset/data/train-00001-of-00002.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (problem,) = verify(tmp_path / "dataset")
    assert problem.startswith("data/train-00001-of-00002.parquet: wanted sha256 ")
    lines = len((tmp_path / TIMINGS).read_text().splitlines())
    written(tmp_path)
    (again,) = (tmp_path / TIMINGS).read_text().splitlines()[lines:]
    assert (json.loads(again)["stage"], json.loads(again)["key"]) == ("write", "train-00001")
    assert hashes(tmp_path) == before
    assert verify(tmp_path / "dataset") == []


def test_another_plan_leaves_nothing_of_the_old_one(tmp_path):
    written(tmp_path / "a", rows_per_shard=2)
    written(tmp_path / "a")
    written(tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_a_dataset_without_manifest_is_not_opened(tmp_path):
    written(tmp_path)
    (tmp_path / "dataset/manifest.json").unlink()
    assert verify(tmp_path / "dataset") == [
        "manifest.json: missing or unreadable; the dataset is not complete"
    ]
    with pytest.raises(IncompleteDataset, match=r"has no manifest\.json: run it to its end"):
        open_dataset(tmp_path / "dataset")


def test_verify_names_missing_and_short_files(tmp_path):
    written(tmp_path)
    (tmp_path / "dataset/README.md").unlink()
    (tmp_path / "dataset/run.json").write_bytes(b"{}")
    problems = verify(tmp_path / "dataset")
    assert "README.md: missing" in problems
    assert any(p.startswith("run.json: wanted ") and p.endswith("got 2") for p in problems)


def test_a_group_in_two_splits_is_refused(tmp_path):
    specs = [
        {"seeds": [0], "split": "train", "group": "g"},
        {"seeds": [1], "split": "test", "group": "g"},
    ]
    with pytest.raises(GroupInTwoSplits, match="got group 'g' in train and test"):
        written(tmp_path, specs)
    assert read_manifest(tmp_path / "dataset") is None


def test_a_frame_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"stored once, got \w{32} again: chunks/draw/00001"):
        written(tmp_path, [SPECS[0], {"seeds": [2], "split": "train"}])


def test_a_dataset_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame, got none"):
        written(tmp_path, [{"seeds": [], "split": "train"}])


def test_quarantine_keeps_reason_scores_and_the_refused_picture(tmp_path):
    receipt = drawn(tmp_path)[0]
    frame = make_frame(1)
    refused = [
        QuarantineRow.of_bad_frame("ingest", "a.png", BadFrame(Reason.MISSING_FILE, "no a.png")),
        QuarantineRow.of_frame("gate", frame, Reason.GATE, "no car", file=receipt.file, row=1),
    ]
    written(tmp_path, quarantined=refused)
    first, second = read_quarantine(tmp_path / "dataset/quarantine.parquet")
    assert (first["native_id"], first["reason"], first["image"]) == ("a.png", "missing_file", None)
    assert (second["frame_id"], second["cell"]) == (frame.frame_id, "clear/day")
    picture = np.asarray(Image.open(io.BytesIO(second["image"]["bytes"])))
    np.testing.assert_array_equal(picture, frame.image)


def test_the_card_counts_and_its_front_matter_finds_the_shards(tmp_path, monkeypatch):
    written(tmp_path)
    card = (tmp_path / "dataset/README.md").read_text()
    matter = yaml.safe_load(card.split("---")[1])
    assert matter["pretty_name"] == "little-street"
    assert "| train | 7 | 7 |" in card
    assert "| clear/day | simulated | 2 | 7 |" in card
    assert "tests: CC0-1.0" in card
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    loaded = datasets.load_dataset(
        "parquet",
        data_files={
            f["split"]: str(tmp_path / "dataset" / f["path"])
            for f in matter["configs"][0]["data_files"]
        },
        cache_dir=str(tmp_path / "cache"),
    )
    assert {split: len(rows) for split, rows in loaded.items()} == {"test": 2, "train": 7}
    assert loaded["train"][0]["image"].size == (48, 32)


def test_croissant_describes_every_shard_and_column(tmp_path):
    manifest = written(tmp_path)
    told = json.loads((tmp_path / "dataset/croissant.json").read_text())
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    files = {d["@id"]: d for d in told["distribution"]}
    for shard in manifest.shards:
        assert files[shard.file]["sha256"] == shard.sha256
    columns = set(open_dataset(tmp_path / "dataset").row(0))
    for record_set in told["recordSet"]:
        fields = record_set["field"]
        leaves = [leaf for field in fields for leaf in field.get("subField", [field])]
        assert {leaf["source"]["extract"]["column"] for leaf in leaves} == columns
        assert all(leaf["source"]["fileSet"]["@id"] in files for leaf in leaves)


def test_run_json_holds_the_config_and_the_versions(tmp_path):
    manifest = written(tmp_path)
    told = json.loads((tmp_path / "dataset/run.json").read_text())
    assert told["config"] == {"seed": 3}
    assert told["versions"] == manifest.versions
    assert manifest.config_digest == "abc"
