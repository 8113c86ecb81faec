"""Figures from ranks: Acc@K, MRR, median rank. Pure functions; one relevant picture per query.

For several relevant pictures these are not the right measures (use Recall@K and mAP).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError

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
    if k < 1:
        raise InputError(f"k={k} is out of range: give 1 or more")
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


def _checked(ranks: NDArray[np.integer]) -> NDArray[np.integer]:
    ranks = np.asarray(ranks)
    if ranks.ndim != 1 or not len(ranks) or ranks.dtype.kind not in "iu":
        raise InputError(f"ranks {ranks.shape} {ranks.dtype} cannot be averaged: expected one or more integers")
    if ranks.min() < 1:
        raise InputError(f"a rank is {ranks.min()}: ranks are 1-based, expected 1 or more")
    return ranks
