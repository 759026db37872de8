"""Image folders come in as frames; what is bad comes out with its own reason, the rest is read."""

import io
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters.folder import Folder, FolderConfig

WIDTH, HEIGHT = 12, 8


def pixels(seed: int = 0) -> NDArray[np.uint8]:
    return rng("tests.folder", seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def stencil() -> NDArray[np.uint8]:
    ids = np.full((HEIGHT, WIDTH), SceneClass.ROAD, dtype=np.uint8)
    ids[: HEIGHT // 2] = SceneClass.SKY
    return ids


def save(path: Path, array: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def folder(path: Path, **settings: object) -> Folder:
    return Folder(FolderConfig.model_validate({"path": path, "dataset": "mine", **settings}))


def read_all(adapter: Folder) -> tuple[dict[str, Frame], dict[str, BadFrame]]:
    """Every frame of the index, read or refused."""
    good, bad = {}, {}
    for ref in adapter.index():
        try:
            good[ref.native_id] = adapter.read(ref)
        except BadFrame as error:
            bad[ref.native_id] = error
    return good, bad


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Two sound frames; one has every layer and a row, the other has neither."""
    save(tmp_path / "a" / "1.png", pixels(1))
    save(tmp_path / "b" / "2.png", pixels(2))
    save(tmp_path / "stencil" / "a" / "1.png", stencil())
    depth = np.linspace(1, 90, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    depth[0] = np.inf
    save(tmp_path / "depth" / "a" / "1.tif", depth)
    instances = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    instances[5:7, 3:6] = 40_000
    save(tmp_path / "instances" / "a" / "1.png", instances)
    objects = [{"category": "car", "instance": 40_000, "box_xyxy": [3, 5, 6, 7]}]
    row = {
        "file_name": "a/1.png",
        "weather": "Rainy",
        "time_of_day": "dawn/dusk",
        "hour": 22.5,
        "sequence": "drive-7",
        "twin_id": "t1",
        "label": "stop",
        "objects": objects,
    }
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def test_a_frame_with_everything_comes_in_whole(street: Path) -> None:
    good, bad = read_all(folder(street, label_names=("go", "stop"), licence="CC0"))
    assert bad == {}
    assert list(good) == ["a/1.png", "b/2.png"]
    frame = good["a/1.png"]
    assert np.array_equal(frame.image, pixels(1))
    assert np.array_equal(frame.stencil, stencil())
    assert frame.depth is not None
    assert np.isposinf(frame.depth[0]).all()
    assert frame.depth[-1, -1] == 90
    assert frame.instances is not None
    assert frame.instances.max() == 40_000
    assert frame.conditions.weather is Weather.RAINING
    assert frame.conditions.native == "Rainy; dawn/dusk"
    assert frame.conditions.time_of_day is TimeOfDay.NIGHT  # of the hour: "dawn/dusk" says neither
    assert frame.group_id == "mine/drive-7"
    assert frame.provenance.twin_id == "t1"
    assert frame.provenance.source.licence == "CC0"
    assert frame.label is not None
    assert frame.label.index == 1
    assert frame.objects[0].category is SceneClass.CAR
    assert frame.objects[0].box_xyxy == (3, 5, 6, 7)


def test_an_image_without_a_row_has_unknown_conditions(street: Path) -> None:
    frame = read_all(folder(street))[0]["b/2.png"]
    assert frame.conditions.weather is Weather.UNKNOWN
    assert frame.conditions.time_of_day is TimeOfDay.UNKNOWN
    assert frame.layers == frozenset()
    assert frame.label_space == frozenset()
    assert frame.group_id == "mine/b"


def test_ids_do_not_depend_on_where_the_folder_lies(street: Path, tmp_path: Path) -> None:
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    before = {name: frame.frame_id for name, frame in read_all(folder(street))[0].items()}
    os.rename(street, moved)
    after = {name: frame.frame_id for name, frame in read_all(folder(moved))[0].items()}
    assert before == after
    assert len(set(before.values())) == 2


def test_other_pixels_are_another_frame(street: Path) -> None:
    before = read_all(folder(street))[0]["a/1.png"].frame_id
    ids = stencil()
    ids[7] = SceneClass.SIDEWALK
    save(street / "stencil" / "a" / "1.png", ids)
    assert read_all(folder(street))[0]["a/1.png"].frame_id != before


def test_layers_beside_a_folder_of_images(tmp_path: Path) -> None:
    save(tmp_path / "town" / "images" / "x" / "1.jpg", pixels())
    save(tmp_path / "town" / "stencil" / "x" / "1.png", stencil())
    frame = read_all(folder(tmp_path))[0]["town/images/x/1.jpg"]
    assert np.array_equal(frame.stencil, stencil())


def test_the_group_comes_from_the_pattern(tmp_path: Path) -> None:
    for name in ("berlin_01_000.png", "berlin_01_001.png", "ulm_02_000.png"):
        save(tmp_path / name, pixels())
    refs = folder(tmp_path, group_pattern=r"^([a-z]+_\d+)_").index()
    assert [ref.group_id for ref in refs] == ["mine/berlin_01", "mine/berlin_01", "mine/ulm_02"]


def test_csv_and_the_boxes_of_hugging_face(tmp_path: Path) -> None:
    save(tmp_path / "train" / "1.png", pixels())
    boxes = json.dumps({"bbox": [[2, 1, 4, 3]], "categories": ["pedestrian"]}).replace('"', '""')
    text = f'file_name,weather,objects\n1.png,night,"{boxes}"\n'
    (tmp_path / "train" / "metadata.csv").write_text(text, encoding="utf-8-sig")
    frame = read_all(folder(tmp_path))[0]["train/1.png"]
    assert frame.objects[0].box_xyxy == (2, 1, 6, 4)
    assert frame.objects[0].category is SceneClass.PERSON
    assert frame.conditions.weather is Weather.UNKNOWN
    assert frame.conditions.time_of_day is TimeOfDay.NIGHT
    assert frame.conditions.native == "night"


def test_cityscapes_label_ids_become_ours(tmp_path: Path) -> None:
    ids = np.full((HEIGHT, WIDTH), 7, dtype=np.uint8)
    ids[0], ids[1], ids[2] = 23, 0, 26
    save(tmp_path / "1.png", pixels())
    save(tmp_path / "stencil" / "1.png", ids)
    frame = read_all(folder(tmp_path, vocabulary="cityscapes_label_ids"))[0]["1.png"]
    assert frame.stencil is not None
    wanted = [SceneClass.SKY, SceneClass.IGNORE, SceneClass.CAR, SceneClass.ROAD]
    assert frame.stencil[:4, 0].tolist() == wanted


def test_depth_in_whole_numbers_has_a_stated_scale(tmp_path: Path) -> None:
    raw = np.full((HEIGHT, WIDTH), 512, dtype=np.uint16)
    raw[0], raw[1] = 0, 65535
    save(tmp_path / "1.png", pixels())
    save(tmp_path / "depth" / "1.png", raw)
    bad = read_all(folder(tmp_path))[1]
    assert "state depth_metres_per_unit" in bad["1.png"].sentence
    stated = {
        "depth_metres_per_unit": 1 / 256,
        "depth_sky_value": 65535,
        "allow_unknown_depth": True,
    }
    depth = read_all(folder(tmp_path, **stated))[0]["1.png"].depth
    assert depth is not None
    assert np.isnan(depth[0]).all()
    assert np.isposinf(depth[1]).all()
    assert (depth[2:] == 2).all()


def test_depth_as_numpy_and_never_as_pickle(tmp_path: Path) -> None:
    for name in ("1", "2"):
        save(tmp_path / f"{name}.png", pixels())
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "1.npy", np.full((HEIGHT, WIDTH), 3.5))
    np.save(tmp_path / "depth" / "2.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    good, bad = read_all(folder(tmp_path))
    assert good["1.png"].depth is not None
    assert (good["1.png"].depth == np.float32(3.5)).all()
    assert bad["2.png"].reason is Reason.UNREADABLE_LAYER


def test_images_of_other_modes_become_rgb(tmp_path: Path) -> None:
    grey = pixels()[..., 0]
    save(tmp_path / "grey.png", grey)
    save(tmp_path / "deep.png", grey.astype(np.uint16) * 256 + 17)
    save(tmp_path / "alpha.png", np.dstack([pixels(), np.full((HEIGHT, WIDTH), 9, np.uint8)]))
    palette = Image.fromarray(grey).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "palette.png")
    good, bad = read_all(folder(tmp_path))
    assert bad == {}
    assert np.array_equal(good["alpha.png"].image, pixels())
    for name in ("grey.png", "deep.png", "palette.png"):
        assert np.array_equal(good[name].image, np.repeat(grey[..., None], 3, axis=2)), name


def test_a_palette_of_a_mask_is_decoration(tmp_path: Path) -> None:
    save(tmp_path / "1.png", pixels())
    mask = Image.fromarray(stencil())
    mask.putpalette(list(range(256)) * 3)
    (tmp_path / "stencil").mkdir()
    mask.save(tmp_path / "stencil" / "1.png")
    assert np.array_equal(read_all(folder(tmp_path))[0]["1.png"].stencil, stencil())


def test_exif_turns_a_picture_but_not_away_from_its_layers(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels()).save(tmp_path / "1.png", exif=exif)
    frame = read_all(folder(tmp_path))[0]["1.png"]
    assert np.array_equal(frame.image, np.rot90(pixels(), -1))
    save(tmp_path / "stencil" / "1.png", stencil())
    bad = read_all(folder(tmp_path))[1]["1.png"]
    assert "EXIF orientation 6" in bad.sentence


def test_an_index_without_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="wanted a folder of images"):
        folder(tmp_path / "nowhere").index()


Spoil = Callable[[Path], object]


def png(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def row(path: Path, **cells: object) -> None:
    with open(path / "metadata.jsonl", "a") as file:
        file.write(json.dumps({"file_name": "b/2.png", **cells}) + "\n")


def nan_depth(path: Path) -> None:
    depth = np.ones((HEIGHT, WIDTH), dtype=np.float32)
    depth[3, 4] = np.nan
    save(path / "depth" / "b" / "2.tif", depth)


def mask(path: Path, array: NDArray[np.generic]) -> None:
    save(path / "stencil" / "b" / "2.png", array)


def link_away(path: Path) -> None:
    outside = save(path.parent / f"{path.name}-outside.png", pixels(3))
    (path / "b" / "2.png").unlink()
    (path / "b" / "2.png").symlink_to(outside)


SPOILT: dict[str, tuple[Spoil, Reason, str]] = {
    "truncated PNG": (
        lambda p: truncate(p / "b" / "2.png"),
        Reason.UNREADABLE_IMAGE,
        "wanted a whole picture",
    ),
    "no picture": (
        lambda p: (p / "b" / "2.png").write_bytes(b"<html>"),
        Reason.UNREADABLE_IMAGE,
        "6 bytes of none of these",
    ),
    "empty file": (
        lambda p: (p / "b" / "2.png").write_bytes(b""),
        Reason.UNREADABLE_IMAGE,
        "0 bytes",
    ),
    "mask of another size": (
        lambda p: mask(p, stencil()[1:]),
        Reason.SIZE_MISMATCH,
        "wanted (8, 12) like the other layers, got (7, 12)",
    ),
    "truncated mask": (
        lambda p: (mask(p, pixels()[..., 0]), truncate(p / "stencil" / "b" / "2.png")),
        Reason.UNREADABLE_LAYER,
        "stencil of b/2.png",
    ),
    "unknown class id": (
        lambda p: mask(p, np.full((HEIGHT, WIDTH), 77, np.uint8)),
        Reason.UNKNOWN_CLASS,
        "unknown [77]",
    ),
    "class outside the label space": (
        lambda p: mask(p, np.full((HEIGHT, WIDTH), SceneClass.WATER, np.uint8)),
        Reason.OUTSIDE_LABEL_SPACE,
        "water",
    ),
    "mask of colours": (
        lambda p: mask(p, pixels()),
        Reason.WRONG_TYPE,
        "are its classes written as colours?",
    ),
    "nan depth": (nan_depth, Reason.NAN_DEPTH, "got none for 1 of 96"),
    "negative depth": (
        lambda p: save(p / "depth" / "b" / "2.tif", np.full((HEIGHT, WIDTH), -1, np.float32)),
        Reason.NEGATIVE_DEPTH,
        "-1.000",
    ),
    "box outside": (
        lambda p: row(p, objects={"bbox": [[9, 2, 5, 3]], "categories": ["car"]}),
        Reason.BOX_OUTSIDE,
        "inside 12x8",
    ),
    "box without area": (
        lambda p: row(p, objects={"bbox": [[9, 2, 0, 3]], "categories": ["car"]}),
        Reason.EMPTY_BOX,
        "a box with an area",
    ),
    "object of an unknown class": (
        lambda p: row(p, objects=[{"category": "unicorn", "box_xyxy": [1, 1, 2, 2]}]),
        Reason.UNKNOWN_CLASS,
        "'unicorn'",
    ),
    "objects that are none": (lambda p: row(p, objects="{1"), Reason.BAD_METADATA, "'{1'"),
    "hour that is none": (lambda p: row(p, hour="noon"), Reason.BAD_METADATA, "got 'noon'"),
    "linked away": (link_away, Reason.PATH_ESCAPE, "leaves"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_frame_is_refused_and_the_rest_is_read(street: Path, what: str) -> None:
    spoil, reason, says = SPOILT[what]
    spoil(street)
    good, bad = read_all(folder(street))
    assert list(good) == ["a/1.png"]
    assert bad["b/2.png"].reason is reason
    assert says in bad["b/2.png"].sentence
    assert "b/2.png" in bad["b/2.png"].sentence
    assert " at 0x" not in bad["b/2.png"].sentence
    assert str(street) not in bad["b/2.png"].sentence


BAD_ROWS: dict[str, tuple[str, Reason, str]] = {
    "without its file": ('{"file_name": "a/9.png"}', Reason.MISSING_FILE, "a/9.png"),
    "out of the folder": ('{"file_name": "../x.png"}', Reason.PATH_ESCAPE, "../x.png"),
    "absolute path": ('{"file_name": "/etc/passwd"}', Reason.PATH_ESCAPE, "/etc/passwd"),
    "second row": ('{"file_name": "./a/1.png"}', Reason.DUPLICATE_ID, "a second one for a/1.png"),
    "no file name": ('{"weather": "fog"}', Reason.BAD_METADATA, "metadata.jsonl, line 2"),
    "no JSON": ('{"file_name": ', Reason.BAD_METADATA, "wanted one JSON object"),
    "zero byte": ('{"file_name": "a\\u0000.png"}', Reason.BAD_METADATA, "zero byte"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_is_refused_and_the_rest_is_read(street: Path, what: str) -> None:
    line, reason, says = BAD_ROWS[what]
    with open(street / "metadata.jsonl", "a") as file:
        file.write(line + "\n")
    good, bad = read_all(folder(street))
    assert list(good) == ["a/1.png", "b/2.png"]
    (error,) = bad.values()
    assert error.reason is reason
    assert says in error.sentence


def test_a_csv_row_of_another_length_is_refused(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        save(tmp_path / name, pixels())
    text = "file_name,weather\n1.png,fog\n2.png,fog,what\n"
    (tmp_path / "metadata.csv").write_text(text)
    good, bad = read_all(folder(tmp_path))
    assert good["1.png"].conditions.weather is Weather.FOGGY
    assert good["2.png"].conditions.weather is Weather.UNKNOWN
    assert bad["metadata.csv, line 3"].sentence.endswith("wanted 2 fields, got 3")


def test_metadata_that_are_no_text_spoil_no_image(tmp_path: Path) -> None:
    save(tmp_path / "1.png", pixels())
    (tmp_path / "metadata.csv").write_bytes(b"file_name\n\xff\xfe\x00")
    good, bad = read_all(folder(tmp_path))
    assert list(good) == ["1.png"]
    (error,) = bad.values()
    assert error.reason is Reason.BAD_METADATA


def test_an_oversized_image_is_refused_by_its_header(tmp_path: Path) -> None:
    """The file claims 60,000 x 60,000 pixels and has none of them: decoding it would fail late."""
    save(tmp_path / "1.png", pixels())
    data = bytearray(png(pixels()))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "2.png").write_bytes(data)
    save(tmp_path / "3.png", np.zeros((40, 40, 3), np.uint8))
    good, bad = read_all(folder(tmp_path, max_pixels=1000))
    assert list(good) == ["1.png"]
    assert bad["2.png"].reason is bad["3.png"].reason is Reason.OVERSIZED_IMAGE
    assert "got 40x40" in bad["3.png"].sentence
