"""The report in headless Chromium: it opens, asks for nothing outside, its filter works."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.gallery import write_gallery_item
from parhelion.pipeline.report import write_report
from parhelion.pipeline.report_data import (
    Counts,
    Downstream,
    DownstreamRow,
    Estimate,
    ReportData,
    RepresentationBar,
    Scenario,
)
from parhelion.pipeline.report_verdict import verdict_of

pytestmark = pytest.mark.browser

FOGGY, SNOWY = 15, 3
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Opened:
    """A page with everything it complained about."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


def write(folder: Path, frames: list[Frame]) -> Path:
    """A report with a plot of each kind that has one, and a gallery of two weathers."""
    weathers = [Weather.FOGGY] * FOGGY + [Weather.SNOWING] * SNOWY
    items = tuple(
        write_gallery_item(
            replace(frame, conditions=Conditions(weather=weather, hour=12)),
            frames[0],
            folder / "pictures",
            verdict="rejected" if i % 3 == 0 else "accepted",
            generator="weather",
        )
        for i, (frame, weather) in enumerate(zip(frames, weathers, strict=True))
    )
    gain = Estimate(value=0.05, interval=(0.01, 0.09))
    row = DownstreamRow(
        cell="fog/day",
        base=Estimate(value=0.4),
        treated=Estimate(value=0.45),
        difference=gain,
        q=0.02,
        frames=15,
    )
    check = Downstream(rows=(row,))
    counts = Counts(source=18, drawn=18, accepted=12, rejected=6)
    data = ReportData(
        title="Browser <b>test</b>",
        verdict=verdict_of(counts, check),
        counts=counts,
        scenario=Scenario(title="Scenario"),
        representation=(
            RepresentationBar(axis="weather", name="<i>fog</i>", before=0.1, after=1),
            RepresentationBar(axis="weather x class", name="fog x car", before=0.1, after=1),
        ),
        gallery=items,
        downstream=check,
    )
    return write_report(data, folder / "pictures", folder / "report")


@pytest.fixture
def opened(tmp_path: Path, frames: Callable[[int], list[Frame]]) -> Iterator[Opened]:
    index = write(tmp_path, frames(FOGGY + SNOWY))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        found = Opened(page)
        page.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        page.on("request", lambda request: _note(found.outside, request.url))
        page.goto(index.resolve().as_uri())
        yield found
        browser.close()


def _note(outside: list[str], url: str) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        outside.append(url)


def test_it_opens_quietly_and_shows_its_pictures_and_plots(opened: Opened) -> None:
    page = opened.page
    page.click("#more")
    for picture in page.locator("#gallery img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.locator("#gallery img").count() == 4 * (FOGGY + SNOWY)
    assert page.locator(".plot svg.main-svg").count() >= 2
    assert page.locator(".plot >> text=<i>fog</i>").count() == 1
    assert page.locator(".eyebrow").inner_text() == "Browser <b>test</b>"
    assert opened.errors == []
    assert opened.outside == []


def test_the_filter_hides_and_shows(opened: Opened) -> None:
    page = opened.page
    figures = page.locator("figure:visible")
    assert figures.count() == 12
    page.select_option("#weather", "Snowing")
    assert figures.count() == SNOWY
    assert set(figures.evaluate_all("all => all.map(f => f.dataset.weather)")) == {"Snowing"}
    page.select_option("#verdict", "rejected")
    assert figures.count() == 1
    page.select_option("#weather", "")
    assert figures.count() == 6
    page.select_option("#generator", "weather")
    page.select_option("#verdict", "")
    page.click("#more")
    assert figures.count() == FOGGY + SNOWY
    assert page.locator("#shown").inner_text() == f"{FOGGY + SNOWY} frames"


def test_a_folded_plot_is_painted_when_it_is_opened(opened: Opened) -> None:
    fold = opened.page.locator("#bias details:has(.plot)")
    assert fold.locator("svg.main-svg").count() == 0
    fold.locator("summary").click()
    fold.locator("svg.main-svg").first.wait_for()
    assert fold.locator(".plot").locator("text=car").count() == 2
    assert opened.errors == []


def test_pictures_can_be_enlarged(opened: Opened) -> None:
    page = opened.page
    page.locator("figure .pictures").first.click()
    assert page.locator("dialog[open] img").count() == 4
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
