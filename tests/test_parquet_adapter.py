"""Parquet tables come in as frames: foreign ones by the names of their columns, ours whole."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.schema import PICTURE, SCHEMA, VERSION_KEY, row_of
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters.parquet import BATCH_ROWS, ParquetConfig, ParquetImages

WIDTH, HEIGHT = 10, 6


def pixels(seed: int) -> NDArray[np.uint8]:
    return rng("tests.parquet", seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def png(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def adapter(path: Path, **settings: object) -> ParquetImages:
    config = {"path": path, "dataset": "mine", **settings}
    return ParquetImages(ParquetConfig.model_validate(config))


def read_all(source: ParquetImages) -> tuple[dict[str, Frame], dict[str, BadFrame]]:
    good, bad = {}, {}
    for ref in source.index():
        try:
            good[ref.native_id] = source.read(ref)
        except BadFrame as error:
            bad[ref.native_id] = error
    return good, bad


def hugging_face(path: Path, rows: int) -> Path:
    """A table as `datasets` writes it: structs of bytes and path, and metadata."""
    table = {
        "image": pa.array(
            [{"bytes": png(pixels(i)), "path": f"town{i // 4}_{i}.png"} for i in range(rows)],
            PICTURE,
        ),
        "weather": ["rainy" if i % 2 else None for i in range(rows)],
        "scene": pa.array([f"scene-{i // 3}" for i in range(rows)]).dictionary_encode(),
    }
    pq.write_table(pa.table(table), path, row_group_size=20)
    return path


def test_a_table_of_hugging_face(tmp_path: Path) -> None:
    source = adapter(hugging_face(tmp_path / "train.parquet", 5))
    good, bad = read_all(source)
    assert bad == {}
    assert [ref.group_id for ref in source.index()] == ["mine/scene-0"] * 3 + ["mine/scene-1"] * 2
    for i, (name, frame) in enumerate(good.items()):
        assert name == f"train.parquet#{i}"
        assert np.array_equal(frame.image, pixels(i))
        assert frame.conditions.weather is (Weather.RAINING if i % 2 else Weather.UNKNOWN)
        assert frame.conditions.native == ("rainy" if i % 2 else "")
    assert len({frame.frame_id for frame in good.values()}) == 5


def test_columns_of_a_camera_and_of_lamps(tmp_path: Path) -> None:
    bits = np.full((HEIGHT, WIDTH), 3, dtype=np.uint8)
    table = pa.table(
        {
            "image": [png(pixels(i)) for i in range(3)],
            "emissive": [png(bits), None, None],
            "fx": [8.0, None, -1.0],
            "fy": [7.0, None, 7.0],
            "cx": [5.0, None, 5.0],
            "cy": [3.0, None, 3.0],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    good, bad = read_all(adapter(tmp_path, horizontal_fov_deg=90))
    told, angle = (good[f"a.parquet#{i}"] for i in (0, 1))
    assert told.camera is not None
    assert told.camera.intrinsics.tolist() == [[8, 0, 5], [0, 7, 3], [0, 0, 1]]
    assert np.array_equal(told.emissive, bits)
    assert angle.camera is not None
    assert np.allclose(np.diag(angle.camera.intrinsics), [WIDTH / 2, WIDTH / 2, 1])
    assert angle.emissive is None
    assert bad["a.parquet#2"].reason is Reason.BAD_CAMERA


def test_rows_are_found_in_any_order(tmp_path: Path) -> None:
    """Over batches and row groups, forwards and backwards, each row is itself."""
    rows = 2 * BATCH_ROWS + 15
    source = adapter(hugging_face(tmp_path / "t.parquet", rows))
    refs = source.index()
    assert len(refs) == rows
    for i in [0, 19, 20, 46, 3, 3, 40, 21, 0, *range(17, 23), rows - 1]:
        assert np.array_equal(source.read(refs[i]).image, pixels(i)), i


def test_the_group_comes_from_the_path(tmp_path: Path) -> None:
    path = hugging_face(tmp_path / "t.parquet", 6)
    columns = {"group": ["drive"]}
    refs = adapter(path, columns=columns, group_pattern=r"^(town\d+)_").index()
    assert [ref.group_id for ref in refs] == ["mine/town0"] * 4 + ["mine/town1"] * 2
    assert {ref.group_id for ref in adapter(path, columns=columns).index()} == {"mine/t.parquet"}


def test_plain_bytes_layers_and_objects_by_the_names_of_columns(tmp_path: Path) -> None:
    stencil = np.full((HEIGHT, WIDTH), SceneClass.ROAD, np.uint8)
    objects = pa.array([{"bbox": [[1.0, 1.0, 3.0, 2.0]], "categories": ["car"]}])
    table = pa.table(
        {"jpg": [png(pixels(0))], "mask": [png(stencil)], "time": [23.5], "objects": objects}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    source = adapter(
        tmp_path / "t.parquet",
        image_column="jpg",
        layer_columns={"stencil": "mask"},
        columns={"hour": "time"},
    )
    (frame,) = read_all(source)[0].values()
    assert np.array_equal(frame.stencil, stencil)
    assert frame.conditions.cell == "unknown/night"
    assert frame.objects[0].box_xyxy == (1, 1, 4, 3)


def test_our_own_dataset_comes_back_whole(
    tmp_path: Path, frames: Callable[[int], list[Frame]]
) -> None:
    ours = frames(3)
    (tmp_path / "data").mkdir()
    table = pa.Table.from_pylist([row_of(frame, "train") for frame in ours], schema=SCHEMA)
    pq.write_table(table, tmp_path / "data" / "train-0.parquet")
    pq.write_table(pa.table({"reason": ["gate"]}), tmp_path / "quarantine.parquet")
    source = adapter(tmp_path)
    good, bad = read_all(source)
    assert bad == {}
    assert [ref.group_id for ref in source.index()] == [frame.group_id for frame in ours]
    for frame, read in zip(ours, good.values(), strict=True):
        assert read.frame_id == frame.frame_id
        assert read.provenance == frame.provenance
        assert read.content_sha256 == frame.content_sha256


def test_ours_of_another_version_is_refused(tmp_path: Path, frame: Frame) -> None:
    schema = SCHEMA.with_metadata({VERSION_KEY: b"0"})
    table = pa.Table.from_pylist([row_of(frame, "train")], schema=schema)
    pq.write_table(table, tmp_path / "old.parquet")
    (error,) = read_all(adapter(tmp_path))[1].values()
    assert "got version 0" in error.sentence


def test_bad_rows_and_files_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    whole = png(pixels(0))
    cells = [
        {"bytes": whole, "path": None},
        {"bytes": whole[:-30], "path": "1.png"},
        None,
        {"bytes": None, "path": "../away.png"},
        {"bytes": None, "path": "gone.png"},
        {"bytes": whole, "path": "5.png"},
    ]
    boxes = [None] * 5 + [json.dumps({"bbox": [[8, 1, 4, 2]], "categories": ["car"]})]
    table = pa.table({"image": pa.array(cells, PICTURE), "objects": boxes})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    pq.write_table(pa.table({"picture": [whole]}), tmp_path / "c.parquet")
    hugging_face(tmp_path / "d.parquet", 2)
    good, bad = read_all(adapter(tmp_path))
    assert list(good) == ["a.parquet#0", "d.parquet#0", "d.parquet#1"]
    assert {name: error.reason for name, error in bad.items()} == {
        "a.parquet#1": Reason.UNREADABLE_IMAGE,
        "a.parquet#2": Reason.MISSING_FILE,
        "a.parquet#3": Reason.PATH_ESCAPE,
        "a.parquet#4": Reason.MISSING_FILE,
        "a.parquet#5": Reason.BOX_OUTSIDE,
        "b.parquet#0": Reason.BAD_METADATA,
        "c.parquet#0": Reason.BAD_METADATA,
    }
    assert "no column 'image' of images (image_column) among picture" in bad["c.parquet#0"].sentence
    assert all(name.split("#")[0] in error.sentence for name, error in bad.items())


def test_a_flipped_byte_inside_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"image": [png(pixels(i)) for i in range(3)]})
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[120] ^= 0xFF
    path.write_bytes(data)
    good, bad = read_all(adapter(tmp_path))
    assert len(good) + len(bad) == 3
    assert bad
    assert {error.reason for error in bad.values()} == {Reason.UNREADABLE_IMAGE}


def test_an_image_may_lie_beside_its_table(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png(pixels(1)))
    cells = pa.array([{"bytes": None, "path": "1.png"}], PICTURE)
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    (frame,) = read_all(adapter(tmp_path))[0].values()
    assert np.array_equal(frame.image, pixels(1))


def test_no_file_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wanted \*\*/\*\.parquet at"):
        adapter(tmp_path).index()
