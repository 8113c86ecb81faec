"""Systems that are not models of stbir: a Python function, a run file of somebody else's system, and chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError
from stbir.evaluate.embed import Progress
from stbir.evaluate.ranks import Ranks
from stbir.evaluate.record import WAYS, Mode, SystemRecord
from stbir.evaluate.runs import ranks_of_run, read_run
from stbir.evaluate.score_ranks import ranked_by_scores
from stbir.evaluate.task import Task


class CallableSystem:
    """A Python function that gives similarities, so that any system can be measured from its own code.

    Args:
        name: What results call it.
        function: Called with the task; returns for each way of asking (`sketch`, `text`, `sketch+text`, any of them)
            similarities [Q, N], higher is better, with the rows in order of `task.questions` and the columns in order
            of `task.gallery`.
    """

    def __init__(self, name: str, function: Callable[[Task], Mapping[str, NDArray[np.floating]]]) -> None:
        self.name = name
        self.function = function

    @property
    def record(self) -> SystemRecord:
        """Its name."""
        return SystemRecord(name=self.name, kind="callable")

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """Call the function and rank by what it gives."""
        del progress
        answers = dict(self.function(task))
        shape = (len(task.questions), len(task.gallery))
        for mode, similarities in answers.items():
            if mode not in WAYS:
                raise InputError(f"{self.name} answers {mode!r}: expected {', '.join(WAYS)}")
            if np.shape(similarities) != shape:
                raise InputError(
                    f"{self.name} gives similarities {np.shape(similarities)} for {mode}: expected {shape}"
                )
        arrays = {mode: np.asarray(values) for mode, values in answers.items()}
        return ranked_by_scores(
            task,
            [mode for mode in WAYS if mode in arrays],
            lambda mode, rows, members: np.asarray(arrays[mode][np.ix_(rows, members)], np.float64),
        )


class RandomSystem:
    """Chance: the right picture stands anywhere in its pool with the same probability.

    Args:
        seed: Of the chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @property
    def record(self) -> SystemRecord:
        """Its name and seed."""
        return SystemRecord(name="random", kind="baseline", settings={"seed": self.seed})

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """A rank drawn evenly from the pool, anew for each way of asking."""
        del progress
        modes = [
            mode
            for mode, is_there in zip(
                WAYS, (task.has_sketches, task.has_texts, task.has_sketches and task.has_texts), strict=True
            )
            if is_there
        ]
        rng = np.random.default_rng(self.seed)
        return {mode: rng.integers(1, task.pool_sizes + 1) for mode in modes}


class RunSystem:
    """Somebody else's system, by the ranked lists it gave for each query.

    Args:
        runs: For each way of asking a run file.
        name: What results call it; None takes the name of the first file.

    What `rank` learned about the files is in `notes` afterwards: queries that are missing, right pictures not listed.
    """

    def __init__(self, runs: Mapping[Mode, Path], name: str | None = None) -> None:
        if not runs:
            raise InputError("no run file is given: name one")
        self.runs = dict(runs)
        self.name = name or next(iter(self.runs.values())).name.split(".")[0]
        self.notes: tuple[str, ...] = ()

    @property
    def record(self) -> SystemRecord:
        """Its name, and the files."""
        return SystemRecord(
            name=self.name,
            kind="run",
            settings={f"run_{mode}": path.name for mode, path in self.runs.items()},
            notes=self.notes,
        )

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """Read the files and find each query's right picture in its list."""
        del progress
        found: dict[Mode, Ranks] = {}
        notes = []
        for mode, path in self.runs.items():
            of_run = ranks_of_run(
                read_run(path),
                [question.id for question in task.questions],
                [row.id for row in task.gallery],
                task.targets,
                task.pool_numbers,
            )
            found[mode] = of_run.ranks
            if of_run.num_missing_queries:
                notes.append(f"{path.name} lacks {of_run.num_missing_queries} of the queries; they count as lost.")
            if of_run.num_not_listed:
                notes.append(f"{path.name} does not list the right picture of {of_run.num_not_listed} queries: last.")
        self.notes = tuple(notes)
        return found
