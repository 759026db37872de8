"""Live capture on a scripted server: what is written, in which order, and what is left behind."""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scripted_carla
from pydantic import ValidationError
from recordings import HEIGHT, WIDTH
from recordings import carla as drive
from scripted_carla import Script, Server

from parhelion.pipeline import parts
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.sim_adapters._carla_capture import capture
from parhelion.sim_adapters._carla_capture_config import CaptureConfig
from parhelion.sim_adapters._carla_server import CaptureFailed

SMALL: dict[str, Any] = {
    "width": WIDTH,
    "height": HEIGHT,
    "views": 2,
    "ticks_between": 2,
    "settle_ticks": 1,
    "traffic": 1,
    "weathers": ("ClearNoon", "HardRainNight"),
    "timeout_s": 0.05,
}


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "carla", scripted_carla.library())


def run(folder: Path, script: Script | None = None, **changes: Any) -> Server:
    server = Server(script or Script())
    capture(CaptureConfig(**SMALL | changes), folder, server)
    return server


def failed(folder: Path, script: Script, **changes: Any) -> tuple[Server, str]:
    server = Server(script)
    with pytest.raises(CaptureFailed) as caught:
        capture(CaptureConfig(**SMALL | changes), folder, server)
    return server, str(caught.value)


def test_a_picture_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    _, sentence = failed(tmp_path, Script())
    assert "wanted a picture in PNG" in sentence


def frames(folder: Path, **settings: Any) -> list[Frame]:
    made = parts.build("sim_adapters", "carla", path=folder, **settings)
    return [made.read(ref) for ref in made.index()]


def assert_left_as_found(server: Server) -> None:
    """Cameras stopped, every actor gone, settings and weather as before, in this order."""
    assert vars(server.settings) == {"synchronous_mode": False, "fixed_delta_seconds": None}
    assert set(vars(server.sky).values()) == {7.0}
    (destroyed,) = server.called("destroy")
    assert sorted(destroyed.split()[1:]) == sorted(actor.type_id for actor in server.actors)
    last = server.log[-1 - server.log[::-1].index(destroyed) :]
    assert last == [destroyed, "traffic synchronous False", "weather 7 7", "settings False None"]
    cameras = [a for a in server.actors if a.type_id.startswith("sensor")]
    assert len(server.called("stop")) == len(cameras)


def test_the_adapter_reads_what_was_captured(tmp_path: Path) -> None:
    run(tmp_path / "town")
    found = frames(tmp_path)
    assert [frame.conditions.weather for frame in found] == [Weather.CLEAR, Weather.RAINING] * 2
    assert [f.conditions.time_of_day for f in found] == [TimeOfDay.DAY, TimeOfDay.NIGHT] * 2
    for frame in found:
        assert frame.layers == parts.part("sim_adapters", "carla").gives
        (car,) = frame.objects
        assert car.distance_m == pytest.approx(drive.CAR_M)
        x, y, _ = frame.camera.project(np.array([car.centre_m]))[0]
        assert (x, y) == pytest.approx((26.4, 16.96))
        np.testing.assert_allclose(frame.depth[15, 25], drive.CAR_M, atol=1e-4)
    assert found[1].conditions.native.startswith("HardRainNight; cloudiness 100")


def test_twins_share_a_view_and_single_frames_have_none(tmp_path: Path) -> None:
    run(tmp_path / "twins")
    twins = [frame.provenance.twin_id for frame in frames(tmp_path / "twins")]
    assert twins[0] == twins[1] != twins[2] == twins[3]
    server = run(tmp_path / "single", twins=False)
    single = frames(tmp_path / "single")
    assert [frame.provenance.twin_id for frame in single] == ["", ""]
    assert [f.conditions.weather for f in single] == [Weather.CLEAR, Weather.RAINING]
    assert server.called("physics") == []


def test_a_view_that_changes_while_the_weathers_pass_has_no_twins(tmp_path: Path) -> None:
    run(tmp_path, Script(walkers_move=True), weathers=("ClearNoon", "HardRainNight", "WetNoon"))
    records = json.loads((tmp_path / "recording.json").read_text())["frames"]
    assert [r["twin"] for r in records] == ["000000", "", "", "000001", "", ""]
    assert [r["differing"] for r in records] == [[], ["semantic"], ["semantic"]] * 2
    assert len({f.provenance.twin_id for f in frames(tmp_path)}) == 3


def test_everything_happens_in_the_order_that_the_server_needs(tmp_path: Path) -> None:
    server = run(tmp_path)
    kinds = [k for k, _ in itertools.groupby(line.split()[0] for line in server.log)]
    start = ["settings", "traffic", "spawn", "autopilot", "spawn", "listen", "spawn", "listen"]
    assert kinds[: len(start)] == start
    assert server.log[0] == "settings True 0.05"
    cameras = [line.split()[2:] for line in server.called("spawn sensor")]
    lens = [f"fov={90.0}", f"image_size_x={WIDTH}", f"image_size_y={HEIGHT}"]
    assert cameras == [lens] * 4
    assert_left_as_found(server)


def test_cars_stand_still_while_the_weathers_pass(tmp_path: Path) -> None:
    server = run(tmp_path, views=1)
    held = ["autopilot 40 False", "physics 40 False", "autopilot 41 False", "physics 41 False"]
    begin = server.log.index(held[0])
    assert server.log[begin : begin + 4] == held
    assert server.log[begin + 4 : begin + 6] == ["weather 45 0", "weather -90 100"]
    assert server.log[begin + 6 : begin + 9] == [
        "physics 40 True",
        "velocity 40 40",
        "autopilot 40 True",
    ]


@pytest.mark.parametrize("tick", range(1, 9))
def test_a_server_that_dies_leaves_whole_frames_and_a_clean_house(
    tmp_path: Path, tick: int
) -> None:
    server, sentence = failed(tmp_path, Script(dies_at=tick))
    assert "localhost:2000: time-out" in sentence
    assert_left_as_found(server)
    whole = sum(tick > last for last in (3, 4, 7, 8))  # ticks that are saved
    if whole:
        assert len(frames(tmp_path)) == whole
    assert (tmp_path / "recording.json").exists() == bool(whole)
    assert not list(tmp_path.rglob("*.draft"))


def test_ctrl_c_leaves_whole_frames_and_a_clean_house(tmp_path: Path) -> None:
    server = Server(Script(interrupted_at=4))
    with pytest.raises(KeyboardInterrupt):
        capture(CaptureConfig(**SMALL), tmp_path, server)
    assert_left_as_found(server)
    assert len(frames(tmp_path)) == 1


def test_a_picture_that_does_not_come_is_named(tmp_path: Path) -> None:
    server, sentence = failed(tmp_path, Script(silent_at=4))
    assert sentence == "depth: wanted frame 1004 within 0.05 s (timeout_s), it did not come"
    assert_left_as_found(server)
    assert len(frames(tmp_path)) == 1


def test_pictures_of_other_ticks_are_never_saved(tmp_path: Path) -> None:
    run(tmp_path / "late", Script(stutters=True))
    for frame in frames(tmp_path / "late"):
        number = int(frame.provenance.source.native_id)
        bright = frame.conditions.time_of_day is TimeOfDay.DAY
        wanted = drive.street_pixels(number) // np.uint8(1 if bright else 3)
        np.testing.assert_array_equal(frame.image, wanted)
    _, sentence = failed(tmp_path / "early", Script(ahead=True))
    assert sentence == "rgb: wanted frame 1001, got 1002: does another client tick?"


def test_a_camera_that_does_not_stop_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    server, sentence = failed(tmp_path, Script(stop_fails=True))
    assert "does not stop" in sentence
    assert_left_as_found(server)
    assert len(frames(tmp_path)) == 4


def test_older_servers_have_no_instance_camera_and_fewer_parameters(tmp_path: Path) -> None:
    kinds = tuple(k for k in Script().blueprints if "instance" not in k)
    parameters = tuple(drive.NOON)[:10]
    old = Script(version="0.9.12", blueprints=kinds, parameters=parameters)
    run(tmp_path / "sunset", old, weathers=("ClearSunset",))
    sensors = json.loads((tmp_path / "sunset/recording.json").read_text())["sensors"]
    assert sorted(sensors) == ["depth", "rgb", "semantic"]
    assert frames(tmp_path / "sunset", tags="C")[0].conditions.time_of_day is TimeOfDay.DUSK
    _, sentence = failed(tmp_path / "dust", old, weathers=("DustStorm",))
    assert sentence.startswith("weather: wanted Smog, got a server without scattering_intensity")


@pytest.mark.parametrize(
    ("script", "changes", "told"),
    [
        (Script(blueprints=("vehicle.audi.a2",)), {}, "ego: wanted a blueprint vehicle.lincoln.*"),
        (Script(blueprints=("vehicle.lincoln.mkz",)), {}, "wanted a blueprint sensor.camera.rgb"),
        (Script(spawn_points=1), {}, "wanted room for a car, got none at 1 spawn points"),
        (Script(), {"width": 96}, "wanted 96x32 pixels of four bytes, got 48x32 in 6,144 bytes"),
    ],
)
def test_what_the_server_lacks_is_named(
    tmp_path: Path, script: Script, changes: dict[str, Any], told: str
) -> None:
    server, sentence = failed(tmp_path, script, **changes)
    assert told in sentence
    assert_left_as_found(server)


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    run(tmp_path)
    server, sentence = failed(tmp_path, Script())
    assert "wanted a folder without a recording" in sentence
    assert server.log == []


def test_without_the_client_library_the_way_to_get_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "carla", None)
    with pytest.raises(CaptureFailed, match="pip install carla"):
        capture(CaptureConfig(), tmp_path)


def test_a_weather_that_is_none_is_refused_before_any_work() -> None:
    with pytest.raises(ValidationError, match="ClearNoon"):
        CaptureConfig(weathers=("ClearMorning",))
    with pytest.raises(ValidationError, match="cloudines"):
        CaptureConfig.model_validate({"weathers": [{"cloudines": 5}]})
    config = CaptureConfig.model_validate({"weathers": [{"fog_density": 80}, "WetNight"]})
    assert CaptureConfig.model_validate_json(config.model_dump_json()) == config
    (_, foggy), (name, _) = config.skies
    assert (foggy.fog_density, foggy.sun_altitude_angle, name) == (80, 45, "WetNight")
