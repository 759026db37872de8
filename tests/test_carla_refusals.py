"""CARLA recordings that are torn, out of step or hostile: a sentence each, the rest is read."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from recordings import carla as drive
from recordings import save, street_pixels

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason


def adapter(folder: Path, **settings: Any) -> Any:
    return parts.build("sim_adapters", "carla", path=folder, **settings)


def outcomes(folder: Path, **settings: Any) -> dict[str, str]:
    """{native id: "ok" or the reason of the refusal}."""
    made, found = adapter(folder, **settings), {}
    for ref in made.index():
        try:
            made.read(ref)
            found[ref.native_id] = "ok"
        except BadFrame as bad:
            found[ref.native_id] = str(bad.reason)
    return found


def test_what_is_out_of_step_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    frames = [drive.record(n) for n in (120, 140, 160, 180)]
    drive.write_drive(tmp_path / "a", frames)
    (tmp_path / "a/semantic/000140.png").unlink()
    (tmp_path / "a/rgb/000160.png").unlink()
    for layer in drive.TYPES:
        (tmp_path / f"a/{layer}/000180.png").unlink()
    save(tmp_path / "a/rgb/000121.png", street_pixels(3))
    assert outcomes(tmp_path) == {
        "a/000120": "ok",
        "a/000121": "bad_metadata",  # no record
        "a/000140": "missing_file",
        "a/000160": "missing_file",
        "a/000180": "missing_file",
    }


def test_a_broken_manifest_is_one_bad_frame_and_other_recordings_are_read(tmp_path: Path) -> None:
    drive.write_drive(tmp_path / "good", [drive.record(1)])
    drive.write_drive(tmp_path / "torn", [drive.record(1)])
    text = (tmp_path / "torn/recording.json").read_text()
    (tmp_path / "torn/recording.json").write_text(text[:-30])
    assert outcomes(tmp_path) == {"good/000001": "ok", "torn/recording.json": "bad_metadata"}


def test_one_bad_record_is_one_bad_frame(tmp_path: Path) -> None:
    bad_sky = drive.record(2, drive.NOON | {"cloudiness": 700})
    endless = drive.record(3)
    endless["camera"]["location"] |= {"x": float("inf")}
    frames = [drive.record(1), bad_sky, json.loads(json.dumps(endless)), drive.record(4)]
    frames[0]["camera"] = frames[3]["camera"] = {"location": {"x": 1.0}}
    drive.write_drive(tmp_path, frames)
    assert outcomes(tmp_path) == {
        "000001": "ok",
        "000002": "bad_metadata",
        "000003": "bad_metadata",
        "000004": "ok",
    }


def test_two_records_of_one_frame_are_refused(tmp_path: Path) -> None:
    drive.write_drive(tmp_path, [drive.record(1), drive.record(1), drive.record(2)])
    assert outcomes(tmp_path) == {"000001": "duplicate_id", "000002": "ok"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fov": 60.0}, "one fov"),
        ({"width": 96}, "one width"),
        ({"transform": {"location": {"x": 2.0}}}, "one transform"),
    ],
)
def test_cameras_that_see_something_else_are_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    sensors = drive.sensors()
    sensors["depth"] |= changes
    drive.write_drive(tmp_path, [drive.record(1)], sensors=sensors)
    made = adapter(tmp_path)
    with pytest.raises(BadFrame, match=told):
        made.read(made.index()[0])


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    drive.write_drive(tmp_path / "a", [drive.record(1)], sensors=drive.sensors(height=64))
    drive.write_drive(tmp_path / "b", [drive.record(1)])
    save(tmp_path / "b/instance/000001.png", street_pixels(1, width=24))
    assert outcomes(tmp_path) == {"a/000001": "size_mismatch", "b/000001": "size_mismatch"}


@pytest.mark.parametrize("folder", ["../outside", "/etc", "..", "a/b"])
def test_folders_of_sensors_lead_nowhere_else(tmp_path: Path, folder: str) -> None:
    save(tmp_path / "outside/000001.png", street_pixels(1))
    told = drive.sensors()
    told[folder] = told.pop("rgb")
    drive.write_manifest(tmp_path / "root/a", [drive.record(1)], sensors=told)
    assert outcomes(tmp_path / "root") == {"a/recording.json": "bad_metadata"}


def test_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    drive.write_drive(tmp_path / "root/a", [drive.record(1)])
    outside = tmp_path / "depth.png"
    (tmp_path / "root/a/depth/000001.png").rename(outside)
    (tmp_path / "root/a/depth/000001.png").symlink_to(outside)
    assert outcomes(tmp_path / "root") == {"a/000001": "path_escape"}


def test_hostile_json_is_refused_at_once(tmp_path: Path) -> None:
    for name, text in (
        ("deep", '{"frames": ' + "[" * 100_000),
        ("list", "[1, 2]"),
        ("names", '{"frames": [{"frame": "../../etc/passwd"}]}'),
        ("huge", '{"frames": [{"frame": ' + "9" * 5000 + "}]}"),
        ("bytes", "\xff\xfe"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recording.json").write_bytes(text.encode("latin-1"))
    started = time.perf_counter()
    assert set(outcomes(tmp_path).values()) == {str(Reason.BAD_METADATA)}
    assert time.perf_counter() - started < 2


def test_lossy_tags_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "rgb/000001.jpg", street_pixels(1), quality=95)
    save(tmp_path / "semantic/000001.jpg", drive.tag_pixels(drive.tags()), quality=95)
    assert outcomes(tmp_path, tags="C") == {"000001": "unreadable_layer"}


def test_folders_have_the_names_that_the_settings_give_them(tmp_path: Path) -> None:
    drive.write_pictures(tmp_path / "a", 1)
    for layer in drive.TYPES:
        (tmp_path / "a" / layer).rename(tmp_path / f"a/cam0_{layer}")
    names = {layer: f"cam0_{layer}" for layer in drive.TYPES}
    made = adapter(tmp_path, tags="C", fov_deg=90, **names)
    (ref,) = made.index()
    assert made.read(ref).layers == made.gives
    (tmp_path / "a/cam0").mkdir()
    (tmp_path / "a/cam0_rgb").rename(tmp_path / "a/cam0/rgb")
    assert outcomes(tmp_path, **names | {"rgb": "cam0/rgb"}, tags="C") == {"a/000001": "ok"}


def test_a_manifest_without_frames_covers_every_picture(tmp_path: Path) -> None:
    drive.write_pictures(tmp_path, 1)
    drive.write_pictures(tmp_path, 5)
    drive.write_manifest(tmp_path, [], weather="WetSunset")
    made = adapter(tmp_path)
    frames = [made.read(ref) for ref in made.index()]
    assert [frame.conditions.weather.value for frame in frames] == ["Clearing", "Clearing"]
    assert frames[0].camera is not None
