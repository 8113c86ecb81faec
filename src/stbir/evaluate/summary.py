"""Several trainings of one system: mean and spread over seeds, intervals over photos and seeds, and families of tests.

In: per-query values of one system trained with several seeds, [S, Q], all on the same queries. A single training's
interval over photos says nothing about how another seed would have done; these do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError
from stbir.evaluate.intervals import (
    CONFIDENCE,
    NUM_RESAMPLES,
    Difference,
    Interval,
    difference_from,
    drawn_counts,
    group_codes,
    percentile_ends,
    resample_sizes,
)

Values = NDArray[np.float64]
Groups = Sequence[object] | NDArray[np.generic]
PerSeed = Sequence[Sequence[float]] | Sequence[NDArray[np.number]] | NDArray[np.number]


@dataclass(frozen=True)
class SeedSummary(Interval):
    """A figure over several seeds; the interval covers photos and seeds.

    Attributes:
        spread: Sample standard deviation of the figure over the seeds (divided by S - 1).
        per_seed: [S], the figure of each seed.
        num_groups: How many photos.
    """

    spread: float
    per_seed: tuple[float, ...]
    num_groups: int


def summarize_seeds(
    values: PerSeed,
    groups: Groups,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> SeedSummary:
    """Mean over seeds and queries, its spread over seeds, and an interval over photos and seeds.

    Seeds and photos are drawn with replacement, independently of each other; every drawn seed is asked for every drawn
    photo. With S seeds the part of the seeds in the variance comes out at (S - 1) / S of its size on average, as
    always with a bootstrap: of three seeds expect an interval that is a little too narrow, and look at `spread`.

    Args:
        values: [S, Q], S >= 2: hits or reciprocal ranks of each seed for the same queries in the same order.
        groups: [Q], what is resampled together, for example the photo's id.
        num_resamples: How many bootstrap samples.
        confidence: Coverage, in (0, 1).
        seed: Of the resampling.

    Returns:
        The summary.

    Raises:
        InputError: Fewer than two seeds, shapes that do not fit, or values that are not finite.

    Source: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007.

    >>> found = summarize_seeds([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]], "aabb")
    >>> found.value, round(found.spread, 4), found.per_seed
    (0.625, 0.1768, (0.5, 0.75))
    """
    numbers = _checked(values, groups)
    sums, sizes = _by_group(numbers, groups)
    rng = np.random.default_rng(seed)
    parts = []
    for block in resample_sizes(num_resamples):
        photos = drawn_counts(rng, block, len(sizes))
        parts.append(_means(sums, sizes, photos, drawn_counts(rng, block, len(numbers))))
    low, high = percentile_ends(np.concatenate(parts), confidence)
    per_seed = numbers.mean(axis=1)
    spread = float(per_seed.std(ddof=1))
    return SeedSummary(float(per_seed.mean()), low, high, spread, tuple(per_seed.tolist()), len(sizes))


def seeds_difference(
    first: PerSeed,
    second: PerSeed,
    groups: Groups,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Difference:
    """Mean difference first - second of two systems, each trained with several seeds, on the same queries.

    Photos are drawn for both systems together, seeds for each on its own: seed 0 of the one has nothing to do with
    seed 0 of the other.

    Args:
        first: [S, Q], S >= 2, values of the one system.
        second: [T, Q], T >= 2, values of the other, query by query.
        groups: [Q], what is resampled together.
        num_resamples: How many bootstrap samples.
        confidence: Coverage, in (0, 1).
        seed: Of the resampling.

    Returns:
        The difference, its interval over photos and seeds, and its two-sided p-value, as `intervals.paired_difference`.

    Raises:
        InputError: As `summarize_seeds`.

    Source: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007.
    """
    one, other = _checked(first, groups), _checked(second, groups)
    (sums, sizes), (other_sums, _) = _by_group(one, groups), _by_group(other, groups)
    rng = np.random.default_rng(seed)
    parts = []
    for block in resample_sizes(num_resamples):
        photos = drawn_counts(rng, block, len(sizes))
        minuend = _means(sums, sizes, photos, drawn_counts(rng, block, len(one)))
        parts.append(minuend - _means(other_sums, sizes, photos, drawn_counts(rng, block, len(other))))
    return difference_from(float(one.mean() - other.mean()), np.concatenate(parts), confidence)


def holm(p_values: Sequence[float] | NDArray[np.floating]) -> Values:
    """Adjust the p-values of a family of tests, so that one false finding among all of them stays unlikely.

    Args:
        p_values: [M], in [0, 1], of all tests that were made, not only of those that came out well.

    Returns:
        [M], adjusted, in the order given; those below 0.05 are found with a family-wise error of at most 5 %.

    Raises:
        InputError: A value that is no probability.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, np.float64)
    if given.ndim != 1 or not np.all((given >= 0) & (given <= 1)):
        raise InputError(f"p-values {given.tolist()} cannot be adjusted: expected a list of numbers from 0 to 1")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _by_group(values: Values, groups: Groups) -> tuple[Values, Values]:
    """Sums [S, G] of the values of each photo, and how many queries [G] it has."""
    codes = group_codes(groups)
    return np.stack([np.bincount(codes, each) for each in values]), np.bincount(codes).astype(np.float64)


def _means(sums: Values, sizes: Values, photos: Values, seeds: Values) -> Values:
    """[R] means over the photos [R, G] and seeds [R, S] that were drawn, each as often as it was."""
    by_seed = (photos @ sums.T) / (photos @ sizes)[:, None]
    return np.asarray((by_seed * seeds).sum(axis=1) / seeds.sum(axis=1))


def _checked(values: PerSeed, groups: Groups) -> Values:
    if len({np.shape(each) for each in values}) > 1:
        raise InputError("seeds have different numbers of values: give every seed's values for the same queries")
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 2 or not numbers.size or numbers.shape[1] != len(groups):
        raise InputError(f"values {numbers.shape} and {len(groups)} groups do not fit: expected [S, Q] and Q groups")
    if len(numbers) < 2:
        raise InputError("one seed shows no spread: give the values of two or more")
    if not np.isfinite(numbers).all():
        raise InputError("a value is not finite: an interval needs numbers")
    return numbers
