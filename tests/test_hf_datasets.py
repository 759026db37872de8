"""Datasets of Hugging Face in all their forms on disk, beside `datasets` itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from recordings import hf_datasets as recording
from recordings import save, street_pixels

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.hf_datasets import HfDatasets, HfDatasetsConfig


def adapter(folder: Path, **settings: Any) -> HfDatasets:
    return HfDatasets(HfDatasetsConfig(path=folder, dataset="mine", **settings))


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = adapter(folder, **settings)
    return {ref.native_id: source.read(ref) for ref in source.index()}


def refusals(folder: Path) -> dict[str, BadFrame]:
    source, found = adapter(folder), {}
    for ref in source.index():
        try:
            source.read(ref)
        except BadFrame as error:
            found[ref.native_id] = error
    return found


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path: Path = recording.write(tmp_path)["path"]
    return path


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library itself, without its network and with a cache of the test's own."""
    for name in ("HF_HOME", "HF_DATASETS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


def test_rows_of_all_files_of_all_splits(saved: Path) -> None:
    read = frames(saved)
    train = "train/data-0000{}-of-00002.arrow#{}".format
    first = [train(0, i) for i in range(3)] + [train(1, i) for i in range(2)]
    assert list(read) == ["test/data-00000-of-00001.arrow#0", *sorted(first)]
    for i, name in enumerate(first):
        frame = read[name]
        assert np.array_equal(frame.image, street_pixels(i))
        assert frame.conditions.native == recording.SKIES[i % 2]  # the name, not the number
        assert frame.group_id == f"mine/{recording.SCENES[i]}"
        assert frame.provenance.source.adapter == "hf_datasets"
    assert read[first[1]].conditions.weather is Weather.RAINING


def test_boxes_by_the_names_of_their_classes(saved: Path) -> None:
    for frame in frames(saved).values():
        walker, car = frame.objects
        assert (walker.category, car.category) == (SceneClass.PERSON, SceneClass.CAR)
        assert walker.box_xyxy == (4, 2, 14, 10)
        assert car.box_xyxy == (30, 4, 35, 16)


def test_datasets_reads_the_same_rows(saved: Path, datasets: Any) -> None:
    ours = frames(saved)
    theirs = datasets.load_from_disk(str(saved))
    assert len(ours) == sum(len(split) for split in theirs.values())
    for split, table in theirs.items():
        mine = [frame for name, frame in ours.items() if name.startswith(f"{split}/")]
        for row, frame in zip(table, mine, strict=True):
            assert np.array_equal(np.asarray(row["image"]), frame.image)
            assert table.features["weather"].int2str(row["weather"]) == frame.conditions.native
            assert frame.group_id == f"mine/{row['scene']}"
            boxes = [(x, y, x + w, y + h) for x, y, w, h in row["objects"]["bbox"]]
            assert [o.box_xyxy for o in frame.objects] == boxes


def test_what_datasets_saves_is_read(tmp_path: Path, datasets: Any) -> None:
    """One struct per box, and a label column whose names become the vocabulary."""
    d = datasets
    thing = {"bbox": d.List(d.Value("float64")), "category": d.ClassLabel(names=["car", "truck"])}
    features = d.Features(
        {
            "image": d.Image(),
            "label": d.ClassLabel(names=["stop", "yield"]),
            "objects": d.List(thing),
        }
    )
    pictures = [Image.fromarray(street_pixels(i)) for i in range(4)]
    boxes = [[{"bbox": [1.0, 2.0, 3.0, 4.0], "category": 1}]] * 4
    table = d.Dataset.from_dict(
        {"image": pictures, "label": [0, 1, -1, 0], "objects": boxes}, features=features
    )
    table.save_to_disk(str(tmp_path / "saved"), num_shards=2)
    read = list(frames(tmp_path / "saved").values())
    assert [f.label and f.label.index for f in read] == [0, 1, None, 0]
    assert read[1].label is not None
    assert read[1].label.vocabulary == ("stop", "yield")
    for i, frame in enumerate(read):
        assert np.array_equal(frame.image, street_pixels(i))
        assert [(o.category, o.box_xyxy) for o in frame.objects] == [
            (SceneClass.TRUCK, (1, 2, 4, 6))
        ]
    table.to_parquet(str(tmp_path / "hub/data/train-00000-of-00001.parquet"))
    again = list(frames(tmp_path / "hub").values())
    assert [f.content_sha256 for f in again] == [f.content_sha256 for f in read]
    assert {f.provenance.source.adapter for f in again} == {"hf_datasets"}


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    save(tmp_path / "train/a.png", street_pixels(3))
    (tmp_path / "train/metadata.csv").write_text("file_name,weather,scene\na.png,rain,x\n")
    (frame,) = frames(tmp_path).values()
    assert np.array_equal(frame.image, street_pixels(3))
    assert frame.conditions.weather is Weather.RAINING
    assert frame.group_id == "mine/x"
    assert frame.provenance.source.adapter == "hf_datasets"


def test_a_loading_script_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('was run')")
    with pytest.raises(FileNotFoundError, match="script is never run"):
        adapter(tmp_path).index()


def test_the_state_says_which_files_count(saved: Path) -> None:
    """`datasets` leaves files of its own beside a table, and old ones stay after an overwrite."""
    stale = saved / "train/cache-0123.arrow"
    stale.write_bytes((saved / "train/data-00000-of-00002.arrow").read_bytes())
    (saved / "train/data-00000-of-00009.arrow").write_bytes(b"old")
    assert len(frames(saved)) == 6
    (saved / "train/state.json").unlink()  # as in the cache of `datasets`
    assert len(frames(saved / "test")) == 1
    assert set(refusals(saved)) == {"train/data-00000-of-00009.arrow#0"}


def test_a_torn_state_is_told_and_the_files_are_read(saved: Path) -> None:
    (saved / "train/state.json").write_text("{")
    errors = refusals(saved)
    assert {n: e.reason for n, e in errors.items()} == {"train/state.json": Reason.BAD_METADATA}
    assert len(adapter(saved).index()) == 7


@pytest.mark.parametrize("name", ["../../x.arrow", "/etc/hostname", "gone.arrow"])
def test_a_file_that_is_not_beside_its_state_is_refused(saved: Path, name: str) -> None:
    path = saved / "test/state.json"
    path.write_text(json.dumps({"_data_files": [{"filename": name}]}))
    (error,) = refusals(saved).values()
    assert error.reason is Reason.MISSING_FILE
    assert "state.json" in error.sentence


def test_a_link_out_of_the_folder_is_refused(saved: Path, tmp_path: Path) -> None:
    file = saved / "test/data-00000-of-00001.arrow"
    file.rename(tmp_path / "outside.arrow")
    file.symlink_to(tmp_path / "outside.arrow")
    (error,) = refusals(saved).values()
    assert error.reason is Reason.PATH_ESCAPE


def test_a_class_beyond_the_names_is_refused(tmp_path: Path) -> None:
    rows = [recording.row(0) | {"weather": 5}]
    recording.save(tmp_path, [rows])
    (error,) = refusals(tmp_path).values()
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "weather" in error.sentence


def test_files_of_another_kind_are_told(saved: Path) -> None:
    whole = (saved / "train/data-00001-of-00002.arrow").read_bytes()
    (saved / "train/data-00001-of-00002.arrow").write_bytes(whole[: len(whole) // 2])
    table = pa.table({"picture": [b""]})
    with pa.ipc.new_stream(saved / "test/data-00000-of-00001.arrow", table.schema) as stream:
        stream.write_table(table)
    errors = refusals(saved)
    assert {e.reason for e in errors.values()} == {Reason.BAD_METADATA}
    assert "image_column" in errors["test/data-00000-of-00001.arrow#0"].sentence
    assert "data-00001" in errors["train/data-00001-of-00002.arrow#0"].sentence


def test_a_column_whose_name_is_no_text_is_refused(saved: Path, tmp_path: Path) -> None:
    table = pa.table({"image": [recording.png(1)], "scene": ["a"]})
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "hub/a.parquet", store_schema=False)
    for file in (saved / "test/data-00000-of-00001.arrow", tmp_path / "hub/a.parquet"):
        file.write_bytes(file.read_bytes().replace(b"scene", b"\x80cene"))
        assert {e.reason for e in refusals(file.parent).values()} == {Reason.BAD_METADATA}


def test_parquet_without_features_keeps_its_numbers(tmp_path: Path) -> None:
    table = pa.table({"image": [recording.png(1)], "weather": ["rainy"], "label": [1]})
    pq.write_table(table, tmp_path / "a.parquet")
    (frame,) = frames(tmp_path, label_names=("no", "yes")).values()
    assert frame.label is not None
    assert frame.label.index == 1
