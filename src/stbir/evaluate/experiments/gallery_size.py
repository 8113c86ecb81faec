"""Experiment `gallery-size`: how accuracy falls as the gallery grows.

No gallery is sampled. If b of the N - 1 other pictures beat the right one, then in a gallery of n pictures drawn evenly
(the right one always in it) the number that beat it is hypergeometric, and the expected Acc@K is the chance that fewer
than K do: an exact mean over all galleries of that size.
"""

from __future__ import annotations

from math import lgamma

import numpy as np
from numpy.typing import NDArray

from stbir.evaluate.experiments.figures import figure_of, photos_of, title_of
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Panel, Plot, Series, Table
from stbir.evaluate.experiments.runner import Part, Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.record import Figure, Mode
from stbir.evaluate.result import Evaluation

TITLE = "Gallery size: accuracy in galleries of n pictures"
KS = (1, 10)


def run(runner: Runner, command: str) -> Experiment:
    """Evaluate every system in the whole gallery and say what it would reach in smaller ones.

    Args:
        runner: With settings `data`, `systems`, `sizes`.
        command: The command line that repeats it.

    Returns:
        For each data set and system a table and a plot.
    """
    found = runner.run([Part(task, system) for task in runner.tasks() for system in runner.systems()])
    return experiment_of(
        "gallery-size",
        TITLE,
        runner,
        command,
        found,
        tables=[_table(each, runner) for each in found],
        plots=[_plot(each, runner) for each in found],
        notes=("Exact expectation over all galleries of n pictures that hold the right one; nothing is sampled.",),
    )


def expected_hits(ranks: NDArray[np.integer], num_pictures: int, size: int, k: int) -> NDArray[np.float64]:
    """Chance that the right picture is among the top K in a smaller gallery.

    Args:
        ranks: [Q], 1-based, in the whole gallery; what ties with the right picture counts as better.
        num_pictures: N, size of the whole gallery.
        size: n <= N, size of the smaller one.
        k: K.

    Returns:
        [Q], P(hypergeometric(N - 1, rank - 1, n - 1) < K), in [0, 1]; for n = N it is 1 or 0.

    Source: own, by counting.

    >>> expected_hits(np.array([1, 2]), 3, 2, 1).round(6).tolist()
    [1.0, 0.5]
    """
    others, drawn = num_pictures - 1, size - 1
    table = {int(rank): _chance(others, int(rank) - 1, drawn, k) for rank in np.unique(ranks)}
    return np.array([table[int(rank)] for rank in ranks])


def _chance(others: int, better: int, drawn: int, k: int) -> float:
    """P(fewer than k of `better` are among `drawn` of `others`)."""
    total = 0.0
    for num in range(min(k, better + 1, drawn + 1)):
        if drawn - num > others - better:
            continue
        total += float(
            np.exp(_log_choose(better, num) + _log_choose(others - better, drawn - num) - _log_choose(others, drawn))
        )
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _sizes(evaluation: Evaluation, runner: Runner) -> list[int]:
    whole = min(query.pool for query in evaluation.queries)
    return [size for size in sorted(set(runner.settings.sizes)) if size < whole] + [whole]


def _figures(evaluation: Evaluation, mode: Mode, size: int, k: int, runner: Runner) -> Figure:
    ranks = evaluation.ranks(mode)
    pools = np.array([query.pool for query in evaluation.queries])
    values = np.empty(len(ranks))
    for pool in np.unique(pools):
        of_pool = pools == pool
        values[of_pool] = expected_hits(ranks[of_pool], int(pool), min(size, int(pool)), k)
    return figure_of(values, photos_of(evaluation), runner.settings)


def _table(evaluation: Evaluation, runner: Runner) -> Table:
    modes = evaluation.ways
    rows: list[tuple[Cell, ...]] = [
        (float(size), mode, *(_figures(evaluation, mode, size, k, runner) for k in KS))
        for size in _sizes(evaluation, runner)
        for mode in modes
    ]
    return Table(
        title=f"{title_of(evaluation)}; {evaluation.system.title}",
        columns=(
            Column(name="pictures", kind="count"),
            Column(name="query"),
            *(Column(name=f"Acc@{k} %", kind="percent") for k in KS),
        ),
        rows=tuple(rows),
    )


def _plot(evaluation: Evaluation, runner: Runner) -> Plot:
    sizes = _sizes(evaluation, runner)
    panels = [
        Panel(
            title=f"Acc@{k}",
            series=tuple(
                Series(
                    name=mode,
                    x=tuple(float(size) for size in sizes),
                    y=tuple(_figures(evaluation, mode, size, k, runner) for size in sizes),
                )
                for mode in evaluation.ways
            ),
        )
        for k in KS
    ]
    return Plot(
        name=f"gallery-size-{evaluation.data.name}-{evaluation.system.name.replace(' ', '-')}",
        title=f"{title_of(evaluation)}; {evaluation.system.title}",
        x_label="pictures in the gallery",
        y_label="queries, %",
        panels=tuple(panels),
        is_log=True,
    )
