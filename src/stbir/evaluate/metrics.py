"""Figures from ranks. Pure functions: per-query values, and their means.

With one relevant picture per query: Acc@K, MRR, median rank. With several: Recall@K, P@K, mAP, from `RelevantRanks`.
What is called mAP@all in code with one relevant picture is MRR.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError
from stbir.evaluate.relevance import RelevantRanks

Values = NDArray[np.float64]


def hits_at(ranks: NDArray[np.integer], k: int) -> Values:
    """Which queries have their right picture among the top K.

    Args:
        ranks: [Q], 1-based.
        k: K >= 1.

    Returns:
        [Q], 1.0 or 0.0; the mean is Acc@K. Chance level min(K, N) / N.

    >>> hits_at(np.array([1, 3, 7]), 5).tolist()
    [1.0, 1.0, 0.0]
    """
    _check_k(k)
    return np.asarray(_checked(ranks) <= k, np.float64)


def reciprocal_ranks(ranks: NDArray[np.integer]) -> Values:
    """One over the rank.

    Args:
        ranks: [Q], 1-based.

    Returns:
        [Q], in (0, 1]; the mean is MRR (called mAP@all in code where one picture is relevant).

    Source: Voorhees, TREC-8 Question Answering Track, 1999.

    >>> reciprocal_ranks(np.array([1, 2, 4])).tolist()
    [1.0, 0.5, 0.25]
    """
    return 1.0 / _checked(ranks).astype(np.float64)


def acc_at(ranks: NDArray[np.integer], k: int) -> float:
    """Share of queries whose right picture is in the top K, in [0, 1]; ranks [Q], Q >= 1."""
    return float(hits_at(ranks, k).mean())


def mrr(ranks: NDArray[np.integer]) -> float:
    """Mean reciprocal rank, in (0, 1]; ranks [Q], Q >= 1."""
    return float(reciprocal_ranks(ranks).mean())


def median_rank(ranks: NDArray[np.integer]) -> float:
    """Median of the ranks, >= 1; of an even number the mean of the middle two; ranks [Q], Q >= 1."""
    return float(np.median(_checked(ranks)))


def recalls_at(found: RelevantRanks, k: int) -> Values:
    """Share of each query's relevant pictures among the top K.

    Args:
        found: Ranks of all relevant pictures.
        k: K >= 1.

    Returns:
        [Q], in [0, 1]; the mean is Recall@K. Where a query has more than K relevant pictures 1 is out of reach. Chance
        level min(K, N) / N.

    Raises:
        InputError: K < 1, or a query without a relevant picture (see `RelevantRanks.with_positives`).

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, sec. 8.3.

    >>> recalls_at(RelevantRanks(np.array([1, 4, 2]), np.array([0, 2, 3])), 3).tolist()
    [0.5, 1.0]
    """
    return _num_hits(found, k) / found.num_relevant


def precisions_at(found: RelevantRanks, k: int) -> Values:
    """Share of relevant pictures among the top K of each query, always divided by K.

    Args:
        found: Ranks of all relevant pictures.
        k: K >= 1.

    Returns:
        [Q], in [0, min(K, R) / K] for R relevant pictures; the mean is P@K. Chance level R / N (where K <= N).

    Raises:
        InputError: As `recalls_at`.

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, sec. 8.4.

    >>> precisions_at(RelevantRanks(np.array([1, 4, 2]), np.array([0, 2, 3])), 4).tolist()
    [0.5, 0.25]
    """
    return _num_hits(found, k) / k


def average_precisions(found: RelevantRanks, k: int | None = None) -> Values:
    """Mean of the precision at each relevant picture's rank, not interpolated, divided by the number of relevant ones.

    Args:
        found: Ranks of all relevant pictures.
        k: Count only those in the top K; the division stays the same, so 1 is out of reach where K < R.

    Returns:
        [Q], in (0, 1], with K from 0; the mean is mAP, or mAP@K.

    Raises:
        InputError: As `recalls_at`.

    Source: Buckley and Voorhees, Evaluating evaluation measure stability, SIGIR 2000; `map` and `map_cut` of trec_eval.

    >>> average_precisions(RelevantRanks(np.array([1, 4, 2]), np.array([0, 2, 3]))).tolist()
    [0.75, 0.5]
    """
    in_reach = np.ones(len(found.ranks), bool)
    if k is not None:
        _check_k(k)
        in_reach = found.ranks <= k
    query = _query_of_each(found)
    place = np.arange(len(query)) - found.offsets[query] + 1
    sums = np.bincount(query, in_reach * place / found.ranks, minlength=len(found))
    return np.asarray(sums / found.num_relevant)


def recall_at(found: RelevantRanks, k: int) -> float:
    """Recall@K: mean of `recalls_at`, in [0, 1]."""
    return float(recalls_at(found, k).mean())


def precision_at(found: RelevantRanks, k: int) -> float:
    """P@K: mean of `precisions_at`, in [0, 1]."""
    return float(precisions_at(found, k).mean())


def mean_average_precision(found: RelevantRanks, k: int | None = None) -> float:
    """mAP, or mAP@K: mean of `average_precisions`, in [0, 1]."""
    return float(average_precisions(found, k).mean())


def _num_hits(found: RelevantRanks, k: int) -> Values:
    _check_k(k)
    hits = np.bincount(_query_of_each(found), found.ranks <= k, minlength=len(found))
    return np.asarray(hits, np.float64)


def _query_of_each(found: RelevantRanks) -> NDArray[np.int64]:
    """[P], the query of each rank; refuses what has no mean."""
    if not len(found):
        raise InputError("there are no queries: a mean needs one or more")
    if found.num_without_positives:
        first = int(np.argmin(found.num_relevant))
        raise InputError(
            f"{found.num_without_positives} of {len(found)} queries have no relevant picture (the first is number "
            f"{first}): leave them out by with_positives() and report how many"
        )
    return np.repeat(np.arange(len(found)), found.num_relevant)


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k={k} is out of range: give 1 or more")


def _checked(ranks: NDArray[np.integer]) -> NDArray[np.integer]:
    ranks = np.asarray(ranks)
    if ranks.ndim != 1 or not len(ranks) or ranks.dtype.kind not in "iu":
        raise InputError(f"ranks {ranks.shape} {ranks.dtype} cannot be averaged: expected one or more integers")
    if ranks.min() < 1:
        raise InputError(f"a rank is {ranks.min()}: ranks are 1-based, expected 1 or more")
    return ranks
