"""Virtual KITTI 2: colours, centimetres, inclusive boxes, a checked camera, twins under skies."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, save
from recordings import virtual_kitti2 as recording

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.parts import build
from parhelion.pipeline.scene_class import SceneClass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def adapter(folder: Path) -> Any:
    return build("sim_adapters", "virtual_kitti2", path=folder)


def frames(folder: Path) -> dict[str, Frame]:
    source = adapter(folder)
    return {ref.native_id: source.read(ref) for ref in source.index()}


def first(folder: Path) -> Frame:
    source = adapter(folder)
    return source.read(source.index()[0])


def refusal(folder: Path) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        first(folder)
    return caught.value


def test_classes_come_from_colours(folder: Path) -> None:
    stencil = first(folder).stencil
    assert stencil[0, 0] == SceneClass.SKY
    assert stencil[16, 25] == SceneClass.TRUCK
    assert stencil[12, 0] == SceneClass.BUILDING
    assert stencil[30, 0] == SceneClass.ROAD


def test_a_frame_without_a_vehicle_claims_what_its_table_could_list(folder: Path) -> None:
    shutil.rmtree(folder / "Scene01/clone/frames/classSegmentation")
    without = frames(folder)["Scene01/clone/Camera_0/00001"]
    assert without.objects == ()
    assert without.label_space == {SceneClass.CAR, SceneClass.TRUCK}
    (folder / "Scene01/clone/bbox.txt").unlink()
    assert frames(folder)["Scene01/clone/Camera_0/00001"].label_space == frozenset()


def test_depth_is_centimetres_and_the_sky_is_infinitely_far(folder: Path) -> None:
    depth = first(folder).depth
    assert depth[16, 25] == pytest.approx(12.34)
    assert np.isinf(depth[:10]).all()
    assert np.isfinite(depth[10:]).all()


def test_a_box_is_left_right_top_bottom_with_inclusive_maxima(folder: Path) -> None:
    frame = first(folder)
    (truck,) = frame.objects
    assert truck.category is SceneClass.TRUCK
    assert truck.instance == recording.TRACK + 1
    # The picture of instances is the independent witness.
    assert truck.box_xyxy == instance_boxes(frame.instances)[truck.instance] == recording.BOX
    assert truck.truncation == 0.25
    assert truck.visibility is None  # occupancy_ratio does not mean it


def test_distance_and_centre_are_where_the_camera_sees_them(folder: Path) -> None:
    frame = first(folder)
    (truck,) = frame.objects
    x, y, z = recording.TRUCK_IN_WORLD
    assert truck.distance_m == pytest.approx(z - 40)
    assert truck.centre_m == pytest.approx((x, y - recording.TRUCK_HEIGHT_M / 2, z))
    column, line, ahead = frame.camera.project(np.array([truck.centre_m]))[0]
    assert (column, line) == pytest.approx((24 + 40 * 3 / 8, 16 + 0.0))
    assert ahead == pytest.approx(truck.distance_m)


def test_a_matrix_that_leads_the_other_way_is_turned(folder: Path) -> None:
    wanted = {name: frame.camera.camera_to_world for name, frame in frames(folder).items()}
    place = folder / "Scene01/clone"
    inverse = np.linalg.inv(np.vstack([recording.EXTRINSIC, (0, 0, 0, 1)])).ravel()
    rows = [(frame, 0, *inverse) for frame in range(2)]
    recording.write_table(place, "extrinsic", rows)
    # The second frame has no truck to check by: the first one tells.
    for name, frame in frames(folder).items():
        assert frame.camera.camera_to_world == pytest.approx(wanted[name])


def test_a_matrix_that_fits_the_poses_neither_way_is_refused(folder: Path) -> None:
    path = folder / "Scene01/clone/extrinsic.txt"
    path.write_text(path.read_text().replace("-100", "-90"))
    error = refusal(folder)
    assert error.reason is Reason.BAD_CAMERA
    assert "extrinsic.txt, frame 0" in error.sentence
    assert "10 m either way" in error.sentence


def test_skies_of_one_view_are_twins_and_turned_views_are_not(folder: Path) -> None:
    shutil.copytree(folder / "Scene01/clone", folder / "Scene01/15-deg-left")
    found = frames(folder)
    clear, foggy = found["Scene01/clone/Camera_0/00000"], found["Scene01/fog/Camera_0/00000"]
    turned = found["Scene01/15-deg-left/Camera_0/00000"]
    elsewhere = found["Scene02/clone/Camera_0/00000"]
    twins = [f.provenance.twin_id for f in (clear, foggy, turned, elsewhere)]
    assert twins[0] == twins[1] != ""
    assert twins[2] == ""
    assert twins[3] != twins[0]
    assert clear.group_id == foggy.group_id == turned.group_id != elsewhere.group_id
    assert foggy.conditions.weather is Weather.FOGGY
    assert (turned.conditions.weather, turned.conditions.time_of_day) == (
        Weather.CLEAR,
        TimeOfDay.DAY,
    )
    assert turned.conditions.native == "15-deg-left"


def test_folders_in_lower_case_and_archives_side_by_side_are_read(folder: Path) -> None:
    wanted = [frame.content_sha256 for frame in frames(folder).values()]
    for place in folder.glob("Scene*/*"):
        (place / "frames/classSegmentation").rename(place / "frames/classsegmentation")
        below = place.relative_to(folder)
        texts = folder / "vkitti_2.0.3_textgt" / below
        texts.mkdir(parents=True)
        for table in place.glob("*.txt"):
            table.rename(texts / table.name)
        pictures = folder / "vkitti_2.0.3_rgb" / below / "frames"
        pictures.mkdir(parents=True)
        (place / "frames/rgb").rename(pictures / "rgb")
    assert [frame.content_sha256 for frame in frames(folder).values()] == wanted


def test_what_is_not_there_is_none(folder: Path) -> None:
    place = folder / "Scene01/clone"
    for name in ("depth", "classSegmentation", "instanceSegmentation"):
        shutil.rmtree(place / "frames" / name)
    frame = first(folder)
    assert frame.layers == {"objects", "camera"}
    assert frame.label_space == {SceneClass.CAR, SceneClass.TRUCK}
    assert frame.objects[0].instance is None
    for table in place.glob("*.txt"):
        table.unlink()
    assert first(folder).layers == frozenset()


def test_one_picture_without_its_layer_is_a_bad_frame(folder: Path) -> None:
    (folder / "Scene01/clone/frames/depth/Camera_0/depth_00000.png").unlink()
    error = refusal(folder)
    assert error.reason is Reason.MISSING_FILE
    assert "depth_00000.png" in error.sentence


def test_boxes_outside_are_dropped_and_counted(folder: Path) -> None:
    rows = [
        (0, 0, recording.TRACK, WIDTH, WIDTH + 9, 3, 9, 50, 1.0, 0.5, "False"),
        (0, 0, recording.TRACK, WIDTH - 4, WIDTH + 9, 3, HEIGHT + 9, 50, 0.5, 0.5, "False"),
    ]
    recording.write_table(folder / "Scene01/clone", "bbox", rows)
    source = adapter(folder)
    frame = source.read(source.index()[0])
    assert [o.box_xyxy for o in frame.objects] == [(WIDTH - 4, 3, WIDTH, HEIGHT)]
    assert sum(source.dropped.values()) == 1


@pytest.mark.parametrize(
    ("table", "change", "reason", "wanted"),
    [
        ("bbox", ("70 0.25", "70 1.25"), Reason.BAD_METADATA, "truncation"),
        ("bbox", ("70 0.25", "70"), Reason.BAD_METADATA, "columns frame cameraID"),
        ("bbox", ("left right", "left top"), Reason.BAD_METADATA, "bbox.txt: wanted the columns"),
        ("bbox", ("0 0 4 20", "x 0 4 20"), Reason.BAD_METADATA, "start with frame and camera"),
        ("info", ("Truck", "Tank"), Reason.UNKNOWN_CLASS, "Tank"),
        ("pose", ("48.0", "inf"), Reason.BAD_METADATA, "finite"),
        ("intrinsic", ("40.0", "-40.0"), Reason.BAD_CAMERA, "above 0"),
        ("intrinsic", ("0 0 40.0", "7 0 40.0"), Reason.BAD_CAMERA, "a row for frame 0"),
        ("extrinsic", ("0 0 1 0", "0 0 2 0"), Reason.BAD_CAMERA, "rotation"),
    ],
)
def test_a_broken_table_is_refused_with_its_name(
    folder: Path, table: str, change: tuple[str, str], reason: Reason, wanted: str
) -> None:
    path = folder / f"Scene01/clone/{table}.txt"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    error = refusal(folder)
    assert (error.reason, f"{table}.txt" in error.sentence) == (reason, True)
    assert wanted in error.sentence


def test_a_strange_colour_and_a_shallow_depth_are_refused(folder: Path) -> None:
    place = folder / "Scene01/clone/frames"
    save(place / "depth/Camera_0/depth_00000.png", np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    assert refusal(folder).reason is Reason.WRONG_TYPE
    pixels = recording.colours()
    pixels[0, 0] = 1, 2, 3
    save(place / "classSegmentation/Camera_0/classgt_00000.png", pixels)
    error = refusal(folder)
    assert error.reason is Reason.UNKNOWN_CLASS
    assert "(1, 2, 3)" in error.sentence


def test_a_table_is_read_once_however_many_frames_it_has(folder: Path) -> None:
    place = folder / "Scene01/clone"
    row = (place / "pose.txt").read_text().splitlines()[1]
    text = (place / "pose.txt").read_text()
    more = "\n".join(f"{frame} 0 {row.split(None, 2)[2]}" for frame in range(2, 30000))
    (place / "pose.txt").write_text(text + more + "\n")
    source = adapter(folder)
    refs = source.index()[:2]
    source.read(refs[0])
    begun = time.process_time()
    for _ in range(10):
        source.read(refs[1])
    assert time.process_time() - begun < 0.5


def test_the_lens_looks_at_the_middle_of_the_picture(folder: Path) -> None:
    """Pixel centres are whole numbers in the tables, and lie at +0.5 here."""
    assert first(folder).camera.intrinsics[:2, 2] == pytest.approx((WIDTH / 2, HEIGHT / 2))
