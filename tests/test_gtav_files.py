"""Files that hold GTA V captures and may harm: archives, links, dumps without headers."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pytest
from gtav_frames import frames, holds_the_street, looks_like, only, refusals
from recordings import HEIGHT, WIDTH, street_pixels
from recordings import gtav as written

from parhelion.pipeline.bad_frame import Reason

STEM = "2018-03-30--04-05-57--208"


def archive(folder: Path, members: dict[str, bytes], method: int = ZIP_STORED) -> Path:
    path = folder / "run.zip"
    with ZipFile(path, "w", method) as target:
        for name, data in members.items():
            target.writestr(ZipInfo(name), data, compress_type=method)
    return path


def test_members_are_read_in_memory(tmp_path: Path) -> None:
    archive(tmp_path, {"12.tiff": written.pages(written.colours(1)), "notes.txt": b"?"})
    holds_the_street(only(frames(tmp_path)))
    assert [path.name for path in tmp_path.rglob("*")] == ["run.zip"]


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_members_of_several_pages_are_several_frames(method: int, tmp_path: Path) -> None:
    archive(tmp_path, {"12.tiff": written.pages(written.colours(3))}, method)
    found = frames(tmp_path)
    assert sorted(found) == [f"run.zip/12.tiff#{page}" for page in range(3)]
    looks_like(found["run.zip/12.tiff#2"], street_pixels(2))


@pytest.mark.parametrize("name", ["../../12.tiff", "/12.tiff", "C:/12.tiff", "..\\..\\12.tiff"])
def test_a_member_that_leaves_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    archive(tmp_path, {name: written.pages(written.colours(1))})
    assert only(refusals(tmp_path)).reason is Reason.PATH_ESCAPE


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"12.tiff": written.pages(written.colours(1))})
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in only(refusals(tmp_path)).sentence


def test_a_member_that_was_made_to_burst_is_refused(tmp_path: Path) -> None:
    archive(tmp_path, {"12.tiff": bytes(20_000_000)}, ZIP_DEFLATED)
    error = only(refusals(tmp_path))
    assert error.reason is Reason.OVERSIZED_IMAGE
    assert "got 20,000,000" in error.sentence


def test_a_member_beyond_the_limit_of_pixels_is_refused(tmp_path: Path) -> None:
    archive(tmp_path, {"12.tiff": written.pages(written.colours(1))})
    assert only(refusals(tmp_path, max_pixels=100)).reason is Reason.OVERSIZED_IMAGE


def test_a_torn_archive_is_one_bad_frame(tmp_path: Path) -> None:
    path = archive(tmp_path, {"12.tiff": written.pages(written.colours(1))})
    path.write_bytes(path.read_bytes()[:-30])
    assert "wanted a whole zip archive" in only(refusals(tmp_path)).sentence


def test_a_link_that_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out.tiff"
    inside.mkdir()
    outside.write_bytes(written.pages(written.colours(1)))
    (inside / f"{STEM}.tiff").symlink_to(outside)
    assert only(refusals(inside)).reason is Reason.PATH_ESCAPE


def dump_raw(folder: Path, *, as_text: bool = False, depth_scale: int = 1) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 10, np.uint8)  # line feeds, which text would change
    buffers = {
        "color": np.concatenate([street_pixels(0), alpha], axis=2),
        "depth": written.buffer()[::depth_scale, ::depth_scale].astype("<f4"),
        "stencil": written.stencil()[::depth_scale, ::depth_scale],
    }
    for name, values in buffers.items():
        data = values.tobytes()
        (folder / f"{name}.raw").write_bytes(data.replace(b"\n", b"\r\n") if as_text else data)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_raw_dump_is_read_at_its_stated_size(as_text: bool, tmp_path: Path) -> None:
    dump_raw(tmp_path, as_text=as_text)
    frame = only(frames(tmp_path, raw_size=(WIDTH, HEIGHT)))
    holds_the_street(frame)
    assert np.array_equal(frame.image, street_pixels(0))


def test_a_raw_dump_of_smaller_buffers_is_fitted(tmp_path: Path) -> None:
    dump_raw(tmp_path, depth_scale=2)
    frame = only(frames(tmp_path, raw_size=(WIDTH, HEIGHT)))
    assert np.array_equal(frame.stencil_native[::2, ::2], written.stencil()[::2, ::2])


def test_a_raw_dump_without_a_size_or_of_another_is_refused(tmp_path: Path) -> None:
    dump_raw(tmp_path)
    assert "state raw_size" in only(refusals(tmp_path)).sentence
    assert only(refusals(tmp_path, raw_size=(WIDTH, HEIGHT + 1))).reason is Reason.WRONG_SHAPE
