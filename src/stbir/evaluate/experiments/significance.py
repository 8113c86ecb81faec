"""Experiment `significance`: every pair of systems compared query by query, p-values corrected for their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from stbir.errors import ConfigError, InputError
from stbir.evaluate.experiments.config import ExperimentSettings
from stbir.evaluate.experiments.figures import difference_of, name_of, title_of
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Table
from stbir.evaluate.experiments.runner import Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.record import WAYS
from stbir.evaluate.result import Evaluation
from stbir.evaluate.summary import holm

TITLE = "Significance: systems compared in pairs, query by query"
METRICS = {"acc@1": "Acc@1", "mrr": "MRR"}


def run(runner: Runner, command: str, results: Sequence[Path] = ()) -> Experiment:
    """Compare systems in pairs.

    Args:
        runner: With settings `data` and `systems` (two or more).
        command: The command line that repeats it.
        results: Result files of `stbir evaluate` that are compared instead, two or more of the same task.

    Returns:
        For each data set a table of pairs.

    Raises:
        ConfigError: Fewer than two systems.
        InputError: Results of different data, protocols or noises.
    """
    if results:
        by_task: list[list[list[Evaluation]]] = [[[each] for each in _of_one_task(map(Evaluation.read, results))]]
    else:
        if len(runner.settings.systems) < 2:
            raise ConfigError("one system cannot be compared: name two or more with --system, or --result files")
        by_task = [runner.run_groups(task) for task in runner.tasks()]
    return experiment_of(
        "significance",
        TITLE,
        runner,
        command,
        [each for systems in by_task for seeds in systems for each in seeds],
        tables=[_table(systems, runner.settings) for systems in by_task],
        notes=("p: two-sided, bootstrapped by photo, corrected by Holm over all rows of a table.",),
    )


def _of_one_task(results: Iterable[Evaluation]) -> list[Evaluation]:
    found = list(results)
    if len(found) < 2:
        raise ConfigError("one result cannot be compared: give two or more")
    first = found[0]
    for other in found[1:]:
        same = (other.data.sha256, other.protocol, other.settings.noise) == (
            first.data.sha256,
            first.protocol,
            first.settings.noise,
        )
        if not same or len(other.queries) != len(first.queries):
            raise InputError(
                f"{other.title} and {first.title} were not measured on the same queries: compare results of one data "
                "set, protocol and noise"
            )
    return found


def _table(systems: Sequence[Sequence[Evaluation]], settings: ExperimentSettings) -> Table:
    rows: list[tuple[Cell, ...]] = []
    p_values: list[float] = []
    for mode in WAYS:
        there = [seeds for seeds in systems if mode in seeds[0].modes]
        for one, other in combinations(there, 2):
            same_model = one[0].system.fingerprint == other[0].system.fingerprint
            if same_model and mode != "sketch+text" and one[0].modes[mode] == other[0].modes[mode]:
                continue  # rules of fusion of one model: nothing to compare where only one part asks
            for metric, title in METRICS.items():
                difference, p_value = difference_of(one, other, mode, metric, settings)
                p_values.append(p_value)
                rows.append((mode, name_of(one), name_of(other), title, difference, p_value))
    corrected = holm(p_values).tolist() if p_values else []
    return Table(
        title=title_of(systems[0][0]),
        columns=(
            Column(name="query"),
            Column(name="first"),
            Column(name="second"),
            Column(name="metric"),
            Column(name="first minus second, x 100", kind="points"),
            Column(name="p", kind="share"),
            Column(name="p (Holm)", kind="share"),
        ),
        rows=tuple((*row, p) for row, p in zip(rows, corrected, strict=True)),
    )
