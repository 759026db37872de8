"""Listing a stranger's folder: what lies outside stays unseen, and is told of."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recordings
from mutations import read_everything
from outside_watch import WATCH

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._listing import files_under, folders_under, walk

LISTERS: dict[str, Callable[[Path, str], object]] = {
    "files": lambda root, folder: files_under(root, folder, ".png"),
    "folders": folders_under,
    "walk": lambda root, folder: list(walk(root, folder)),
}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A dataset with a link that leads out and one that stays, under watch."""
    for file in ("root/a/b/1.png", "root/a/2.png", "outside/inner/3.png"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "root/within").symlink_to(tmp_path / "root/a")
    WATCH.root = tmp_path / "root"
    yield tmp_path / "root"
    WATCH.root = None


def test_folders_and_links_within_are_listed(root: Path) -> None:
    assert files_under(root, "a", ".png") == {"2": "a/2.png"}
    assert files_under(root, "within", ".png") == {"2": "within/2.png"}
    assert folders_under(root) == ["a", "within"]
    assert list(walk(root)) == ["a/2.png", "a/b/1.png"]
    assert files_under(root, "none", ".png") == {}
    assert list(walk(root, "none")) == folders_under(root, "none") == []


@pytest.mark.parametrize(
    ("name", "picture", "double"),
    [
        ("viper", "train/cls/001/001_00010.png", ".PNG"),
        ("virtual_kitti2", "Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg", ".png"),
        ("voc", "VOC2012/JPEGImages/2007_000027.jpg", ".png"),
        ("synthia", "RGB/0000001.png", ".PNG"),
    ],
)
def test_two_files_of_one_stem_are_refused_and_the_rest_is_read(
    name: str, picture: str, double: str, tmp_path: Path
) -> None:
    told = recordings.writer(name)(tmp_path)
    whole = read_everything(parts.build("sim_adapters", name, **told), ("", ""))
    first = tmp_path / picture
    shutil.copyfile(first, first.with_suffix(double))
    outcome = read_everything(parts.build("sim_adapters", name, **told), ("", ""))
    (refused,) = outcome.refused
    assert refused.reason is Reason.DUPLICATE_ID
    assert first.name in refused.sentence
    assert first.with_suffix(double).name in refused.sentence
    assert outcome.read + 1 == whole.read


@pytest.mark.parametrize("lister", LISTERS)
@pytest.mark.parametrize("folder", ["link", "link/inner", "../outside", "a/../../outside"])
def test_a_folder_that_leads_out_is_not_listed(root: Path, lister: str, folder: str) -> None:
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(BadFrame, match="inside the dataset's") as refused:
        LISTERS[lister](root, folder)
    assert refused.value.reason is Reason.PATH_ESCAPE


def test_a_walk_tells_of_a_link_that_leads_out(root: Path) -> None:
    (root / "a/link").symlink_to(root.parent / "outside")
    found = walk(root)
    assert next(found) == "a/2.png"
    with pytest.raises(BadFrame, match="a/link") as refused:
        list(found)
    assert refused.value.reason is Reason.PATH_ESCAPE


@pytest.mark.parametrize("lister", ["files", "folders"])
def test_a_circle_of_links_is_told_of(root: Path, lister: str) -> None:
    (root / "circle").symlink_to("circle")
    with pytest.raises(BadFrame, match="circle") as refused:
        LISTERS[lister](root, "circle")
    assert refused.value.reason is Reason.BAD_METADATA


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("playing_for_data", "images"),
        ("folder", "b"),
        ("parquet", "data"),
        ("parquet", "data/b"),
        ("hf_datasets", "train"),
        ("carla", "town05-b"),
    ],
)
def test_an_adapter_tells_of_a_folder_that_leads_out(
    name: str, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "root").mkdir()
    told = recordings.writer(name)(tmp_path / "root")
    path: Path = told["path"] if told["path"].is_dir() else told["path"].parent
    link, outside = path / folder, tmp_path / "outside"
    path.rename(outside)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    WATCH.root = tmp_path / "root"
    try:
        outcome = read_everything(
            parts.build("sim_adapters", name, **{**told, "path": path}), ("", "")
        )
    finally:
        WATCH.root = None
    assert Reason.PATH_ESCAPE in [bad.reason for bad in outcome.refused]
