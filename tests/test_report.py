"""The report says what its data says, escapes what it was given and needs nothing from outside."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from parhelion.pipeline.contracts import Passport, Score
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gallery import choose_evenly, colourise_depth, write_gallery_item
from parhelion.pipeline.report import percent, points, read_report, rewrite_report, write_report
from parhelion.pipeline.report_data import (
    CellPlan,
    ClassRejection,
    Counts,
    DistanceRow,
    Downstream,
    DownstreamRow,
    Estimate,
    FaultCaught,
    FrameSetRow,
    GalleryItem,
    Gate,
    GateRow,
    QuarantineCount,
    ReportData,
    RepresentationBar,
    Scenario,
    StageSeconds,
    Timings,
)
from parhelion.pipeline.report_plots import comparable, figures
from parhelion.pipeline.report_verdict import spoken, verdict_of
from parhelion.pipeline.scene_class import SceneClass, colourise

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/p.png>\"'&</script>"
PASSPORT = Passport(network=HOSTILE, weights_sha256="ab" * 32)


def downstream(*cells: tuple[str, float, float]) -> Downstream:
    """One whole-cell row per (cell, difference, half width of its interval)."""
    rows = [
        DownstreamRow(
            cell=cell,
            base=Estimate(value=0.4),
            treated=Estimate(value=0.4 + gain),
            difference=Estimate(value=gain, interval=(gain - half, gain + half)),
            q=0.01 if half < abs(gain) else 0.6,
            frames=15,
        )
        for cell, gain, half in cells
    ]
    return Downstream(steps=10, rows=tuple(rows), note=HOSTILE)


def tiny(gallery: tuple[GalleryItem, ...] = ()) -> ReportData:
    """A report with something in every section, and hostile text wherever text may stand."""
    check = downstream(("fog/day", 0.05, 0.02), (HOSTILE, -0.05, 0.02), ("rain/day", 0.01, 0.02))
    bar = RepresentationBar(
        axis=HOSTILE, name=HOSTILE, before=0.1, before_interval=(0.05, 0.2), before_frames=1
    )
    score = Score(
        name=HOSTILE, value=0.3, floor=0.1, n_real=5, n_generated=5, passport=PASSPORT, note=HOSTILE
    )
    rejections = (ClassRejection(scene_class=HOSTILE, rejected=1, judged=0),)
    fault = FaultCaught(fault=HOSTILE, caught=Estimate(value=1, interval=(0.8, 1)), planted=20)
    counts = Counts(source=100, drawn=20, accepted=15, rejected=5)
    return ReportData(
        title=HOSTILE,
        verdict=verdict_of(counts, check),
        counts=counts,
        scenario=Scenario(
            title=HOSTILE,
            paragraphs=(HOSTILE,),
            sets=(FrameSetRow(name=HOSTILE, role=HOSTILE, frames=1, groups=1),),
            seeds=((HOSTILE, 7),),
        ),
        representation=(bar,),
        plan=(CellPlan(cell=HOSTILE, have=1, target=0, refusal=HOSTILE),),
        gallery=gallery,
        distances=(DistanceRow(cell=HOSTILE, compared=HOSTILE, score=score),),
        downstream=check,
        gate=Gate(
            note=HOSTILE,
            rows=(
                GateRow(cell=HOSTILE, calibrated=False, classes=rejections),
                GateRow(cell="fog/day", calibrated=True, level=0.11, faults=(fault,)),
            ),
        ),
        quarantine=(QuarantineCount(reason=HOSTILE, rows=1, example=HOSTILE),),
        dataset=HOSTILE,
        config=HOSTILE,
        versions=((HOSTILE, HOSTILE),),
        digests=((HOSTILE, HOSTILE),),
    )


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and how often each tag was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def gallery(
    tmp_path: Path, frames: Callable[[int], list[Frame]]
) -> tuple[Path, tuple[GalleryItem, ...]]:
    """Pictures of two frames in a folder: one with a parent, one rejected."""
    parent, child, other = frames(3)
    folder = tmp_path / "pictures"
    return folder, (
        write_gallery_item(child, parent, folder, verdict="accepted", generator="weather"),
        write_gallery_item(other, None, folder, verdict="rejected", reason=HOSTILE),
    )


def test_the_folder_is_whole_and_its_numbers_come_back(
    tmp_path: Path, gallery: tuple[Path, tuple[GalleryItem, ...]]
) -> None:
    pictures, items = gallery
    data, timings = tiny(items), Timings(stages=(StageSeconds(stage="fit", wall_s=3, cpu_s=5),))
    index = write_report(data, pictures, tmp_path / "report", timings)
    assert index == tmp_path / "report" / "index.html"
    for _, attributes in Tags(index.read_text()).found:
        for link in (attributes.get("src"), attributes.get("href")):
            if link and not link.startswith(("#", "data:")):
                assert (index.parent / link).is_file(), link
    assert (index.parent / "report.json").read_text() == data.model_dump_json()
    assert read_report(index.parent) == (data, timings)


def test_writing_again_gives_the_same_bytes(
    tmp_path: Path, gallery: tuple[Path, tuple[GalleryItem, ...]]
) -> None:
    pictures, items = gallery
    index = write_report(tiny(items), pictures, tmp_path / "report")
    before = {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}
    rewrite_report(index.parent)
    after = {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}
    assert after == before


def test_what_comes_from_the_data_is_text_and_nothing_else(
    tmp_path: Path, gallery: tuple[Path, tuple[GalleryItem, ...]]
) -> None:
    pictures, items = gallery
    html = write_report(tiny(items), pictures, tmp_path / "report").read_text()
    tags = Tags(html).found
    assert HOSTILE not in html
    assert "alert('x')" not in html
    assert sum(tag == "script" for tag, _ in tags) == 3  # plotly, the page's own, the figures
    links = [a.get(name) or "" for _, a in tags for name in ("src", "href", "action")]
    assert not [link for link in links if "//" in link]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_hostile_words_in_figures_are_escaped_twice() -> None:
    """Once for plotly, which reads tags in its texts, and once for the script element."""
    text = json.dumps(figures(tiny()))
    assert "&lt;script&gt;" in text
    assert "<script" not in text


def test_a_crossing_with_classes_is_a_map_of_what_was_counted() -> None:
    def bar(name: str, before: float | None, after: float | None) -> RepresentationBar:
        return RepresentationBar(axis="weather x class", name=name, before=before, after=after)

    bars = (bar("fog x car", 0.0, 0.5), bar("fog x bus", None, 0.25), bar("rain x car", 0.1, 0.2))
    data = tiny().model_copy(update={"representation": bars})
    before, after = figures(data)["plot-representation-0"]["data"]
    assert before["x"] == ["car", "bus"]
    assert before["y"] == ["fog", "rain"]
    assert before["z"] == [[0.0, None], [0.1, None]]
    assert after["z"] == [[0.5, 0.25], [0.2, None]]


def test_a_page_without_anything_still_opens(tmp_path: Path) -> None:
    counts = Counts(source=0)
    data = ReportData(
        title="t",
        verdict=verdict_of(counts, None),
        counts=counts,
        scenario=Scenario(title="Nothing"),
    )
    html = write_report(data, None, tmp_path).read_text()
    assert "was not measured" in html
    assert "Nothing was drawn." in html


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    item = GalleryItem(
        frame_id="f",
        weather="Clear",
        cell="clear/day",
        generator="g",
        verdict="accepted",
        width=4,
        height=4,
        image="../away.png",
    )
    (tmp_path / "away.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"names the picture '\.\./away\.png'"):
        write_report(tiny((item,)), tmp_path / "pictures", tmp_path / "report")


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Estimate(value=float("nan"))


@pytest.mark.parametrize(
    ("cells", "tone", "says"),
    [
        ([("fog/day", 0.05, 0.02)], "gain", "better in fog by day."),
        ([("fog/day", 0.05, 0.02), ("snow/day", 0.05, 0.02)], "gain", "all 2 conditions"),
        ([("fog/day", -0.05, 0.02)], "harm", "worse in fog by day, and better nowhere"),
        ([("fog/day", 0.05, 0.02), ("rain/night", -0.1, 0.02)], "harm", "worse in rain at night."),
        ([("fog/day", 0.01, 0.02)], "unclear", "No gain beyond chance"),
    ],
)
def test_the_verdict_follows_the_intervals(
    cells: list[tuple[str, float, float]], tone: str, says: str
) -> None:
    verdict = verdict_of(Counts(source=9, drawn=1234, rejected=4), downstream(*cells))
    assert verdict.tone == tone
    assert says in verdict.headline
    assert verdict.caveat == "Indicative, one seed"
    assert "1,234 frames were drawn" in verdict.sentences[-1]


def test_the_verdict_rests_on_the_corrected_test_and_says_where_there_is_none() -> None:
    (row,) = downstream(("fog/day", 0.05, 0.02)).rows
    for q, said in ((0.2, False), (None, True)):
        check = Downstream(rows=(row.model_copy(update={"q": q}),))
        verdict = verdict_of(Counts(source=1), check)
        assert verdict.tone == "unclear", "its interval excludes zero, but that is not enough"
        assert verdict.sentences[0].startswith("Too few groups") == said


def test_five_seeds_need_no_caveat() -> None:
    check = downstream(("fog/day", 0.05, 0.02)).model_copy(update={"seeds": 5})
    assert verdict_of(Counts(source=1), check).caveat == ""


def test_words_and_numbers() -> None:
    assert spoken("clear/night") == "clear weather at night"
    assert spoken("snow/unknown") == "snow"
    assert percent(None) == "–"
    assert points(-0.0412) == "\N{MINUS SIGN}4.1"
    assert points(-0.0001) == "0.0"


def test_scores_of_different_passports_stand_apart() -> None:
    def row(cell: str, seed: int) -> DistanceRow:
        passport = Passport(network="n", seed=seed)
        score = Score(name="KID", value=1.0, n_real=5, n_generated=5, passport=passport)
        return DistanceRow(cell=cell, compared="generated", score=score)

    groups = comparable([row("a", 0), row("b", 1), row("c", 0)])
    assert [[r.cell for r in group] for group in groups] == [["a", "c"], ["b"]]


def test_every_distance_has_its_own_floor_in_the_plot() -> None:
    def row(cell: str, compared: str, value: float, floor: float | None) -> DistanceRow:
        score = Score(name="FID", value=value, floor=floor, n_real=5, n_generated=5)
        return DistanceRow(cell=cell, compared=compared, score=score)

    rows = (
        row("fog/day", "source", 9.0, 1.0),
        row("fog/day", "generated", 5.0, 2.0),
        row("rain/day", "source", 8.0, None),
        row("rain/day", "generated", 4.0, 3.0),
    )
    data = tiny().model_copy(update={"distances": rows})
    source, generated, floor = figures(data)["plot-distance-0"]["data"]
    assert floor["x"] == [1.0, 2.0, 3.0]
    assert floor["y"] == [source["y"][0], *generated["y"]]
    assert floor["text"][1] == "fog/day: real against real, for generated"


def test_gallery_pictures_are_the_layers(tmp_path: Path, frame: Frame) -> None:
    item = write_gallery_item(frame, None, tmp_path, verdict="accepted")
    assert item.parent is None
    assert (item.width, item.height) == (48, 32)
    assert set(item.classes) == {"road", "building", "sky", "car"}
    image = cv2.imread(str(tmp_path / item.image))
    assert np.array_equal(image[..., ::-1], frame.image)
    assert item.stencil is not None
    assert frame.stencil is not None
    stencil = cv2.imread(str(tmp_path / item.stencil))
    assert np.array_equal(stencil[..., ::-1], colourise(frame.stencil))


def test_depth_grows_darker_and_sky_and_unknown_stand_out() -> None:
    depth = np.array([[2, 5, 20, 80, 150, np.inf, np.nan]], dtype=np.float32)
    picture = colourise_depth(depth)[0].astype(int)
    luma = picture[:5] @ [299, 587, 114]
    assert (np.diff(luma) < 0).all()
    assert len({tuple(p) for p in picture.tolist()}) == 7


def test_the_gallery_is_dealt_out_evenly() -> None:
    rows = ["a1", "a2", "a3", "a4", "b1", "c1", "c2"]
    assert choose_evenly(rows, lambda row: row[0], 5) == ["a1", "b1", "c1", "a2", "c2"]
    assert sorted(choose_evenly(rows, lambda row: row[0], 99)) == rows
    assert choose_evenly([], str, 3) == []


def test_the_legend_has_the_colours_of_the_stencil(
    tmp_path: Path, gallery: tuple[Path, tuple[GalleryItem, ...]]
) -> None:
    pictures, items = gallery
    html = write_report(tiny(items), pictures, tmp_path / "report").read_text()
    red, green, blue = colourise(np.array([[SceneClass.CAR]], dtype=np.uint8))[0, 0]
    assert f"background: #{red:02x}{green:02x}{blue:02x}" in html
