"""Plots of an experiment as SVG, by matplotlib (extra `report`): frames side by side, intervals drawn, colours that
people with any colour vision tell apart.
"""

from __future__ import annotations

import io
import math
from typing import Any

from stbir.errors import MissingExtraError
from stbir.evaluate.experiments.record import Panel, Plot, Series

COLORS = {"sketch": "#d55e00", "text": "#0072b2", "sketch+text": "#111111"}
MARKERS = {"sketch": "^", "text": "s", "sketch+text": "o"}
OTHER_COLORS = ("#009e73", "#cc79a7", "#56b4e9", "#e69f00")

_FRAME_INCHES = (3.1, 2.35)
_WIDE_FRAME_INCHES = (4.7, 3.1)
_MAX_COLUMNS = 4
_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],
    "font.size": 9,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "svg.fonttype": "none",
}


def svg_of(plot: Plot) -> str:
    """Draw a plot.

    Args:
        plot: What to draw.

    Returns:
        An SVG document; the same plot gives the same text.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise MissingExtraError("plotting", "report") from None
    columns = min(len(plot.panels), 2 if len(plot.panels) <= 2 else _MAX_COLUMNS)
    rows = math.ceil(len(plot.panels) / columns)
    frame = _WIDE_FRAME_INCHES if len(plot.panels) <= 2 else _FRAME_INCHES
    names_inches = 0.9 if plot.form == "bars" else 0.0
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": plot.name}):
        canvas = Canvas(figsize=(frame[0] * columns, (frame[1] + names_inches) * rows + 0.9), layout="constrained")
        FigureCanvasSVG(canvas)
        frames = canvas.subplots(rows, columns, squeeze=False, sharey=plot.form == "line" and len(plot.panels) > 2)
        for place, panel in zip(frames.flat, plot.panels, strict=False):
            _draw(place, panel, plot)
        for place in list(frames.flat)[len(plot.panels) :]:
            place.set_axis_off()
        for row in frames:
            row[0].set_ylabel(plot.y_label)
        handles, labels = frames[0][0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        canvas.suptitle(_folded(plot.title, int(frame[0] * columns * 12)), fontsize=10.5)
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return file.getvalue()


def _draw(place: Any, panel: Panel, plot: Plot) -> None:
    factor = 100 if plot.is_percent else 1
    for number, series in enumerate(panel.series):
        color = COLORS.get(series.name, OTHER_COLORS[number % len(OTHER_COLORS)])
        value = [factor * each.value for each in series.y]
        low = [factor * each.low for each in series.y]
        high = [factor * each.high for each in series.y]
        if plot.form == "bars":
            shift = 0.22 * (number - (len(panel.series) - 1) / 2)
            reach = [
                [max(0.0, v - below) for v, below in zip(value, low, strict=True)],
                [max(0.0, above - v) for v, above in zip(value, high, strict=True)],
            ]
            place.errorbar(
                [x + shift for x in series.x],
                value,
                yerr=reach,
                fmt=_marker(series),
                color=color,
                markersize=5,
                elinewidth=1.3,
                capsize=2.5,
                label=series.name,
            )
        else:
            place.fill_between(series.x, low, high, color=color, alpha=0.14, linewidth=0)
            place.plot(series.x, value, color=color, marker=_marker(series), markersize=3.5, label=series.name)
    place.set_title(panel.title)
    place.set_ylim(bottom=0)
    if plot.is_log:
        ticks = sorted({x for series in panel.series for x in series.x})
        place.set_xscale("log")
        place.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks], rotation=35, ha="right")
        place.minorticks_off()
    if plot.form == "bars":
        place.set_xticks(range(len(plot.names)), plot.names, rotation=35, ha="right")
        place.set_xlim(-0.6, len(plot.names) - 0.4)
        place.grid(visible=False, axis="x")
    else:
        place.set_xlabel(plot.x_label)


def _marker(series: Series) -> str:
    return MARKERS.get(series.name, "D")


def _folded(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, max(40, width)))
