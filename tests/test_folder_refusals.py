"""What is bad in an image folder is refused with its own reason, and the rest is read."""

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_folder import HEIGHT, WIDTH, folder, pixels, read_all, save, stencil
from numpy.typing import NDArray
from PIL import Image

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.scene_class import SceneClass

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
