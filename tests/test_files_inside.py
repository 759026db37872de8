"""A dataset's files lie inside its folder, wherever links and names lead, and are of sane size."""

from pathlib import Path

import pytest

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import (
    BYTES_PER_PIXEL,
    HEADER_BYTES,
    file_inside,
    read_limited,
)


def test_names_that_lead_nowhere_are_missing_files(tmp_path: Path) -> None:
    (tmp_path / "circle.png").symlink_to("circle.png")
    for name in ("circle.png", "x" * 5000, "none.png", ".", "a/.."):
        with pytest.raises(BadFrame) as caught:
            file_inside(tmp_path, tmp_path, name)
        assert caught.value.reason is Reason.MISSING_FILE


def test_only_names_inside_the_root_are_files_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "root/a/b.png", tmp_path / "rooted.png"
    inside.parent.mkdir(parents=True)
    for path in (inside, outside):
        path.touch()
    (tmp_path / "root/link.png").symlink_to(outside)
    (tmp_path / "linked").symlink_to(tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / "root", tmp_path / "linked", Path("root")):
        assert file_inside(root, root / "a", "b.png").samefile(inside)
        for name in ("link.png", "../rooted.png", str(inside), "a/../../rooted.png"):
            with pytest.raises(BadFrame) as caught:
                file_inside(root, root, name)
            assert caught.value.reason is Reason.PATH_ESCAPE
    top = Path("/")
    assert file_inside(top, top, str(inside)[1:]).samefile(inside)


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    with open(path, "wb") as file:
        file.truncate(BYTES_PER_PIXEL * 100 + HEADER_BYTES + 1)
    with pytest.raises(BadFrame, match="wanted at most") as caught:
        read_limited(path, 100, Reason.UNREADABLE_IMAGE)
    assert caught.value.reason is Reason.OVERSIZED_IMAGE
