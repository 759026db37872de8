"""Files replace each other whole; drafts of a killed run are cleared away."""

import os

import pytest
from pydantic import BaseModel

from parhelion.pipeline import files
from parhelion.pipeline.files import (
    append_line,
    create,
    discard_drafts,
    model_from,
    replacing,
    sha256_of,
    size_of,
    write_bytes,
    write_json,
)


class Point(BaseModel):
    x: int


def fail_at(monkeypatch, name):
    def broken(*args, **kwargs):
        raise OSError(f"{name} failed")

    monkeypatch.setattr(os, name, broken)


def write_half(draft, path):
    draft.write_bytes(b"half of the n")
    assert path.read_bytes() == b"old"
    raise FileNotFoundError("the source broke off")


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    write_bytes(path, b"old")
    with pytest.raises(FileNotFoundError), replacing(path) as draft:
        write_half(draft, path)
    assert path.read_bytes() == b"old"
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")
    with monkeypatch.context() as patched:
        fail_at(patched, step)
        with pytest.raises(OSError, match=step):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_flushed_before_it_is_renamed_and_the_folder_after(tmp_path, monkeypatch):
    said = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (said.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (said.append("replace"), replace(a, b)))
    write_bytes(tmp_path / "x", b"1")
    assert said == ["fsync", "replace", "fsync"]


def test_a_folder_replaces_a_folder(tmp_path):
    for content in (b"one", b"two"):
        with replacing(tmp_path / "model") as draft:
            draft.mkdir()
            (draft / f"{content.decode()}.bin").write_bytes(content)
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["two.bin"]


def test_hash_and_size_of_a_folder_see_names_and_bytes(tmp_path):
    def made(name, **contents):
        folder = tmp_path / name
        (folder / "inner").mkdir(parents=True)
        for file, content in contents.items():
            (folder / "inner" / file).write_bytes(content)
        return folder

    a = made("a", x=b"1", y=b"2")
    assert sha256_of(a) == sha256_of(made("b", y=b"2", x=b"1"))
    assert size_of(a) == 2
    others = [made("c", x=b"1"), made("d", x=b"2", y=b"1"), made("e", x=b"1", z=b"2")]
    assert len({sha256_of(folder) for folder in [a, *others]}) == 4


def test_sha256_is_that_of_the_whole_file(tmp_path):
    import hashlib

    data = bytes(range(256)) * (files.BLOCK // 100)
    (tmp_path / "x").write_bytes(data)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(data).hexdigest()


def test_drafts_are_cleared_and_nothing_else(tmp_path):
    write_bytes(tmp_path / "kept" / "x", b"1")
    (tmp_path / "kept" / ".x.12-ab.draft").write_bytes(b"half")
    (tmp_path / ".model.12-ab.draft").mkdir()
    (tmp_path / ".model.12-ab.draft" / "w").write_bytes(b"half")
    discard_drafts(tmp_path)
    assert [p.name for p in tmp_path.rglob("*")] == ["kept", "x"]


def test_models_come_back_and_a_torn_one_is_none(tmp_path):
    write_json(tmp_path / "p.json", Point(x=3))
    assert (tmp_path / "p.json").read_text() == '{"x":3}\n'
    assert model_from(tmp_path / "p.json", Point) == Point(x=3)
    (tmp_path / "p.json").write_text('{"x":')
    assert model_from(tmp_path / "p.json", Point) is None
    assert model_from(tmp_path / "none.json", Point) is None


def test_lines_are_added_and_files_are_not_overwritten(tmp_path):
    append_line(tmp_path / "log", "a")
    append_line(tmp_path / "log", "b")
    assert (tmp_path / "log").read_text() == "a\nb\n"
    with pytest.raises(FileExistsError):
        create(tmp_path / "log")
