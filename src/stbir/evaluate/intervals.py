"""How sure a figure is: 95 % bootstrap intervals, resampled by photo.

Drawings of one photo are alike, so photos are drawn with replacement, each with all its queries. Two systems on the
same queries are compared by the bootstrap of their difference. The seed is given: equal values give equal intervals.
Where every query hits, or none does, resampling shows no spread; there the interval is the exact one over photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
_BLOCK = 200

Statistic = Literal["mean", "median"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval.

    Attributes:
        value: The figure on all queries.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A difference of two systems with its bootstrap interval.

    Attributes:
        p_value: Two-sided share of resamples on the other side of zero, in (0, 1]; below 0.05 the difference is real by
            the usual reading.
    """

    p_value: float


def bootstrap_interval(
    values: Sequence[float] | NDArray[np.number],
    groups: Sequence[object] | NDArray[np.generic],
    *,
    statistic: Statistic = "mean",
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a mean or a median.

    Args:
        values: [Q], one per query, for example hits or ranks.
        groups: [Q], what is resampled together, for example the photo's id.
        statistic: Mean or median over queries.
        num_resamples: How many bootstrap samples.
        confidence: Coverage, in (0, 1).
        seed: Of the resampling.

    Returns:
        The figure and its interval.

    Raises:
        InputError: Shapes that do not fit, no values, or values that are not finite.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; clusters: Field and Welsh, 2007.
    """
    numbers, codes = _checked(values, groups)
    samples = _resampled(numbers, codes, statistic, num_resamples, seed)
    low, high = percentile_ends(samples, confidence)
    value = numbers.mean() if statistic == "mean" else np.median(numbers)
    return Interval(float(value), low, high)


def share_interval(
    hits: Sequence[float] | NDArray[np.number],
    groups: Sequence[object] | NDArray[np.generic],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Interval of a share of hits: bootstrapped, but exact over groups where all queries hit or none does.

    Args:
        hits: [Q], 1 or 0, one per query.
        groups: [Q], what is resampled together, for example the photo's id.
        num_resamples: How many bootstrap samples.
        confidence: Coverage, in (0, 1).
        seed: Of the resampling.

    Returns:
        The share and its interval, within 0..1 and never of zero width.

    Raises:
        InputError: As `bootstrap_interval`, or a value that is neither 0 nor 1.

    Source: Clopper and Pearson, Biometrika 1934, for 0 and n hits of n.
    """
    if any(hit not in (0, 1) for hit in hits):
        raise InputError("a hit is neither 0 nor 1: a share is of hits and misses")
    found = bootstrap_interval(hits, groups, num_resamples=num_resamples, confidence=confidence, seed=seed)
    widest_miss = 1 - ((1 - confidence) / 2) ** (1 / len(set(groups)))
    if found.value == 1:
        return Interval(1.0, 1 - widest_miss, 1.0)
    return Interval(0.0, 0.0, widest_miss) if found.value == 0 else found


def paired_difference(
    first: Sequence[float] | NDArray[np.number],
    second: Sequence[float] | NDArray[np.number],
    groups: Sequence[object] | NDArray[np.generic],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Difference:
    """Mean difference first - second of two systems on the same queries.

    Args:
        first: [Q], values of the one system.
        second: [Q], values of the other, query by query.
        groups: [Q], what is resampled together.
        num_resamples: How many bootstrap samples.
        confidence: Coverage, in (0, 1).
        seed: Of the resampling.

    Returns:
        The difference, its interval and its p-value.

    Raises:
        InputError: As `bootstrap_interval`.
    """
    if len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} values cannot be paired: give both for the same queries")
    numbers, codes = _checked(np.asarray(first, np.float64) - np.asarray(second, np.float64), groups)
    samples = _resampled(numbers, codes, "mean", num_resamples, seed)
    return difference_from(float(numbers.mean()), samples, confidence)


def difference_from(value: float, samples: Values, confidence: float) -> Difference:
    """Interval and two-sided p-value of a difference from its bootstrap samples [R]."""
    low, high = percentile_ends(samples, confidence)
    tail = min(int(np.count_nonzero(samples <= 0)), int(np.count_nonzero(samples >= 0)))
    return Difference(value, low, high, min(1.0, 2 * (tail + 1) / (len(samples) + 1)))


def percentile_ends(samples: Values, confidence: float) -> tuple[float, float]:
    """The ends between which this share of the bootstrap samples [R] lies."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence={confidence} is out of range: give a number between 0 and 1")
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def group_codes(groups: Sequence[object] | NDArray[np.generic]) -> NDArray[np.int64]:
    """[Q], the number of each one's group, in order of appearance."""
    number_of = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([number_of[group] for group in groups], np.int64)


def resample_sizes(num_resamples: int) -> Iterator[int]:
    """Sizes of the blocks in which resamples are drawn."""
    if num_resamples < 1:
        raise InputError(f"num_resamples={num_resamples} is out of range: give 1 or more")
    for start in range(0, num_resamples, _BLOCK):
        yield min(_BLOCK, num_resamples - start)


def drawn_counts(rng: np.random.Generator, num_resamples: int, num: int) -> Values:
    """[R, num], how often each of `num` things comes up in as many draws with replacement."""
    drawn = rng.integers(num, size=(num_resamples, num))
    counts = np.zeros((num_resamples, num))
    np.add.at(counts, (np.arange(num_resamples)[:, None], drawn), 1.0)
    return counts


def _checked(
    values: Sequence[float] | NDArray[np.number], groups: Sequence[object] | NDArray[np.generic]
) -> tuple[Values, NDArray[np.int64]]:
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not len(numbers) or len(groups) != len(numbers):
        raise InputError(
            f"{numbers.shape} values and {len(groups)} groups do not fit: expected one group for each value"
        )
    if not np.isfinite(numbers).all():
        raise InputError("a value is not finite: an interval needs numbers")
    return numbers, group_codes(groups)


def _resampled(values: Values, codes: NDArray[np.int64], statistic: Statistic, num_resamples: int, seed: int) -> Values:
    """[R] values of the statistic, each over as many groups as there are, drawn with replacement."""
    num_groups = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    parts = []
    sums, sizes = np.bincount(codes, values), np.bincount(codes).astype(np.float64)
    order = np.argsort(values, kind="stable")
    for block in resample_sizes(num_resamples):
        counts = drawn_counts(rng, block, num_groups)
        if statistic == "mean":
            parts.append((counts @ sums) / (counts @ sizes))
        else:
            parts.append(_medians(values[order], counts[:, codes[order]]))
    return np.concatenate(parts)


def _medians(values: Values, weights: Values) -> Values:
    """[R] medians of sorted values [Q], each value repeated as often as its weight [R, Q] says."""
    totals = np.cumsum(weights, axis=1)
    num = totals[:, -1:]
    lower = np.argmax(totals >= np.floor((num + 1) / 2), axis=1)
    upper = np.argmax(totals >= np.floor(num / 2) + 1, axis=1)
    return np.asarray((values[lower] + values[upper]) / 2)
