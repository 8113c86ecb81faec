"""Experiment `partial`: how early an unfinished drawing finds the picture, by the share of its ink that is drawn."""

from __future__ import annotations

from stbir.errors import ConfigError
from stbir.evaluate.experiments.figures import harm_of, title_of
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Panel, Plot, Series, Table
from stbir.evaluate.experiments.runner import Part, Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.noise import Noise
from stbir.evaluate.result import Evaluation

TITLE = "Unfinished drawings: accuracy by the share of the ink that is drawn, in drawing order"
NOISE = "partial"
LOST_PER_SEVERITY = 0.16
METRICS = ("acc@1", "acc@10")


def run(runner: Runner, command: str) -> Experiment:
    """Evaluate every system on unfinished drawings.

    Args:
        runner: With settings `data`, `systems`, `shares`.
        command: The command line that repeats it.

    Returns:
        For each data set and system a table and a plot.

    Raises:
        ConfigError: A data set has no drawings.
    """
    shares = runner.settings.shares
    tables, plots, everything = [], [], []
    for task in runner.tasks():
        if not task.has_sketches:
            raise ConfigError(f"{task.data.name} has no drawings to leave unfinished: choose another data set")
        noisy = [task.with_noise(Noise(NOISE, round((1 - share) / LOST_PER_SEVERITY, 6))) for share in shares]
        for system in runner.systems():
            found = runner.run([Part(each, system) for each in noisy])
            everything += found
            tables.append(_table(shares, found))
            plots.append(_plot(shares, found))
    return experiment_of(
        "partial",
        TITLE,
        runner,
        command,
        everything,
        tables=tables,
        plots=plots,
        notes=(
            "Drawings traced from pictures have no true drawing order: their strokes follow the tracing.",
            "Harm: share of queries that rank worse by both than by words alone.",
        ),
    )


def _table(shares: tuple[float, ...], found: list[Evaluation]) -> Table:
    modes = found[0].ways
    rows: list[tuple[Cell, ...]] = []
    for share, evaluation in zip(shares, found, strict=True):
        for mode in modes:
            metrics = evaluation.modes[mode].metrics
            harm = None
            if mode == "sketch+text":
                harm = float(harm_of([evaluation], "text").mean())
            rows.append((f"{share:.0%}", mode, *(metrics[name] for name in (*METRICS, "mrr", "median_rank")), harm))
    return Table(
        title=f"{title_of(found[0])}; {found[0].system.title}",
        columns=(
            Column(name="drawn"),
            Column(name="query"),
            Column(name="Acc@1 %", kind="percent"),
            Column(name="Acc@10 %", kind="percent"),
            Column(name="MRR", kind="share"),
            Column(name="median rank", kind="number"),
            Column(name="harm %", kind="percent"),
        ),
        rows=tuple(rows),
    )


def _plot(shares: tuple[float, ...], found: list[Evaluation]) -> Plot:
    first = found[0]
    panels = []
    for metric in METRICS:
        series = [
            Series(
                name=mode,
                x=tuple(100 * share for share in shares),
                y=tuple(each.modes[mode].metrics[metric] for each in found),
            )
            for mode in first.ways
        ]
        panels.append(Panel(title=metric.capitalize(), series=tuple(series)))
    return Plot(
        name=f"partial-{first.data.name}-{first.system.name.replace(' ', '-')}",
        title=f"{title_of(first)}; {first.system.title}",
        x_label="ink drawn, %",
        y_label="queries, %",
        panels=tuple(panels),
    )
