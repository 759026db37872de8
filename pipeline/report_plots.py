"""The report's plots as plotly figures, without colours: the page paints them in its own theme.

Every trace says in `meta` what it shows ("before", "after", "floor", "gain", "harm", "unclear");
`report.js` gives each its colour, light or dark. Axes are categories from top to bottom.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from parhelion.pipeline.report_data import (
    DistanceRow,
    DownstreamRow,
    Interval,
    ReportData,
    RepresentationBar,
)

ROW_PX, MARGIN_PX = 34, 74
CROSSED_WITH = " x "  # between the parts of a crossing's axis and of its names
TIMES = " \N{MULTIPLICATION SIGN} "
OFFSET = 0.17  # two arms of one category stand this far from its middle

Figure = dict[str, Any]


def figures(data: ReportData) -> dict[str, Figure]:
    """All figures of the page by the id of the element that holds them."""
    made: dict[str, go.Figure] = {}
    for i, (axis, bars) in enumerate(by_axis(data.representation).items()):
        draw = crossing_figure if is_crossing(axis) else representation_figure
        made[f"plot-representation-{i}"] = draw(axis, bars)
    for i, rows in enumerate(comparable(data.distances)):
        if any(row.score.value is not None for row in rows):
            made[f"plot-distance-{i}"] = distance_figure(rows)
    whole = [row for row in data.downstream.rows if not row.scene_class] if data.downstream else []
    if data.downstream is not None and whole:
        made["plot-downstream"] = downstream_figure(whole, data.downstream.metric)
    return {name: json.loads(figure.to_json()) for name, figure in made.items()}


def by_axis(bars: Sequence[RepresentationBar]) -> dict[str, list[RepresentationBar]]:
    """Bars by their axis, in the order in which they come."""
    axes = dict.fromkeys(bar.axis for bar in bars)
    return {axis: [bar for bar in bars if bar.axis == axis] for axis in axes}


def is_crossing(axis: str) -> bool:
    """Whether the axis crosses conditions with classes: too many values for one column of dots."""
    return axis.endswith((f"{CROSSED_WITH}class", f"{CROSSED_WITH}image class"))


def comparable(rows: Sequence[DistanceRow]) -> list[list[DistanceRow]]:
    """Distances in groups that may be compared: same score, same passport."""
    groups: dict[tuple[str, str], list[DistanceRow]] = {}
    for row in rows:
        key = row.score.name, row.score.passport.model_dump_json()
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def representation_figure(axis: str, bars: Sequence[RepresentationBar]) -> go.Figure:
    """Share of frames per value of one axis, before and after, with Wilson intervals."""
    figure = go.Figure()
    arms = [
        ("before", -OFFSET, [(b.before, b.before_interval, b.before_frames) for b in bars]),
        ("after", OFFSET, [(b.after, b.after_interval, b.after_frames) for b in bars]),
    ]
    for arm, offset, values in arms:
        there = [(i, v, ci, n) for i, (v, ci, n) in enumerate(values) if v is not None]
        if there:
            figure.add_trace(
                _dots(
                    arm,
                    x=[v for _, v, _, _ in there],
                    y=[i + offset for i, _, _, _ in there],
                    intervals=[ci for _, _, ci, _ in there],
                    texts=[f"{bars[i].name}, {arm}: {n:,} frames" for i, _, _, n in there],
                    hover="%{text}<br>%{x:.1%}",
                )
            )
    figure.update_xaxes(rangemode="nonnegative")
    return _laid_out(
        figure,
        [b.name for b in bars],
        f"share of frames by {escape(axis).replace(CROSSED_WITH, TIMES)}",
        ".0%",
    )


def crossing_figure(axis: str, bars: Sequence[RepresentationBar]) -> go.Figure:
    """Share of a condition's frames that show a class: two maps, before and after."""
    places = {tuple(bar.name.rsplit(CROSSED_WITH, 1)): bar for bar in bars}
    conditions = list(dict.fromkeys(name[0] for name in places))
    classes = list(dict.fromkeys(name[-1] for name in places))
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.03)
    for column, arm in enumerate(("before", "after"), start=1):
        shares = [[getattr(places.get((row, c)), arm, None) for c in classes] for row in conditions]
        figure.add_trace(
            go.Heatmap(
                z=shares,
                x=[escape(c) for c in classes],
                y=[escape(row) for row in conditions],
                meta=f"map-{arm}",
                zmin=0,
                zmax=1,
                xgap=2,
                ygap=2,
                showscale=False,
                hoverongaps=False,
                hovertemplate=f"%{{y}}, {arm}: %{{z:.1%}} show %{{x}}<extra></extra>",
            ),
            row=1,
            col=column,
        )
        figure.update_xaxes(title={"text": arm, "font": {"size": 13}}, row=1, col=column)
    figure.update_xaxes(side="top", tickangle=-45, fixedrange=True, showgrid=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, automargin=True)
    height = 24 * len(conditions) + 132
    figure.update_layout(height=height, margin={"l": 8, "r": 30, "t": 104, "b": 8}, template="none")
    return figure


def distance_figure(rows: Sequence[DistanceRow]) -> go.Figure:
    """Distance to the real target frames per cell, each beside its floor of real against real."""
    cells = list(dict.fromkeys(row.cell for row in rows))
    sets = list(dict.fromkeys(row.compared for row in rows))
    figure = go.Figure()

    def height(row: DistanceRow) -> float:
        k = sets.index(row.compared)
        return cells.index(row.cell) + (k - (len(sets) - 1) / 2) * 0.6 / len(sets)

    for k, compared in enumerate(sets):
        mine = [r for r in rows if r.compared == compared and r.score.value is not None]
        figure.add_trace(
            _dots(
                "before" if k == 0 and len(sets) > 1 else "after",
                name=compared,
                symbol=("circle", "diamond", "square")[k % 3],
                x=[float(r.score.value or 0) for r in mine],
                y=[height(r) for r in mine],
                intervals=[r.score.interval for r in mine],
                texts=[f"{r.cell}: {compared}" for r in mine],
                hover="%{text}<br>%{x:.4g}",
            )
        )
    floors = [(row, row.score.floor) for row in rows if row.score.floor is not None]
    figure.add_trace(
        _dots(
            "floor",
            name="floor, real against real",
            symbol="line-ns-open",
            x=[floor for _, floor in floors],
            y=[height(row) for row, _ in floors],
            intervals=[None] * len(floors),
            texts=[f"{row.cell}: real against real, for {row.compared}" for row, _ in floors],
            hover="%{text}<br>%{x:.4g}",
        )
    )
    figure.update_traces(marker_size=16, marker_line_width=2, selector={"meta": "floor"})
    title = escape(rows[0].score.name)
    return _laid_out(figure, cells, title, ".3~g", row_px=ROW_PX + 8 * max(len(sets) - 2, 0))


def downstream_figure(rows: Sequence[DownstreamRow], metric: str) -> go.Figure:
    """Difference between the arms per condition, in points, with its interval: a forest plot."""
    names = [row.cell for row in rows]
    figure = go.Figure()
    for tone, said in (("gain", "gain"), ("harm", "harm"), ("unclear", "within chance")):
        mine = [(i, row) for i, row in enumerate(rows) if row.tone == tone]
        if not mine:
            continue
        figure.add_trace(
            _dots(
                tone,
                name=said,
                x=[100 * row.difference.value for _, row in mine],
                y=[i for i, _ in mine],
                intervals=[
                    ci and (100 * ci[0], 100 * ci[1])
                    for ci in (row.difference.interval for _, row in mine)
                ],
                texts=[names[i] for i, _ in mine],
                hover="%{text}<br>%{x:+.1f} points",
            )
        )
    figure.add_vline(x=0, line_width=1)
    return _laid_out(figure, names, f"difference in {escape(metric)}, points", "+~g")


def _dots(
    meta: str,
    *,
    x: Sequence[float],
    y: Sequence[float],
    intervals: Sequence[Interval | None],
    texts: Sequence[str],
    hover: str,
    name: str = "",
    symbol: str = "circle",
) -> go.Scatter:
    """Points with asymmetric whiskers; a point without an interval has none."""
    known = [ci or (value, value) for ci, value in zip(intervals, x, strict=True)]
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [max(ci[1] - value, 0.0) for ci, value in zip(known, x, strict=True)],
        "arrayminus": [max(value - ci[0], 0.0) for ci, value in zip(known, x, strict=True)],
        "thickness": 2,
        "width": 0,
    }
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        name=escape(name or meta),
        meta=meta,
        text=[escape(text) for text in texts],
        hovertemplate=hover + "<extra></extra>",
        error_x=whiskers if any(intervals) else None,
        marker={"size": 10, "symbol": symbol},
        cliponaxis=False,
    )


def _laid_out(
    figure: go.Figure, names: Sequence[str], title: str, tickformat: str, row_px: int = ROW_PX
) -> go.Figure:
    figure.update_layout(
        height=row_px * max(len(names), 2) + 2 * MARGIN_PX - 40,
        margin={"l": 8, "r": 16, "t": 40, "b": MARGIN_PX - 24},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        hovermode="closest",
        showlegend=True,
        template="none",
    )
    figure.update_xaxes(
        title={"text": title, "font": {"size": 13}, "standoff": 12},
        tickformat=tickformat,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[f"{escape(name)}  " for name in names],
        range=[len(names) - 0.4, -0.6],
        automargin=True,
        showline=False,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure
