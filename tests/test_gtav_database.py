"""GTAVisionExport's database as CSV or as a dump, joined to the images by their paths."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import gtav as written

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _gtav_postgres as postgres
from parhelion.sim_adapters._gtav_database import APART_MS, joined, stem_of
from parhelion.sim_adapters.gtav import Gtav, GtavConfig

IMAGES = {"1000.tiff": "Clear", "2013.tiff": "XMAS"}


def run(folder: Path, members: dict[str, int]) -> None:
    written.write_run(folder / f"images/{written.RUN}.zip", members)


def weathers(adapter: Gtav) -> list[str]:
    found = []
    for ref in adapter.index():
        try:
            found.append(adapter.read(ref).conditions.native)
        except BadFrame as error:
            found.append(error.reason.value)
    return found


@pytest.mark.parametrize("form", ["csv", "sql"])
def test_csv_and_dump_tell_the_same(form: str, tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1, "2000": 1})
    if form == "csv":
        written.write_database(tmp_path, IMAGES)
    else:
        (tmp_path / "dump.sql").write_text(written.dump(IMAGES))
    adapter = Gtav(GtavConfig(path=tmp_path))
    frames = [adapter.read(ref) for ref in adapter.index()]
    assert [frame.conditions.native for frame in frames] == ["Clear; 22:15:00", "XMAS; 22:15:00"]
    assert frames[1].conditions.weather is Weather.CHRISTMAS
    for frame in frames:
        (car,) = frame.objects
        assert car.box_xyxy == pytest.approx((18, 18, 30, 26))  # the tightened one, inclusive
        assert car.distance_m == pytest.approx(20)
        assert frame.camera is not None
    assert adapter.dropped == {"persons parked below the map": 2}


def test_a_table_of_detections_without_rows_still_says_that_nothing_was_there(
    tmp_path: Path,
) -> None:
    run(tmp_path, {"1000": 1})
    written.write_database(tmp_path, IMAGES)
    path = tmp_path / "detections.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert SceneClass.TRUCK in adapter.read(adapter.index()[0]).label_space
    path.unlink()
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert SceneClass.TRUCK not in adapter.read(adapter.index()[0]).label_space


def test_a_schema_without_rows_is_no_database(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1})
    (tmp_path / "schema.sql").write_text("CREATE TABLE public.snapshots (\n imagepath text\n);\n")
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert weathers(adapter) == [""]


def test_a_dump_beside_the_same_tables_is_refused(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1})
    written.write_database(tmp_path, IMAGES)
    (tmp_path / "dump.sql").write_text(written.dump(IMAGES))
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert weathers(adapter) == ["duplicate_id"] * 4  # detections, runs, snapshots; the frame
    with pytest.raises(BadFrame, match="wanted the table detections in one file, got") as caught:
        adapter.read(adapter.index()[0])
    assert "detections.csv, dump.sql" in caught.value.sentence


def test_a_path_that_two_snapshots_claim_is_refused_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    run(tmp_path, {"1000": 1, "2000": 1})
    written.write_database(tmp_path, IMAGES)
    path = tmp_path / "snapshots.csv"
    first = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + first.replace("1,", "9,", 1) + "\n")
    assert weathers(Gtav(GtavConfig(path=tmp_path))) == ["duplicate_id", "XMAS; 22:15:00"]


def test_an_image_that_the_database_does_not_know_is_refused(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1, "9000": 1})
    written.write_database(tmp_path, IMAGES)
    assert weathers(Gtav(GtavConfig(path=tmp_path))) == ["Clear; 22:15:00", "bad_metadata"]


def test_another_run_with_the_same_clock_is_not_mixed_up(tmp_path: Path) -> None:
    written.write_run(tmp_path / "images/another.zip", {"1000": 1})
    run(tmp_path, {"1000": 1})
    written.write_database(tmp_path, IMAGES)
    found = weathers(Gtav(GtavConfig(path=tmp_path)))
    assert sorted(found) == ["Clear; 22:15:00", "bad_metadata"]


def test_pages_have_the_weathers_of_their_table(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 2})
    written.write_database(tmp_path, IMAGES)
    columns = ["weather_id", "snapshot_id", "weather_type", "snapshot_page"]
    with (tmp_path / "snapshot_weathers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, ["1", "1", "Foggy", "1"], ["2", "1", "Smog", "0"]])
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert weathers(adapter) == ["Smog; 22:15:00", "Foggy; 22:15:00"]


def test_a_torn_row_is_a_bad_frame_and_the_rest_is_read(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1, "2000": 1})
    written.write_database(tmp_path, IMAGES)
    path = tmp_path / "snapshots.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2][:40]]))
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert weathers(adapter) == ["bad_metadata", "Clear; 22:15:00", "bad_metadata"]
    assert adapter.index()[0].native_id == "database problem 0"


def test_rows_that_tell_no_snapshot_are_counted(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1, "2000": 1})
    written.write_database(tmp_path, IMAGES)
    with (tmp_path / "detections.csv").open("ab") as file:
        file.write(b'9\n"\xff"\n')
    adapter = Gtav(GtavConfig(path=tmp_path))
    assert "bad_metadata" not in weathers(adapter)
    assert adapter.dropped["rows of detections that tell no snapshot_id"] == 2


def test_a_row_of_a_detection_counts_in_the_frames_id(tmp_path: Path) -> None:
    run(tmp_path, {"1000": 1, "2000": 1})
    written.write_database(tmp_path, IMAGES)

    def ids() -> list[str]:
        adapter = Gtav(GtavConfig(path=tmp_path))
        return [adapter.read(ref).frame_id for ref in adapter.index()]

    before = ids()
    path = tmp_path / "detections.csv"
    path.write_text(path.read_text().replace("Sedans", "Vans", 1))
    after = ids()
    assert after[0] != before[0]
    assert after[1] == before[1]


times = st.lists(st.integers(0, 400), max_size=12)


@given(ours=times, rows=times)
def test_images_and_rows_pair_off_nearest_first(ours: list[int], rows: list[int]) -> None:
    pairs = joined(ours, rows)
    assert len(set(pairs.values())) == len(pairs)
    for mine, row in pairs.items():
        assert row in rows
        assert abs(row - mine) <= APART_MS
        if mine in rows:
            assert row == mine
    left = set(ours) - set(pairs)
    free = set(rows) - set(pairs.values())
    assert all(abs(row - mine) > APART_MS for mine in left for row in free)


def test_an_exact_path_goes_before_a_near_one() -> None:
    assert joined([1000, 1040], [1000, 1030]) == {1000: 1000, 1040: 1030}
    assert joined([1000, 1010], [1000]) == {1000: 1000}
    assert joined([1000], [1050]) == {1000: 1050}
    assert joined([1000], [1051]) == {}


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("123.tiff", "123"),
        ("images\\a\\123.tiff", "123"),
        ("info-2017-11-14--17", "2017-11-14--17"),
    ],
)
def test_a_path_is_known_by_its_stem(path: str, stem: str) -> None:
    assert stem_of(path) == stem


@pytest.mark.parametrize(
    "text",
    [
        written.ewkb(1.5, -2, 3e3),
        "01010000A0E6100000" + written.ewkb(1.5, -2, 3e3)[10:],  # with a reference system
        "POINT Z (1.5 -2 3000)",
        "{1.5,-2,3e3}",
        "[1.5, -2.0, 3000.0]",
    ],
)
def test_points_come_in_several_spellings(text: str) -> None:
    assert postgres.point_of(text, "x") == (1.5, -2, 3000)


def test_boxes_are_read_as_they_are_dumped() -> None:
    assert postgres.corners_of("(0.6,0.9),(0.5,0.8)", "x") == ((0.6, 0.9), (0.5, 0.8))
    sentinel = postgres.corners_of("(Infinity,Infinity),(-Infinity,-Infinity)", "x")
    assert sentinel == ((float("inf"),) * 2, (-float("inf"),) * 2)
    assert postgres.sizes_of("BOX3D(-1 -2 -0.5,1 2 1.5)", "x") == (-1, 1, -2, 2, -0.5, 1.5)
    assert postgres.corners_of("", "x") is postgres.point_of("", "x") is None


def test_a_matrix_is_read_row_by_row() -> None:
    text = "{{1,2,3,4},{5,6,7,8},{9,10,11,12},{13,14,15,1.6e1}}"
    made = postgres.matrix_of(text, "x")
    assert made is not None
    assert made[1] == (5, 6, 7, 8)
    assert made[3][3] == 16


@pytest.mark.parametrize("text", ["0101", "01020000", "00" * 21, "1 2", "nothing", "0101000080zz"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(BadFrame, match="x: wanted"):
        postgres.point_of(text, "x")
