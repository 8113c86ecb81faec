"""Experiments: one command each, from data and systems to tables and plots with intervals.

settings = ExperimentSettings(data=("samples",), systems=("model", "mean", "classic", "random"))
experiment = EXPERIMENTS["main"](Runner.make(settings, folder=Path("out/cache")), "by hand")
write_pages(experiment, Path("out"))
"""

from collections.abc import Callable

from stbir.evaluate.experiments import ablation, cost, gallery_size, main, partial, robustness, significance
from stbir.evaluate.experiments.config import DataSettings, ExperimentSettings, load_settings
from stbir.evaluate.experiments.pages import html_of, markdown_of, read_experiments, write_pages, write_report
from stbir.evaluate.experiments.record import Experiment, Plot, Table
from stbir.evaluate.experiments.runner import Part, Runner

EXPERIMENTS: dict[str, Callable[[Runner, str], Experiment]] = {
    "main": main.run,
    "ablation": ablation.run,
    "robustness": robustness.run,
    "gallery-size": gallery_size.run,
    "partial": partial.run,
    "cost": cost.run,
    "significance": significance.run,
}

__all__ = [
    "EXPERIMENTS",
    "DataSettings",
    "Experiment",
    "ExperimentSettings",
    "Part",
    "Plot",
    "Runner",
    "Table",
    "html_of",
    "load_settings",
    "markdown_of",
    "read_experiments",
    "write_pages",
    "write_report",
]
