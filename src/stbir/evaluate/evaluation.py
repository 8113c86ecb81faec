"""From a system and a task to an `Evaluation`: drawing alone, words alone and both on the same queries.

Every query is ranked against its whole gallery. Nothing is random but the bootstrap and the noise, whose seeds are in
the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from stbir.errors import InputError
from stbir.evaluate.embed import Progress
from stbir.evaluate.intervals import CONFIDENCE, NUM_RESAMPLES, paired_difference
from stbir.evaluate.metrics import hits_at, reciprocal_ranks
from stbir.evaluate.provenance import code_version, environment
from stbir.evaluate.ranks import Ranks
from stbir.evaluate.record import (
    DataRecord,
    Figure,
    Gain,
    Mode,
    ModeResult,
    NoiseRecord,
    QueryRecord,
    Settings,
)
from stbir.evaluate.result import Evaluation, figures_of
from stbir.evaluate.systems import System
from stbir.evaluate.task import Task


def evaluate(
    task: Task,
    system: System,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a system on a task.

    Args:
        task: Queries and gallery, from `make_task`.
        system: What ranks.
        seed: Of the bootstrap.
        num_resamples: Of the bootstrap.
        command: The command line that repeats it, for the record.
        progress: Told (what, how many done, of how many) while encoding.

    Returns:
        Figures of every way of asking that the data set and the system allow.

    Raises:
        DatasetError: A picture or drawing cannot be read.
        InputError: A vector is not finite, or the system answers nothing.
    """
    ranks = system.rank(task, progress)
    if not ranks:
        raise InputError(f"{system.record.name} answers no way of asking that {task.data.name} allows")
    photos = task.photos
    modes = {
        mode: ModeResult(metrics=figures_of(found, photos, num_resamples, seed), ranks=tuple(found.tolist()))
        for mode, found in ranks.items()
    }
    noise = task.noise
    return Evaluation(
        stbir_version=version("stbir"),
        code=code_version(),
        protocol=task.protocol,
        command=command,
        settings=Settings(
            noise=None if noise is None else NoiseRecord(name=noise.name, severity=noise.severity, seed=noise.seed),
            num_resamples=num_resamples,
            confidence=CONFIDENCE,
            seed=seed,
        ),
        system=system.record,
        data=data_record(task),
        modes=modes,
        gains=_gains(ranks, modes, photos, num_resamples, seed),
        queries=_query_records(task),
        environment=environment(),
    )


def data_record(task: Task) -> DataRecord:
    """What a task rests on."""
    return DataRecord(
        name=task.data.name,
        splits=task.splits,
        distractors=task.distractors,
        sha256=task.data_hash,
        num_pictures=len(task.gallery),
        num_queries=len(task.questions),
        num_photos=len(set(task.photos)),
        num_duplicates=task.num_duplicates,
        left_out=task.left_out,
        text_ceiling=task.text_ceiling(),
    )


def _gains(
    ranks: dict[Mode, Ranks], modes: dict[Mode, ModeResult], photos: Sequence[str], num_resamples: int, seed: int
) -> tuple[Gain, ...]:
    alone: list[Mode] = [mode for mode in ("sketch", "text") if mode in ranks]
    if "sketch+text" not in ranks or not alone:
        return ()
    better: Mode = max(alone, key=lambda mode: modes[mode].metrics["mrr"].value)
    together, single = ranks["sketch+text"], ranks[better]
    gains = []
    for metric, values in (("acc@1", lambda each: hits_at(each, 1)), ("mrr", reciprocal_ranks)):
        found = paired_difference(values(together), values(single), photos, num_resamples=num_resamples, seed=seed)
        difference = Figure(value=found.value, low=found.low, high=found.high)
        harm = float(np.mean(together > single))
        gains.append(Gain(over=better, metric=metric, difference=difference, p_value=found.p_value, harm=harm))
    return tuple(gains)


def _query_records(task: Task) -> tuple[QueryRecord, ...]:
    details, agreements = task.drawing_quality
    return tuple(
        QueryRecord(
            id=question.row.id,
            sketches=tuple(question.row.sketches[position] for position in question.positions),
            pool=int(pool),
            category=question.row.category,
            detail=of_detail,
            agreement=of_agreement,
        )
        for question, pool, of_detail, of_agreement in zip(
            task.questions, task.pool_sizes, details, agreements, strict=True
        )
    )
