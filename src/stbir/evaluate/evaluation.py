"""From a model, a data set and a protocol to an `Evaluation`: drawing alone, words alone and both on the same queries.

The query vectors are made by `stbir.model.fusion.compose`, as a search makes them, and every query is ranked against
its whole gallery. Nothing is random but the bootstrap, whose seed is in the result.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from stbir.evaluate.embed import Embedded, Encodes, Progress, Vectors, embed
from stbir.evaluate.intervals import (
    CONFIDENCE,
    NUM_RESAMPLES,
    Interval,
    bootstrap_interval,
    paired_difference,
    share_interval,
)
from stbir.evaluate.metrics import hits_at, reciprocal_ranks
from stbir.evaluate.protocols import Task
from stbir.evaluate.ranks import Ranks, ranks_in_pools
from stbir.evaluate.result import (
    DataRecord,
    Evaluation,
    Figure,
    Gain,
    Mode,
    ModelRecord,
    ModeResult,
    QueryRecord,
    Settings,
)
from stbir.model.bundle import ModelInfo
from stbir.model.fusion import compose
from stbir.query import Weights

ACC_AT = (1, 5, 10)


def evaluate(
    task: Task,
    encoder: Encodes,
    info: ModelInfo,
    *,
    weights: Weights | None = None,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a model on a task.

    Args:
        task: Queries and gallery, from `make_task`.
        encoder: The model.
        info: The model's description: dimensions, learned balance, fingerprint.
        weights: How much drawing and words count; None takes the balance that the model learned.
        seed: Of the bootstrap.
        num_resamples: Of the bootstrap.
        command: The command line that repeats it, for the record.
        progress: Told (what, how many done, of how many) while encoding.

    Returns:
        Figures of every way of asking that the data set allows.

    Raises:
        DatasetError: A picture or drawing cannot be read.
        InputError: A vector is not finite.
    """
    weights = weights or Weights()
    vectors = embed(task, encoder, progress)
    groups = [question.row.id for question in task.questions]
    names = task.pools()
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    pools = np.array([number_of[name] for name in names], np.int64)
    targets = np.array([question.target for question in task.questions], np.int64)
    ranks = {
        mode: ranks_in_pools(queries, vectors.gallery, targets, pools[targets], pools)
        for mode, queries in query_vectors(vectors, info, weights).items()
    }
    modes = {mode: _mode_result(of_mode, groups, num_resamples, seed) for mode, of_mode in ranks.items()}
    sizes = np.bincount(pools)
    return Evaluation(
        stbir_version=version("stbir"),
        protocol=task.protocol,
        command=command,
        settings=Settings(
            weights={"sketch": weights.sketch, "text": weights.text},
            num_resamples=num_resamples,
            confidence=CONFIDENCE,
            seed=seed,
        ),
        model=ModelRecord(
            name=info.name,
            version=info.version,
            fingerprint=info.fingerprint,
            scale={"sketch": info.fusion.scale.sketch, "text": info.fusion.scale.text},
        ),
        data=DataRecord(
            name=task.data.name,
            splits=task.splits,
            distractors=task.distractors,
            sha256=vectors.data_hash,
            num_pictures=len(task.gallery),
            num_queries=len(task.questions),
            num_photos=len(set(groups)),
            num_duplicates=vectors.num_duplicates,
            left_out=task.left_out,
            text_ceiling=task.text_ceiling(),
        ),
        modes=modes,
        gains=_gains(ranks, modes, groups, num_resamples, seed),
        queries=tuple(
            QueryRecord(
                id=question.row.id,
                sketches=tuple(question.row.sketches[position] for position in question.positions),
                pool=int(sizes[pools[question.target]]),
            )
            for question in task.questions
        ),
        environment=_environment(),
    )


def query_vectors(vectors: Embedded, info: ModelInfo, weights: Weights) -> dict[Mode, Vectors]:
    """Fuse the parts of every query, as a search does.

    Args:
        vectors: The encoded task.
        info: Dimensions and learned balance.
        weights: The user's weights.

    Returns:
        For each possible way of asking [Q, Ds + Dt].
    """
    sketches, texts = vectors.sketches, vectors.texts
    dims, scale = info.dims, info.fusion.scale
    made: dict[Mode, Vectors] = {}
    if sketches is not None:
        made["sketch"] = np.stack([compose(dims, scale, Weights(), sketch=sketch) for sketch in sketches])
    if texts is not None:
        made["text"] = np.stack([compose(dims, scale, Weights(), text=text) for text in texts])
    if sketches is not None and texts is not None:
        pairs = zip(sketches, texts, strict=True)
        made["sketch+text"] = np.stack([compose(dims, scale, weights, sketch=s, text=t) for s, t in pairs])
    return made


def _mode_result(ranks: Ranks, groups: Sequence[str], num_resamples: int, seed: int) -> ModeResult:
    metrics = {
        f"acc@{k}": share_interval(hits_at(ranks, k), groups, num_resamples=num_resamples, seed=seed) for k in ACC_AT
    }
    metrics["mrr"] = bootstrap_interval(reciprocal_ranks(ranks), groups, num_resamples=num_resamples, seed=seed)
    metrics["median_rank"] = bootstrap_interval(
        ranks, groups, statistic="median", num_resamples=num_resamples, seed=seed
    )
    figures = {name: _figure(interval) for name, interval in metrics.items()}
    return ModeResult(metrics=figures, ranks=tuple(ranks.tolist()))


def _gains(
    ranks: dict[Mode, Ranks], modes: dict[Mode, ModeResult], groups: Sequence[str], num_resamples: int, seed: int
) -> tuple[Gain, ...]:
    if "sketch+text" not in ranks:
        return ()
    alone: tuple[Mode, Mode] = ("sketch", "text")
    better: Mode = max(alone, key=lambda mode: modes[mode].metrics["mrr"].value)
    together, single = ranks["sketch+text"], ranks[better]
    gains = []
    for metric, values in (("acc@1", lambda each: hits_at(each, 1)), ("mrr", reciprocal_ranks)):
        found = paired_difference(values(together), values(single), groups, num_resamples=num_resamples, seed=seed)
        harm = float(np.mean(together > single))
        gains.append(Gain(over=better, metric=metric, difference=_figure(found), p_value=found.p_value, harm=harm))
    return tuple(gains)


def _figure(interval: Interval) -> Figure:
    return Figure(value=interval.value, low=interval.low, high=interval.high)


def _environment() -> dict[str, str]:
    packages = ("numpy", "onnxruntime", "pillow")
    return {"python": platform.python_version(), "machine": platform.machine()} | {
        package: version(package) for package in packages
    }
