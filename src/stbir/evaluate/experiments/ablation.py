"""Experiment `ablation`: the first system whole, the others with something left out or put in, query by query.

Trained variants are bundles (`--system bundle:runs/no-curriculum/bundle`, several seeds with | between); rules of
fusion need no training.
"""

from __future__ import annotations

from collections.abc import Sequence

from stbir.evaluate.experiments.config import ExperimentSettings
from stbir.evaluate.experiments.figures import (
    better_alone,
    difference_of,
    figure_of,
    harm_of,
    mean_values,
    name_of,
    photos_of,
    seeds_figure,
    title_of,
)
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Table
from stbir.evaluate.experiments.runner import Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.record import Figure
from stbir.evaluate.result import Evaluation
from stbir.evaluate.summary import holm

TITLE = "Ablation: what each part is worth, by drawing and words together"
METRICS = ("acc@1", "acc@10", "mrr")

Seeds = Sequence[Evaluation]


def run(runner: Runner, command: str) -> Experiment:
    """Compare every system with the first.

    Args:
        runner: With settings `data` and `systems`.
        command: The command line that repeats it.

    Returns:
        A table for each data set.
    """
    by_task = [runner.run_groups(task) for task in runner.tasks()]
    return experiment_of(
        "ablation",
        TITLE,
        runner,
        command,
        [each for systems in by_task for seeds in systems for each in seeds],
        tables=[_table(systems, runner.settings) for systems in by_task],
        notes=(
            "Differences are to the first row, paired query by query; p by Holm over the rows of a table.",
            "Harm: share of queries that rank worse by both than by the better of drawing and words alone.",
        ),
    )


def _table(systems: Sequence[Seeds], settings: ExperimentSettings) -> Table:
    together = [seeds for seeds in systems if "sketch+text" in seeds[0].modes]
    rows: list[tuple[Cell, ...]] = []
    p_values: list[float] = []
    for seeds in together:
        differences: list[Cell] = [None, None]
        if seeds is not together[0]:
            for place, metric in enumerate(("acc@1", "mrr")):
                difference, p_value = difference_of(seeds, together[0], "sketch+text", metric, settings)
                differences[place] = difference
                p_values += [p_value] if metric == "acc@1" else []
        alone = len(seeds[0].ways) > 1
        harm = float(harm_of(seeds, better_alone(seeds)).mean()) if alone else None
        rows.append((name_of(seeds), *(_figure(seeds, name, settings) for name in METRICS), *differences, None, harm))
    corrected = holm(p_values).tolist() if p_values else []
    rows[1:] = [(*row[:-2], p, row[-1]) for row, p in zip(rows[1:], corrected, strict=True)]
    return Table(
        title=title_of(systems[0][0]),
        columns=(
            Column(name="system"),
            Column(name="Acc@1 %", kind="percent"),
            Column(name="Acc@10 %", kind="percent"),
            Column(name="MRR", kind="share"),
            Column(name="Acc@1 points to the first", kind="points"),
            Column(name="MRR to the first", kind="share"),
            Column(name="p (Acc@1)", kind="share"),
            Column(name="harm %", kind="percent"),
        ),
        rows=tuple(rows),
    )


def _figure(seeds: Seeds, metric: str, settings: ExperimentSettings) -> Figure:
    if len(seeds) > 1:
        return seeds_figure(seeds, "sketch+text", metric, settings)[0]
    return figure_of(mean_values(seeds, "sketch+text", metric), photos_of(seeds[0]), settings)
