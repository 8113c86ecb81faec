"""Puts what an experiment found into its record."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from stbir.evaluate.experiments.record import Experiment, Plot, Table
from stbir.evaluate.experiments.runner import Runner
from stbir.evaluate.provenance import code_version, environment
from stbir.evaluate.result import Evaluation


def experiment_of(
    name: str,
    title: str,
    runner: Runner,
    command: str,
    evaluations: Sequence[Evaluation],
    *,
    tables: Sequence[Table],
    plots: Sequence[Plot] = (),
    notes: Sequence[str] = (),
) -> Experiment:
    """The record of an experiment.

    Args:
        name: Which experiment.
        title: What it shows.
        runner: What ran it.
        command: The command line that repeats it.
        evaluations: What it rests on.
        tables: Its tables.
        plots: Its plots.
        notes: What a reader must know, besides how intervals are made.

    Returns:
        The record.
    """
    data = {each.data.sha256 + each.protocol: each.data for each in evaluations}
    systems = {each.system.model_dump_json(): each.system for each in evaluations}
    about = (
        "Brackets and bands: 95 % intervals, bootstrapped by photo; exact over photos where Acc is 0 or 100. Ties "
        "count as lost."
    )
    return Experiment(
        name=name,
        title=title,
        command=command,
        config=runner.settings.model_dump(mode="json"),
        stbir_version=version("stbir"),
        code=code_version(),
        environment=environment(),
        data=tuple(data.values()),
        systems=tuple(systems.values()),
        tables=tuple(tables),
        plots=tuple(plots),
        notes=(about, *notes),
    )
