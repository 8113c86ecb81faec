"""Figures that experiments share: of one evaluation or of several seeds, differences, harm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stbir.evaluate.experiments.config import ExperimentSettings
from stbir.evaluate.intervals import bootstrap_interval, paired_difference, share_interval
from stbir.evaluate.record import Figure, Mode
from stbir.evaluate.result import Evaluation
from stbir.evaluate.summary import seeds_difference, summarize_seeds

Values = NDArray[np.float64]


def values_of(evaluation: Evaluation, mode: Mode, metric: str) -> Values:
    """Values query by query.

    Args:
        evaluation: The evaluation.
        mode: Way of asking.
        metric: `acc@K` or `mrr`.

    Returns:
        [Q], in [0, 1].
    """
    ranks = evaluation.ranks(mode)
    return np.asarray(1.0 / ranks if metric == "mrr" else ranks <= int(metric.removeprefix("acc@")), np.float64)


def mean_values(evaluations: Sequence[Evaluation], mode: Mode, metric: str) -> Values:
    """[Q], values averaged over evaluations of the same queries: seeds of a noise."""
    return np.asarray(np.mean([values_of(each, mode, metric) for each in evaluations], axis=0))


def figure_of(values: Values, photos: Sequence[str], settings: ExperimentSettings) -> Figure:
    """Mean of values [Q] with its interval, resampled by photo; exact where all are 0 or all are 1."""
    is_share = bool(np.isin(values, (0.0, 1.0)).all())
    interval = share_interval if is_share else bootstrap_interval
    found = interval(values, photos, num_resamples=settings.num_resamples, seed=settings.seed)
    return Figure(value=found.value, low=found.low, high=found.high)


def seeds_figure(
    evaluations: Sequence[Evaluation], mode: Mode, metric: str, settings: ExperimentSettings
) -> tuple[Figure, tuple[float, ...], float]:
    """Mean over the seeds of a trained system: interval over photos and seeds, every seed's figure, their spread."""
    values = [values_of(each, mode, metric) for each in evaluations]
    found = summarize_seeds(values, photos_of(evaluations[0]), num_resamples=settings.num_resamples, seed=settings.seed)
    return Figure(value=found.value, low=found.low, high=found.high), found.per_seed, found.spread


def difference_of(
    first: Sequence[Evaluation], second: Sequence[Evaluation], mode: Mode, metric: str, settings: ExperimentSettings
) -> tuple[Figure, float]:
    """First minus second on the same queries, with interval and p-value; over seeds too where both have several."""
    one = [values_of(each, mode, metric) for each in first]
    other = [values_of(each, mode, metric) for each in second]
    photos = photos_of(first[0])
    options = {"num_resamples": settings.num_resamples, "seed": settings.seed}
    if len(one) > 1 and len(other) > 1:
        found = seeds_difference(one, other, photos, **options)
    else:
        found = paired_difference(np.mean(one, axis=0), np.mean(other, axis=0), photos, **options)
    return Figure(value=found.value, low=found.low, high=found.high), found.p_value


def photos_of(evaluation: Evaluation) -> list[str]:
    """[Q], what intervals are resampled by."""
    return [query.id for query in evaluation.queries]


def harm_of(evaluations: Sequence[Evaluation], over: Mode) -> Values:
    """How often both together rank worse than one alone.

    Args:
        evaluations: One, or one for each seed.
        over: The way of asking they are compared with.

    Returns:
        [Q], share of the evaluations in which the query ranks worse.
    """
    return np.asarray(np.mean([each.ranks("sketch+text") > each.ranks(over) for each in evaluations], axis=0))


def better_alone(evaluations: Sequence[Evaluation]) -> Mode:
    """Sketch or text, whichever has the higher MRR."""
    return max(
        (mode for mode in evaluations[0].ways if mode != "sketch+text"),
        key=lambda mode: np.mean([each.modes[mode].metrics["mrr"].value for each in evaluations]),
    )


def title_of(evaluation: Evaluation) -> str:
    """Data set, protocol and sizes."""
    data = evaluation.data
    splits = "" if data.splits == ("test",) else f" (splits {', '.join(data.splits)})"
    where = "by category" if evaluation.protocol == "fg-sbir" else f"{data.num_pictures:,} pictures"
    return (
        f"{data.name}{splits}, protocol {evaluation.protocol}: {data.num_queries:,} queries for {data.num_photos:,} "
        f"photos, {where}"
    )


def name_of(evaluations: Sequence[Evaluation]) -> str:
    """Name of a system, with the number of its seeds where there are several."""
    name = evaluations[0].system.name
    return name if len(evaluations) == 1 else f"{name} ({len(evaluations)} seeds)"
