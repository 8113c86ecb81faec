"""Experiments as Markdown, and as one HTML page that needs no other file. Nothing in them is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stbir.atomic import write_atomically
from stbir.errors import InputError, MissingExtraError
from stbir.evaluate.experiments.plots import svg_of
from stbir.evaluate.experiments.record import Experiment, Table

PLOTS = "plots"
REPORT = "report.html"
_TEMPLATE = Path(__file__).parent / "report.html.j2"


def markdown_of(experiment: Experiment, plots: str | None = None, level: int = 2) -> str:
    """An experiment as Markdown.

    Args:
        experiment: What was found.
        plots: Where its plots lie, relative to the page; None leaves them out.
        level: Of its heading.

    Returns:
        Markdown with tables, notes, plots, and what it rests on.
    """
    parts = [f"{'#' * level} {experiment.title}", "", *(f"- {note}" for note in experiment.notes), ""]
    for table in experiment.tables:
        parts += [f"**{table.title}**", "", *_markdown_table(table), ""]
        parts += [*(f"- {note}" for note in table.notes), ""] if table.notes else []
    if plots is not None:
        parts += [f"![{plot.title}]({plots}/{plot.name}.svg)\n" for plot in experiment.plots]
    parts += [_provenance(experiment), "", "```", experiment.command, "```", ""]
    return "\n".join(parts)


def html_of(experiments: Sequence[Experiment]) -> str:
    """Experiments as one HTML page with its plots inside.

    Args:
        experiments: In the order in which they are shown.

    Returns:
        The page; it loads nothing from anywhere.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise MissingExtraError("the report", "report") from None
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    drawn = {plot.name: Markup(_inline(svg_of(plot))) for experiment in experiments for plot in experiment.plots}
    return template.render(experiments=experiments, drawn=drawn, provenance=_provenance)


def write_pages(experiment: Experiment, folder: Path) -> list[Path]:
    """Write an experiment as JSON, Markdown and SVG, and the report of all experiments in the folder.

    Args:
        experiment: What was found.
        folder: Where to; made if absent.

    Returns:
        The files: JSON first, then Markdown, then the report.

    Raises:
        InputError: The folder cannot be written.
        MissingExtraError: What plots is not installed; JSON and Markdown are written by then.
    """
    written = [experiment.write(folder / f"{experiment.name}.json")]
    try:
        page = folder / f"{experiment.name}.md"
        write_atomically(page, markdown_of(experiment, PLOTS, level=1).encode())
        written.append(page)
        write_plots([experiment], folder / PLOTS)
        written.append(write_report(folder))
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}: choose another --out") from None
    return written


def write_plots(experiments: Sequence[Experiment], folder: Path) -> None:
    """Write the plots of experiments as SVG files into a folder, made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for experiment in experiments:
        for plot in experiment.plots:
            write_atomically(folder / f"{plot.name}.svg", svg_of(plot).encode())


def write_report(folder: Path) -> Path:
    """Write `report.html` of all experiments whose JSON lies in a folder.

    Args:
        folder: Where they lie.

    Returns:
        The page.

    Raises:
        InputError: There are none.
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    found = read_experiments(folder)
    if not found:
        raise InputError(f"{folder} holds no results of stbir experiment: run one with --out {folder}")
    write_atomically(folder / REPORT, html_of(found).encode())
    return folder / REPORT


def read_experiments(folder: Path) -> list[Experiment]:
    """All experiments whose JSON lies in a folder, in the order in which they are shown."""
    order = ("main", "ablation", "significance", "robustness", "partial", "gallery-size", "cost")
    paths = [folder / f"{name}.json" for name in order]
    return [Experiment.read(path) for path in paths if path.exists()]


def _markdown_table(table: Table) -> list[str]:
    head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in table.words()]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def _provenance(experiment: Experiment) -> str:
    """What the figures rest on, in one sentence."""
    data = "; ".join(f"{each.name} `{each.sha256[:12]}`" for each in experiment.data)
    machine = ", ".join(f"{name} {value}" for name, value in experiment.environment.items())
    seeds = f"seed {experiment.config.get('seed')}, {experiment.config.get('num_resamples')} resamples"
    return (
        f"stbir {experiment.stbir_version}, code `{experiment.code}`; {seeds}; {machine}"
        + (f"; data {data}" if data else "")
        + "."
    )


def _inline(svg: str) -> str:
    """An SVG document as an element: without its head and its fixed size."""
    body = svg[svg.index("<svg") :]
    head, separator, rest = body.partition(">")
    return re.sub(r' (width|height)="[^"]*"', "", head) + separator + rest
