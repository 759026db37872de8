"""Image folders come in as frames with every layer that lies beside the images."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from image_folder import HEIGHT, WIDTH, folder, pixels, read_all, save, stencil
from PIL import Image
from pydantic import ValidationError

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.scene_class import SceneClass


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
    assert frame.provenance.twin_id == "mine/t1"  # another folder's t1 is no twin
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


def test_the_stamp_tells_what_changed(street: Path) -> None:
    before = {ref.native_id: ref.stamp for ref in folder(street).index()}
    (street / "stencil" / "a" / "1.png").write_bytes(b"other")
    after = {ref.native_id: ref.stamp for ref in folder(street).index()}
    assert [name for name in before if before[name] != after[name]] == ["a/1.png"]


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


def test_the_angle_of_view_gives_a_level_camera(street: Path) -> None:
    frame = read_all(folder(street, horizontal_fov_deg=90))[0]["a/1.png"]
    assert frame.camera is not None
    wanted = [[WIDTH / 2, 0, WIDTH / 2], [0, WIDTH / 2, HEIGHT / 2], [0, 0, 1]]
    assert np.allclose(frame.camera.intrinsics, wanted)
    assert np.array_equal(frame.camera.camera_to_world, np.eye(4))
    edge = frame.camera.project(np.array([[3.0, 0.0, 3.0]]))  # 45 degrees to the right
    assert np.allclose(edge, [[WIDTH, HEIGHT / 2, 3.0]])
    assert read_all(folder(street))[0]["a/1.png"].camera is None


def camera_row(path: Path, **cells: object) -> Path:
    save(path / "1.png", pixels())
    (path / "metadata.jsonl").write_text(json.dumps({"file_name": "1.png", **cells}))
    return path


def test_a_row_of_intrinsics_wins_over_the_angle_of_view(tmp_path: Path) -> None:
    path = camera_row(tmp_path, fx=9.5, fy="9", cx=5, cy=4.25)
    camera = read_all(folder(path, horizontal_fov_deg=90))[0]["1.png"].camera
    assert camera is not None
    assert camera.intrinsics.tolist() == [[9.5, 0, 5], [0, 9, 4.25], [0, 0, 1]]


@pytest.mark.parametrize(
    "cells",
    [
        {"fx": 9.5, "fy": 9, "cx": 5},
        {"fx": 0, "fy": 9, "cx": 5, "cy": 4},
        {"fx": 9, "fy": -9, "cx": 5, "cy": 4},
        {"fx": 9, "fy": 9, "cx": "nan", "cy": 4},
        {"fx": "inf", "fy": 9, "cx": 5, "cy": 4},
        {"fx": "wide", "fy": 9, "cx": 5, "cy": 4},
    ],
)
def test_bad_intrinsics_are_refused_whatever_the_setting(
    tmp_path: Path, cells: dict[str, object]
) -> None:
    path = camera_row(tmp_path, **cells)
    bad = read_all(folder(path, horizontal_fov_deg=90))[1]["1.png"]
    assert bad.reason is Reason.BAD_CAMERA
    assert "1.png: wanted fx, fy, cx, cy as numbers of pixels" in bad.sentence


@pytest.mark.parametrize("angle", [0, -60, 180, float("nan"), float("inf")])
def test_an_impossible_angle_of_view_is_named(tmp_path: Path, angle: float) -> None:
    with pytest.raises(ValidationError, match="horizontal_fov_deg"):
        folder(tmp_path, horizontal_fov_deg=angle)


def test_what_gives_light_comes_as_bits(tmp_path: Path) -> None:
    bits = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    bits[0], bits[1], bits[2] = 1, 2, 3
    for name in ("1.png", "2.png"):
        save(tmp_path / name, pixels())
    save(tmp_path / "emissive" / "1.png", bits)
    save(tmp_path / "emissive" / "2.png", bits * 85)
    good, bad = read_all(folder(tmp_path))
    assert np.array_equal(good["1.png"].emissive, bits)
    assert bad["2.png"].reason is Reason.WRONG_TYPE
    assert "wanted the bits 1 (gives light) and 2 (is lit), got 85" in bad["2.png"].sentence


def test_an_index_without_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="wanted a folder of images"):
        folder(tmp_path / "nowhere").index()


@pytest.mark.parametrize("nothing", [[], {"bbox": [], "categories": []}, "[]"])
def test_no_objects_are_annotations_too(street: Path, nothing: object) -> None:
    (street / "metadata.csv").unlink(missing_ok=True)
    row = {"file_name": "b/2.png", "objects": nothing}
    (street / "metadata.jsonl").write_text(json.dumps(row))
    frames = read_all(folder(street))[0]
    assert frames["b/2.png"].objects == ()
    assert SceneClass.CAR in frames["b/2.png"].label_space
