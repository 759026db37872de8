"""GTA V captures: every dialect is told from its files, read by its rules, and its traps held."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gtav_frames import frames, holds_the_street, looks_like, only, refusals
from PIL import Image
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import gtav as written

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.bias import tally_of
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.gtav import WEATHERS, Gtav, GtavConfig

STEM = "2018-03-30--04-05-57--208"


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, Frame]:
    return frames(folder=written.write(tmp_path)["path"])


@pytest.mark.parametrize("listed", [True, False])
def test_an_empty_list_of_entities_is_not_the_same_as_none(listed: bool, tmp_path: Path) -> None:
    written.write_processed(tmp_path, STEM, 1)
    record = written.snapshot(STEM) | {"entities": []}
    if not listed:
        del record["entities"]
    (tmp_path / f"{STEM}.json").write_text(json.dumps(record))
    frame = only(frames(tmp_path))
    assert frame.objects == ()
    assert (SceneClass.TRUCK in frame.label_space) == listed


def test_every_dialect_below_one_root_gives_the_same_street(everything: dict[str, Frame]) -> None:
    assert len(everything) == 2 + 5 + 1 + 2 + 2
    for name, frame in everything.items():
        if name.startswith("road/"):
            continue  # 16 bits, below
        holds_the_street(frame)
        assert frame.camera is not None
        assert frame.camera.camera_to_world[:3, 3] == pytest.approx(written.CAMERA, abs=1e-3)


def test_sixteen_bits_hold_the_street_to_their_step(everything: dict[str, Frame]) -> None:
    frame = everything[f"road/{STEM}"]
    finite = np.isfinite(written.depth_m())
    assert frame.depth is not None
    error = np.abs(frame.depth[finite] - written.depth_m()[finite])
    assert (error < 0.6 * written.depth_m()[finite] ** 2 / (0.15 * 65535)).all()


def test_pages_are_frames_that_share_what_is_not_weather(everything: dict[str, Frame]) -> None:
    shots = [everything[f"shots/info0#{page}"] for page in range(5)]
    words = ["Clear", "Clouds", "Overcast", "Raining", "Christmas"]
    assert [shot.conditions.weather.value for shot in shots] == words
    assert len({shot.provenance.twin_id for shot in shots}) == 1
    assert shots[0].provenance.twin_id
    assert len({shot.group_id for shot in shots}) == 1
    for page, shot in enumerate(shots):
        looks_like(shot, street_pixels(page))
        assert np.array_equal(shot.depth, shots[0].depth)
    assert len({shot.frame_id for shot in shots}) == 5


def test_a_single_page_has_no_twin(everything: dict[str, Frame]) -> None:
    assert everything[f"road/{STEM}"].provenance.twin_id == ""


def test_groups_are_runs_and_sessions(everything: dict[str, Frame]) -> None:
    groups = {name: frame.group_id for name, frame in everything.items()}
    run = f"gtav/run/{written.RUN}"
    assert groups[f"images/{written.RUN}.zip/1000.tiff"] == run
    assert groups[f"images/{written.RUN}.zip/2000.tiff"] == run
    assert groups[f"raw/{written.MOMENT}"] == run  # as the database says
    assert groups["offroad/0/000007"] == groups["offroad/1/000007"]
    assert groups[f"road/{STEM}"] != groups["road/2018-03-30--05-05-57--009"]


def test_sessions_end_where_a_pause_is_long(tmp_path: Path) -> None:
    stems = [f"2018-03-30--04-{minute:02}-00--000" for minute in (0, 1, 2, 30, 31)]
    for i, stem in enumerate(stems):
        written.write_processed(tmp_path / str(i % 2), stem, i)
    groups = [frames(tmp_path)[f"{i % 2}/{stem}"].group_id for i, stem in enumerate(stems)]
    assert len(set(groups[:3])) == 1
    assert groups[3] == groups[4] != groups[0]
    apart = frames(tmp_path, session_gap_s=30).values()
    assert len({frame.group_id for frame in apart}) == 5


@pytest.mark.parametrize("order", ["cds", "csd", "sdc", "dcs"])
def test_pages_are_known_by_their_samples_not_by_their_order(order: str, tmp_path: Path) -> None:
    (tmp_path / f"{STEM}.tiff").write_bytes(written.pages(written.colours(1), order))
    frame = only(frames(tmp_path))
    holds_the_street(frame)
    looks_like(frame, street_pixels(0))


@pytest.mark.parametrize("alpha", [False, True])
def test_a_fourth_sample_changes_no_colour(alpha: bool, tmp_path: Path) -> None:
    """Declared as alpha, it is zero everywhere: whoever blends by it sees a black picture."""
    (tmp_path / f"{STEM}.tiff").write_bytes(written.pages(written.colours(1), alpha=alpha))
    looks_like(only(frames(tmp_path)), street_pixels(0))


def test_the_depth_of_a_capture_without_any_matrix_is_assumed_and_counted(tmp_path: Path) -> None:
    (tmp_path / f"{STEM}.tiff").write_bytes(written.pages(written.colours(1)))
    adapter = Gtav(GtavConfig(path=tmp_path))
    frame = adapter.read(adapter.index()[0])
    holds_the_street(frame)
    assert frame.camera is None
    assert adapter.dropped == {"matrices missing, the game's own planes assumed": 1}


def test_each_frames_own_matrix_makes_its_depth(tmp_path: Path) -> None:
    written.write_processed(tmp_path, "7", 0, floating=True)
    record = written.snapshot("7") | {"proj_matrix": written.projection(near=1.5)}
    (tmp_path / "7.json").write_text(json.dumps(record))
    (tmp_path / "7-depth.tiff").write_bytes(
        written.tiff(written.page(written.buffer(near=1.5), written.LZW, 3))
    )
    holds_the_street(only(frames(tmp_path)))


def test_the_words_and_the_clock_are_kept(tmp_path: Path) -> None:
    written.write_processed(tmp_path, STEM, 0)
    conditions = only(frames(tmp_path)).conditions
    assert conditions.native == "Clear; 06:27:56"
    assert conditions.hour == pytest.approx(6.4656, abs=1e-4)
    assert conditions.time_of_day is TimeOfDay.DAWN


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        *((weather.value.upper(), weather) for weather in set(WEATHERS.values())),
        ("XMAS", Weather.CHRISTMAS),
        ("christmas", Weather.CHRISTMAS),
        ("SnowLight", Weather.SNOWLIGHT),
        ("THUNDER", Weather.THUNDER_STORM),
        ("Unknown", Weather.UNKNOWN),
        ("Drizzling", Weather.UNKNOWN),
    ],
)
def test_fifteen_weathers_in_any_case(word: str, wanted: Weather, tmp_path: Path) -> None:
    written.write_processed(tmp_path, STEM, 0)
    record = written.snapshot(STEM) | {"currentweather": word}
    (tmp_path / f"{STEM}.json").write_text(json.dumps(record))
    conditions = only(frames(tmp_path)).conditions
    assert conditions.weather is wanted
    assert conditions.native == f"{word}; 06:27:56"
    assert len(set(WEATHERS.values())) == 15


def test_five_pages_without_notes_are_the_weathers_of_a_shot_by_key(tmp_path: Path) -> None:
    (tmp_path / "info3.tiff").write_bytes(written.pages(written.colours(5)))
    found = [frame.conditions.weather for frame in frames(tmp_path).values()]
    assert found[1] is Weather.CLOUDS
    assert found[4] is Weather.CHRISTMAS
    (tmp_path / "info3.tiff").write_bytes(written.pages(written.colours(2)))
    assert {f.conditions.weather for f in frames(tmp_path).values()} == {Weather.UNKNOWN}


def test_objects_are_the_cars_in_the_picture(tmp_path: Path) -> None:
    written.write_processed(tmp_path, STEM, 0)
    adapter = Gtav(GtavConfig(path=tmp_path))
    frame = adapter.read(adapter.index()[0])
    (thing,) = frame.objects
    assert thing.category is SceneClass.CAR
    assert tally_of(frame).objects[SceneClass.CAR] == 1, "entities tell cars from vehicles"
    assert tally_of(frame).pixels[SceneClass.VEHICLE] == (frame.stencil == SceneClass.VEHICLE).sum()
    assert thing.box_xyxy == pytest.approx((18, 18, 30, 26))
    assert adapter.dropped == {"persons parked below the map": 1}


@pytest.mark.parametrize("size", [(WIDTH // 2, HEIGHT // 2), (WIDTH * 2, HEIGHT * 2)])
def test_buffers_of_another_size_are_fitted_by_the_nearest_pixel(
    size: tuple[int, int], tmp_path: Path
) -> None:
    written.write_three_files(tmp_path, STEM)
    layers = {"depth": written.buffer(), "stencil": written.stencil()}
    for layer, pixels in layers.items():
        resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST))
        written_page = written.page(resized, written.LZW, 1)
        (tmp_path / f"{STEM}-{layer}.tiff").write_bytes(written.tiff(written_page))
    frame = only(frames(tmp_path))
    assert frame.stencil_native.shape == (HEIGHT, WIDTH)
    assert set(np.unique(frame.stencil_native)) <= set(np.unique(written.stencil()))
    assert frame.depth.shape == (HEIGHT, WIDTH)


def test_a_buffer_of_another_view_is_refused(tmp_path: Path) -> None:
    written.write_three_files(tmp_path, STEM)
    square = written.page(np.zeros((WIDTH, WIDTH), np.uint8), written.LZW, 2)
    (tmp_path / f"{STEM}-stencil.tiff").write_bytes(written.tiff(square))
    error = only(refusals(tmp_path))
    assert error.reason is Reason.SIZE_MISMATCH
    assert "got 48x48" in error.sentence


def spoilt(tmp_path: Path, change: Callable[[Path], object]) -> BadFrame:
    """Why the first of two processed frames is refused, while the other is read."""
    for i, stem in enumerate((STEM, "2018-03-30--04-06-57--000")):
        written.write_processed(tmp_path, stem, i)
    change(tmp_path / STEM)
    adapter = Gtav(GtavConfig(path=tmp_path))
    adapter.read(adapter.index()[1])
    error: BadFrame = only(refusals(tmp_path))
    return error


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: beside(p, "-depth.png").unlink(), Reason.MISSING_FILE),
        (lambda p: beside(p, "-stencil.png").unlink(), Reason.MISSING_FILE),
        (lambda p: beside(p, ".json").unlink(), Reason.MISSING_FILE),
        (lambda p: beside(p, ".jpg").unlink(), Reason.MISSING_FILE),
        (lambda p: beside(p, ".json").write_text("{"), Reason.BAD_METADATA),
        (lambda p: beside(p, ".json").write_text('{"timeofday": "25:00:00"}'), Reason.BAD_METADATA),
        (lambda p: beside(p, ".json").write_text('{"view_matrix": [[1]]}'), Reason.BAD_METADATA),
        (lambda p: beside(p, ".json").write_text("[" * 100_000), Reason.BAD_METADATA),
        (lambda p: save(beside(p, "-depth.png"), written.stencil()), Reason.WRONG_TYPE),
        (
            lambda p: save(beside(p, "-stencil.png"), written.stencil().astype(np.uint16)),
            Reason.WRONG_TYPE,
        ),
        (
            lambda p: save(beside(p, "-stencil.png"), np.full((HEIGHT, WIDTH), 5, np.uint8)),
            Reason.UNKNOWN_CLASS,
        ),
        (lambda p: beside(p, ".jpg").write_bytes(b"\xff\xd8 torn"), Reason.UNREADABLE_IMAGE),
    ],
)
def test_one_bad_frame_is_refused_by_reason_and_the_rest_is_read(
    change: Callable[[Path], object], reason: Reason, tmp_path: Path
) -> None:
    error = spoilt(tmp_path, change)
    assert error.reason is reason
    assert STEM in error.sentence


def test_colour_pages_alone_are_no_frame(tmp_path: Path) -> None:
    (tmp_path / f"{STEM}.tiff").write_bytes(written.pages(written.colours(1), "c"))
    error = only(refusals(tmp_path))
    assert error.sentence.startswith(f"{STEM}.tiff: wanted 1 page(s) of depth, got pages of colour")


def test_directories_in_a_circle_end(tmp_path: Path) -> None:
    data = bytearray(written.pages(written.colours(1)))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    (tmp_path / f"{STEM}.tiff").write_bytes(data)
    assert "in a circle" in only(refusals(tmp_path)).sentence


def test_a_page_that_says_to_be_enormous_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    data = written.pages(written.colours(1))
    narrow, wide = (struct.pack("<HHII", 256, 4, 1, width) for width in (WIDTH, 100_000_000))
    assert narrow in data or struct.pack("<HHIH", 256, 3, 1, WIDTH) in data
    short = struct.pack("<HHIHH", 256, 3, 1, WIDTH, 0)
    (tmp_path / f"{STEM}.tiff").write_bytes(data.replace(narrow, wide).replace(short, wide))
    assert only(refusals(tmp_path)).reason is Reason.OVERSIZED_IMAGE


def test_other_files_are_no_frames(tmp_path: Path) -> None:
    save(tmp_path / "readme.png", street_pixels(0))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("info0.tiff")
    (tmp_path / "empty.zip").write_bytes(io.BytesIO(b"PK\x05\x06" + bytes(18)).getvalue())
    assert frames(tmp_path) == {}
