"""Experiment `main`: systems x ways of asking x data sets, every figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from stbir.evaluate.experiments.config import ExperimentSettings
from stbir.evaluate.experiments.figures import name_of, seeds_figure, title_of
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Panel, Plot, Series, Table
from stbir.evaluate.experiments.runner import Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.record import WAYS, Figure, Mode
from stbir.evaluate.result import ACC_AT, Evaluation

TITLE = "Main table: systems by drawing, by words, and by both"
METRICS = (*(f"acc@{k}" for k in ACC_AT), "mrr", "median_rank")

Seeds = Sequence[Evaluation]


def run(runner: Runner, command: str) -> Experiment:
    """Evaluate every system on every data set.

    Args:
        runner: With settings `data` and `systems`.
        command: The command line that repeats it.

    Returns:
        A table and a plot for each data set.
    """
    by_task = [runner.run_groups(task) for task in runner.tasks()]
    return experiment_of(
        "main",
        TITLE,
        runner,
        command,
        [each for systems in by_task for seeds in systems for each in seeds],
        tables=[_table(systems, runner.settings) for systems in by_task],
        plots=[_plot(systems, runner.settings) for systems in by_task],
    )


def _figure(seeds: Seeds, mode: Mode, metric: str, settings: ExperimentSettings) -> Figure | None:
    if len(seeds) == 1:
        return seeds[0].modes[mode].metrics[metric]
    return None if metric == "median_rank" else seeds_figure(seeds, mode, metric, settings)[0]


def _table(systems: Sequence[Seeds], settings: ExperimentSettings) -> Table:
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    for seeds in systems:
        first = seeds[0]
        for mode in first.ways:
            if mode == "sketch+text" or not _is_shown(first, mode, systems):
                rows.append((name_of(seeds), mode, *(_figure(seeds, mode, name, settings) for name in METRICS)))
        if len(seeds) > 1:
            _, per_seed, spread = seeds_figure(seeds, first.ways[-1], "acc@1", settings)
            each = ", ".join(f"{100 * value:.1f}" for value in per_seed)
            notes.append(
                f"{name_of(seeds)}: Acc@1 of {first.ways[-1]} by seed {each}; spread {100 * spread:.1f} points."
            )
        else:
            notes += [f"{name_of(seeds)}: {gain.sentence()}" for gain in first.gains if gain.metric == "acc@1"]
        notes += [f"{name_of(seeds)}: {note}" for note in first.system.notes]
    data = systems[0][0].data
    if data.text_ceiling is not None and data.text_ceiling < 1:
        notes.append(f"Photos share words: Acc@1 by words alone cannot exceed {100 * data.text_ceiling:.1f} %.")
    notes += [f"Rows that gave no query: {number} ({reason})." for reason, number in sorted(data.left_out.items())]
    return Table(
        title=title_of(systems[0][0]),
        columns=(
            Column(name="system"),
            Column(name="query"),
            *(Column(name=f"Acc@{k} %", kind="percent") for k in ACC_AT),
            Column(name="MRR", kind="share"),
            Column(name="median rank", kind="number"),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _is_shown(evaluation: Evaluation, mode: Mode, systems: Sequence[Seeds]) -> bool:
    """Whether an earlier system of the same model shows the same ranks: rules of fusion change nothing but both."""
    fingerprint = evaluation.system.fingerprint
    for earlier, *_ in systems:
        if earlier is evaluation:
            return False
        if fingerprint and earlier.system.fingerprint == fingerprint and earlier.modes[mode] == evaluation.modes[mode]:
            return True
    return False


def _plot(systems: Sequence[Seeds], settings: ExperimentSettings) -> Plot:
    panels = []
    for metric in ("acc@1", "acc@10"):
        series = []
        for mode in WAYS:
            there = [(number, seeds) for number, seeds in enumerate(systems) if mode in seeds[0].modes]
            figures = [_figure(seeds, mode, metric, settings) for _, seeds in there]
            if there:
                places = tuple(float(number) for number, _ in there)
                series.append(Series(name=mode, x=places, y=tuple(each for each in figures if each is not None)))
        panels.append(Panel(title=metric.capitalize(), series=tuple(series)))
    first = systems[0][0]
    return Plot(
        name=f"main-{first.data.name}-{first.protocol}",
        title=title_of(first),
        x_label="",
        y_label="queries, %",
        panels=tuple(panels),
        form="bars",
        names=tuple(name_of(seeds) for seeds in systems),
    )
