"""The plots of a comparison as plotly figures without colours; the page paints them."""

import json
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from parhelion.pipeline.compare_results import REAL, Arm
from parhelion.pipeline.image_energy import HIGH, NYQUIST, ring_frequencies
from parhelion.pipeline.report_data import DistanceRow
from parhelion.pipeline.report_plots import comparable, distance_figure

SERIES = 8  # colours of the page, taken in turn
DASHES = ("solid", "dash", "dot")
LEAST_RATIO = 1e-4  # of power: below, a picture has no such detail at all

Figure = dict[str, Any]


def distances(arms: Sequence[Arm]) -> list[list[DistanceRow]]:
    """Scores on a feature network's distances, in groups that may be compared."""
    rows = [
        DistanceRow(cell=arm.name, compared="drawn", score=score)
        for arm in arms
        for score in arm.measured.scores
        if score.name.startswith(("KID", "FID", "kernel distance", "Fréchet distance"))
    ]
    return comparable(rows)


def figures(arms: Sequence[Arm]) -> dict[str, Figure]:
    """All figures of the page by the id of the element that holds them."""
    made: dict[str, go.Figure] = {}
    for i, rows in enumerate(distances(arms)):
        if any(row.score.value is not None for row in rows):
            made[f"plot-distance-{i}"] = distance_figure(rows)
    if any(arm.measured.spectrum for arm in arms):
        made["plot-spectrum"] = spectrum_figure(arms)
    return {name: json.loads(figure.to_json()) for name, figure in made.items()}


def spectrum_figure(arms: Sequence[Arm]) -> go.Figure:
    """Power of every arm relative to real test frames, by frequency; 1 = as much detail."""
    figure = go.Figure()
    drawn = [arm for arm in arms if arm.measured.spectrum]
    for i, arm in enumerate(drawn):
        points = [
            (f, max(ratio, LEAST_RATIO))
            for f, ratio in zip(
                ring_frequencies(len(arm.measured.spectrum)), arm.measured.spectrum, strict=True
            )
            if ratio is not None
        ]
        figure.add_trace(
            go.Scatter(
                x=[f for f, _ in points],
                y=[ratio for _, ratio in points],
                mode="lines",
                name=escape(arm.name if arm.name != REAL else "real, training"),
                meta="before" if arm.name == REAL else f"series-{(i - 1) % SERIES}",
                line={"width": 2.2, "dash": DASHES[(i - 1) // SERIES % 3 if i else 2]},
                hovertemplate="%{fullData.name}<br>at %{x:.2f}: %{y:.2g}<extra></extra>",
            )
        )
    figure.add_hline(y=1, line_width=1)
    figure.add_vline(x=HIGH, line_width=1, line_dash="dot")
    figure.update_xaxes(
        title={"text": "cycles per pixel", "font": {"size": 13}},
        range=[0, NYQUIST],
        fixedrange=True,
        zeroline=False,
    )
    figure.update_yaxes(
        title={"text": "power, relative to real", "font": {"size": 13}},
        type="log",
        tickformat="~g",
        dtick=1 if _decades(figure) > 2 else "D2",
        fixedrange=True,
        automargin=True,
    )
    figure.update_layout(
        height=380,
        margin={"l": 8, "r": 16, "t": 44, "b": 52},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        template="none",
    )
    return figure


def _decades(figure: go.Figure) -> float:
    """How many powers of ten the lines span."""
    values = [y for trace in figure.data for y in trace.y]
    return math.log10(max(values) / min(values)) if values else 0.0
