"""Plots of a data set's statistics as SVG, by matplotlib (extra `report`); the same numbers give the same file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from stbir.datasets.problems import printable
from stbir.datasets.stats import Statistics
from stbir.errors import MissingExtraError

MAX_CATEGORIES = 40
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999")

_MAX_BINS = 40
_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "text.parse_math": False,
}


def svgs_of(statistics: Statistics) -> dict[str, str]:
    """Draw what there is to draw.

    Args:
        statistics: The numbers.

    Returns:
        File name to SVG document: `rows.svg`, and `texts.svg`, `drawings.svg`, `pictures.svg` where there are any.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    values = statistics.values
    plots = {"rows.svg": _svg("rows", _rows_size(statistics), lambda canvas: _draw_rows(canvas, statistics))}
    if values.get("words"):
        plots["texts.svg"] = _svg(
            "texts", (4.7, 3.1), lambda canvas: _histograms(canvas, {"words per text": values["words"]})
        )
    if values.get("strokes"):
        panels = {
            "strokes": values["strokes"],
            "points": values["points"],
            "ink length in sides of the drawing": values["ink_length"],
            "share of ink at 128 px": values["density"],
        }
        plots["drawings.svg"] = _svg("drawings", (7.4, 5.0), lambda canvas: _histograms(canvas, panels))
    if values.get("width"):
        plots["pictures.svg"] = _svg("pictures", (4.7, 3.7), lambda canvas: _draw_sizes(canvas, values))
    return plots


def _svg(name: str, inches: tuple[float, float], draw: Callable[[Any], None]) -> str:
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting", "report") from None
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": name}):
        canvas = Figure(figsize=inches, layout="constrained")
        FigureCanvasSVG(canvas)
        draw(canvas)
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return file.getvalue()


def _rows_size(statistics: Statistics) -> tuple[float, float]:
    return 6.4, 1.3 + 0.19 * min(len(statistics.categories), MAX_CATEGORIES)


def _draw_rows(canvas: Any, statistics: Statistics) -> None:
    """Rows of the largest categories as bars, a colour for each split."""
    shown = dict(list(statistics.categories.items())[:MAX_CATEGORIES])
    names = [_ascii(category) or "(no category)" for category in shown]
    places = canvas.subplots()
    start = [0] * len(shown)
    for number, counts in enumerate(statistics.splits):
        widths = [splits.get(counts.split or "", 0) for splits in shown.values()]
        label = _ascii(counts.split or "(no split)")
        places.barh(range(len(shown)), widths, left=start, label=label, color=COLORS[number % len(COLORS)])
        start = [left + width for left, width in zip(start, widths, strict=True)]
    places.set_yticks(range(len(shown)), names)
    places.invert_yaxis()
    places.set_xlabel("rows")
    places.grid(visible=False, axis="y")
    more = len(statistics.categories) - len(shown)
    places.set_title("Rows by category and split" + (f", {more} smaller categories left out" if more else ""))
    handles, labels = places.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))


def _histograms(canvas: Any, panels: dict[str, list[float]]) -> None:
    columns = 2 if len(panels) > 1 else 1
    frames = canvas.subplots(-(-len(panels) // columns), columns, squeeze=False)
    for frame, (title, values) in zip(frames.flat, panels.items(), strict=False):
        frame.hist(values, bins=_bins(values), color=COLORS[0])
        frame.set_title(title)
        frame.set_ylim(bottom=0)


def _bins(values: list[float]) -> int | list[float]:
    """A bin for each whole number where there are few, else as many as can be told apart."""
    least, most = min(values), max(values)
    if all(value == int(value) for value in values) and most - least < _MAX_BINS:
        return [number - 0.5 for number in range(int(least), int(most) + 2)]
    return _MAX_BINS


def _draw_sizes(canvas: Any, values: dict[str, list[float]]) -> None:
    frame = canvas.subplots()
    frame.scatter(values["width"], values["height"], s=8, alpha=0.4, color=COLORS[0], linewidths=0)
    frame.set_xlabel("width in pixels")
    frame.set_ylabel("height in pixels")
    frame.set_xlim(left=0)
    frame.set_ylim(bottom=0)
    frame.set_title("Sizes of the pictures")


def _ascii(name: str) -> str:
    """A name that the plot's font can show: others are escaped, and long ones cut."""
    shown = printable(name).encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= 30 else f"{shown[:27]}..."
