"""Parquet files of frames: equal bytes for equal rows, and the same rows for every reader."""

import io
import pickle
from itertools import pairwise

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import make_frame
from PIL import Image

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.schema import SCHEMA, SCHEMA_VERSION, WrongSchema, frame_of
from parhelion.pipeline.shards import (
    ROWS_PER_GROUP,
    ShardWriter,
    StoredFrames,
    read_keys,
    read_tables,
    write_frames,
    write_rows,
)

N = 230
WEATHERS = (Weather.CLEAR, Weather.RAINING)


def stored_frame(i: int):
    conditions = Conditions(weather=WEATHERS[i % 2], hour=12)
    return make_frame(i, width=16, height=12, group=f"g{i // 10}", conditions=conditions)


@pytest.fixture(scope="module")
def frames():
    return [stored_frame(i) for i in range(N)]


@pytest.fixture(scope="module")
def shard(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "frames.parquet"
    assert write_frames(path, ((frame, "train") for frame in frames)) == N
    return path


def test_row_groups_hold_exactly_a_hundred_rows(shard):
    metadata = pq.ParquetFile(shard).metadata
    sizes = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
    assert sizes == [ROWS_PER_GROUP, ROWS_PER_GROUP, N - 2 * ROWS_PER_GROUP]


def test_settings_are_the_measured_ones(shard):
    group = pq.ParquetFile(shard).metadata.row_group(0)
    columns = {(c := group.column(i)).path_in_schema: c for i in range(group.num_columns)}
    assert columns["image.bytes"].compression == "UNCOMPRESSED"
    assert columns["image.path"].compression == "ZSTD"
    assert "RLE_DICTIONARY" in columns["weather"].encodings
    assert "RLE_DICTIONARY" not in columns["frame_id"].encodings
    assert columns["image.bytes"].has_offset_index
    assert not columns["image.bytes"].is_stats_set
    assert pq.read_schema(shard).metadata[b"parhelion.schema_version"] == SCHEMA_VERSION.encode()


@pytest.mark.parametrize("pieces", [[N], [1, 99, 100, 30], [37] * 6 + [8], [150, 80]])
def test_bytes_do_not_depend_on_how_rows_arrive(shard, tmp_path, pieces):
    table = pq.read_table(shard)
    edges = np.cumsum([0, *pieces])
    with ShardWriter(tmp_path / "again.parquet") as writer:
        for start, stop in pairwise(edges):
            writer.append(table.slice(start, stop - start))
    assert (tmp_path / "again.parquet").read_bytes() == shard.read_bytes()


def test_an_empty_file_has_the_schema(tmp_path):
    assert write_rows(tmp_path / "none.parquet", []) == 0
    assert pq.read_schema(tmp_path / "none.parquet") == SCHEMA
    assert len(StoredFrames([tmp_path / "none.parquet"])) == 0


def test_a_file_is_never_overwritten_in_place(shard):
    with pytest.raises(FileExistsError):
        write_rows(shard, [])


def test_an_error_among_the_frames_is_raised(tmp_path):
    def broken():
        yield stored_frame(0), "train"
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        write_frames(tmp_path / "x.parquet", broken())


def test_stored_frames_are_the_frames(shard, frames):
    stored = StoredFrames([shard])
    assert len(stored) == N
    for i in (0, 99, 100, 229, 5):
        assert stored[i].content_sha256 == frames[i].content_sha256
        assert stored.keys[i].frame_id == frames[i].frame_id
    with pytest.raises(IndexError):
        stored[N]


def test_stored_frames_over_files_with_a_filter_travel(shard, frames, tmp_path):
    other = tmp_path / "other.parquet"
    write_frames(other, [(stored_frame(N), "test"), (stored_frame(N + 1), "train")])
    stored = StoredFrames(
        [shard, other], lambda k: k.conditions.weather is Weather.RAINING and k.group_id != "g0"
    )
    wanted = [i for i in range(10, N) if i % 2] + [N + 1]
    assert [key.frame_id for key in stored.keys] == [
        (frames[i] if i < N else stored_frame(i)).frame_id for i in wanted
    ]
    there = pickle.loads(pickle.dumps(stored))  # noqa: S301
    assert there.keys == stored.keys
    assert there[len(there) - 1].frame_id == stored_frame(N + 1).frame_id
    assert there.place(len(there) - 1) == (other, 1)
    few = stored.where(lambda key: key.group_id == "g1").subset([2, 0])
    assert [frame.frame_id for frame in few] == [frames[15].frame_id, frames[11].frame_id]


def test_keys_are_read_without_pixels(shard, frames, tmp_path):
    """The same keys, layers included, from a file whose pictures were all emptied."""
    table = pq.read_table(shard)
    assert [key.layers for key in read_keys(shard)] == [frame.layers for frame in frames]
    for name in ("image", "depth", "stencil", "instances", "emissive"):
        index = table.schema.get_field_index(name)
        column = table.column(index).combine_chunks()
        empty = pa.array([b""] * N, pa.binary())
        field = table.schema.field(index)
        emptied = pa.StructArray.from_arrays(
            [empty, column.field("path")], fields=list(field.type), mask=column.is_null()
        )
        table = table.set_column(index, field, emptied)
    pq.write_table(table, tmp_path / "blind.parquet")
    assert read_keys(tmp_path / "blind.parquet") == read_keys(shard)


def test_rows_can_be_taken_by_number(shard, frames):
    tables = list(read_tables(shard, [3, 98, 101]))
    assert [t.num_rows for t in tables] == [2, 1]
    assert tables[1].column("frame_id").to_pylist() == [frames[101].frame_id]


def test_a_foreign_file_is_refused(tmp_path):
    pd.DataFrame({"image": [b"x"]}).to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(WrongSchema, match=r"foreign\.parquet: wanted frames of schema version"):
        StoredFrames([tmp_path / "foreign.parquet"])


def test_hugging_face_gives_pictures_labels_and_depth(shard, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    loaded = datasets.load_dataset(
        "parquet", data_files={"train": str(shard)}, cache_dir=str(tmp_path), split="train"
    )
    row, frame = loaded[101], frames[101]
    assert row["image"].mode == "RGB"
    np.testing.assert_array_equal(np.asarray(row["image"]), frame.image)
    assert row["stencil"].mode == "L"
    np.testing.assert_array_equal(np.asarray(row["stencil"]), frame.stencil)
    np.testing.assert_array_equal(np.asarray(row["instances"]), frame.instances)
    assert row["depth"].mode == "F"
    assert np.asarray(row["depth"]).tobytes() == frame.depth.tobytes()
    assert row["stencil_native"] is None
    assert row["objects"][0]["category"] == "car"
    assert tuple(row["objects"][0]["box_xyxy"]) == frame.objects[0].box_xyxy
    assert (row["weather"], row["hour"]) == ("Raining", 12.0)


def test_pandas_polars_and_duckdb_read_the_same_rows(shard, frames):
    wanted = [(f.frame_id, f.conditions.weather.value, f.size[1]) for f in frames]
    columns = ["frame_id", "weather", "width"]
    by_pandas = pd.read_parquet(shard)
    by_polars = pl.read_parquet(shard)
    query = "select frame_id, weather, width from read_parquet(?)"
    by_duckdb = duckdb.execute(query, [str(shard)]).fetchall()
    assert list(by_pandas[columns].itertuples(index=False, name=None)) == wanted
    assert by_polars.select(columns).rows() == wanted
    assert by_duckdb == wanted
    pictures = [
        by_pandas["image"][7]["bytes"],
        by_polars["image"][7]["bytes"],
        duckdb.execute("select image.bytes from read_parquet(?)", [str(shard)]).fetchall()[7][0],
    ]
    for data in pictures:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), frames[7].image)


def test_a_row_from_any_arrow_reader_becomes_the_frame(shard, frames):
    row = pl.read_parquet(shard).to_arrow().to_pylist()[42]
    assert frame_of(row).content_sha256 == frames[42].content_sha256
