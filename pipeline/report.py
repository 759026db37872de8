"""Draws the report: one folder that opens from disk, with no network and no server.

`index.html` with its style, script, plots and pictures; `report.json` with the same numbers;
`timings.json` with the seconds, which differ from run to run.
"""

import shutil
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from parhelion.pipeline.files import replacing
from parhelion.pipeline.gallery import choose_evenly
from parhelion.pipeline.report_data import GalleryItem, Interval, ReportData, Timings
from parhelion.pipeline.report_plots import by_axis, comparable, figures, is_crossing
from parhelion.pipeline.scene_class import COLOURS
from parhelion.pipeline.version import __version__

MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


def write_report(
    data: ReportData, gallery_source: Path | None, folder: Path, timings: Timings | None = None
) -> Path:
    """Puts the report in the place of `folder`, whole or not at all; returns its `index.html`.

    `gallery_source` holds the pictures that `data.gallery` names; they are copied to
    `folder/gallery`. Raises FileNotFoundError that names the first picture which is not there.
    """
    timings = timings or Timings()
    texts = {
        "report.css": template("report.css"),
        "report.js": template("report.js"),
        "plotly.min.js": get_plotlyjs(),
        "report.json": data.model_dump_json(),
        "timings.json": timings.model_dump_json(),
        "index.html": page(data, timings),
    }
    with replacing(folder) as draft:
        draft.mkdir()
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
        _copy_pictures(data.gallery, gallery_source or folder / "gallery", draft / "gallery")
    return folder / "index.html"


def read_report(folder: Path) -> tuple[ReportData, Timings]:
    """What `write_report` wrote. Raises pydantic.ValidationError where it is of another version."""
    report = (folder / "report.json").read_text(encoding="utf-8")
    timings = (folder / "timings.json").read_text(encoding="utf-8")
    return ReportData.model_validate_json(report), Timings.model_validate_json(timings)


def rewrite_report(folder: Path) -> Path:
    """Draws the page of a written report again from its own numbers and pictures."""
    data, timings = read_report(folder)
    return write_report(data, folder / "gallery", folder, timings)


def page(data: ReportData, timings: Timings) -> str:
    """The HTML of the page; whatever comes from the data is escaped."""
    shown = len(data.gallery)
    return (
        environment()
        .get_template("report.html")
        .render(
            data=data,
            timings=timings,
            axes=by_axis(data.representation),
            is_crossing=is_crossing,
            gallery=choose_evenly(data.gallery, lambda item: f"{item.cell} {item.verdict}", shown),
            distances=comparable(data.distances),
            figures=figures(data),
            legend=_legend(data.gallery),
            choices=_choices(data.gallery),
            version=__version__,
        )
    )


def environment() -> Environment:
    """Templates beside this file, with the filters below; whatever comes from data is escaped."""
    made = Environment(
        loader=FunctionLoader(template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=percent,
        points=points,
        percent_interval=percent_interval,
        points_interval=points_interval,
        seconds=seconds,
        number=number,
    )
    return made


def percent(share: float | None) -> str:
    """0.123 -> "12.3 %"."""
    return "–" if share is None else f"{100 * share:.1f}{NARROW_SPACE}%"


def points(difference: float) -> str:
    """0.0621 -> "+6.2"; a real minus sign."""
    text = f"{100 * difference:+.1f}".replace("-", MINUS)
    return "0.0" if text[1:] == "0.0" else text


def percent_interval(interval: Interval | None) -> str:
    """(0.1, 0.2) -> "10.0 to 20.0 %"."""
    if interval is None:
        return ""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}{NARROW_SPACE}%"


def points_interval(interval: Interval | None) -> str:
    """(-0.01, 0.02) -> "−1.0 to +2.0"."""
    return "no interval" if interval is None else f"{points(interval[0])} to {points(interval[1])}"


def seconds(value: float) -> str:
    """75.2 -> "1 min 15 s"; 3.21 -> "3.2 s"."""
    if value < 60:
        return f"{value:.1f} s"
    return f"{round(value) // 60} min {round(value) % 60:02d} s"


def number(value: float | None) -> str:
    """Four significant digits, thousands apart."""
    if value is None:
        return "–"
    return f"{value:,.4g}".replace("-", MINUS)


def template(name: str) -> str:
    """The text of a template, style or script beside this file."""
    return resources.files("parhelion.pipeline").joinpath(name).read_text(encoding="utf-8")


def _copy_pictures(items: tuple[GalleryItem, ...], source: Path, folder: Path) -> None:
    named = {name for i in items for name in (i.image, i.parent, i.stencil, i.depth)} - {None}
    folder.mkdir()
    for name in sorted(filter(None, named)):
        if Path(name).name != name or not (source / name).is_file():
            raise FileNotFoundError(
                f"the gallery names the picture {name!r}; wanted it in {source}"
            )
        shutil.copyfile(source / name, folder / name)


def _legend(items: tuple[GalleryItem, ...]) -> list[tuple[str, str]]:
    """(class, colour as #rrggbb) of the classes that the gallery shows, by their ids."""
    shown = {name for item in items for name in item.classes}
    return [
        (c.label, "#{:02x}{:02x}{:02x}".format(*rgb))
        for c, rgb in COLOURS.items()
        if c.label in shown
    ]


def _choices(items: tuple[GalleryItem, ...]) -> dict[str, list[str]]:
    """What the gallery's filters offer, in the order of their boxes."""
    return {
        "weather": sorted({item.weather for item in items}),
        "verdict": sorted({item.verdict for item in items}),
        "generator": sorted({item.generator for item in items}),
        **({"class": classes} if (classes := _image_classes(items)) else {}),
    }


def _image_classes(items: tuple[GalleryItem, ...]) -> list[str]:
    return sorted({item.image_class for item in items} - {""})
