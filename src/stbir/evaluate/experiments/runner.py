"""Runs the parts of an experiment, each an evaluation of one system on one task, and keeps them.

A part is kept as `cells/KEY.json` whose key names system, task, noise, settings and code, so a run that was stopped
goes on where it was, several experiments share their parts, and changed code measures anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from stbir.datasets import open_dataset
from stbir.errors import ConfigError, InputError
from stbir.evaluate.embed import Embedder
from stbir.evaluate.evaluation import evaluate
from stbir.evaluate.experiments.config import DataSettings, ExperimentSettings
from stbir.evaluate.named import SystemFactory
from stbir.evaluate.protocols import make_task
from stbir.evaluate.provenance import code_version
from stbir.evaluate.result import Evaluation, write_record
from stbir.evaluate.systems import System
from stbir.evaluate.task import Task
from stbir.evaluate.vector_store import VectorStore

CELLS = "cells"
VECTORS = "vectors"


@dataclass(frozen=True, eq=False)
class Part:
    """One evaluation of an experiment."""

    task: Task
    system: System


@dataclass(eq=False)
class Runner:
    """Makes tasks and systems of an experiment and evaluates them.

    Attributes:
        settings: Of the experiment.
        factory: Makes the systems.
        folder: Where parts are kept; None keeps nothing.
        is_quiet: Whether to show no progress.
    """

    settings: ExperimentSettings
    factory: SystemFactory
    folder: Path | None = None
    is_quiet: bool = False
    _tasks: dict[DataSettings, Task] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        settings: ExperimentSettings,
        *,
        model: Path | None = None,
        threads: int | None = None,
        folder: Path | None = None,
        is_quiet: bool = False,
    ) -> Runner:
        """A runner whose systems share their vectors, kept in the folder."""
        store = VectorStore(None if folder is None else folder / VECTORS)
        return cls(settings, SystemFactory(model, threads=threads, store=store), folder, is_quiet)

    def tasks(self) -> list[Task]:
        """The tasks of the settings' data sets."""
        return [self._task(data) for data in self.settings.data]

    def groups(self) -> list[list[System]]:
        """The systems of the settings, each with all its seeds."""
        return [[self.factory.make(each) for each in spec.split("|")] for spec in self.settings.systems]

    def systems(self) -> list[System]:
        """The systems of the settings, for experiments that look at one seed of each.

        Raises:
            ConfigError: A system has several seeds.
        """
        groups = self.groups()
        if any(len(group) > 1 for group in groups):
            raise ConfigError("this experiment looks at one seed of a system: name one bundle, without |")
        return [group[0] for group in groups]

    def run_groups(self, task: Task) -> list[list[Evaluation]]:
        """Evaluate all systems on a task, each with all its seeds."""
        groups = self.groups()
        found = iter(self.run([Part(task, system) for group in groups for system in group]))
        return [[next(found) for _ in group] for group in groups]

    def run(self, parts: Sequence[Part]) -> list[Evaluation]:
        """Evaluate parts, those that are kept excepted.

        Args:
            parts: What to evaluate.

        Returns:
            Their evaluations, in order.
        """
        found: list[Evaluation] = []
        last: Embedder | None = None
        with tqdm(parts, unit="part", file=sys.stderr, disable=True if self.is_quiet else None) as bar:
            for part in bar:
                embedder: Embedder | None = getattr(part.system, "embedder", None)
                if last is not None and embedder is not last:
                    last.rest()  # dozens of models at once would not fit into memory
                last = embedder
                noise = part.task.noise
                what = f"{noise.name}:{noise.severity:g}" if noise else "clean"
                bar.set_description(f"{part.task.data.name} {part.system.record.name} {what}")
                found.append(self._evaluated(part, bar))
        return found

    def _evaluated(self, part: Part, bar: tqdm[Part]) -> Evaluation:
        path = self._path(part)
        if path is not None and path.exists():
            try:
                return Evaluation.read(path)
            except InputError:
                path.unlink()
        result = evaluate(
            part.task,
            part.system,
            seed=self.settings.seed,
            num_resamples=self.settings.num_resamples,
            progress=lambda what, done, total: bar.set_postfix_str(f"{what} {done:,}/{total:,}"),
        )
        if path is not None:
            write_record(result, path)
        return result

    def _path(self, part: Part) -> Path | None:
        """Where a part is kept; None for systems whose ranks may change under the same name."""
        record, task = part.system.record, part.task
        if self.folder is None or record.kind in ("callable", "run"):
            return None
        noise = None if task.noise is None else [task.noise.name, task.noise.severity, task.noise.seed]
        named = [
            record.model_dump(mode="json"),
            [task.protocol, task.data.name, task.data_hash, task.splits, task.distractors, noise],
            [self.settings.num_resamples, self.settings.seed, code_version()],
        ]
        return self.folder / CELLS / f"{hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]}.json"

    def _task(self, data: DataSettings) -> Task:
        if data not in self._tasks:
            task = make_task(data.protocol, open_dataset(data.name), splits=data.split, distractors=data.distractors)
            task.data_hash, task.drawing_quality  # noqa: B018 - found out once here, noisy copies take it over
            self._tasks[data] = task
        return self._tasks[data]
