"""YOLO's text labels: shares of the picture, names from where they stand, missing halves."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings.yolo import write

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._grouping import numbered_block
from parhelion.sim_adapters.yolo import _box

LABELS = "labels/train/drive_0007.txt"


def frames(**settings: Any) -> list[Frame]:
    part = parts.build("sim_adapters", "yolo", **settings)
    return [part.read(ref) for ref in part.index()]


def first_with(folder: Path, text: str, **settings: Any) -> Frame:
    """The first recorded frame with other labels."""
    written = write(folder)
    (folder / LABELS).write_text(text)
    return frames(**{**written, **settings})[0]


def boxes(frame: Frame) -> list[tuple[float, ...]]:
    return [o.box_xyxy for o in frame.objects]


def refusal(**settings: Any) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        frames(**settings)
    return caught.value


def test_boxes_and_polygons_become_pixels(tmp_path: Path) -> None:
    frame, empty = frames(**write(tmp_path))
    assert [(o.category, o.box_xyxy) for o in frame.objects] == [
        (SceneClass.CAR, (12, 12, 24, 20)),
        (SceneClass.PERSON, (36, 8, 48, 32)),
    ]
    assert empty.objects == ()
    space = {SceneClass.CAR, SceneClass.PERSON, SceneClass.TRAFFIC_LIGHT}
    assert frame.label_space == space
    assert empty.label_space == frozenset()  # no picture of its folder has labels
    assert frame.group_id != empty.group_id


@given(
    st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)),
    st.tuples(st.integers(1, WIDTH), st.integers(1, HEIGHT)),
)
def test_shares_and_corners_are_two_spellings_of_a_box(
    low: tuple[int, int], size: tuple[int, int]
) -> None:
    x0, y0, x1, y1 = low[0], low[1], low[0] + size[0], low[1] + size[1]
    shares = [(x0 + x1) / 2, (y0 + y1) / 2, *size]
    assert _box(shares, "") == (x0, y0, x1, y1)
    assert _box([x1, y0, x1, y1, x0, y1, x0, y0], "") == (x0, y0, x1, y1)


def test_boxes_are_clipped_and_those_outside_dropped(tmp_path: Path) -> None:
    text = "1 0 0 0.5 0.5\n1 1.5 0.5 0.5 0.5\n1 0.5 0.5 0 0\n\n"
    assert boxes(first_with(tmp_path, text)) == [(0, 0, 12, 8)]


def test_points_of_poses_are_no_polygon_where_data_yaml_tells(tmp_path: Path) -> None:
    text = "0 0.5 0.5 0.5 0.5 0.9 0.9 0.1 0.9"
    assert boxes(first_with(tmp_path, text))[0][2:] == pytest.approx((43.2, 28.8))
    with (tmp_path / "data.yaml").open("a") as file:
        file.write("kpt_shape: [2, 2]\n")
    assert boxes(frames(path=tmp_path)[0]) == [(12, 8, 36, 24)]


@pytest.mark.parametrize(
    ("names", "settings"),
    [
        ("classes.txt", {}),
        ("obj.names", {}),
        ("own.txt", {"names_file": "own.txt"}),
        (None, {"names": ("person", "car", "traffic light")}),
    ],
)
def test_names_come_from_where_they_are(
    tmp_path: Path, names: str | None, settings: dict[str, Any]
) -> None:
    wanted = frames(**write(tmp_path))[0].objects
    (tmp_path / "data.yaml").unlink()
    if names:
        (tmp_path / names).write_text("person\r\ncar\r\ntraffic light\r\n\r\n")
    assert frames(path=tmp_path, **settings)[0].objects == wanted


def test_a_list_in_yaml_and_words_that_yaml_takes_for_values(tmp_path: Path) -> None:
    settings = {**write(tmp_path), "classes": {"no": "animal", "1": "bus"}}
    (tmp_path / "data.yaml").write_text("names: [no, 1]")
    found = frames(**settings)[0].objects
    assert [o.category for o in found] == [SceneClass.BUS, SceneClass.ANIMAL]


def test_without_names_every_frame_says_so(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "data.yaml").unlink()
    bad = refusal(path=tmp_path)
    assert bad.reason is Reason.MISSING_FILE
    assert "`names`" in bad.sentence


@pytest.mark.parametrize(
    "document",
    [
        *(b"names: 5", b"[" * 900, b"names: [[a]]", b"\xff", b"names: {a: b}", b"- &a [*a]"),
        *(
            b'names: ["\\U99999999"]',
            b"names: [a]\n" + b"#" * (1 << 18),
            b"!!python/name:os.system",
        ),
    ],
)
def test_broken_names_are_named(tmp_path: Path, document: bytes) -> None:
    write(tmp_path)
    (tmp_path / "data.yaml").write_bytes(document)
    bad = refusal(path=tmp_path)
    assert bad.reason is Reason.BAD_METADATA
    assert "data.yaml: wanted" in bad.sentence


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("1 0.5 0.5 0.5", Reason.BAD_METADATA, "got 3 numbers"),
        ("1 0.5 0.5 0.5 0.5 0.9", Reason.BAD_METADATA, "got 5 numbers"),
        ("car 0.5 0.5 0.5 0.5", Reason.BAD_METADATA, "a class number"),
        ("1 0.5 nan 0.5 0.5", Reason.BAD_METADATA, "finite"),
        ("1 0.5 0.5 -0.5 0.5", Reason.EMPTY_BOX, "corners in order"),
        ("3 0.5 0.5 0.5 0.5", Reason.UNKNOWN_CLASS, "data.yaml lists, got 3"),
        ("-1 0.5 0.5 0.5 0.5", Reason.UNKNOWN_CLASS, "got -1"),
    ],
)
def test_broken_lines_are_named(tmp_path: Path, text: str, reason: Reason, said: str) -> None:
    settings = write(tmp_path)
    (tmp_path / LABELS).write_text(f"\n{text}\n")
    bad = refusal(**settings)
    assert bad.reason is reason
    assert f"{LABELS}, line 2: " in bad.sentence
    assert said in bad.sentence


def test_a_word_that_nobody_knows_is_refused_until_it_is_named(tmp_path: Path) -> None:
    settings = write(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [pedestrian, tuk_tuk]")
    assert refusal(**settings).reason is Reason.UNKNOWN_CLASS
    named = frames(**settings, classes={"Tuk tuk": "vehicle"})[0]
    assert named.label_space == {SceneClass.VEHICLE, SceneClass.PERSON}
    ignored = frames(**settings, classes={"tuk tuk": "ignore"})[0]
    assert [o.category for o in ignored.objects] == [SceneClass.PERSON]


def test_labels_without_a_picture_are_reported(tmp_path: Path) -> None:
    settings = write(tmp_path)
    (tmp_path / "images/train/drive_0007.png").unlink()
    (tmp_path / "labels/train/classes.txt").write_text("person\n")
    part = parts.build("sim_adapters", "yolo", **settings)
    assert [ref.native_id for ref in part.index()] == ["images/val/drive_0450.png", LABELS]
    with pytest.raises(BadFrame, match="wanted a picture for these labels"):
        part.read(part.index()[1])


def test_other_layouts(tmp_path: Path) -> None:
    """`images` inside the split, and labels beside their pictures."""
    wanted = frames(**write(tmp_path / "a"))[0].objects
    for images, labels in (("train/images", "train/labels"), ("obj_train_data",) * 2):
        folder = tmp_path / images.replace("/", "-")
        save(folder / images / "x1.png", street_pixels(0))
        (folder / labels).mkdir(exist_ok=True)
        shutil.copy(tmp_path / "a" / LABELS, folder / labels / "x1.txt")
        shutil.copy(tmp_path / "a/data.yaml", folder / "data.yaml")
        assert [frame.objects for frame in frames(path=folder)] == [wanted]


def test_what_roboflow_appends_hides_no_number() -> None:
    names = [f"drive1_{number:04d}_jpg.rf.3a9f0c7b{number:x}" for number in (1, 2, 99, 100)]
    assert [numbered_block(name, 100) for name in names] == [*["drive1_0"] * 3, "drive1_1"]


def test_a_split_without_any_labels_is_not_empty_streets(tmp_path: Path) -> None:
    settings = write(tmp_path)
    save(tmp_path / "images/test/drive_0900.png", street_pixels(2))
    (tmp_path / "labels/val").mkdir(exist_ok=True)
    (tmp_path / "labels/val/drive_0451.txt").write_text("")
    save(tmp_path / "images/val/drive_0451.png", street_pixels(3))
    spaces = {f.provenance.source.native_id: bool(f.label_space) for f in frames(**settings)}
    assert spaces == {
        "images/test/drive_0900.png": False,
        "images/train/drive_0007.png": True,
        "images/val/drive_0450.png": True,  # no objects in it
        "images/val/drive_0451.png": True,
    }
