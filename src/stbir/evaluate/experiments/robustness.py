"""Experiment `robustness`: every noise at every severity; accuracy, the area under its curve, and harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stbir.corrupt import CORRUPTIONS
from stbir.evaluate.experiments.figures import better_alone, figure_of, harm_of, mean_values, photos_of, title_of
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Panel, Plot, Series, Table
from stbir.evaluate.experiments.runner import Part, Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.noise import Noise
from stbir.evaluate.result import Evaluation
from stbir.evaluate.systems import System
from stbir.evaluate.task import Task

TITLE = "Robustness: accuracy by severity of each noise"
MIDDLE = 3.0


@dataclass(frozen=True, eq=False)
class Curve:
    """One noise on one task for one system.

    Attributes:
        noise: Its name.
        severities: [S], ascending, 0 first.
        found: [S] lists of evaluations, one for each seed of the noise.
    """

    noise: str
    severities: tuple[float, ...]
    found: tuple[tuple[Evaluation, ...], ...]


def run(runner: Runner, command: str) -> Experiment:
    """Evaluate every system under every noise.

    Args:
        runner: With settings `data`, `systems`, `noises`, `severities`, `noise_seeds`.
        command: The command line that repeats it.

    Returns:
        For each data set and system a table of noises and a plot of their curves.
    """
    tables, plots, everything = [], [], []
    for task in runner.tasks():
        for system in runner.systems():
            curves = [curve_of(runner, task, system, noise) for noise in noises_of(runner, task)]
            everything += [each for curve in curves for found in curve.found for each in found]
            tables.append(_table(curves, runner))
            plots.append(_plot(curves, runner))
    return experiment_of(
        "robustness",
        TITLE,
        runner,
        command,
        everything,
        tables=tables,
        plots=plots,
        notes=(
            "Severity 0 is the clean query, 5 as bad as a user can be; noises: docs/corruptions.md.",
            "Area: mean Acc@1 of sketch+text over severities 0 to 5 (trapezoids), as a share of the clean one.",
            "Harm: share of queries that rank worse by both than by the better of drawing and words alone at that "
            "severity.",
        ),
    )


def noises_of(runner: Runner, task: Task) -> list[str]:
    """The noises that change something of the task: those of the settings, else all of drawings and words."""
    asked = runner.settings.noises
    wanted = list(CORRUPTIONS) if asked == ("all",) else list(asked or ())
    if not wanted:
        wanted = [name for name, each in CORRUPTIONS.items() if each.modality != "image"]
    present = {"image"} | ({"sketch"} if task.has_sketches else set()) | ({"text"} if task.has_texts else set())
    return [name for name in wanted if Noise(name, 0).changes <= present]


def curve_of(runner: Runner, task: Task, system: System, noise: str) -> Curve:
    """Evaluate one noise at every severity and seed."""
    settings = runner.settings
    noisy = [
        [task.with_noise(Noise(noise, severity, seed)) for seed in (settings.noise_seeds if severity else (0,))]
        for severity in settings.severities
    ]
    found = iter(runner.run([Part(each, system) for tasks in noisy for each in tasks]))
    return Curve(noise, settings.severities, tuple(tuple(next(found) for _ in tasks) for tasks in noisy))


def area(severities: Sequence[float], values: Sequence[float]) -> float:
    """Mean height of a curve, by trapezoids.

    >>> area([0, 5], [1.0, 0.5])
    0.75
    """
    x, y = np.asarray(severities, np.float64), np.asarray(values, np.float64)
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0])) if len(x) > 1 else float(y[0])


def _table(curves: Sequence[Curve], runner: Runner) -> Table:
    settings = runner.settings
    first = curves[0].found[0][0]
    mode = first.ways[-1]
    rows: list[tuple[Cell, ...]] = []
    for curve in curves:
        means = [float(mean_values(found, mode, "acc@1").mean()) for found in curve.found]
        figures = [figure_of(mean_values(found, mode, "acc@1"), photos_of(first), settings) for found in curve.found]
        clean = max(means[0], 1e-12)
        middle = means[curve.severities.index(MIDDLE)] / clean if MIDDLE in curve.severities else None
        harms: list[Cell] = []
        if mode == "sketch+text":
            for found in (curve.found[0], curve.found[-1]):
                harms.append(float(harm_of(found, better_alone(found)).mean()))
        kind = CORRUPTIONS[curve.noise].modality
        rows.append((curve.noise, kind, *figures, area(curve.severities, means) / clean, middle, *harms))
    return Table(
        title=f"{title_of(first)}; {first.system.title}; Acc@1 % of {mode} by severity",
        columns=(
            Column(name="noise"),
            Column(name="of"),
            *(Column(name=f"{severity:g}", kind="percent") for severity in curves[0].severities),
            Column(name="area %", kind="percent", digits=0),
            Column(name="kept at 3 %", kind="percent", digits=0),
            *(
                [Column(name="harm at 0 %", kind="percent"), Column(name="harm at 5 %", kind="percent")]
                if mode == "sketch+text"
                else []
            ),
        ),
        rows=tuple(rows),
    )


def _plot(curves: Sequence[Curve], runner: Runner) -> Plot:
    settings = runner.settings
    first = curves[0].found[0][0]
    panels = []
    for curve in curves:
        series = []
        for mode in first.ways:
            figures = [
                figure_of(mean_values(found, mode, "acc@1"), photos_of(first), settings) for found in curve.found
            ]
            series.append(Series(name=mode, x=curve.severities, y=tuple(figures)))
        panels.append(Panel(title=curve.noise, series=tuple(series)))
    name = first.system.name.replace(" ", "-")
    return Plot(
        name=f"robustness-{first.data.name}-{name}",
        title=f"{title_of(first)}; {first.system.title}",
        x_label="severity",
        y_label="Acc@1, %",
        panels=tuple(panels),
    )
